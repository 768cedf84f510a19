import { fromCanonical } from "../core/canonical.ts";
import { furuGlobals } from "../core/globals.ts";
import type { Hash } from "../core/hash.ts";
import { artifactLabel } from "../core/hash.ts";
import type { SuccessRecord } from "../store/record.ts";
import { ARTIFACT, type Artifact, type TaskDefinition } from "../task/artifact.ts";

/**
 * An artifact that was found in a stored value, where only its task's name and its hash are kept: it can be loaded
 * and asked for, but not computed, since its parameters are not known before its record is read.
 */
export function storedArtifact(name: string, hash: string): Artifact {
  const artifact: Artifact = {
    name,
    hash: hash as Hash,
    params: undefined,
    [ARTIFACT]: { version: 1, task: definitionOf(name), identity: "", dependencies: [] },
    toString: () => artifactLabel(name, hash),
  };
  return Object.freeze(artifact);
}

/** Was this artifact made by {@link storedArtifact}? */
export function isStoredOnly(artifact: Artifact): boolean {
  return artifact[ARTIFACT].identity === "";
}

/** The parameters of an artifact: its own, or for one known from a value those that its record tells. */
export function paramsOf(artifact: Artifact, record: SuccessRecord): unknown {
  if (!isStoredOnly(artifact)) return artifact.params;
  return fromCanonical(record.identity.params, { artifact: storedArtifact });
}

/** The task as it is defined in this process, so that its `load` and `validate` hold; else a bare one. */
function definitionOf(name: string): TaskDefinition {
  const known = furuGlobals().tasks.get(name) as TaskDefinition | undefined;
  return known ?? {
    name,
    params: undefined as never,
    create: () => undefined,
    spec: "default",
    unhashed: [],
    legacy: {},
  };
}
