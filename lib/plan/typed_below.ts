import { hasFile } from "../core/system/session.ts";
import { ARTIFACT, type Artifact, isArtifact } from "../task/artifact/artifact.ts";

/**
 * The artifacts of tasks that have no file, and all that depend on one: a worker process would need its code
 * in order to make it, or to load its value.
 *
 * @param roots What is wanted; what is no artifact is passed over.
 * @returns Their hashes.
 */
export function typedBelow(roots: Iterable<Artifact>): Set<string> {
  const typed = new Set<string>();
  const seen = new Set<string>();
  // A stack of its own: a chain may be deeper than calls can be nested.
  const open = [...roots].filter(isArtifact).map((artifact) => ({ artifact, left: false }));
  for (let next = open.pop(); next; next = open.pop()) {
    const { artifact, left } = next;
    const { task, dependencies } = artifact[ARTIFACT];
    if (left) {
      if (!hasFile(task.module) || dependencies.some(({ hash }) => typed.has(hash))) typed.add(artifact.hash);
      continue;
    }
    if (seen.has(artifact.hash)) continue;
    seen.add(artifact.hash);
    open.push({ artifact, left: true });
    for (const below of dependencies) open.push({ artifact: below, left: false });
  }
  return typed;
}
