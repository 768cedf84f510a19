import { Interruption } from "../run/interrupt.ts";

const SIGNALS = ["SIGINT", "SIGTERM"] as const;

/**
 * Runs something that Ctrl-C ends properly: the first signal aborts, and when all has come to rest the process exits
 * with 130 or 143; the second kills what still runs, and exits at once.
 *
 * @param outer The caller's own signal, which aborts too, without an exit.
 */
export async function withSignals<T>(
  outer: AbortSignal | undefined,
  run: (signal: AbortSignal, onKill: (kill: () => Promise<void>) => void) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  let kill = (): Promise<void> => Promise.resolve();
  let received: Interruption | undefined;
  const listeners = SIGNALS.map((name) => ({
    name,
    listener: () => {
      if (received) return void kill().finally(() => Deno.exit(received?.exitCode));
      received = new Interruption(name);
      controller.abort(received);
    },
  }));
  for (const { name, listener } of listeners) Deno.addSignalListener(name, listener);
  try {
    const signal = outer === undefined ? controller.signal : AbortSignal.any([controller.signal, outer]);
    return await run(signal, (how) => kill = how);
  } finally {
    // In this order: a listener that is gone would let a late signal end the process with the wrong code.
    if (received) Deno.exit(received.exitCode);
    for (const { name, listener } of listeners) Deno.removeSignalListener(name, listener);
  }
}
