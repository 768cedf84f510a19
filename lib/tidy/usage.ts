import { join } from "@std/path/posix/join";
import type { FoundArtifact } from "../catalog/find_artifacts.ts";
import { isSummedUp, parseSuccessRecord, type SuccessRecord } from "../store/record.ts";
import { indexDir, ownersDir } from "../store/layout.ts";
import { concernsOneArtifact, type Store } from "../store/store.ts";
import { type Belonging, belongings, diskBytes } from "./attempts.ts";

/** How much of something there is. */
export interface Amount {
  /** Its number. */
  count: number;
  /** Bytes that it takes. */
  bytes: number;
}

/** What a task takes. Names of fields are those of `--json`, and stay. */
export interface TaskBytes {
  /** The task's name. */
  readonly name: string;
  /** Artifacts of which there is anything. */
  artifacts: number;
  /** Results: their records and files, and the logs of the attempts that made them. */
  readonly results: Amount;
  /** Attempts that failed: how they ended, logs, files. */
  readonly failures: Amount;
  /** Folders of checkpoints. */
  readonly checkpoints: Amount;
  /** Results that were replaced, or are damaged and were moved away. */
  readonly replaced: Amount;
  /** Anything else. */
  readonly other: Amount;
  /** All of that. */
  bytes: number;
}

/** What a store takes. Names of fields are those of `--json`, and stay. */
export interface StoreUsage {
  /** By task. */
  readonly tasks: TaskBytes[];
  /** Folders of runs on Slurm. */
  readonly runs?: Amount;
  /** Snapshots of code. */
  readonly snapshots?: Amount;
  /** Owner files: processes that compute now, or that died. */
  readonly owners?: Amount;
  /** What lists keep of very many records: it may be removed at any time. */
  readonly index?: Amount;
  /** Private names of whoever writes now or died: `furu gc` removes those of the dead. */
  readonly private?: Amount;
  /** All of that. */
  bytes: number;
}

/** Where what belongs to a result or attempt is counted. */
const PLACES: Readonly<Record<Belonging, "results" | "failures" | "replaced" | "other">> = {
  own: "results",
  failed: "failures",
  replaced: "replaced",
  none: "other",
};

/**
 * Adds up what artifacts take. What a record tells of its files is believed.
 *
 * @param found The artifacts that count.
 * @throws {StoreError} If the store cannot be read.
 */
export async function usageOfTasks(store: Store, found: readonly FoundArtifact[]): Promise<TaskBytes[]> {
  const tasks = new Map<string, TaskBytes>();
  for (const artifact of found) {
    let usage = tasks.get(artifact.name);
    if (!usage) tasks.set(artifact.name, usage = emptyUsage(artifact.name));
    await addArtifact(store, usage, artifact);
  }
  for (const usage of tasks.values()) {
    const { results, failures, checkpoints, replaced, other } = usage;
    usage.bytes = results.bytes + failures.bytes + checkpoints.bytes + replaced.bytes + other.bytes;
  }
  return [...tasks.values()];
}

function emptyUsage(name: string): TaskBytes {
  const none = (): Amount => ({ count: 0, bytes: 0 });
  return {
    name,
    artifacts: 0,
    results: none(),
    failures: none(),
    checkpoints: none(),
    replaced: none(),
    other: none(),
    bytes: 0,
  };
}

async function addArtifact(store: Store, usage: TaskBytes, artifact: FoundArtifact): Promise<void> {
  const { record, home, hasRecord, hasHome } = artifact;
  usage.artifacts++;
  if (hasRecord) {
    usage.results.count++;
    usage.results.bytes += (await store.machine.files.stat(record))?.size ?? 0;
  }
  if (!hasHome) return;
  // Without a folder there are no files: then the record is only measured, not read.
  const own = hasRecord ? await readOwn(store, artifact) : undefined;
  const names = await store.list(home);
  const known = belongings(names.map(({ name }) => name), own?.id);
  const failed = new Set<string>();
  for (const { name } of names) {
    const { belongs = "none", attempt } = known.get(name) ?? {};
    if (attempt?.kind === "checkpoint") {
      usage.checkpoints.count++;
      usage.checkpoints.bytes += await diskBytes(store, join(home, name));
      continue;
    }
    const amount = usage[PLACES[belongs]];
    const isTold = belongs === "own" && attempt?.kind === "files" && own?.bytes !== undefined;
    amount.bytes += isTold ? own!.bytes! : await diskBytes(store, join(home, name));
    if (attempt?.kind === "replaced" || attempt?.kind === "damaged" || belongs === "none") amount.count++;
    if (belongs === "failed" && attempt) failed.add(attempt.id);
  }
  usage.failures.count += failed.size;
}

/** The attempt that a record is of, and bytes of its files. */
async function readOwn(
  store: Store,
  artifact: FoundArtifact,
): Promise<{ id: string; bytes: number | undefined } | undefined> {
  try {
    const text = await store.read(artifact.record);
    if (text === undefined) return undefined;
    const { id, total, sizes, files } = isSummedUp(text)
      ? JSON.parse(text) as SuccessRecord
      : parseSuccessRecord(text, artifact.record, artifact);
    if (!files) return { id, bytes: undefined };
    return { id, bytes: total?.bytes ?? sumOf(sizes) };
  } catch (error) {
    if (error instanceof SyntaxError || concernsOneArtifact(error)) return undefined;
    throw error;
  }
}

function sumOf(sizes: Readonly<Record<string, number>> | undefined): number | undefined {
  return sizes && Object.values(sizes).reduce((sum, size) => sum + size, 0);
}

/**
 * Adds up what a store holds besides artifacts.
 *
 * @throws {StoreError} If the store cannot be read.
 */
export async function usageBesides(
  store: Store,
): Promise<Required<Pick<StoreUsage, "runs" | "snapshots" | "owners" | "index" | "private">>> {
  const { root } = store;
  const hidden = (name: string): boolean => name.startsWith(".");
  const folder = async (dir: string, counts: (name: string) => boolean): Promise<Amount> => {
    const entries = await store.list(dir);
    let bytes = 0;
    for (const { name } of entries) bytes += await diskBytes(store, join(dir, name));
    return { count: entries.filter(({ name }) => counts(name)).length, bytes };
  };
  const left = (await store.list(root)).filter(({ name }) => /^\.(tmp|trash)-/.test(name));
  let bytes = 0;
  for (const { name } of left) bytes += await diskBytes(store, join(root, name));
  return {
    runs: await folder(join(root, "runs"), (name) => !hidden(name)),
    snapshots: await snapshotAmount(store),
    owners: await folder(ownersDir(root), (name) => !hidden(name)),
    index: await folder(indexDir(root), (name) => !hidden(name)),
    private: { count: left.length, bytes },
  };
}

/** Contents that several snapshots share count once. */
async function snapshotAmount(store: Store): Promise<Amount> {
  const { files } = store.machine;
  const seen = new Set<number>();
  const add = async (dir: string): Promise<number> => {
    let bytes = 0;
    for (const { name, isDirectory } of await store.list(dir)) {
      const path = join(dir, name);
      if (isDirectory) {
        bytes += await add(path);
        continue;
      }
      const info = await files.stat(path);
      if (!info?.isFile || seen.has(info.ino)) continue;
      seen.add(info.ino);
      bytes += info.size;
    }
    return bytes;
  };
  const dir = join(store.root, "snapshots");
  const names = (await store.list(dir)).filter(({ name, isDirectory }) =>
    isDirectory && name !== "files" && !name.startsWith(".")
  );
  return { count: names.length, bytes: await add(dir) };
}
