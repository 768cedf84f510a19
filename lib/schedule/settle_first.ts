import type { AttemptEnd } from "../core/attempt_end.ts";
import { recordEnd } from "../run/attempt_end.ts";
import type { Runtime } from "../run/runtime.ts";
import { type Claim, claimWith } from "../store/claims/claim.ts";
import { type OwnerFile, ownersOf } from "../store/claims/owner_files.ts";
import { readClaim } from "../store/claims/read_claim.ts";
import { removeOwnClaim } from "../store/claims/remove_claim.ts";
import type { ArtifactKey } from "../store/layout.ts";
import { readRecordId } from "../store/read_record.ts";

/** The end of an attempt whose artifact is stored. */
export type StoredEnd = Extract<AttemptEnd, { outcome: "success" | "superseded" }>;

/** Whether the artifact of an attempt that ended so is stored. */
export function isStored(end: AttemptEnd): end is StoredEnd {
  return end.outcome === "success" || end.outcome === "superseded";
}

/**
 * Sees to what an attempt has left that was claimed elsewhere with our owner file.
 *
 * @returns Its claim, where it failed and its end is recorded; nothing where there was none.
 */
export async function settleFirst(
  runtime: Runtime,
  artifact: ArtifactKey,
  owner: OwnerFile,
  end: AttemptEnd | "declined",
): Promise<Claim | "stored" | undefined> {
  const { store } = runtime;
  const paths = store.paths(artifact);
  const { id } = owner.record;
  const stored = await readRecordId(store, paths) === id;
  if (stored || end === "declined" || isStored(end)) {
    // Mostly it is given back already, and what is there is somebody else's.
    if ((await readClaim(store, paths))?.id === id) await removeOwnClaim(store, { paths, owner });
    else await ownersOf(store).give(owner, paths);
    return stored ? "stored" : undefined;
  }
  const claim = await claimWith(store, paths, owner);
  if (claim) await recordEnd(runtime, claim, end);
  return claim;
}
