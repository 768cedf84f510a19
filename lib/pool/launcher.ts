/** Why a worker ended through no fault of what it computed, as whoever started it knows it. */
export type LossReason =
  | "preempted"
  | "node-failure"
  | "boot-failure"
  | "timeout"
  | "deadline"
  | "cancelled";

/** What is known of a worker that was started. Unknown is never a failure. */
export type WorkerJobState =
  /** It has not begun. `inTurn`: it only waits for others on nodes that it may run on. */
  | { readonly status: "pending"; readonly text: string; readonly inTurn?: boolean }
  | { readonly status: "running"; readonly text: string }
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
  /** What is known of it. */
  readonly state: WorkerJobState;
  /** The node that it runs or ran on, where known. */
  readonly node?: string;
  /** The file that its own output goes to. */
  readonly log?: string;
}

/** What is wanted of a launcher. */
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
  /** Can it start no workers? Then those that there are are all that there will be. @default false */
  readonly fixed?: boolean;
  /**
   * Starts workers. Resolves when they are handed over: they are among the jobs from then on.
   *
   * @returns How many: a limit of the site may let in fewer, or none for a while.
   * @throws {SlurmError} or the like, in the words of who refused.
   */
  submit(request: WorkerRequest, signal: AbortSignal): Promise<number>;
  /**
   * All workers of the run that are not known to have been dead for long, also those that an earlier controller started.
   * May be called as often as one likes: the scheduler is asked at most once per its interval.
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
  keepHeir?(alive: readonly string[], signal: AbortSignal): Promise<void>;
  /** From now on trouble and pauses are told to the run's controller, who tells everybody that follows the run. */
  tellTo?(tell: (text: string) => void): void;
}
