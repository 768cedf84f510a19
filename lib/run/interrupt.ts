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
/** Runs that are in this process, too: they listen by themselves, and come to rest by themselves. */
let runs = 0;

/**
 * Runs an attempt in this process. SIGINT and SIGTERM abort the signal that it is given; when all attempts have ended
 * (as preempted) the process exits with 130 or 143. A second signal exits at once.
 */
export async function interruptible<T>(attempt: (signal: AbortSignal) => Promise<T>): Promise<T> {
  if (interrupted) throw interrupted;
  const controller = new AbortController();
  if (active.size === 0) listen(true);
  active.add(controller);
  try {
    return await attempt(controller.signal);
  } finally {
    active.delete(controller);
    if (active.size === 0) {
      exitAtRest();
      listen(false);
    }
  }
}

/**
 * Once a signal has reached this process while it computed: never settles, for what still waits for the process to end.
 * Before that nothing.
 */
export function exiting(): Promise<never> | undefined {
  return interrupted && new Promise(() => {});
}

/** A run has begun in this process: it does not exit before that has ended. Call what is returned then. */
export function runBegins(): () => void {
  runs++;
  return () => {
    runs--;
    exitAtRest();
  };
}

/** Is something computed by `get` that has to come to rest before the process exits? */
export function isComputing(): boolean {
  return active.size > 0;
}

function exitAtRest(): void {
  if (interrupted && active.size === 0 && runs === 0) Deno.exit(interrupted.exitCode);
}

function listen(on: boolean): void {
  for (const { signal, listener } of listeners) {
    if (on) Deno.addSignalListener(signal, listener);
    else Deno.removeSignalListener(signal, listener);
  }
}

function interrupt(signal: (typeof SIGNALS)[number]): void {
  if (interrupted) {
    if (runs === 0) Deno.exit(interrupted.exitCode);
    return;
  }
  interrupted = new Interruption(signal);
  // What ends because of it may reject where nobody listens any more: that must not end the process before the others
  // have come to rest.
  for (const type of ["unhandledrejection", "error"]) {
    globalThis.addEventListener(type, (event) => event.preventDefault());
  }
  for (const controller of active) controller.abort(interrupted);
  exitAtRest();
}
