import type { FailureKind } from "./event.ts";

/** What an attempt took of the machine, as far as that is known. */
export interface ResourceUse {
  /** Seconds of processor time of the computing process and of the programs that it waited for. */
  cpuSec?: number | undefined;
  /** The seconds among them of those programs; absent where there were none. */
  programsCpuSec?: number | undefined;
  /** The most bytes of memory that the computing process had up to its end; programs are not counted. */
  peakMemoryBytes?: number | undefined;
}

/** What an attempt took that did not succeed, as far as that is known; of others their record says it. */
export interface AttemptUse extends ResourceUse {
  /** Milliseconds. */
  readonly durationMs?: number | undefined;
}

/**
 * Who is to blame for a failed attempt, which decides whether it is tried again, and where:
 *
 * - `compute`: the task itself. It is tried again within bounds.
 * - `lost`: nobody; the attempt was cut off (preemption, a node or a file server that failed). It is tried
 *   again
 *   within bounds of its own.
 * - `protocol`: furu or the pipeline's set-up. It is never tried again, and ends the run.
 * - `node`: this machine could not begin the task at all. A pool counts it as `lost` unless no machine can
 *   begin any
 *   task; a run on one machine counts it as `protocol`.
 */
export type Blame = "compute" | "lost" | "protocol" | "node";

/** What an attempt had too little of, by the evidence: with more of it the next one may succeed. */
export type Shortage = "memory" | "time";

/** An attempt that failed. */
export interface FailedAttempt {
  /** Tells it from the other ends. */
  readonly outcome: "failed";
  /** Who is to blame. */
  readonly blame: Blame;
  /** The text of what was thrown, or what is known of how the process died. */
  readonly error: string;
  /** The stack of what was thrown, with those of its causes. */
  readonly stack?: string | undefined;
  /** The operating system's code of what was thrown (`"ENOSPC"`), where it has one. */
  readonly code?: string | undefined;
  /** Whether trying again cannot help. */
  readonly lasting?: true | undefined;
  /** What it had too little of, where the evidence says so. */
  readonly lack?: Shortage | undefined;
  /** The path of the attempt's log; none where no attempt was begun. */
  readonly log?: string | undefined;
  /** The last lines of that log, where they are known already. */
  readonly logTail?: readonly string[] | undefined;
  /** What it took. */
  readonly used?: AttemptUse | undefined;
}

/**
 * How an attempt ended: the one value that goes from the computing process through its supervisor, the
 * backends, the queue and the scheduler to the report. Records on disk are it, with who and when.
 */
export type AttemptEnd =
  /** Its result is stored. */
  | { readonly outcome: "success" }
  /** Somebody else's result was first, or the attempt was declared dead: that end counts. */
  | { readonly outcome: "superseded" }
  /** It was told to stop. */
  | {
    readonly outcome: "preempted";
    /** Why, for people. */
    readonly reason: string;
    /** Whether the time of its job was up, as was planned: that is no loss that counts. */
    readonly planned?: true | undefined;
    /** What it took. */
    readonly used?: AttemptUse | undefined;
  }
  | FailedAttempt;

/** The kind that events, reports and records show for a failure. */
export function failureKind(blame: Blame): FailureKind {
  return blame === "node" ? "protocol" : blame;
}
