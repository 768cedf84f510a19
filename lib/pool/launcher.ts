import type { Shortage } from "../core/attempt_end.ts";
import type { RunLog } from "../core/run_log.ts";
import type { SlurmJob } from "../store/record.ts";

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
  /**
   * It has not begun, or is to begin again. `inTurn`: it only waits for others on nodes that it may run on.
   * `why`: the scheduler's word for what it waits for, as `JobHeldUser`.
   */
  | { readonly status: "pending"; readonly text: string; readonly inTurn?: boolean; readonly why?: string }
  /** It has begun. `halted`: its processes stand still (suspended), so that it cannot beat. */
  | { readonly status: "running"; readonly text: string; readonly halted?: true }
  /**
   * It has ended, by the scheduler's word on this very job. `loss`: evidence that its tasks are not to blame.
   * `lack`: what it says that the job had too little of. `vanished`: the scheduler, asked for it, knows no
   * such job, which tells nothing of how it ended.
   */
  | {
    readonly status: "dead";
    readonly text: string;
    readonly loss?: LossReason;
    readonly lack?: Shortage;
    readonly vanished?: true;
  }
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
  /**
   * When the question was asked that its state is the answer to, in monotonic milliseconds: what was seen of
   * the worker later counts more. Nothing where it was never asked for.
   */
  readonly askedAt?: number | undefined;
  /**
   * Whether it is not wanted any more, and will be cancelled when the scheduler, who was given it, has
   * answered: until then it takes up room.
   */
  readonly recalled?: boolean | undefined;
  /** How often the scheduler has begun its job again, where that is counted. */
  readonly restarts?: number | undefined;
  /** By which the scheduler's own programs know it, as `4711_3`; for people. */
  readonly id?: string | undefined;
  /** The cluster that it is on, where that is not the run's; for people. */
  readonly cluster?: string | undefined;
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

/** Why workers were not taken: a `limit` lets in fewer of them, or later; anything else is `refused`. */
export interface Refusal {
  /** Which. */
  readonly kind: "limit" | "refused";
  /** In the words of who refused. */
  readonly error: Error;
}

/** What becomes of a {@link WorkerRequest}. */
export interface SubmitAnswer {
  /** How many are among the jobs from now on, whether or not the scheduler has answered yet. */
  readonly taken: number;
  /**
   * How many of these the scheduler has not answered for: they have no id yet.
   *
   * @default {0}
   */
  readonly open?: number | undefined;
  /** Why not all of them. */
  readonly refusal?: Refusal | undefined;
}

/** Workers that were taken, and that the scheduler refused later: they are not among the jobs any more. */
export interface LateRefusal {
  /** Their spec. */
  readonly spec: string;
  /** How many. */
  readonly count: number;
  /** Why. */
  readonly refusal: Refusal;
}

/** All that a launcher knows at a moment. */
export interface JobsAnswer {
  /** The workers. */
  readonly jobs: readonly WorkerJob[];
  /**
   * Submissions that were refused after they had been taken. Each is told once.
   *
   * @default {none}
   */
  readonly refused?: readonly LateRefusal[] | undefined;
  /** Since when the scheduler does not answer, in monotonic milliseconds, and how that shows. */
  readonly silence?: { readonly since: number; readonly text: string } | undefined;
}

/**
 * Starts the workers of one run somewhere, and knows what becomes of them. It does not pause, try again or
 * give up by itself: a controller decides that, by spec.
 */
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
   * Starts workers. Resolves when they are handed over, or refused; waits for no slow scheduler.
   *
   * @returns How many were taken, and why not all of them. A refusal is an answer, not an exception.
   * @throws The signal's reason when it aborts.
   */
  submit(request: WorkerRequest, signal: AbortSignal): Promise<SubmitAnswer>;
  /**
   * All workers of the run that are not known to have been dead for long, also those that an earlier
   * controller started. May be called as often as one likes: it tells what is known now, and the scheduler is
   * asked in the background, at most once per its interval.
   */
  jobs(signal: AbortSignal): Promise<JobsAnswer>;
  /**
   * Takes in which Slurm job a worker says that it runs in, where the answer to its submission was lost.
   *
   * @param key The worker's job, as it is among the jobs.
   */
  learn?(key: string, job: SlurmJob): void;
  /**
   * What a job that has ended had too little of, and in which words, where its own output says so and its
   * state does not.
   *
   * @default {that is not known}
   */
  lackOf?(job: WorkerJob): Promise<{ lack: Shortage; words: string } | undefined>;
  /**
   * Cancels those of the jobs that have not begun; those that have begun meanwhile go on.
   *
   * @returns `"later"` where the scheduler has not answered for some of them, which are recalled.
   */
  cancelPending(keys: readonly string[]): Promise<"later" | void>;
  /** Ends all workers of the run: those that run are told to leave, which they do within a grace. */
  cancelAll(): Promise<void>;
  /**
   * Sees to it that somebody takes up the run when all workers that live now are gone.
   *
   * @param alive Keys of the workers that live or are pending.
   */
  keepStandby?(alive: readonly string[], signal: AbortSignal): Promise<void>;
}
