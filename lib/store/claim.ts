import { errorCode, StoreError } from "../core/errors.ts";
import type { Heartbeat, HeartbeatOptions } from "../core/machine.ts";
import { endRecordText } from "./end_record.ts";
import type { ArtifactPaths, AttemptKey } from "./layout.ts";
import { attemptPaths, parseAttemptName, privateName } from "./layout.ts";
import { type ClaimRecord, parseClaimRecord, RECORD_SCHEMA } from "./record.ts";
import { listOrNothing, removeIfThere, type Store, storeError } from "./store.ts";
import { sweep } from "./sweep.ts";

/** What a claim says of who makes it. */
export interface ClaimOptions {
  /** Who computes: `get`, `local`, or a Slurm backend. */
  backend: string;
  /** The run that the attempt is of. */
  run?: string;
  /** The worker that computes. */
  worker?: string;
  /** Does user code run in this process, which may block it? Then Ctrl-C has to work all the same. @default false */
  mayBlock?: boolean;
  /** Milliseconds until the beating begins, where the claiming process runs no user code. @default 0 */
  beatAfterMs?: number;
}

/** A held claim: this process owns the attempt until it ends it, or is declared dead. */
export interface Claim {
  /** Which attempt it is. */
  readonly attempt: AttemptKey;
  /** Where everything of the artifact is. */
  readonly paths: ArtifactPaths;
  /** What the claim's file says. */
  readonly record: ClaimRecord;
  /** The claim's signs of life. */
  readonly heartbeat: Heartbeat;
  /** Aborts, with the reason, when somebody else took the claim away. */
  readonly lost: AbortSignal;
}

/** The claim, or that somebody has it. */
export type ClaimResult = { kind: "claimed"; claim: Claim } | { kind: "held" };

/** Codes with which a filesystem says that it has no hard links. */
const NO_LINKS = ["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS"];

/** How often a claim begins again when others keep removing the folder under it. */
const MAX_TURNS = 100;

/**
 * Claims an artifact for a new attempt: a file written under a private name, then linked to `running.json`, which
 * is the one exclusive step (DESIGN section 4).
 *
 * @throws {StoreError} when the store cannot be written, or its filesystem has no hard links.
 */
export async function tryClaim(
  store: Store,
  paths: ArtifactPaths,
  options: ClaimOptions,
): Promise<ClaimResult> {
  for (let turn = 0; turn < MAX_TURNS; turn++) {
    try {
      const result = await claimOnce(store, paths, options);
      if (result !== "again") return result;
    } catch (error) {
      // ENOENT: another process just removed the empty folder.
      if (errorCode(error) !== "ENOENT") throw storeError("claim", paths.claim, error);
    }
  }
  throw new StoreError(`Cannot claim ${paths.claim}: its folder kept being removed ${MAX_TURNS} times`);
}

async function claimOnce(
  store: Store,
  paths: ArtifactPaths,
  options: ClaimOptions,
): Promise<ClaimResult | "again"> {
  const { machine } = store;
  const fresh = await store.makeDir(paths.home);
  const names = fresh ? [] : (await machine.files.list(paths.home)).map((entry) => entry.name);
  if (names.includes("running.json")) return { kind: "held" };
  const n = 1 + Math.max(0, ...names.map((name) => parseAttemptName(name)?.n ?? 0));
  const record: ClaimRecord = {
    schema: RECORD_SCHEMA,
    id: machine.randomId(),
    attempt: n,
    owner: machine.self,
    backend: options.backend,
    ...(options.run === undefined ? {} : { run: options.run }),
    ...(options.worker === undefined ? {} : { worker: options.worker }),
    startedAt: new Date(machine.clock.now()).toISOString(),
    leaseSec: store.leaseSec,
  };
  const temporary = await store.writePrivate(paths.home, JSON.stringify(record));
  const outcome = await linkClaim(store, paths, temporary, record.id);
  if (outcome !== "ours") {
    await removeIfThere(machine, temporary);
    return outcome === "held" ? { kind: "held" } : "again";
  }
  const lost = new AbortController();
  const heartbeat = machine.beat({
    path: temporary,
    intervalMs: store.heartbeatSec * 1000,
    ...(options.beatAfterMs === undefined ? {} : { afterMs: options.beatAfterMs }),
    ...(options.mayBlock ? { lastWords: lastWords(store, paths, record) } : {}),
    onLost: (reason) => lost.abort(new StoreError(`Lost the claim ${paths.claim}: ${reason}`)),
  });
  if (names.length > 0) await sweep(store, paths, names);
  return {
    kind: "claimed",
    claim: { attempt: { n, id: record.id }, paths, record, heartbeat, lost: lost.signal },
  };
}

/** How the attempt ends when this process is told to stop and is blocked. */
function lastWords(
  store: Store,
  paths: ArtifactPaths,
  record: ClaimRecord,
): NonNullable<HeartbeatOptions["lastWords"]> {
  const { id, attempt: n } = record;
  const ending = {
    kind: "preempted",
    error: "stopped by a signal while create blocked its process",
  } as const;
  return {
    path: attemptPaths(paths, { n, id }).end,
    temporary: privateName(paths.home, "tmp", store.machine),
    text: endRecordText(store.machine, record, ending),
  };
}

/** Links, and after any error reads what is there: the answer to a link that worked can be lost. */
async function linkClaim(
  store: Store,
  paths: ArtifactPaths,
  temporary: string,
  id: string,
): Promise<"ours" | "held" | "again"> {
  try {
    await store.machine.files.link(temporary, paths.claim);
    return "ours";
  } catch (error) {
    const holder = await readClaim(store, paths);
    if (holder) return holder.id === id ? "ours" : "held";
    const code = errorCode(error) ?? "";
    if (NO_LINKS.includes(code)) {
      throw new StoreError(
        `Cannot use ${store.root} as a store: its filesystem has no hard links (${code} on linking ${paths.claim}); ` +
          `set FURU_PATH to a folder on one that has`,
        { cause: error },
      );
    }
    if (code === "EEXIST" || code === "ENOENT") return "again";
    throw error;
  }
}

/**
 * Reads who holds an artifact. A claim that is torn (a power cut) gets an id of its own, so that the lease decides
 * about it as about any other.
 */
export async function readClaim(store: Store, paths: ArtifactPaths): Promise<ClaimRecord | undefined> {
  return await readClaimFile(store, paths.claim);
}

/** Reads a claim under any name; `undefined` where there is none. */
export async function readClaimFile(store: Store, path: string): Promise<ClaimRecord | undefined> {
  const { files } = store.machine;
  let text: string;
  try {
    text = await files.readText(path);
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    throw storeError("read", path, error);
  }
  try {
    return parseClaimRecord(text, path);
  } catch (error) {
    if (isCompleteJson(text)) throw error;
    const info = await files.stat(path);
    if (!info) return undefined;
    return {
      schema: RECORD_SCHEMA,
      id: `torn${info.ino}`,
      attempt: 1,
      owner: { host: "unknown", pid: 0 },
      backend: "unknown",
      startedAt: new Date(info.mtimeMs).toISOString(),
      leaseSec: store.leaseSec,
    };
  }
}

/**
 * Removes a claim: renames it to a name of our own, reads it, and puts it back when it is not the one that was meant
 * and has not ended. Returns whether the one that was meant was there.
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
  const found = await readClaimFile(store, trash);
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
      // Somebody else's file may not be linked on some systems (protected_hardlinks); EEXIST: taken meanwhile.
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

/** Has the attempt of this claim ended? */
export async function hasEnded(store: Store, paths: ArtifactPaths, claim: ClaimRecord): Promise<boolean> {
  const suffix = `-${claim.id}.json`;
  const names = await listOrNothing(store.machine, paths.home);
  return names.some(({ name }) => name.endsWith(suffix));
}

function isCompleteJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
