import { join } from "@std/path/posix/join";
import { errorCode, StoreError } from "../../core/errors.ts";
import type { AttemptUse, Shortage } from "../../core/attempt_end.ts";
import type { FailureKind } from "../../core/event.ts";
import type { Machine } from "../../core/system/machine.ts";
import { type ArtifactPaths, type AttemptKey, attemptNumber, privateNameOwner } from "../layout.ts";
import type { ClaimRecord, EndRecord } from "../record.ts";
import { RECORD_SCHEMA } from "../layout.ts";
import { listOrNothing, NO_LINKS, removeIfThere, type Store, storeError } from "../store.ts";
import { type ClaimOptions, type OwnerFile, ownersOf } from "./owner_files.ts";
import { readClaim } from "./read_claim.ts";
import { removeClaim, removeOwnClaim } from "./remove_claim.ts";

/** A held claim: this process owns the attempt until it ends it, or is declared dead. */
export interface Claim {
  /** Which attempt it is. */
  readonly attempt: AttemptKey;
  /** Where everything of the artifact is. */
  readonly paths: ArtifactPaths;
  /** What the claim's file says. */
  readonly record: ClaimRecord;
  /** What it is a link to. */
  readonly owner: OwnerFile;
  /** Aborts, with the reason, when somebody else took the claim away. */
  readonly lost: AbortSignal;
}

/** The claim, or that somebody has it. */
export type ClaimResult = { kind: "claimed"; claim: Claim } | { kind: "held" };

/**
 * Who claims an artifact in order to remove all of it. A claim of a dead one beside no record says that the
 * removal has begun and is to be finished.
 */
export const REMOVER = "rm";
/** Who claims an artifact in order to change something of it. */
export const TIDIER = "tidy";

/** How often a claim begins again when others keep the owner file from being linked. */
const MAX_TURNS = 100;

/**
 * Claims an artifact for a new attempt: links this process's owner file to `<hash>.claim`, which is the one
 * exclusive step (ARCHITECTURE, "One attempt").
 *
 * @throws {StoreError} If the store cannot be written, or its filesystem has no hard links.
 */
export async function tryClaim(
  store: Store,
  paths: ArtifactPaths,
  options: ClaimOptions,
): Promise<ClaimResult> {
  for (let turn = 0; turn < MAX_TURNS; turn++) {
    try {
      const owner = await ownersOf(store).take(paths, options);
      const outcome = await linkClaim(store, paths, owner);
      if (outcome === "ours") return { kind: "claimed", claim: await orGivenBack(store, paths, owner) };
      if (outcome === "held") return { kind: "held" };
    } catch (error) {
      throw storeError("claim", paths.claim, error);
    }
  }
  throw new StoreError(`Cannot claim ${paths.claim}: its owner file could not be linked ${MAX_TURNS} times`);
}

/**
 * The claim of an attempt that another process of this run was to make with an owner file of ours: it is
 * there, or is made now. Nothing when it is somebody else's; then the owner file is given back.
 *
 * @throws {StoreError} If the store cannot be used.
 */
export async function claimWith(
  store: Store,
  paths: ArtifactPaths,
  owner: OwnerFile,
): Promise<Claim | undefined> {
  const holder = await readClaim(store, paths);
  if (holder?.id === owner.record.id) return await orGivenBack(store, paths, owner);
  if (holder || owner.lost.aborted) {
    await ownersOf(store).give(owner, paths);
    return undefined;
  }
  const outcome = await linkClaim(store, paths, owner);
  return outcome === "ours" ? await orGivenBack(store, paths, owner) : undefined;
}

/**
 * The claim of an attempt that is linked already.
 *
 * @param names What is in the artifact's folder.
 */
function heldClaim(
  store: Store,
  paths: ArtifactPaths,
  owner: OwnerFile,
  names: readonly string[],
): Claim {
  const { record } = owner;
  const lost = new AbortController();
  ownersOf(store).watch(owner, paths, (reason) => {
    lost.abort(new StoreError(`Lost the claim ${paths.claim}: ${reason}`));
  });
  return {
    attempt: { n: attemptNumber(names, record.id), id: record.id },
    paths,
    record,
    owner,
    lost: lost.signal,
  };
}

/** Beats for a claim no more, and leaves it: it was lost, or is somebody else's business now. */
export async function letGo(store: Store, { owner, paths }: Claim): Promise<void> {
  await ownersOf(store).give(owner, paths);
}

/** The number of the attempt of a claim, as the names in the artifact's folder tell it: for people. */
export async function numberOfAttempt(
  store: Store,
  paths: ArtifactPaths,
  { id }: ClaimRecord,
): Promise<number> {
  const names = await listOrNothing(store.machine, paths.home);
  return attemptNumber(names.map(({ name }) => name), id);
}

/** A claim whose attempt cannot begin is given back: nothing would end it. */
async function orGivenBack(store: Store, paths: ArtifactPaths, owner: OwnerFile): Promise<Claim> {
  try {
    return await begin(store, paths, owner);
  } catch (error) {
    await removeOwnClaim(store, { paths, owner }).catch(() => {/* it ends with this process */});
    throw error;
  }
}

async function begin(store: Store, paths: ArtifactPaths, owner: OwnerFile): Promise<Claim> {
  const names = (await listOrNothing(store.machine, paths.home)).map(({ name }) => name);
  const claim = heldClaim(store, paths, owner, names);
  if (names.length > 0) await sweep(store, paths, names);
  return claim;
}

/** Links, and after any error reads what is there: the answer to a link that worked can be lost. */
async function linkClaim(
  store: Store,
  paths: ArtifactPaths,
  owner: OwnerFile,
): Promise<"ours" | "held" | "again"> {
  let keep = false;
  try {
    await store.machine.files.link(owner.path, paths.claim);
    keep = true;
    return "ours";
  } catch (error) {
    const holder = await readClaim(store, paths);
    if (holder) {
      keep = holder.id === owner.record.id;
      if (keep) return "ours";
      if (!ownersOf(store).hasLetGo(holder, paths)) return "held";
      await removeClaim(store, paths, holder);
      return "again";
    }
    return await whyNotLinked(store, paths, owner, error);
  } finally {
    if (!keep) await ownersOf(store).give(owner, paths);
  }
}

async function whyNotLinked(
  store: Store,
  { claim, taskDir }: ArtifactPaths,
  owner: OwnerFile,
  error: unknown,
): Promise<"held" | "again"> {
  const code = errorCode(error) ?? "";
  switch (code) {
    case "EEXIST": // and gone again, or not to be seen
      return "held";
    case "ENOENT":
      // The folder is not there yet, or the owner file is not there any more.
      if (!await store.makeDir(taskDir)) ownersOf(store).retire(owner);
      return "again";
    case "EMLINK":
      ownersOf(store).retire(owner);
      return "again";
    case "EXDEV":
      if (ownersOf(store).setApart(taskDir)) return "again";
      throw error;
  }
  if (!NO_LINKS.includes(code)) throw error;
  throw new StoreError(
    `Cannot use ${store.root} as a store: its filesystem has no hard links (${code} on linking ${claim}); ` +
      `set FURU_PATH to a folder on one that has`,
    { cause: error },
  );
}

/**
 * Removes what dead processes left in an artifact's folder under private names: called by the one who has
 * just claimed it. Names of processes that may live (other hosts, no /proc) stay until `gc`.
 */
export async function sweep(store: Store, paths: ArtifactPaths, names: readonly string[]): Promise<void> {
  const { machine } = store;
  for (const name of names) {
    const owner = privateNameOwner(name, machine.self)?.owner;
    if (!owner || !machine.isGone(owner)) continue;
    try {
      await removeIfThere(machine, join(paths.home, name));
    } catch (error) {
      // Litter is no reason to fail an attempt.
      if (errorCode(error) === undefined) throw error;
    }
  }
}

/** How an attempt ended that did not succeed, and what it took. */
export interface Ending extends AttemptUse {
  /** What happened. */
  kind: EndRecord["kind"];
  /** What a failed attempt's failure counts as. */
  failure?: FailureKind;
  /** Trying again cannot help. */
  lasting?: true;
  /** What it had too little of, by the evidence. */
  lack?: Shortage;
  /** The time of its job was up, as was planned: that is no loss that counts. */
  planned?: true;
  /** Why, for people. */
  error: string;
  /** The stack of what was thrown. */
  stack?: string;
  /** The parameters that count, as canonical JSON has them. */
  params?: unknown;
  /** The spec of the attempt. */
  spec?: string;
}

/**
 * The record of how an attempt ended.
 *
 * @param attempt Its number.
 */
export function endRecordOf(
  machine: Machine,
  claim: ClaimRecord,
  attempt: number,
  ending: Ending,
): EndRecord {
  return {
    schema: RECORD_SCHEMA,
    id: claim.id,
    attempt,
    kind: ending.kind,
    ...(ending.failure === undefined ? {} : { failure: ending.failure }),
    ...(ending.lasting ? { lasting: true } : {}),
    ...(ending.lack === undefined ? {} : { lack: ending.lack }),
    ...(ending.planned ? { planned: true } : {}),
    // A signal's reason may be anything: a reader would refuse what is no text.
    error: String(ending.error),
    ...(ending.stack === undefined ? {} : { stack: ending.stack }),
    ...(claim.run === undefined ? {} : { run: claim.run }),
    ...(ending.params === undefined ? {} : { params: ending.params }),
    ...(ending.spec === undefined ? {} : { spec: ending.spec }),
    owner: machine.self,
    startedAt: claim.startedAt,
    endedAt: new Date(machine.clock.now()).toISOString(),
    ...usedOf(ending),
  };
}

/** Without what is not known, which would be no JSON. */
function usedOf({ durationMs, cpuSec, programsCpuSec, peakMemoryBytes }: AttemptUse): KnownUse {
  return {
    ...(durationMs === undefined ? {} : { durationMs }),
    ...(cpuSec === undefined ? {} : { cpuSec }),
    ...(programsCpuSec === undefined ? {} : { programsCpuSec }),
    ...(peakMemoryBytes === undefined ? {} : { peakMemoryBytes }),
  };
}

type KnownUse = Pick<EndRecord, keyof AttemptUse>;
