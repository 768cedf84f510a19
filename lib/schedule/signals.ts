import { exiting, Interruption, isComputing, runBegins } from "../run/interrupt.ts";

const SIGNALS = ["SIGINT", "SIGTERM"] as const;

/** A run that Ctrl-C ends. */
interface GuardedRun {
  readonly controller: AbortController;
  /** Told at the first signal. */
  readonly onInterrupt: () => void;
  /** Ends at once what still runs. */
  kill: () => Promise<void>;
}

/** The runs of this process: usually one, but they share the process's signals and its exit. */
const runs = new Set<GuardedRun>();
const listeners = SIGNALS.map((name) => ({ name, listener: () => interrupt(name) }));
let received: Interruption | undefined;

/**
 * Runs something that Ctrl-C ends properly: the first signal aborts, and when all has come to rest the process exits
 * with 130 or 143; the second kills what still runs, and exits at once.
 *
 * @param outer The caller's own signal, which aborts too, without an exit.
 * @param onInterrupt Told at the first signal: coming to rest takes some seconds, in which a person wants to know.
 */
export async function withSignals<T>(
  outer: AbortSignal | undefined,
  onInterrupt: () => void,
  run: (signal: AbortSignal, onKill: (kill: () => Promise<void>) => void) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const guarded: GuardedRun = { controller, onInterrupt, kill: () => Promise.resolve() };
  const own = guarded.controller.signal;
  if (runs.size === 0) { for (const { name, listener } of listeners) Deno.addSignalListener(name, listener); }
  runs.add(guarded);
  const runEnds = runBegins();
  try {
    const signal = outer === undefined ? own : AbortSignal.any([own, outer]);
    return await run(signal, (kill) => guarded.kill = kill);
  } finally {
    runs.delete(guarded);
    runEnds();
    // After a signal no run goes on, so that nobody must see how this one ended.
    if (received && runs.size > 0) await new Promise(() => {});
    // What `get` computes beside the runs ends, too, and exits then.
    if (received && isComputing()) await exiting();
    // In this order: a listener that is gone would let a late signal end the process with the wrong code.
    if (received) Deno.exit(received.exitCode);
    if (runs.size === 0) {
      for (const { name, listener } of listeners) Deno.removeSignalListener(name, listener);
    }
  }
}

function interrupt(name: (typeof SIGNALS)[number]): void {
  if (received) {
    const { exitCode } = received;
    return void Promise.all([...runs].map((run) => run.kill())).finally(() => Deno.exit(exitCode));
  }
  received = new Interruption(name);
  for (const { controller, onInterrupt } of runs) {
    onInterrupt();
    controller.abort(received);
  }
}
