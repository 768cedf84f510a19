import { ValidationError } from "../core/errors.ts";
import { artifactLabel, chainText, type Hash } from "../core/hash.ts";
import type { Visit } from "./_visit.ts";

/**
 * Gives each node its priority, the length of the longest chain up to a root, in O(nodes + edges): Kahn's algorithm
 * from the roots downwards.
 *
 * @throws ValidationError that names the cycle, where there is one.
 */
export function rank(visits: ReadonlyMap<Hash, Visit>): void {
  for (const { below } of visits.values()) {
    for (const dependency of below) dependency.unranked++;
  }
  const ranked = [...visits.values()].filter((visit) => visit.unranked === 0);
  // `ranked` grows while it is walked through: what is behind the index waits for its own dependencies' turn.
  for (let i = 0; i < ranked.length; i++) {
    const { node, below } = ranked[i]!;
    for (const dependency of below) {
      dependency.node.priority = Math.max(dependency.node.priority, node.priority + 1);
      if (--dependency.unranked === 0) ranked.push(dependency);
    }
  }
  if (ranked.length < visits.size) throw cycleError(visits);
}

/** Every unranked node has an unranked dependent, so that going upwards among them ends in a cycle. */
function cycleError(visits: ReadonlyMap<Hash, Visit>): ValidationError {
  const path: Visit[] = [];
  const place = new Map<Visit, number>();
  let at = [...visits.values()].find((visit) => visit.unranked > 0)!;
  while (!place.has(at)) {
    place.set(at, path.length);
    path.push(at);
    at = at.node.dependents.map((hash) => visits.get(hash)!).find((visit) => visit.unranked > 0)!;
  }
  // Downwards, beginning and ending with the same node.
  const cycle = [at, ...path.slice(place.get(at)!).reverse()];
  const labels = cycle.map(({ node }) => artifactLabel(node.name, node.hash));
  return new ValidationError(
    `Cannot plan as an artifact must not depend on itself: ${chainText(labels)} is a cycle`,
    { artifact: labels[0]! },
  );
}
