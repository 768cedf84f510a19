import type { Clock } from "../core/system/clock.ts";

/**
 * What a promise resolves to, or `undefined` when it takes too long.
 *
 * @param signal Ends the wait as well, with `undefined`.
 */
export async function withTimeout<T>(
  promise: Promise<T>,
  ms: number,
  clock: Clock,
  signal?: AbortSignal,
): Promise<T | undefined> {
  const timer = new AbortController();
  const either = signal ? AbortSignal.any([timer.signal, signal]) : timer.signal;
  const timeout = clock.sleep(ms, either).then(() => undefined, () => undefined);
  try {
    return await Promise.race([promise, timeout]);
  } finally {
    timer.abort();
  }
}

/** How often it is looked whether the time of an attempt that was told to stop has changed. */
const LOOK_MS = 250;

/** What somebody is given who was told to end. */
export interface TimeGiven {
  /** Time. */
  clock: Clock;
  /**
   * When the time is up, on the monotonic scale. It may change: with each answer of the batch system, and
   * with each further signal.
   */
  endsAt: () => number;
  /** Says how many milliseconds are left: at once, and when that has changed. */
  tell: (leftMs: number) => void;
}

/**
 * Waits for an end until the time for it is up.
 *
 * @returns Whether it came in time.
 */
export async function endsInTime(
  end: Promise<unknown>,
  { clock, endsAt, tell }: TimeGiven,
): Promise<boolean> {
  const leftMs = (): number => Math.max(0, endsAt() - clock.monotonic());
  let told = endsAt();
  tell(leftMs());
  const ended = end.then(() => true);
  for (let left; (left = leftMs()) > 0;) {
    if (endsAt() !== told) {
      told = endsAt();
      tell(leftMs());
    }
    if (await withTimeout(ended, Math.min(left, LOOK_MS), clock)) return true;
  }
  return false;
}
