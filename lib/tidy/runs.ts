import { join } from "@std/path/posix/join";
import { errorText, StoreError } from "../core/errors.ts";
import { readEnded } from "../pool/ended.ts";
import { type QueuePaths, queuePaths } from "../queue/layout.ts";
import { readRun, readRunHead, type RunRecord } from "../remote/run_record.ts";
import { readQueued } from "../store/claims/queued.ts";
import { progressPath } from "../store/layout.ts";
import { readProgressFile } from "../store/run_progress.ts";
import type { Store } from "../store/store.ts";
import { type Ages, isOfThisHost } from "./ages.ts";
import type { StoreGraph } from "./graph.ts";

/** A run of the store, as far as it matters what may go. */
export interface StoredRun {
  /** Its id. */
  readonly runId: string;
  /** Its folder. */
  readonly dir: string;
  /** Why it may still go on; nothing where it has ended. */
  readonly open?: string | undefined;
  /** When it ended, in milliseconds since 1970, as far as that is known. */
  readonly endedAt: number;
  /** The artifacts that it may load or compute, of one that may go on: hashes. */
  readonly nodes: readonly string[];
  /** A run on some machine tells only which tasks it has: any artifact of these may be one of its nodes. */
  readonly tasks: readonly string[];
  /** Whether it has said what it is: one that has just begun has not. */
  readonly isTold: boolean;
  /** The id of the snapshot of its code. */
  readonly snapshot?: string | undefined;
  /** Why its record cannot be read: what it uses is not known. */
  readonly fault?: string | undefined;
}

/**
 * Whether anything of a pool's run that has not ended is at work, as heartbeats and Slurm say; nothing where
 * it is not.
 */
export type AskRunLife = (run: Extract<RunRecord, { mode: "pool" }>, paths: QueuePaths) => Promise<
  string | undefined
>;

/** A run in DAG mode whose nodes are not all stored may still be submitted for so long. */
const SUBMITTED_MS = 86_400_000;

type RunBase = Pick<StoredRun, "runId" | "dir" | "nodes" | "tasks" | "isTold">;

/** The ids of all runs of a store. */
export async function storedRunIds(store: Store): Promise<string[]> {
  const entries = await store.list(join(store.root, "runs"));
  return entries.filter(({ name, isDirectory }) => isDirectory && !name.startsWith(".")).map(({ name }) =>
    name
  )
    .sort();
}

/**
 * Reads what there is of a run.
 *
 * @param options `graph`: what is stored. `ages`: by the file server's clock. `askLife`: by default a run of
 * a pool that has not ended may go on.
 * @throws {StoreError} If the store cannot be read.
 */
export async function readStoredRun(
  store: Store,
  runId: string,
  { graph, ages, askLife }: { graph: StoreGraph; ages: Ages; askLife?: AskRunLife | undefined },
): Promise<StoredRun> {
  const paths = queuePaths(store.root, runId);
  const base = { runId, dir: paths.run, nodes: [], tasks: [], isTold: true };
  try {
    if (!await store.machine.files.exists(paths.record)) return await withoutRecord(store, base, ages);
    const ended = await readEnded(store, paths);
    if (ended) {
      const { code } = await readRunHead({ store }, paths).catch(() => ({ code: undefined }));
      return { ...base, endedAt: Date.parse(ended.endedAt), snapshot: code?.id };
    }
    const run = await readRun({ store }, paths);
    const hashes = run.mode === "dag"
      ? run.nodes.flatMap(({ hash, stored }) => [hash, ...stored.map((each) => each.hash)])
      : run.nodes.map(({ hash }) => hash);
    const open = run.mode === "pool"
      ? askLife ? await askLife(run, paths) : "it has not ended"
      : await whyOpenDag(store, run, graph);
    return {
      ...base,
      open,
      endedAt: lastChange(run, hashes, graph),
      nodes: open === undefined ? [] : [...new Set([...run.roots, ...hashes])],
      snapshot: run.code?.id,
    };
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    const fault = errorText(error);
    return { ...base, open: fault, fault, endedAt: Infinity };
  }
}

/** A run on some machine, one that is being begun, or what is left of one that was removed. */
async function withoutRecord(store: Store, base: RunBase, ages: Ages): Promise<StoredRun> {
  const { machine, leaseSec } = store;
  const file = await machine.files.stat(progressPath(store.root, base.runId));
  const progress = file && await readProgressFile(store, base.runId);
  if (!progress) {
    const info = await machine.files.stat(base.dir);
    return { ...base, isTold: false, endedAt: info?.mtimeMs ?? Infinity };
  }
  const endedAt = Date.parse(progress.ended?.at ?? progress.at);
  const { owner } = progress;
  const isOver = progress.ended !== undefined || machine.isGone(owner) ||
    !isOfThisHost(owner, machine.self) && ages.isForgotten(file.mtimeMs, leaseSec);
  if (isOver) return { ...base, endedAt };
  return {
    ...base,
    endedAt,
    open: `pid ${owner.pid} on ${owner.host} is at it, and tells only of which tasks`,
    nodes: progress.roots.map(({ hash }) => hash),
    tasks: progress.tasks.map(({ name }) => name),
  };
}

/** A run in DAG mode says nowhere that it has ended: it has when nothing of it is claimed or queued. */
async function whyOpenDag(
  store: Store,
  run: Extract<RunRecord, { mode: "dag" }>,
  { artifacts }: StoreGraph,
): Promise<string | undefined> {
  let missing = 0;
  for (const { hash } of run.nodes) {
    const artifact = artifacts.get(hash);
    if (!artifact?.hasRecord) missing++;
    if (artifact?.hasClaim && artifact.run === run.runId) {
      return `it computes ${artifact.name}(${hash.slice(0, 8)})`;
    }
    if (!artifact?.hasHome) continue;
    const queued = await readQueued(store, store.paths(artifact));
    if (queued?.run === run.runId) return `it has ${artifact.name}(${hash.slice(0, 8)}) queued`;
  }
  const isNew = store.machine.clock.now() - Date.parse(run.createdAt) < SUBMITTED_MS;
  return missing > 0 && isNew ? "its jobs may still be submitted" : undefined;
}

/** What is computed last of a run is its end, as far as is known without a word of it. */
function lastChange(run: RunRecord, hashes: readonly string[], { artifacts }: StoreGraph): number {
  const times = hashes.flatMap((hash) => {
    const artifact = artifacts.get(hash);
    return artifact?.run === run.runId && artifact.at !== undefined ? [Date.parse(artifact.at)] : [];
  });
  return times.reduce((last, at) => Math.max(last, at), Date.parse(run.createdAt));
}
