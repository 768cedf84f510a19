import type { ArtifactPaths } from "./layout.ts";
import { DamagedError, parseSuccessRecord, type SuccessRecord } from "./record.ts";
import type { Store } from "./store.ts";

/** In place of an attempt's id: what is to be replaced is damaged, so that nobody can tell whose it was. */
export const UNREADABLE = "unreadable";

/**
 * Reads an artifact's success record; `undefined` where there is none.
 *
 * @param identity The artifact's identity, where it is known.
 * @throws {StoreError} naming the file.
 */
export async function readRecord(
  store: Store,
  paths: ArtifactPaths,
  { identity }: { identity?: string | undefined } = {},
): Promise<SuccessRecord | undefined> {
  const text = await store.read(paths.record);
  return text === undefined ? undefined : parseSuccessRecord(text, paths.record, paths, identity);
}

/**
 * Whether there is a record of this run; a damaged one is nobody's.
 *
 * @throws {StoreError} If it cannot be read.
 */
export async function isStoredBy(store: Store, paths: ArtifactPaths, runId: string): Promise<boolean> {
  return (await readOld(store, paths))?.run === runId;
}

/** The id of the attempt that an artifact's record is of; nothing where there is none, or a damaged one. */
export async function readRecordId(store: Store, paths: ArtifactPaths): Promise<string | undefined> {
  return (await readOld(store, paths))?.id;
}

/**
 * What there is of an artifact's record; one that is damaged has no id of its own.
 *
 * @throws {StoreError} for one of a newer furu.
 */
export async function readOld(
  store: Store,
  paths: ArtifactPaths,
): Promise<Pick<SuccessRecord, "id" | "attempt" | "run"> | undefined> {
  try {
    return await readRecord(store, paths);
  } catch (error) {
    if (error instanceof DamagedError) return { id: UNREADABLE, attempt: 1 };
    throw error;
  }
}
