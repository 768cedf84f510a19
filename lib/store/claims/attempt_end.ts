import { join } from "@std/path/posix/join";
import { errorCode, ProtocolError } from "../../core/errors.ts";
import type { Files } from "../../core/system/files.ts";
import { linkOurs } from "../file_steps.ts";
import { linkJson } from "../json_file.ts";
import { type ArtifactPaths, type AttemptKey, attemptPaths, parseAttemptName } from "../layout.ts";
import { type ClaimRecord, parseEndRecord } from "../record.ts";
import { listOrNothing, removeIfThere, type Store } from "../store.ts";
import { type Claim, type Ending, endRecordOf } from "./claim.ts";
import { removeClaim } from "./remove_claim.ts";

/**
 * Ends an attempt of ours. The one who links the end owns it and removes the claim; so `false` means that we
 * were declared dead meanwhile, and nothing more was touched.
 *
 * @throws {StoreError} If the end cannot be written (a full disk). The claim, whose removal needs no room,
 * is gone all the same: nobody has to wait for a lease.
 */
export async function endAttempt(store: Store, claim: Claim, ending: Ending | "success"): Promise<boolean> {
  const { machine } = store;
  const { paths, attempt } = claim;
  await claim.heartbeat.stop();
  const at = attemptPaths(paths, attempt);
  // What it leaves is for the next attempt, which may be somebody else's.
  if (ending !== "success") {
    for (const left of [at.files, at.checkpoint, at.log]) await store.share(left);
  }
  let owned: boolean;
  try {
    owned = ending === "success"
      ? await linkSuccessEnd(store, paths, at.end)
      : await linkEnd(store, paths, claim.record, ending);
  } catch (error) {
    await removeClaim(store, paths, attempt.id);
    throw error;
  }
  if (!owned) return false;
  const removed = await removeClaim(store, paths, attempt.id);
  if (ending === "success" && removed) await removeIfThere(machine, at.end);
  await removeHome(store, paths, ending === "success");
  return true;
}

/**
 * Ends an attempt whose owner is dead, as `crashed`. Harmless when somebody else was first, or when the
 * attempt had ended by itself meanwhile.
 */
export async function declareDead(
  store: Store,
  paths: ArtifactPaths,
  holder: ClaimRecord,
  why: string,
): Promise<void> {
  const owned = await linkEnd(store, paths, holder, { kind: "crashed", error: why });
  if (!owned) return;
  if (await removeClaim(store, paths, holder.id)) return;
  await removeIfThere(store.machine, endPath(paths, holder));
  await removeIfThere(store.machine, paths.home);
}

/** Ends an attempt that succeeded, and whose owner died before it could: its record is the artifact's. */
export async function declareSucceeded(
  store: Store,
  paths: ArtifactPaths,
  holder: ClaimRecord,
): Promise<void> {
  const end = endPath(paths, holder);
  if (!await linkSuccessEnd(store, paths, end)) return;
  await removeClaim(store, paths, holder.id);
  await removeIfThere(store.machine, end);
  await removeHome(store, paths, true);
}

/** Removes a claim whose attempt has ended and whose owner did not come back for it. */
export async function removeEndedClaim(
  store: Store,
  paths: ArtifactPaths,
  holder: ClaimRecord,
): Promise<void> {
  await removeClaim(store, paths, holder.id);
  await removeIfThere(store.machine, paths.home);
}

/** Gives back a claim under which nothing was begun. */
export async function releaseClaim(store: Store, claim: Claim): Promise<void> {
  await claim.heartbeat.stop();
  await removeClaim(store, claim.paths, claim.attempt.id);
  await removeIfThere(store.machine, claim.paths.home);
}

async function linkEnd(
  store: Store,
  paths: ArtifactPaths,
  holder: ClaimRecord,
  ending: Ending,
): Promise<boolean> {
  const path = endPath(paths, holder);
  const record = endRecordOf(store.machine, holder, ending);
  try {
    parseEndRecord(JSON.stringify(record), path);
  } catch (cause) {
    throw new ProtocolError(
      `Cannot end an attempt as furu would refuse the record of it: this is a bug of furu`,
      { cause },
    );
  }
  try {
    // Only what failed gets here: what it said, torn by a power cut, could not be told to anybody.
    return await linkJson(store, path, record);
  } catch (error) {
    // The folder is gone: so is the claim, and with it this attempt.
    if (errorCode((error as Error).cause) === "ENOENT") return false;
    throw error;
  }
}

/** A success needs no words of its own: its end is one more name of the record. */
async function linkSuccessEnd(store: Store, paths: ArtifactPaths, end: string): Promise<boolean> {
  return await linkOurs(store, paths.record, end);
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

function endPath(paths: ArtifactPaths, { id, attempt: n }: ClaimRecord): string {
  return attemptPaths(paths, { n, id } satisfies AttemptKey).end;
}
