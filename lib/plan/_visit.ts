import type { Hash } from "../core/hash.ts";
import type { Artifact } from "../task/artifact/artifact.ts";
import type { PlanNode } from "./node.ts";
import { specOf } from "../task/spec_of.ts";
import type { NodeState } from "./status.ts";

/** A node while the plan is being made: it becomes a {@link PlanNode} as it is. */
export interface DraftNode extends PlanNode {
  artifact: Artifact;
  spec: string;
  status: NodeState["status"];
  state: NodeState;
  dependencies: Hash[];
  dependents: Hash[];
  priority: number;
}

/** What the walk keeps of a node until the plan is made. */
export interface Visit {
  readonly node: DraftNode;
  /** The dependencies once more, so that ranking them looks nothing up. */
  readonly below: Visit[];
  /** Dependents that are not ranked yet. */
  unranked: number;
}

/** The state of a node before it is judged. */
export const UNJUDGED: NodeState = { status: "TODO", reason: "missing" };

/** The visit of an artifact of which nothing is known yet. @throws ValidationError for a bad `spec`. */
export function visitOf(artifact: Artifact): Visit {
  const node: DraftNode = {
    artifact,
    hash: artifact.hash,
    name: artifact.name,
    status: UNJUDGED.status,
    state: UNJUDGED,
    spec: specOf(artifact),
    dependencies: [],
    dependents: [],
    priority: 0,
  };
  return { node, below: [], unranked: 0 };
}
