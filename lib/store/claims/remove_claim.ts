import { errorCode } from "../../core/errors.ts";
import { type ArtifactPaths, privateName } from "../layout.ts";
import type { ClaimRecord } from "../record.ts";
import { listOrNothing, NO_LINKS, removeIfThere, type Store, storeError } from "../store.ts";
import { hasEnded, readClaim, readClaimFile } from "./read_claim.ts";

/**
 * Removes a claim: renames it to a name of our own, reads it, and puts it back when it is not the one that
 * was meant and has not ended. Returns whether the one that was meant was there.
 */
export async function removeClaim(store: Store, paths: ArtifactPaths, id: string): Promise<boolean> {
  const { files } = store.machine;
  const trash = privateName(paths.home, "trash", store.machine);
  try {
    await files.rename(paths.claim, trash);
  } catch (error) {
    // The answer to a rename that worked can be lost: the folder's listing tells.
    const names = await listOrNothing(store.machine, paths.home);
    if (!names.some(({ name }) => trash.endsWith(`/${name}`))) {
      if (errorCode(error) === "ENOENT") return false;
      throw storeError("remove", paths.claim, error);
    }
  }
  let found: ClaimRecord | undefined;
  try {
    found = await readClaimFile(store, trash);
  } catch (error) {
    // Of a newer furu, or the file server is away: not ours as far as anybody can tell.
    await files.link(trash, paths.claim).catch(() => {/* taken meanwhile */});
    await removeIfThere(store.machine, trash);
    throw error;
  }
  if (!found || found.id === id) {
    await removeIfThere(store.machine, trash);
    return true;
  }
  await putBack(store, paths, found, trash);
  return false;
}

async function putBack(store: Store, paths: ArtifactPaths, found: ClaimRecord, trash: string): Promise<void> {
  const { files } = store.machine;
  if (!await hasEnded(store, paths, found)) {
    try {
      await files.link(trash, paths.claim);
    } catch (error) {
      // Somebody else's file may not be linked on some systems (protected_hardlinks); EEXIST: taken
      // meanwhile.
      if (NO_LINKS.includes(errorCode(error) ?? "") && !await files.stat(paths.claim)) {
        await files.rename(trash, paths.claim);
      }
    }
  }
  await removeIfThere(store.machine, trash);
  // Its owner may have ended it while the claim was away, and found nothing to remove.
  const holder = await readClaim(store, paths);
  if (holder?.id === found.id && await hasEnded(store, paths, found)) {
    await removeClaim(store, paths, found.id);
  }
}
