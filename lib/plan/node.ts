import type { Hash } from "../core/hash.ts";
import type { Artifact } from "../task/artifact/artifact.ts";
import type { NodeState, NodeStatus } from "./status.ts";

/** An artifact in a plan. */
export interface PlanNode {
  /** The artifact: the first that the walk met with this hash. */
  readonly artifact: Artifact;
  /** Its hash. */
  readonly hash: Hash;
  /** Its task's name. */
  readonly name: string;
  /** What has become of it so far. */
  readonly status: NodeStatus;
  /** The status with its reasons: the owner, the error, why a stored result does not count. */
  readonly state: NodeState;
  /** The spec that computing it needs. */
  readonly spec: string;
  /**
   * What it depends on. All of it when the node is TODO, for only then the walk goes on below it; else empty
   * but for forced nodes that were found below it.
   */
  readonly dependencies: readonly Hash[];
  /** Who in the plan depends on it. */
  readonly dependents: readonly Hash[];
  /** How many nodes the longest chain from here up to a root has, this one not counted: 0 at the top. */
  readonly priority: number;
}
