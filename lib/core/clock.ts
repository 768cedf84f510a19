import { delay } from "@std/async/delay";

/** Time, given in wherever it matters, so that the protocols can be simulated. */
export interface Clock {
  /** Milliseconds since 1970 by the wall clock: for people and records, never for decisions. */
  now(): number;
  /** Milliseconds of a clock that never jumps: for leases, limits and durations. */
  monotonic(): number;
  /** Resolves after `ms`; rejects with the signal's reason when it aborts. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** The machine's own time. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: (ms, signal) => delay(ms, signal ? { signal } : {}),
};
