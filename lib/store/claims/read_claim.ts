import type { ArtifactPaths } from "../layout.ts";
import { type ClaimRecord, NewerError, parseClaimRecord } from "../record.ts";
import { RECORD_SCHEMA } from "../layout.ts";
import { readRecordId } from "../read_record.ts";
import { listOrNothing, type Store } from "../store.ts";

/**
 * Reads who holds an artifact. A claim that is torn (a power cut) gets an id of its own, so that the lease
 * decides about it as about any other.
 *
 * @throws {StoreError} If a newer furu made it: what it means is not known here.
 */
export async function readClaim(store: Store, paths: ArtifactPaths): Promise<ClaimRecord | undefined> {
  return await readClaimFile(store, paths.claim);
}

/** Reads a claim under any name; `undefined` where there is none. */
export async function readClaimFile(store: Store, path: string): Promise<ClaimRecord | undefined> {
  const text = await store.read(path);
  if (text === undefined) return undefined;
  try {
    return parseClaimRecord(text, path);
  } catch (error) {
    if (error instanceof NewerError) throw error;
    const info = await store.machine.files.stat(path);
    if (!info) return undefined;
    return {
      schema: RECORD_SCHEMA,
      id: `torn${info.ino}`,
      owner: { host: "unknown", pid: 0 },
      backend: "unknown",
      startedAt: new Date(info.mtimeMs).toISOString(),
      leaseSec: store.leaseSec,
    };
  }
}

/** Whether the attempt of this claim has ended: by a word of its end, or by its result. */
export async function hasEnded(store: Store, paths: ArtifactPaths, claim: ClaimRecord): Promise<boolean> {
  const end = `end-${claim.id}.json`;
  const names = await listOrNothing(store.machine, paths.home);
  return names.some(({ name }) => name === end) || await readRecordId(store, paths) === claim.id;
}
