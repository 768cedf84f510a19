import type { Hash } from "../core/hash.ts";
import type { Artifact } from "../task/artifact/artifact.ts";

/** An artifact in a plan. */
export interface PlanNode {
  /** The artifact: the first that the walk met with this hash. */
  readonly artifact: Artifact;
  /** Its hash. */
  readonly hash: Hash;
  /** Its task's name. */
  readonly name: string;
  /** The status of the artifact. */
  readonly status: NodeStatus;
  /** The status with its reasons: the owner, the error, why a stored result does not count. */
  readonly state: NodeState;
  /** The spec that computing it needs. */
  readonly spec: string;
  /**
   * The hashes of its dependencies. All of them when the node is TODO, for only then the walk goes on below
   * it; else empty but for forced nodes that were found below it.
   */
  readonly dependencies: readonly Hash[];
  /** The hashes of the nodes that depend on it. */
  readonly dependents: readonly Hash[];
  /** The number of nodes in the longest chain from here up to a root, this one not counted: 0 at the top. */
  readonly priority: number;
}

/** The status of a node of a plan. */
export type NodeStatus = "DONE" | "IN_PROGRESS" | "TODO" | "FAILED";

/** The status of a node with what is known about it. */
export type NodeState =
  /** A valid success record is there. */
  | { readonly status: "DONE" }
  /**
   * Somebody alive computes it or has submitted it. `owner` is for people: `pid 12 on host h since
   * 10:31`. `outside`: it is computed in no Slurm job, so that no job can wait for it.
   */
  | { readonly status: "IN_PROGRESS"; readonly owner: string; readonly outside?: boolean }
  /**
   * The latest attempt failed and failures are not retried; or `unreadable`: what is stored is damaged, or
   * cannot be read, as `error` says with what to do.
   */
  | { readonly status: "FAILED"; readonly error: string; readonly log?: string; readonly unreadable?: true }
  /** To be computed. `reason` is what code decides by, `detail` what people read. */
  | { readonly status: "TODO"; readonly reason: TodoReason; readonly detail?: string };

/**
 * Why a node is to be computed: nothing is stored, also after an attempt that was only preempted; what is
 * stored is invalid or damaged; the latest attempt failed and failures are retried; or the task is forced.
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
  /** Whether the record of this artifact must be opened, since its task has `validate`. */
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

/** What a node is ordered by. */
export interface Ranked {
  /** How many nodes the longest chain up to a root has. */
  readonly priority: number;
  /** Decides among those of equal priority, so that the order is the same each time. */
  readonly hash: Hash;
}

/** Compares nodes for sorting: the one with the longest chain behind it first, then by hash. */
export function byPriority(a: Ranked, b: Ranked): number {
  return b.priority - a.priority || (a.hash < b.hash ? -1 : a.hash > b.hash ? 1 : 0);
}
