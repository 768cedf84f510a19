import { artifactLabel, type Hash } from "../core/hash.ts";
import type { Artifact } from "../task/artifact.ts";
import type { Plan } from "./graph.ts";
import type { PlanNode } from "./node.ts";

/** How {@link explain} words it. */
export interface ExplainOptions {
  /** Where an artifact's success record is. @default no place is named */
  recordPath?: (artifact: Artifact) => string;
}

/** So many dependencies are named. */
const NAMED = 3;

/**
 * Why a node of a plan has its status, in one line for people: `stored at …`, `computed by pid 12 on host h since
 * 10:31`, `failed: …, see <log>`, `missing; waits for 2 of 3 dependencies: …`.
 *
 * @param plan The plan that the node is in.
 * @param node The node.
 */
export function explain(plan: Plan, node: PlanNode, options: ExplainOptions = {}): string {
  const { state } = node;
  switch (state.status) {
    case "DONE":
      return options.recordPath ? `stored at ${options.recordPath(node.artifact)}` : "stored";
    case "IN_PROGRESS":
      return `computed by ${state.owner}`;
    case "FAILED":
      return `failed: ${firstLine(state.error)}${state.log === undefined ? "" : `, see ${state.log}`}`;
    case "TODO":
      return `${state.why ?? "missing"}; ${obstacle(plan, node)}`;
  }
}

function obstacle(plan: Plan, node: PlanNode): string {
  const missing = [...new Set(node.dependencies)].filter((hash) => plan.nodes.get(hash)?.status !== "DONE");
  if (missing.length === 0) return "ready to be computed";
  const failed = missing.filter((hash) => plan.nodes.get(hash)?.status === "FAILED");
  if (failed.length > 0) return `cannot be computed as it needs ${named(plan, failed)}, which failed`;
  const all = node.dependencies.length;
  return `waits for ${missing.length} of ${all} ${all === 1 ? "dependency" : "dependencies"}: ${
    named(plan, missing)
  }`;
}

function named(plan: Plan, hashes: readonly Hash[]): string {
  const labels = hashes.slice(0, NAMED).map((hash) =>
    artifactLabel(plan.nodes.get(hash)?.name ?? "unknown", hash)
  );
  const more = hashes.length - labels.length;
  return more > 0 ? `${labels.join(", ")} and ${more} more` : labels.join(", ");
}

function firstLine(text: string): string {
  return text.trim().split("\n", 1)[0]!.trimEnd();
}
