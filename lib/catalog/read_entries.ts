import { join } from "@std/path/posix/join";
import { fromCanonical } from "../core/json/canonical.ts";
import { TAG } from "../core/json/tags.ts";
import { errorText } from "../core/errors.ts";
import { type InputPaths, withInputPaths } from "../core/json/input_file.ts";
import { readQueued } from "../store/claims/queued.ts";
import { readClaim } from "../store/claims/read_claim.ts";
import { readEnds } from "../store/results/ends.ts";
import { parseAttemptName } from "../store/layout.ts";
import { parseSuccessRecord, type SuccessRecord } from "../store/record.ts";
import { concernsOneArtifact, type Store } from "../store/store.ts";
import { readPayload } from "../worker/protocol/payload_files.ts";
import type { FoundArtifact } from "./find_artifacts.ts";

/** What a list shows of an artifact. Names of fields are those of `--json`, and stay. */
export interface ArtifactEntry {
  /** Its task's name. */
  readonly name: string;
  /** Its hash. */
  readonly hash: string;
  /**
   * Its state, as far as one look tells: an owner may be dead, a file of the result may be damaged. `TODO`:
   * nothing is stored but what attempts have left. `DAMAGED`: its record cannot be used.
   */
  readonly status: "DONE" | "IN_PROGRESS" | "FAILED" | "TODO" | "DAMAGED";
  /** Its parameters, as canonical JSON has them, where they are known. */
  readonly params?: unknown;
  /** When it was computed, or when its last attempt ended or began. ISO 8601. */
  readonly at?: string | undefined;
  /** Milliseconds that the attempt took, where it has ended. */
  readonly durationMs?: number | undefined;
  /** Bytes of the result: its record and its files. */
  readonly bytes?: number | undefined;
  /** The number of its attempt that succeeded, or of the last one that ended. */
  readonly attempt?: number | undefined;
  /** The run that it was computed in. */
  readonly run?: string | undefined;
  /** The host it was computed on, or is. */
  readonly host?: string | undefined;
  /** The user who computed it, or does. */
  readonly user?: string | undefined;
  /** The spec of the attempt, where a run made it. */
  readonly spec?: string | undefined;
  /** Bytes of memory that its process had at most. */
  readonly peakMemoryBytes?: number | undefined;
  /** Seconds of processor time that the attempt took, programs that it waited for included. */
  readonly cpuSec?: number | undefined;
  /** The seconds among them of those programs; absent where there were none. */
  readonly programsCpuSec?: number | undefined;
  /** How many artifacts that failed it was made without, where there were any. */
  readonly partial?: number | undefined;
  /** Why the last attempt failed, or what is damaged. */
  readonly error?: string | undefined;
  /** The id of the attempt whose result is stored. */
  readonly id?: string | undefined;
  /** The stored value as its record has it, where it is small and the record itself was not read. */
  readonly inline?: { readonly value: unknown } | undefined;
  /** The record, for those who need the rest of it; absent where what is kept of it was enough. */
  readonly record?: SuccessRecord | undefined;
}

/** So many artifacts that are not simply stored are looked at at the same time. */
const AT_ONCE = 16;

/**
 * Reads what lists show of artifacts, in their order. A record is taken as it is: only `furu check` compares
 * checksums of all.
 *
 * @throws {StoreError} If the store cannot be read.
 */
export async function readEntries(
  store: Store,
  found: readonly FoundArtifact[],
): Promise<ArtifactEntry[]> {
  const entries: (ArtifactEntry | undefined)[] = new Array(found.length);
  const order = found.entries();
  const lane = async (): Promise<void> => {
    for (const [index, each] of order) entries[index] = await readEntry(store, each);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
  return entries.flatMap((entry) => entry ?? []);
}

/**
 * Reads what a list shows of an artifact; nothing where nothing is left of it.
 *
 * @throws {StoreError} If the store cannot be read.
 */
export async function readEntry(store: Store, found: FoundArtifact): Promise<ArtifactEntry | undefined> {
  const { name, hash } = found;
  try {
    const text = found.hasRecord ? await store.read(found.record) : undefined;
    return text === undefined ? await unstored(store, found) : stored(found, text);
  } catch (error) {
    if (!concernsOneArtifact(error)) throw error;
    return { name, hash, status: "DAMAGED", error: errorText(error) };
  }
}

function stored(found: FoundArtifact, text: string): ArtifactEntry {
  const { name, hash } = found;
  const record = quickRecord(found, text) ?? parseSuccessRecord(text, found.record, found);
  const { provenance, createdAt, durationMs, attempt, run, sizes, total, identity } = record;
  const files = total?.bytes ?? Object.values(sizes ?? {}).reduce((sum, size) => sum + size, 0);
  return {
    name,
    hash,
    status: "DONE",
    params: withInputPaths(identity.params, inputPathsIn(provenance)),
    at: createdAt,
    durationMs,
    bytes: text.length + files,
    attempt,
    run,
    host: textIn(provenance, "host"),
    user: textIn(provenance, "user"),
    peakMemoryBytes: numberIn(provenance, "peakMemoryBytes"),
    cpuSec: numberIn(provenance, "cpuSec"),
    programsCpuSec: numberIn(provenance, "programsCpuSec"),
    spec: textIn(provenance, "spec"),
    partial: record.partial?.length,
    id: record.id,
    record,
  };
}

/** What ends with a checksum was written to its end. To compute that again takes longer than the rest. */
function quickRecord({ name }: FoundArtifact, text: string): SuccessRecord | undefined {
  if (!text.startsWith(HEAD) || !SUM.test(text.slice(-30))) return undefined;
  try {
    const record = JSON.parse(text) as SuccessRecord;
    return record.identity.task === name ? record : undefined;
  } catch {
    return undefined; // what is wrong is told by the reader of records
  }
}

const HEAD = '{"schema":1,"identity":{';
const SUM = /,"sum":"[0-9a-f]{8}"\}\s*$/;

async function unstored(store: Store, found: FoundArtifact): Promise<ArtifactEntry | undefined> {
  const paths = store.paths(found);
  const { name, hash } = found;
  const [claim, queued, ends] = await Promise.all([
    found.hasClaim ? readClaim(store, paths) : undefined,
    found.hasHome ? readQueued(store, paths) : undefined,
    found.hasHome ? readEnds(store, paths) : [],
  ]);
  const last = ends.at(-1);
  const known = ends.findLast(({ params }) => params !== undefined)?.params ??
    await paramsOfRun(store, hash, claim?.run ?? queued?.run ?? last?.run) ??
    (found.hasHome ? await paramsOfReplaced(store, found) : undefined);
  const base: Omit<ArtifactEntry, "status"> = {
    name,
    hash,
    ...(known === undefined ? {} : { params: known }),
    ...(last === undefined ? {} : { attempt: last.attempt, error: last.error, spec: last.spec }),
  };
  if (claim) {
    const { owner, startedAt, run } = claim;
    const { error: _, ...now } = base;
    return { ...now, status: "IN_PROGRESS", at: startedAt, run, host: owner.host, user: owner.user };
  }
  if (queued) return { ...base, status: "IN_PROGRESS", at: queued.submittedAt, run: queued.run };
  if (!last) return found.hasHome ? { ...base, status: "TODO" } : undefined;
  const { owner, startedAt, endedAt, run, cpuSec, programsCpuSec, peakMemoryBytes } = last;
  // Of one that crashed only the time since its process began to claim is known.
  const { durationMs = Date.parse(endedAt) - Date.parse(startedAt) } = last;
  const took = { durationMs, cpuSec, programsCpuSec, peakMemoryBytes };
  return { ...base, status: "FAILED", at: endedAt, run, host: owner.host, user: owner.user, ...took };
}

/** As a run on Slurm keeps them. They are for people: what cannot be read is left out. */
async function paramsOfRun(store: Store, hash: string, run: string | undefined): Promise<unknown> {
  if (run === undefined) return undefined;
  try {
    const { params, kept } = await readPayload(store, join(store.root, "runs", run), hash);
    return kept ? undefined : JSON.parse(params);
  } catch {
    return undefined;
  }
}

/** A result that was replaced, or invalidated, tells the parameters as well as any other. */
async function paramsOfReplaced(store: Store, { home }: FoundArtifact): Promise<unknown> {
  try {
    for (const { name } of await store.list(home)) {
      if (parseAttemptName(name)?.kind !== "replaced") continue;
      return (JSON.parse(await store.read(join(home, name)) ?? "{}") as Partial<SuccessRecord>).identity
        ?.params;
    }
  } catch {
    // They are for people.
  }
  return undefined;
}

/**
 * Canonical JSON as plain values: dates, maps and the like as they were, artifacts as
 * `{ "$artifact": [name, hash] }`.
 */
export function plainParams(params: unknown): unknown {
  if (params === undefined) return undefined;
  return fromCanonical(params, { artifact: (name, hash) => ({ [TAG.artifact]: [name, hash] }) });
}

/** Where the files and folders in the parameters of a result were, as its record tells. */
export function inputPathsIn({ inputs }: Readonly<Record<string, unknown>>): InputPaths | undefined {
  return typeof inputs === "object" && inputs !== null ? inputs as InputPaths : undefined;
}

function textIn(provenance: Readonly<Record<string, unknown>>, key: string): string | undefined {
  const value = provenance[key];
  return typeof value === "string" ? value : undefined;
}

function numberIn(provenance: Readonly<Record<string, unknown>>, key: string): number | undefined {
  const value = provenance[key];
  return typeof value === "number" ? value : undefined;
}
