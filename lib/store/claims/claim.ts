import { join } from "@std/path/posix/join";
import { errorCode, StoreError } from "../../core/errors.ts";
import type { FailureKind } from "../../core/event.ts";
import type { Heartbeat, HeartbeatOptions, Machine } from "../../core/system/machine.ts";
import {
  type ArtifactPaths,
  type AttemptKey,
  attemptPaths,
  parseAttemptName,
  privateName,
  privateNameOwner,
} from "../layout.ts";
import { type ClaimRecord, type EndRecord, RECORD_SCHEMA, type SlurmJob } from "../record.ts";
import { NO_LINKS, removeIfThere, type Store, storeError } from "../store.ts";
import { readClaim } from "./read_claim.ts";

/** Who makes a claim, and how it beats. */
export interface ClaimOptions {
  /** Who computes: `get`, `local`, or a Slurm backend. */
  backend: string;
  /** The run that the attempt is of. */
  run?: string | undefined;
  /** The worker that computes. */
  worker?: string | undefined;
  /** The Slurm job that it is computed in. */
  slurm?: SlurmJob | undefined;
  /**
   * Whether user code runs in this process, which may block it: then Ctrl-C has to work all the same.
   *
   * @default {false}
   */
  mayBlock?: boolean | undefined;
  /**
   * Milliseconds until the beating begins, where the claiming process runs no user code.
   *
   * @default {0}
   */
  beatAfterMs?: number | undefined;
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

/** How often a claim begins again when others keep removing the folder under it. */
const MAX_TURNS = 100;

/**
 * Claims an artifact for a new attempt: a file written under a private name, then linked to `running.json`,
 * which is the one exclusive step (ARCHITECTURE, "One attempt").
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
    ...(options.slurm === undefined ? {} : { slurm: options.slurm }),
    startedAt: new Date(machine.clock.now()).toISOString(),
    leaseSec: store.leaseSec,
  };
  const temporary = await store.writePrivate(paths.home, JSON.stringify(record));
  let outcome: Awaited<ReturnType<typeof linkClaim>> | undefined;
  try {
    outcome = await linkClaim(store, paths, temporary, record.id);
  } finally {
    if (outcome !== "ours") await removeIfThere(machine, temporary);
  }
  if (outcome === "held") {
    // Who held it may have ended meanwhile, and left the folder to us since our file was in it.
    await removeIfThere(machine, paths.home).catch(() => {/* an empty folder is no reason to fail */});
  }
  if (outcome !== "ours") return outcome === "held" ? { kind: "held" } : "again";
  const lost = new AbortController();
  const heartbeat = machine.beat({
    path: temporary,
    linked: { path: paths.claim, id: record.id },
    intervalMs: store.heartbeatSec * 1000,
    afterMs: options.beatAfterMs,
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
    text: JSON.stringify(endRecordOf(store.machine, record, ending)),
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

/** How an attempt ended that did not succeed. */
export interface Ending {
  /** What happened. */
  kind: EndRecord["kind"];
  /** What a failed attempt's failure counts as. */
  failure?: FailureKind;
  /** Trying again cannot help. */
  lasting?: true;
  /** The time of its job was up, as was planned: that is no loss that counts. */
  planned?: true;
  /** Why, for people. */
  error: string;
  /** The stack of what was thrown. */
  stack?: string;
}

/** The record of how an attempt ended. */
export function endRecordOf(machine: Machine, claim: ClaimRecord, ending: Ending): EndRecord {
  return {
    schema: RECORD_SCHEMA,
    id: claim.id,
    attempt: claim.attempt,
    kind: ending.kind,
    ...(ending.failure === undefined ? {} : { failure: ending.failure }),
    ...(ending.lasting ? { lasting: true } : {}),
    ...(ending.planned ? { planned: true } : {}),
    // A signal's reason may be anything: a reader would refuse what is no text.
    error: String(ending.error),
    ...(ending.stack === undefined ? {} : { stack: ending.stack }),
    ...(claim.run === undefined ? {} : { run: claim.run }),
    owner: machine.self,
    startedAt: claim.startedAt,
    endedAt: new Date(machine.clock.now()).toISOString(),
  };
}
