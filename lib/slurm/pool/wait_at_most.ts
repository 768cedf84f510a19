import type { Clock } from "../../core/system/clock.ts";

/**
 * Waits for some work, but not for long. The work goes on by itself then.
 *
 * @param ms How long, in milliseconds.
 * @returns Whether the work is done.
 * @throws What the work throws meanwhile; the signal's reason when it aborts.
 */
export async function waitAtMost(
  clock: Clock,
  work: Promise<unknown>,
  ms: number,
  signal?: AbortSignal,
): Promise<boolean> {
  const enough = new AbortController();
  const pause = clock.sleep(ms, signal ? AbortSignal.any([signal, enough.signal]) : enough.signal);
  try {
    return await Promise.race([work.then(() => true), pause.then(() => false)]);
  } finally {
    enough.abort();
    pause.catch(() => {/* it was ended */});
  }
}
