import { furuGlobals } from "../core/globals.ts";
import type { Hash } from "../core/hash.ts";
import { ARTIFACT, type Artifact } from "./artifact/artifact.ts";
import { freezeParams, nothingMet } from "./artifact/freeze.ts";
import { references } from "./artifact/reference.ts";

const NONE: ReadonlySet<Hash> = new Set();
const known = new WeakMap<Artifact, ReadonlySet<Hash>>();

/**
 * The dependencies of an artifact that may fail for good: those in the parameters that its task tolerates.
 * What stands elsewhere in the parameters, too, or is named by `dependencies` of the task, is needed.
 */
export function toleratedOf(artifact: Artifact): ReadonlySet<Hash> {
  const { task: { tolerate }, tolerated, loadOnly } = artifact[ARTIFACT];
  if (tolerated) return tolerated;
  if (tolerate === undefined || tolerate.length === 0 || loadOnly) return NONE;
  let found = known.get(artifact);
  if (!found) known.set(artifact, found = tolerable(artifact, tolerate));
  return found;
}

function tolerable(artifact: Artifact, tolerate: readonly string[]): ReadonlySet<Hash> {
  const { task, identity } = artifact[ARTIFACT];
  const tolerated = nothingMet();
  const needed = nothingMet();
  for (const [key, value] of Object.entries(artifact.params as Record<string, unknown>)) {
    freezeParams(value, tolerate.includes(key) ? tolerated : needed);
  }
  const hashes = new Set<string>(tolerated.artifacts.map(({ hash }) => hash));
  for (const { hash } of needed.artifacts) hashes.delete(hash);
  // As they were when it was made: the user's function need not return the same again.
  if (task.dependencies) {
    for (const hash of references(JSON.parse(identity).dependencies)) hashes.delete(hash);
  }
  return hashes as Set<Hash>;
}

/** The top-level parameters of an artifact that another artifact stands in. */
export function parametersWith(artifact: Artifact, hash: Hash): string[] {
  return Object.entries(artifact.params as Record<string, unknown>).flatMap(([key, value]) => {
    const met = nothingMet();
    freezeParams(value, met);
    return met.artifacts.some((each) => each.hash === hash) ? [key] : [];
  });
}

const partial = new WeakMap<Artifact, boolean>();

/**
 * Whether the result of an artifact may be partial: its task tolerates failures, or that of anything that it
 * depends on, over however many steps. Where no task of the process does, nothing is looked at.
 */
export function mayBePartial(artifact: Artifact): boolean {
  if (furuGlobals().tolerates !== true) return false;
  // A stack of its own, since chains are longer than calls can be nested: each is met again when all below it
  // is known, or when it turns out to be below itself, which the planner names.
  const open = [artifact];
  const entered = new Set<Artifact>();
  for (let next; (next = open.at(-1));) {
    const { dependencies } = next[ARTIFACT];
    if (!partial.has(next) && !entered.has(next) && toleratedOf(next).size === 0) {
      entered.add(next);
      for (const below of dependencies) if (!partial.has(below)) open.push(below);
      continue;
    }
    open.pop();
    if (partial.has(next)) continue;
    partial.set(
      next,
      toleratedOf(next).size > 0 || dependencies.some((below) => partial.get(below) === true),
    );
  }
  return partial.get(artifact) === true;
}
