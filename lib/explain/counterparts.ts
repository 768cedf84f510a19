import { hashOfIdentity } from "../core/json/canonical.ts";
import type { Hash } from "../core/hash.ts";
import { TAG } from "../core/json/tags.ts";
import type { TaskDefinition } from "../task/artifact/artifact.ts";
import { namedReferences } from "../task/artifact/reference.ts";
import { isDefault } from "./default_of.ts";
import { type ArtifactName, referredArtifact, type StoredIdentity } from "./differences.ts";

/** Finds what stands for an artifact among the stored ones: itself, or the one that is nearest to it. */
export type FindCounterpart = (artifact: ArtifactName) => Promise<ArtifactName | undefined>;

/**
 * The hashes that an artifact would have if what changed since it was computed were only what is below it, or
 * that its task has a new parameter: mostly one of these is stored, and nothing has to be searched through.
 *
 * @param find Finds what stands for each artifact below.
 * @param task Its task, where that is known.
 * @returns The likeliest first.
 */
export async function likelyCounterparts(
  identity: StoredIdentity,
  find: FindCounterpart,
  task: TaskDefinition | undefined,
): Promise<Hash[]> {
  const below = namedReferences([identity.params, identity.dependencies]);
  const stands = new Map<string, ArtifactName>();
  let isOther = false;
  for (const [hash, name] of below) {
    const found = await find({ name, hash });
    if (!found || found.hash === hash) continue;
    stands.set(hash, found);
    isOther = true;
  }
  const before = isOther ? replaced(identity, stands) as StoredIdentity : identity;
  const likely = isOther ? [before] : [];
  const { params } = before;
  if (task && typeof params === "object" && params !== null) {
    for (const [key, value] of Object.entries(params)) {
      if (!isDefault(task, key, value)) continue;
      const { [key]: _new, ...rest } = params as Record<string, unknown>;
      likely.push({ ...before, params: rest });
    }
  }
  // Where inputs are is no part of it.
  return likely.map(({ inputs: _, ...counting }) => hashOfIdentity(counting));
}

function replaced(value: unknown, stands: ReadonlyMap<string, ArtifactName>): unknown {
  if (typeof value !== "object" || value === null) return value;
  const artifact = referredArtifact(value);
  if (artifact) {
    const { name, hash } = stands.get(artifact.hash) ?? artifact;
    return { [TAG.artifact]: [name, hash] };
  }
  if (Array.isArray(value)) return value.map((each) => replaced(each, stands));
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, replaced(each, stands)]));
}
