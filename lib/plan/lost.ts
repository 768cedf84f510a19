import type { Hash } from "../core/hash.ts";
import type { PlanNode } from "./node.ts";

/**
 * What can never be computed since some nodes have failed: these, and all that needs them, over however many
 * steps, and does not tolerate that.
 */
export function lostWith(
  nodes: ReadonlyMap<Hash, Pick<PlanNode, "dependents" | "tolerates">>,
  failed: Iterable<Hash>,
): Set<Hash> {
  const lost = new Set(failed);
  // A set's iteration goes on over what is added meanwhile.
  for (const hash of lost) {
    for (const dependent of nodes.get(hash)?.dependents ?? []) {
      if (!nodes.get(dependent)?.tolerates?.has(hash)) lost.add(dependent);
    }
  }
  return lost;
}
