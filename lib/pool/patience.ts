import { isSystemError } from "../core/errors.ts";
import type { Runtime } from "../run/runtime.ts";

/** Milliseconds before the first repetition. */
const FIRST_PAUSE_MS = 50;

/**
 * Does something, and again when the system could not, until that has lasted for a lease: a file server that is away for a
 * while ends no run.
 *
 * @param goOn Is it still wanted? Else the error is thrown at once.
 * @param signal Ends a pause between two attempts; `goOn` is asked then as ever.
 */
export async function patiently<T>(
  { machine: { clock }, store }: Runtime,
  goOn: () => boolean,
  step: () => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  const started = clock.monotonic();
  for (let pause = FIRST_PAUSE_MS;; pause = Math.min(2 * pause, store.leaseSec * 250)) {
    try {
      return await step();
    } catch (error) {
      const lasted = clock.monotonic() - started;
      if (!isSystemError(error) || !goOn() || lasted > store.leaseSec * 1000) throw error;
    }
    // An aborted one would make the pauses vanish.
    if (signal === undefined || signal.aborted) await clock.sleep(pause);
    else await clock.sleep(pause, signal).catch(() => {});
  }
}
