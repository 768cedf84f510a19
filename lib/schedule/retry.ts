import type { FailedAttempt } from "../core/attempt_end.ts";

/** How often is tried again. */
export interface RetryPolicy {
  /** Are failures of the task itself tried again? */
  readonly retryFailed: boolean;
  /** How often after the first attempt: 3 means up to 4 attempts, 0 means 1. */
  readonly maxComputeRetries: number;
  /** How often after an attempt that was lost without the task's fault. */
  readonly maxPreemptRetries: number;
}

/** How many attempts of a node this run has lost or seen fail, the last one included. */
export interface EndCounts {
  /** Attempts that failed. */
  readonly failedEnds: number;
  /** Attempts that were lost. */
  readonly lostEnds: number;
}

/**
 * How many more retries of this sort there would be after a failure: 0 means that it is final. Compute failures and
 * lost attempts have budgets of their own, all others and those that cannot change by themselves none.
 */
export function retriesLeft(
  policy: RetryPolicy,
  { blame, lasting }: Pick<FailedAttempt, "blame" | "lasting">,
  { failedEnds, lostEnds }: EndCounts,
): number {
  switch (blame) {
    case "compute":
      if (lasting) return 0;
      return policy.retryFailed ? Math.max(0, policy.maxComputeRetries + 1 - failedEnds) : 0;
    case "lost":
      return Math.max(0, policy.maxPreemptRetries + 1 - lostEnds);
    case "protocol":
    case "node":
      return 0;
  }
}
