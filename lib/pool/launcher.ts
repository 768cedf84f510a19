import type { RunLog } from "../core/run_log.ts";

/** Ends of a worker or job for which what it computed is not to blame, as the scheduler tells them. */
export const LOSS_REASONS = [
  "preempted",
  "node-failure",
  "boot-failure",
  "timeout",
  "deadline",
  "cancelled",
] as const;

/** One of the {@link LOSS_REASONS}. */
export type LossReason = typeof LOSS_REASONS[number];

/** Whether an end is one for which what was computed is not to blame. */
export function isLoss(reason: string): reason is LossReason {
  return LOSS_REASONS.some((each) => each === reason);
}

/** The state of a worker that was started. Unknown is never a failure. */
export type WorkerJobState =
  /** It has not begun. `inTurn`: it only waits for others on nodes that it may run on. */
  | { readonly status: "pending"; readonly text: string; readonly inTurn?: boolean }
  /** It has begun. `halted`: its processes stand still (suspended), so that it cannot beat. */
  | { readonly status: "running"; readonly text: string; readonly halted?: true }
  /** It has ended. `loss`: evidence that its tasks are not to blame. */
  | { readonly status: "dead"; readonly text: string; readonly loss?: LossReason }
  | { readonly status: "unknown"; readonly text: string };

/** A worker that was started, or is about to be. */
export interface WorkerJob {
  /** By which its launcher knows it, unique in the run; the worker's own record names it. */
  readonly key: string;
  /** The spec of the tasks that it takes. */
  readonly spec: string;
  /** Order of submission: the newest pending ones are cancelled first. */
  readonly order: number;
  /** Its state. */
  readonly state: WorkerJobState;
  /** The node that it runs or ran on, where known. */
  readonly node?: string;
  /** The file that its own output goes to. */
  readonly log?: string;
}

/** Workers that a launcher is to start. */
export interface WorkerRequest {
  /** The spec of the tasks that they take. */
  readonly spec: string;
  /** How many. */
  readonly count: number;
  /** Nodes that they must not run on. */
  readonly exclude: readonly string[];
}

/** Starts the workers of one run somewhere, and knows what becomes of them. */
export interface WorkerLauncher {
  /**
   * Whether it can start workers. If `false`, those that there are are all that there will be.
   *
   * @default {true}
   */
  readonly canSubmit?: boolean;
  /** Says trouble and pauses. A controller sets its own, which tells everybody that follows the run. */
  log?: RunLog;
  /**
   * Starts workers. Resolves when they are handed over: they are among the jobs from then on.
   *
   * @returns How many: a limit of the site may let in fewer, or none for a while.
   * @throws {SlurmError} or the like, in the words of who refused.
   */
  submit(request: WorkerRequest, signal: AbortSignal): Promise<number>;
  /**
   * All workers of the run that are not known to have been dead for long, also those that an earlier
   * controller started. May be called as often as one likes: the scheduler is asked at most once per its
   * interval.
   */
  jobs(signal: AbortSignal): Promise<readonly WorkerJob[]>;
  /** Cancels those of the jobs that have not begun; those that have begun meanwhile go on. */
  cancelPending(keys: readonly string[]): Promise<void>;
  /** Ends all workers of the run: those that run are told to leave, which they do within a grace. */
  cancelAll(): Promise<void>;
  /**
   * Sees to it that somebody takes up the run when all workers that live now are gone.
   *
   * @param alive Keys of the workers that live or are pending.
   */
  keepStandby?(alive: readonly string[], signal: AbortSignal): Promise<void>;
}
