import { errorCode } from "../core/errors.ts";
import { tryMove } from "../store/file_steps.ts";
import { acquireClaim, type Acquired } from "../store/claims/acquire_claim.ts";
import { declareDead, releaseClaim } from "../store/claims/attempt_end.ts";
import { type Claim, REMOVER, type TIDIER } from "../store/claims/claim.ts";
import { describeOwner } from "../store/claims/liveness.ts";
import { readClaim } from "../store/claims/read_claim.ts";
import { readRecordId } from "../store/read_record.ts";
import { type ArtifactKey, type ArtifactPaths, type AttemptKey, attemptPaths } from "../store/layout.ts";
import { type Store, storeError } from "../store/store.ts";
import { lookAtClaim } from "./ages.ts";
import { makeWritable } from "./remove_tree.ts";
import { liveQueued, type TidyContext } from "./in_use.ts";

/** Milliseconds after which an ended claim is anybody's. */
const ENDED_MS = 1100;

/** What was done, or why nothing was. */
export type Held<T> = { readonly kind: "done"; readonly value: T } | {
  readonly kind: "kept";
  readonly why: string;
};

/** An artifact that is claimed; on a disk that is full, without a claim. */
export type HeldArtifact = Pick<Claim, "paths"> & { readonly claim: Claim | undefined };

/**
 * Does something with an artifact that nobody else computes meanwhile: it is claimed, as by an attempt. A
 * claim of a dead owner is settled first; one that may live is left alone.
 *
 * @param change What to do. A removal on a disk so full that no owner file can be written does it without a
 * claim: it takes away only what it has seen there, which no attempt that begins meanwhile uses.
 * @throws {StoreError} If the store cannot be used.
 */
export async function withClaim<T>(
  context: TidyContext,
  key: ArtifactKey,
  backend: typeof REMOVER | typeof TIDIER,
  change: (held: HeldArtifact) => Promise<Held<T>>,
): Promise<Held<T>> {
  const { store, ages } = context;
  const paths = store.paths(key);
  let acquired: Acquired | undefined;
  try {
    if (await readClaim(store, paths)) {
      const look = await lookAtClaim(store, paths, ages);
      if (look.state === "dead") await declareDead(store, paths, look.holder, look.why, { kind: look.kind });
    }
    acquired = await acquireClaim(store, paths, { backend });
    if (acquired.kind === "held" && acquired.look.state === "ended") {
      await store.machine.clock.sleep(ENDED_MS);
      acquired = await acquireClaim(store, paths, { backend });
    }
  } catch (error) {
    if (backend !== REMOVER || !isFull(error) || await readClaim(store, paths)) throw error;
  }
  if (acquired?.kind === "held") {
    const { look } = acquired;
    const why = look.state === "unknown" ? look.why : `computed by ${describeOwner(look.holder)}`;
    return { kind: "kept", why };
  }
  const claim = acquired?.claim;
  const giveBack = async (): Promise<void> => {
    if (claim) await releaseClaim(store, claim);
    else await store.remove(paths.home);
  };
  let outcome: Held<T>;
  try {
    const job = await liveQueued(context, key);
    outcome = job
      ? { kind: "kept", why: `Slurm job ${job.jobId ?? job.name} is queued for it` }
      : await change({ paths, claim });
  } catch (error) {
    await giveBack().catch(() => {/* that it failed counts; the claim ends with this process */});
    throw error;
  }
  await giveBack().catch((error) => {
    throw storeError("release", paths.claim, error);
  });
  return outcome;
}

/**
 * Takes the record of a result away from its name, by one rename, so that it is computed again: its files
 * stay.
 *
 * @param how Its new name. `replaced`: a good one, under its own attempt's. `damaged`: one that cannot be
 * used, under that of the attempt that found it.
 * @returns Whether it was there.
 * @throws {StoreError} If it cannot be moved.
 */
export async function setRecordAside(
  store: Store,
  paths: ArtifactPaths,
  how: AttemptKey & { kind: "damaged" | "replaced" },
): Promise<boolean> {
  const to = attemptPaths(paths, how)[how.kind];
  // Somebody may remove the folder, as it is empty, before it is not.
  for (let turn = 1;; turn++) {
    await store.makeDir(paths.home);
    const move = await tryMove(store, paths.record, to);
    if (move !== "no folder") return move === "moved";
    if (turn === 3) {
      throw storeError("move", paths.record, new Deno.errors.NotFound(`There is no ${paths.home}`));
    }
  }
}

/** Whether what is stored is still the result that was looked at. */
export async function isSameRecord(
  store: Store,
  key: ArtifactKey,
  recordId: string | undefined,
): Promise<boolean> {
  return recordId === undefined || await readRecordId(store, store.paths(key)) === recordId;
}

/**
 * Sees whether names in a folder may be taken away from it.
 *
 * @throws {StoreError} If not: it is somebody else's.
 */
export async function probeFolder(store: Store, dir: string): Promise<void> {
  for (let turn = 1;; turn++) {
    try {
      await store.remove(await store.writePrivate(dir, ""));
      return;
    } catch (error) {
      if (isFull(error)) return;
      if (turn === 1 && await makeWritable(store, dir)) continue;
      throw storeError("remove what is in", dir, error);
    }
  }
}

/** Whether an error says that nothing more can be written: what is removed makes room. */
function isFull(error: unknown): boolean {
  return FULL.includes(errorCode(error) ?? errorCode((error as Error).cause) ?? "");
}

const FULL: readonly string[] = ["ENOSPC", "EDQUOT"];
