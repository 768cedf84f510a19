import type { Hash } from "../core/hash.ts";
import type { LimitUnits } from "../core/settings/limits.ts";
import type { TaskListing } from "../store/store.ts";
import type { Artifact, TaskUsage } from "../task/artifact/artifact.ts";
import type { SpecNeeds, TooLittle } from "../task/ladder.ts";

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
  /** The spec that computing it needs: after too little in earlier runs, the one to go on with. */
  readonly spec: string;
  /**
   * The specs that its task names, the first one before all, where there are several.
   *
   * @default {only {@link spec}}
   */
  readonly specs?: SpecNeeds;
  /**
   * The hashes of its dependencies. All of them when the node is TODO, for only then the walk goes on below
   * it; else empty but for forced nodes that were found below it.
   */
  readonly dependencies: readonly Hash[];
  /** Those of its dependencies that may fail for good, where there are any. */
  readonly tolerates?: ReadonlySet<Hash> | undefined;
  /** The hashes of the nodes that depend on it. */
  readonly dependents: readonly Hash[];
  /** The units of limits that an attempt takes. */
  readonly limits: LimitUnits;
  /**
   * Its turn, the highest first: what its task says, or what a node has that depends on it, whichever is
   * higher.
   */
  readonly priority: number;
  /** The number of nodes in the longest chain from here up to a root, this one not counted: 0 at the top. */
  readonly height: number;
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
  /**
   * To be computed. `reason` is what code decides by, `detail` what people read. `tooLittle`: earlier
   * attempts that had too little memory or time.
   */
  | {
    readonly status: "TODO";
    readonly reason: TodoReason;
    readonly detail?: string;
    readonly tooLittle?: readonly TooLittle[];
  };

/**
 * Why a node is to be computed: nothing is stored, also after an attempt that was only preempted; what is
 * stored is invalid or damaged, or partial, and what it lacks was stored since or is to be tried again; the
 * latest attempt failed and failures are retried; or the task is forced.
 */
export type TodoReason = "missing" | "invalid" | "partial" | "retry" | "forced";

/** Tells a plan what is stored. It is given in, so that planning can be tested and measured without files. */
export interface StatusSource {
  /**
   * Lists a task's folder: called once per task name and plan, unless the listing is only of those that are
   * asked for. An absent folder is two empty sets.
   *
   * @param wanted The hashes that are asked for; by default all.
   */
  listTask(name: string, wanted?: readonly Hash[]): Promise<TaskListing>;
  /** Whether the record of this artifact must be opened, since its task has `validate`. */
  needsValidation(artifact: Artifact): boolean;
  /**
   * Looks at one artifact: called for those with a folder and no record, and for those whose record has to be
   * validated. Several calls run at the same time.
   */
  inspect(artifact: Artifact): Promise<NodeState>;
  /**
   * What earlier artifacts of a task took. Called where the task's `spec` function asks for it, once for each
   * task and plan.
   *
   * @default {nothing is known}
   */
  usage?(name: string): Promise<TaskUsage>;
}

/** The nodes that are computed again although they are stored. */
export interface ForcedNodes {
  /** Whether this node is forced. */
  has(artifact: Artifact): boolean;
  /** Whether this run has computed it already: its record, which is there, then carries the run's id. */
  done(artifact: Artifact): boolean | Promise<boolean>;
  /**
   * Why it is forced: goes on from "since".
   *
   * @default {its task is}
   */
  why?(artifact: Artifact): string;
}

/** A node in the order of computing. */
export interface Ranked {
  /** Its turn: higher ones come first. */
  readonly priority: number;
  /** The number of nodes of the longest chain up to a root. */
  readonly height: number;
  /** Decides among those that are equal so far, so that the order is the same each time. */
  readonly hash: Hash;
}

/** Compares nodes for sorting: by priority, then the one with the longest chain behind it, then by hash. */
export function byRank(a: Ranked, b: Ranked): number {
  return b.priority - a.priority || b.height - a.height || (a.hash < b.hash ? -1 : a.hash > b.hash ? 1 : 0);
}
