import type { FailureKind } from "../core/event.ts";

/** How often is tried again. */
export interface RetryPolicy {
  /** Are failures of the task itself tried again? */
  readonly retryFailed: boolean;
  /** How often after the first attempt: 3 means up to 4 attempts, 0 means 1. */
  readonly maxComputeRetries: number;
  /** How often after an attempt that was lost without the task's fault. */
  readonly maxPreemptRetries: number;
}

/** A failure, with how many of its sort this run has had for the node, this one included. */
export interface FailureCounts {
  /** What sort of failure. */
  readonly kind: FailureKind;
  /** Ends of kind *failed* that this run wrote for the node. */
  readonly failedEnds: number;
  /** Ends that were lost without the task's fault. */
  readonly lostEnds: number;
  /** Trying again cannot help. @default false */
  readonly lasting?: boolean;
}

/**
 * How many more retries of this sort there would be after a failure: 0 means that it is final. Compute failures and
 * lost attempts have budgets of their own, protocol failures and those that cannot change by themselves none.
 */
export function retriesLeft(policy: RetryPolicy, failure: FailureCounts): number {
  switch (failure.kind) {
    case "compute":
      if (failure.lasting) return 0;
      return policy.retryFailed ? Math.max(0, policy.maxComputeRetries + 1 - failure.failedEnds) : 0;
    case "lost":
      return Math.max(0, policy.maxPreemptRetries + 1 - failure.lostEnds);
    case "protocol":
      return 0;
  }
}
