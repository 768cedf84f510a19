import { errorCode } from "../../core/errors.ts";
import { type ArtifactPaths, ownerPaths } from "../layout.ts";
import type { Store } from "../store.ts";
import { readClaim } from "./read_claim.ts";
import { removeClaim } from "./remove_claim.ts";

/** An owner file of another process, which lets this one claim with it. */
export interface HandedOwner {
  /** Its id. */
  id: string;
  /** Its folder. */
  ownerDir: string;
  /** Its number. */
  ino: number;
}

/**
 * Claims an artifact of which there is nothing yet: no claim, no record, no folder.
 *
 * @param queued The name of the job that is queued for it: there is that, and nothing else. The claim takes
 * its place.
 * @returns `false` when there is anything, or the claim could not be made. Then none is held.
 * @throws The system's error, where it could not be given back.
 */
export async function claimFirst(
  store: Store,
  paths: ArtifactPaths,
  owner: HandedOwner,
  queued?: string,
): Promise<boolean> {
  if (!await link(store, paths, owner)) return false;
  const { files } = store.machine;
  let isFirst = false;
  try {
    isFirst = !await files.exists(paths.record) &&
      (queued === undefined ? !await files.exists(paths.home) : await takesPlace(store, paths, queued));
  } catch {
    // The file server is away: the long way tells more.
  }
  if (isFirst) return true;
  await releaseFirst(store, paths, owner);
  return false;
}

/** Removes what {@link claimFirst} has claimed. */
export async function releaseFirst(
  store: Store,
  paths: ArtifactPaths,
  { id, ownerDir, ino }: HandedOwner,
): Promise<void> {
  await removeClaim(store, paths, { id, dir: ownerDir.slice(store.root.length + 1) }, ino);
}

async function link(store: Store, paths: ArtifactPaths, { id, ownerDir }: HandedOwner): Promise<boolean> {
  const { path } = ownerPaths(ownerDir);
  for (let turn = 1;; turn++) {
    try {
      await store.machine.files.link(path, paths.claim);
      return true;
    } catch (error) {
      // The answer to a link that worked can be lost.
      if ((await readClaim(store, paths).catch(() => undefined))?.id === id) return true;
      if (errorCode(error) !== "ENOENT" || turn > 1 || !await store.makeDir(paths.taskDir)) return false;
    }
  }
}

/** Ends that a job is queued for an artifact, where that is all that there is in its folder. */
async function takesPlace(store: Store, paths: ArtifactPaths, queued: string): Promise<boolean> {
  const { isAlone, removeQueued } = await import("./queued.ts");
  return await isAlone(store, paths) && await removeQueued(store, paths, queued);
}
