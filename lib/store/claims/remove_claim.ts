import { join } from "@std/path/posix/join";
import { errorCode } from "../../core/errors.ts";
import { type ArtifactPaths, privateName } from "../layout.ts";
import type { ClaimRecord } from "../record.ts";
import { giveBack } from "../file_steps.ts";
import { listOrNothing, removeIfThere, type Store, storeError } from "../store.ts";
import { type OwnerFile, ownersOf } from "./owner_files.ts";
import { hasEnded, readClaim, readClaimFile } from "./read_claim.ts";

/**
 * Removes a claim: renames it to a name of our own, looks whose it is, and puts it back when it is not the
 * one that was meant and has not ended.
 *
 * @param meant What the claim's file says.
 * @param ino Its file's number, where it is known: to compare it costs less than to read.
 * @returns Whether the one that was meant was there.
 */
export async function removeClaim(
  store: Store,
  paths: ArtifactPaths,
  meant: Pick<ClaimRecord, "id" | "dir">,
  ino?: number,
): Promise<boolean> {
  // What is somebody else's is not even taken away for a moment, as far as that can be seen.
  if (ino === undefined && (await readClaim(store, paths))?.id !== meant.id) return false;
  const trash = await takeAway(store, paths, meant);
  if (trash === undefined) return false;
  if (ino && (await store.machine.files.stat(trash))?.ino === ino) {
    await removeIfThere(store.machine, trash);
    return true;
  }
  let found: ClaimRecord | undefined;
  try {
    found = await readClaimFile(store, trash);
  } catch (error) {
    // Of a newer furu, or the file server is away: not ours as far as anybody can tell.
    await giveBack(store.machine, trash, paths.claim);
    throw error;
  }
  if (!found || found.id === meant.id) {
    await removeIfThere(store.machine, trash);
    return true;
  }
  await putBack(store, paths, found, trash);
  return false;
}

/** Removes a claim of this process, which holds it no more. */
export async function removeOwnClaim(
  store: Store,
  { paths, owner }: { paths: ArtifactPaths; owner: OwnerFile },
): Promise<boolean> {
  // The answer to its removal may take longer than the next look at it.
  ownersOf(store).watch(owner, paths, () => {});
  try {
    return await removeClaim(store, paths, owner.record, owner.ino);
  } finally {
    await ownersOf(store).give(owner, paths);
  }
}

/**
 * Renames whatever is the claim now. Into the folder of the owner file, with which it is removed should this
 * process die here; that may be gone, with all its claims.
 *
 * @returns The new name; `undefined` where there was no claim.
 */
async function takeAway(
  store: Store,
  { claim, taskDir }: ArtifactPaths,
  { id, dir }: Pick<ClaimRecord, "id" | "dir">,
): Promise<string | undefined> {
  for (const folder of dir === undefined ? [taskDir] : [join(store.root, dir), taskDir]) {
    const trash = privateName(folder, "trash", store.machine);
    try {
      await store.machine.files.rename(claim, trash);
      return trash;
    } catch (error) {
      // The answer to a rename that worked can be lost: the folder's listing tells.
      const names = await listOrNothing(store.machine, folder);
      if (names.some(({ name }) => trash.endsWith(`/${name}`))) return trash;
      if (errorCode(error) !== "ENOENT") throw storeError("remove", claim, error);
      // Our owner file was removed, so we were declared dead: by now it may well be the claim of another one.
      if ((await readClaimFile(store, claim))?.id !== id) return undefined;
    }
  }
  return undefined;
}

async function putBack(store: Store, paths: ArtifactPaths, found: ClaimRecord, trash: string): Promise<void> {
  if (await hasEnded(store, paths, found)) await removeIfThere(store.machine, trash);
  else await giveBack(store.machine, trash, paths.claim);
  // Its owner may have ended it while the claim was away, and found nothing to remove.
  const holder = await readClaim(store, paths);
  if (holder?.id === found.id && await hasEnded(store, paths, found)) {
    await removeClaim(store, paths, found);
  }
}
