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
