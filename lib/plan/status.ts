import type { Artifact } from "../task/artifact/artifact.ts";

/** What a plan says about a node. */
export type NodeStatus = "DONE" | "IN_PROGRESS" | "TODO" | "FAILED";

/** A {@link NodeStatus} with what is known about it. */
export type NodeState =
  /** A valid success record is there. */
  | { readonly status: "DONE" }
  /**
   * Somebody alive computes it or has submitted it. `owner` is for people: `pid 12 on host h since 10:31`. `outside`: it is
   * computed in no Slurm job, so that no job can wait for it.
   */
  | { readonly status: "IN_PROGRESS"; readonly owner: string; readonly outside?: boolean }
  /**
   * The latest attempt failed and failures are not retried; or `unreadable`: what is stored is damaged, or cannot be read,
   * as `error` says with what to do.
   */
  | { readonly status: "FAILED"; readonly error: string; readonly log?: string; readonly unreadable?: true }
  /** To be computed. `reason` is what code decides by, `detail` what people read. */
  | { readonly status: "TODO"; readonly reason: TodoReason; readonly detail?: string };

/**
 * Why a node is to be computed: nothing is stored, also after an attempt that was only preempted; what is stored is
 * invalid or damaged; the latest attempt failed and failures are retried; or the task is forced.
 */
export type TodoReason = "missing" | "invalid" | "retry" | "forced";

/** What one look into the folder of a task told. */
export interface TaskListing {
  /** Hashes with a success record. */
  readonly done: ReadonlySet<string>;
  /** Hashes with a folder: something is kept there, as a claim or how attempts ended. */
  readonly open: ReadonlySet<string>;
}

/** Where a plan learns what is stored. Given in, so that planning can be tested and measured without files. */
export interface StatusSource {
  /** Lists a task's folder: called once per task name and plan. An absent folder is two empty sets. */
  listTask(name: string): Promise<TaskListing>;
  /** Must the record of this artifact be opened, since its task has `validate`? */
  needsValidation(artifact: Artifact): boolean;
  /**
   * Looks at one artifact: called for those with a folder and no record, and for those whose record has to be
   * validated. Several calls run at the same time.
   */
  inspect(artifact: Artifact): Promise<NodeState>;
}

/** Which nodes are computed again although they are stored. */
export interface ForcedNodes {
  /** Is this node forced (by the name of its task)? */
  has(artifact: Artifact): boolean;
  /** Has this run computed it already? Its record, which is there, then carries the run's id. */
  done(artifact: Artifact): boolean | Promise<boolean>;
}
