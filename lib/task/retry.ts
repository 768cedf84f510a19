import type { FailedAttempt } from "../core/attempt_end.ts";
import { ARTIFACT, type Artifact } from "./artifact/artifact.ts";
import type { Raise } from "./ladder.ts";
import { answerOf, unusable } from "./task_answer.ts";

/** The bounds of retries in a run: the defaults for tasks that say none of their own. */
export interface RetryPolicy {
  /** Whether failures of the task itself are tried again. */
  readonly retryFailed: boolean;
  /** The most retries after the first attempt: 3 means up to 4 attempts, 0 means 1. */
  readonly maxComputeRetries: number;
  /** The most retries after attempts that were lost without the task's fault. */
  readonly maxPreemptRetries: number;
  /** Whether no failure is tried again, whatever a task says: this very run was asked for 0 retries. */
  readonly noRetries?: true | undefined;
}

/** What a task says of retries of one artifact, as the record of a run has it. */
export interface TaskRetries {
  /** The most retries after the first attempt; the run's own number without it. */
  readonly retries?: number;
  /** Seconds before each retry: the last one counts for all that follow. Without it they begin at once. */
  readonly retryDelaySec?: readonly number[];
}

/** The ends of a node's attempts in this run, the last one included. */
export interface EndCounts {
  /** Attempts that failed. */
  readonly failedEnds: number;
  /** Attempts that were lost. */
  readonly lostEnds: number;
}

/** What becomes of a node whose attempt did not succeed. */
export type RetryDecision =
  /** It is tried again. `left`: how many retries of this kind remain, this one included. */
  | {
    readonly again: true;
    readonly left: number;
    readonly afterMs: number;
    /** With another spec than before, where the one before was too little. */
    readonly spec?: string;
  }
  /** It has failed for good. */
  | { readonly again: false };

const NEVER: RetryDecision = { again: false };

/**
 * Whether an attempt that did not succeed is followed by another one: the one place where that is decided.
 * Compute failures and lost attempts have budgets of their own; all others, and those that cannot change by
 * themselves, have none. After too little the next spec is taken, at once, as long as there is one, which
 * counts as neither.
 *
 * @param policy The run's bounds.
 * @param own What the task says itself.
 * @param end How the attempt ended.
 * @param counts How often this run's attempts have ended so far.
 * @param raise The spec to go on with after too little, if there is one.
 */
export function decideRetry(
  policy: RetryPolicy,
  own: TaskRetries,
  { blame, lasting }: Pick<FailedAttempt, "blame" | "lasting">,
  { failedEnds, lostEnds }: EndCounts,
  raise?: Raise,
): RetryDecision {
  // It has a bound of its own. What never had a chance with the spec before may have one with this, also after
  // what is final otherwise.
  if (raise) return { again: true, ...raise, afterMs: 0 };
  if (lasting) return NEVER;
  switch (blame) {
    case "compute": {
      if (!policy.retryFailed || policy.noRetries) return NEVER;
      const left = (own.retries ?? policy.maxComputeRetries) + 1 - failedEnds;
      return left > 0 ? { again: true, left, afterMs: delayMs(own, failedEnds) } : NEVER;
    }
    case "lost": {
      const left = policy.maxPreemptRetries + 1 - lostEnds;
      return left > 0 ? { again: true, left, afterMs: 0 } : NEVER;
    }
    case "protocol":
    case "node":
      return NEVER;
  }
}

function delayMs({ retryDelaySec = [] }: TaskRetries, failedEnds: number): number {
  return 1000 * (retryDelaySec[Math.max(0, failedEnds - 1)] ?? retryDelaySec.at(-1) ?? 0);
}

/** A function for delays is asked for so many: the last one counts for all that follow. */
const MOST_DELAYS = 20;
/** The longest delay, in seconds: a year. */
const MAX_DELAY_SEC = 365 * 24 * 3600;

const NOTHING: TaskRetries = {};

/**
 * What the task of an artifact says of its retries.
 *
 * @throws {ValidationError} If the task's `retries` or `retryDelaySec` function throws, or returns what is no
 * such number.
 */
export function retriesOf(artifact: Artifact): TaskRetries {
  const { retries, retryDelaySec } = artifact[ARTIFACT].task;
  if (retries === undefined && retryDelaySec === undefined) return NOTHING;
  const params = artifact.params as never;
  const own = typeof retries === "function"
    ? asked(artifact, "retries", () => retries(params), retriesFault)
    : retries;
  if (retryDelaySec === undefined) return own === undefined ? NOTHING : { retries: own };
  const delays = typeof retryDelaySec !== "function"
    ? (typeof retryDelaySec === "number" ? [retryDelaySec] : retryDelaySec)
    : Array.from(
      { length: Math.max(1, Math.min(own ?? MOST_DELAYS, MOST_DELAYS)) },
      (_, index) => asked(artifact, "retryDelaySec", () => retryDelaySec(index + 1, params), delayFault),
    );
  return { ...(own === undefined ? {} : { retries: own }), retryDelaySec: delays };
}

function asked(
  artifact: Artifact,
  option: string,
  ask: () => unknown,
  faultOf: (value: unknown) => string | undefined,
): number {
  const value = answerOf(artifact, option, ask);
  const fault = faultOf(value);
  if (fault === undefined) return value as number;
  throw unusable(artifact, `what '${option}' of its task returned ${fault}`);
}

/** What is wrong with a number of retries, where something is. */
export function retriesFault(value: unknown): string | undefined {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return undefined;
  return `must be a whole number from 0: current value is ${Deno.inspect(value)}`;
}

/** What is wrong with a delay in seconds, where something is. */
export function delayFault(value: unknown): string | undefined {
  if (typeof value === "number" && value >= 0 && value <= MAX_DELAY_SEC) return undefined;
  return `must be a number of seconds from 0 to ${MAX_DELAY_SEC} (a year): current value is ${
    Deno.inspect(value)
  }`;
}
