import { delay } from "@std/async/delay";

/** Time, given in wherever it matters, so that the protocols can be simulated. */
export interface Clock {
  /** Milliseconds since 1970 by the wall clock: for people and records, never for decisions. */
  now(): number;
  /** Milliseconds of a clock that never jumps: for leases, limits and durations. */
  monotonic(): number;
  /**
   * Resolves after `ms` (0: when all that is ready has run); rejects with the signal's reason when it aborts.
   */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** The machine's own time. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  // A timer of 0 takes a whole millisecond, which is more than a small task takes.
  sleep: (ms, signal) => ms > 0 ? delay(ms, signal ? { signal } : {}) : nextTurn(signal),
};

/**
 * Resolves when all that is ready has run.
 *
 * @throws The signal's reason, if it has aborted.
 */
export async function nextTurn(signal?: AbortSignal): Promise<void> {
  signal?.throwIfAborted();
  // Each Deno that furu works with has it; the types of the older ones do not say so.
  const { setImmediate = setTimeout } = globalThis as { setImmediate?(turn: () => void): void };
  await new Promise<void>((resolve) => setImmediate(resolve));
}

/** Timers hold at most 2^31 - 1 ms: some things take longer than those 24 days. */
const LONGEST_SLEEP_MS = 2 ** 30;

/** Resolves after any time at all; rejects when the signal aborts. */
export async function sleepLong(ms: number, clock: Clock, signal: AbortSignal): Promise<void> {
  for (let left = ms; left > 0; left -= LONGEST_SLEEP_MS) {
    await clock.sleep(Math.min(left, LONGEST_SLEEP_MS), signal);
  }
}
