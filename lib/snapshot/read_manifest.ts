import { StoreError } from "../core/errors.ts";
import type { Store } from "../store/store.ts";
import { snapshotPaths } from "./layout.ts";
import { type Manifest, manifestSchema } from "./manifest.ts";

/**
 * What a snapshot of the store holds; `undefined` where there is none of that id.
 *
 * @throws {StoreError} naming the file when it is damaged.
 */
export async function readManifest(store: Store, id: string): Promise<Manifest | undefined> {
  const { manifest } = snapshotPaths(store.root, id);
  const text = await store.read(manifest);
  if (text === undefined) return undefined;
  try {
    return manifestSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw new StoreError(`Cannot read ${manifest}: it is damaged, or of another version of furu`, { cause });
  }
}
