import type { Clock } from "../core/system/clock.ts";

/** Timers hold at most 2^31 - 1 ms; a task may take longer than those 24 days. */
const LONGEST_SLEEP_MS = 2 ** 30;

/** Resolves after any time at all; rejects when the signal aborts. */
export async function sleepLong(ms: number, clock: Clock, signal: AbortSignal): Promise<void> {
  for (let left = ms; left > 0; left -= LONGEST_SLEEP_MS) {
    await clock.sleep(Math.min(left, LONGEST_SLEEP_MS), signal);
  }
}

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
