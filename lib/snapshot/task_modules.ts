import type { Hash } from "../core/hash.ts";
import { ARTIFACT, type Artifact } from "../task/artifact/artifact.ts";

/** URLs of the modules that define the tasks of artifacts and of all below them, as far as they are known. */
export function taskModules(roots: Iterable<Artifact>): Set<string> {
  const modules = new Set<string>();
  const met = new Map<Hash, Artifact>();
  for (const root of roots) met.set(root.hash, root);
  // A Map's iteration goes on over what is added meanwhile.
  for (const artifact of met.values()) {
    const { task, dependencies, loadOnly } = artifact[ARTIFACT];
    // The module of one that is only loaded may be of long ago.
    if (task.module !== undefined && !loadOnly) modules.add(task.module);
    for (const below of dependencies) if (!met.has(below.hash)) met.set(below.hash, below);
  }
  return modules;
}
