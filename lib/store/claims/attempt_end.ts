import { join } from "@std/path/posix/join";
import { errorCode, ProtocolError } from "../../core/errors.ts";
import type { Files } from "../../core/system/files.ts";
import { linkJson } from "../json_file.ts";
import { type ArtifactPaths, attemptNumber, attemptPaths, parseAttemptName } from "../layout.ts";
import { type ClaimRecord, parseEndRecord } from "../record.ts";
import { readRecordId } from "../read_record.ts";
import { listOrNothing, removeIfThere, type Store } from "../store.ts";
import { type Claim, type Ending, endRecordOf } from "./claim.ts";
import { type Death, declareOwnerDead, removeOwner } from "./dead_owner.ts";
import { ownersOf } from "./owner_files.ts";
import { removeClaim, removeOwnClaim } from "./remove_claim.ts";

/**
 * Ends an attempt of ours, and gives its claim back. The end of one that succeeded is its record; of any
 * other who links its end owns it, so `false` means that we were declared dead meanwhile, and nothing more
 * was touched.
 *
 * @throws {StoreError} If the end cannot be written (a full disk). The claim, whose removal needs no room,
 * is gone all the same: nobody has to wait for a lease.
 */
export async function endAttempt(store: Store, claim: Claim, ending: Ending | "success"): Promise<boolean> {
  const { paths, attempt } = claim;
  if (ending === "success") {
    if (!await removeOwnClaim(store, claim)) return false;
    await tidyAfterSuccess(store, paths);
    return true;
  }
  const at = attemptPaths(paths, attempt);
  let owned: boolean;
  try {
    // What it leaves is for the next attempt, which may be somebody else's.
    for (const left of [at.files, at.checkpoint, at.log]) await store.share(left);
    owned = await linkEnd(store, paths, claim.record, attempt.n, ending);
  } catch (error) {
    await removeOwnClaim(store, claim);
    throw error;
  }
  if (!owned) {
    await ownersOf(store).give(claim.owner, paths);
    return false;
  }
  await removeOwnClaim(store, claim);
  return true;
}

/** What is known of an attempt whose process has died. */
export interface HowDied extends Pick<Ending, "lack" | "spec"> {
  /**
   * What its end counts as.
   *
   * @default {"crashed"}
   */
  readonly kind?: Death["kind"] | undefined;
}

/**
 * Declares the process behind a claim dead, and ends the attempt: as `crashed`, unless its result is stored
 * or the process itself has said what became of it. Harmless when somebody else was first, or when the
 * attempt had ended by itself meanwhile.
 */
export async function declareDead(
  store: Store,
  paths: ArtifactPaths,
  holder: ClaimRecord,
  why: string,
  { kind = "crashed", ...more }: HowDied = {},
): Promise<void> {
  await declareOwnerDead(store, holder, { kind, why });
  const isStored = async () => await readRecordId(store, paths) === holder.id;
  if (await isStored()) await removeClaim(store, paths, holder);
  else if (await linkEndOfOther(store, paths, holder, { kind, error: why, ...more })) {
    const removed = await removeClaim(store, paths, holder);
    // It had ended by itself, or its record came just before it was declared dead.
    if (!removed || await isStored()) await removeIfThere(store.machine, endPath(paths, holder));
  }
  await removeHome(store, paths, await isStored());
  await removeOwner(store, holder);
}

/** Removes a claim whose attempt has ended and whose owner did not come back for it. */
export async function removeEndedClaim(
  store: Store,
  paths: ArtifactPaths,
  holder: ClaimRecord,
): Promise<void> {
  await removeClaim(store, paths, holder);
  await removeHome(store, paths, await readRecordId(store, paths) === holder.id);
  await removeOwner(store, holder);
}

/** Gives back a claim under which nothing was begun. */
export async function releaseClaim(store: Store, claim: Claim): Promise<void> {
  await removeOwnClaim(store, claim);
  await removeIfThere(store.machine, claim.paths.home);
}

/** Removes what is not needed after a success: checkpoints, and the artifact's folder where it is empty. */
export async function tidyAfterSuccess(store: Store, paths: ArtifactPaths): Promise<void> {
  if (await store.machine.files.exists(paths.home)) await removeHome(store, paths, true);
}

/** The end of an attempt that another process has begun, with the number that its names tell. */
async function linkEndOfOther(
  store: Store,
  paths: ArtifactPaths,
  holder: ClaimRecord,
  ending: Ending,
): Promise<boolean> {
  const names = (await listOrNothing(store.machine, paths.home)).map(({ name }) => name);
  return await linkEnd(store, paths, holder, attemptNumber(names, holder.id), ending);
}

/** How often a folder is made again that others keep removing as it is empty. */
const MAX_TURNS = 100;

async function linkEnd(
  store: Store,
  paths: ArtifactPaths,
  holder: ClaimRecord,
  attempt: number,
  ending: Ending,
): Promise<boolean> {
  const path = endPath(paths, holder);
  const record = endRecordOf(store.machine, holder, attempt, ending);
  try {
    parseEndRecord(JSON.stringify(record), path);
  } catch (cause) {
    throw new ProtocolError(
      `Cannot end an attempt as furu would refuse the record of it: this is a bug of furu`,
      { cause },
    );
  }
  for (let turn = 1;; turn++) {
    try {
      await store.makeDir(paths.home);
      // Only what failed gets here: what it said, torn by a power cut, could not be told to anybody.
      return await linkJson(store, path, record);
    } catch (error) {
      const isGone = (errorCode(error) ?? errorCode((error as Error).cause)) === "ENOENT";
      if (!isGone || turn > MAX_TURNS) throw error;
    }
  }
}

/**
 * Removes the artifact's folder when nothing is left in it; after a success checkpoints are not needed any
 * more.
 */
async function removeHome(store: Store, paths: ArtifactPaths, succeeded: boolean): Promise<void> {
  const { machine } = store;
  if (await removeIfThere(machine, paths.home) || !succeeded) return;
  const names = await listOrNothing(machine, paths.home);
  const checkpoints = names.filter(({ name }) => parseAttemptName(name)?.kind === "checkpoint");
  for (const { name } of checkpoints) await removeLitter(machine.files, join(paths.home, name));
  if (checkpoints.length > 0) await removeIfThere(machine, paths.home);
}

/** Removes what is not needed any more; what cannot be removed, as it is somebody else's, stays. */
export async function removeLitter(files: Files, path: string): Promise<void> {
  try {
    await files.removeTree(path);
  } catch (error) {
    if (errorCode(error) === undefined) throw error;
  }
}

function endPath(paths: ArtifactPaths, { id }: ClaimRecord): string {
  return attemptPaths(paths, { n: 0, id }).end;
}
