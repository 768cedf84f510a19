import type { Hash } from "../core/hash.ts";
import type { Store } from "../store/store.ts";
import { namedReferences } from "../task/artifact/reference.ts";
import { ANY_ARTIFACT, findArtifacts } from "./find_artifacts.ts";

/** An artifact by its task's name and its hash. */
export interface NamedArtifact {
  /** Its task's name. */
  readonly name: string;
  /** Its hash. */
  readonly hash: Hash;
}

/** The artifacts that canonical JSON names, each once, in the order in which they stand there. */
export function namedArtifacts(json: unknown): NamedArtifact[] {
  return [...namedReferences(json)].map(([hash, name]) => ({ name, hash: hash as Hash }));
}

/**
 * The stored artifacts whose identity names this one: all records are read for it.
 *
 * @throws {StoreError} If the store cannot be read.
 */
export async function dependentsOf(store: Store, hash: Hash): Promise<NamedArtifact[]> {
  const found: NamedArtifact[] = [];
  for (const each of await findArtifacts(store, ANY_ARTIFACT)) {
    if (!each.hasRecord || each.hash === hash) continue;
    const text = await store.read(each.record);
    // Hardly any has the digits at all.
    if (!text?.includes(hash)) continue;
    try {
      const { params, dependencies } = JSON.parse(text).identity;
      const names = namedArtifacts([params, dependencies]);
      if (names.some((named) => named.hash === hash)) found.push({ name: each.name, hash: each.hash });
    } catch {
      // A damaged record depends on nothing that can be told.
    }
  }
  return found;
}
