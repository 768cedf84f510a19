/** Milliseconds that an attempt may go on after it was told to stop, where nothing is known. */
export const USUAL_GRACE_MS = 5000;

/**
 * What the supervisor needs at the end for itself, to write records, move files and hand over: the least, the
 * most, and the part of what is left; never more than half of that.
 */
const LEAST_RESERVE_MS = 5000;
const MOST_RESERVE_MS = 30_000;
const RESERVE_PART = 0.1;

/**
 * How long an attempt may go on that is told to stop since its job ends.
 *
 * @param leftMs Milliseconds until everything in the job is killed.
 * @default {not known}
 */
export function graceOf(leftMs: number | undefined): number {
  if (leftMs === undefined) return USUAL_GRACE_MS;
  const left = Math.max(0, leftMs);
  const reserve = Math.min(Math.max(LEAST_RESERVE_MS, left * RESERVE_PART), MOST_RESERVE_MS);
  return left - Math.min(reserve, left / 2);
}

/** Slurm looks at time limits now and then: its warning comes up to so much earlier than it was asked for. */
export const EARLY_WARNING_MS = 60_000;

/**
 * The part of a job's time of which it is certain that it comes before the warning of the time limit.
 *
 * @param lengthMs The job's time limit.
 * @param leadMs How long before its end the warning was asked for.
 * @returns At least a quarter: in jobs of a minute or two the warning may come as early as that.
 */
export function usableMs(lengthMs: number, leadMs: number): number {
  return Math.max(lengthMs / 4, lengthMs - leadMs - EARLY_WARNING_MS);
}

/** Until when an attempt may go on: before it is told to stop, and from then on. By the monotonic clock. */
export interface AttemptTime {
  /** When attempts will be told to stop, at the earliest; `Infinity` where nothing ends them. */
  readonly warnedAt: number;
  /** When an attempt that was told to stop is ended; `undefined` for the usual grace. It may change. */
  readonly stoppedAt: number | undefined;
}

/**
 * The reason of a process that ends since its own time is up, as was planned when it began: what it cuts off
 * is no loss that counts against a task.
 */
export class TimeIsUp extends Error {}
