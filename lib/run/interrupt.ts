import { FuruError } from "../core/errors.ts";

/** Ctrl-C or a request to terminate reached this process. */
export class Interruption extends FuruError {
  /** The exit code that says so: 130 or 143. */
  readonly exitCode: number;

  /** @param signal Which one it was. */
  constructor(signal: "SIGINT" | "SIGTERM") {
    super(`Interrupted by ${signal}`);
    this.exitCode = signal === "SIGINT" ? 130 : 143;
  }
}

const active = new Set<AbortController>();
const SIGNALS = ["SIGINT", "SIGTERM"] as const;
const listeners = SIGNALS.map((signal) => ({ signal, listener: () => interrupt(signal) }));
let interrupted: Interruption | undefined;

/**
 * Runs an attempt in this process. SIGINT and SIGTERM abort the signal that it is given; when all attempts have ended
 * (as preempted) the process exits with 130 or 143. A second signal exits at once.
 */
export async function interruptible<T>(attempt: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  if (active.size === 0) listen(true);
  active.add(controller);
  try {
    return await attempt(controller.signal);
  } finally {
    active.delete(controller);
    if (active.size === 0) {
      if (interrupted) Deno.exit(interrupted.exitCode);
      listen(false);
    }
  }
}

function listen(on: boolean): void {
  for (const { signal, listener } of listeners) {
    if (on) Deno.addSignalListener(signal, listener);
    else Deno.removeSignalListener(signal, listener);
  }
}

function interrupt(signal: (typeof SIGNALS)[number]): void {
  if (interrupted) Deno.exit(interrupted.exitCode);
  interrupted = new Interruption(signal);
  for (const controller of active) controller.abort(interrupted);
}
