import { basename } from "@std/path/posix/basename";
import { dirname } from "@std/path/posix/dirname";
import { z } from "zod";
import { type Config, configSchema } from "../core/config.ts";
import { StoreError } from "../core/errors.ts";
import type { Failure } from "../core/event.ts";
import { type Hash, isHash } from "../core/hash.ts";
import type { Machine } from "../core/system/machine.ts";
import { type QueuePaths, queuePaths } from "../queue/layout.ts";
import type { Window } from "../schedule/check_run.ts";
import { snapshotRefSchema } from "../snapshot/manifest.ts";
import type { GitState } from "../store/results/provenance.ts";
import { readJson, writeJson } from "../store/json_file.ts";
import { ownerSchema } from "../store/record.ts";
import { RECORD_SCHEMA } from "../store/layout.ts";
import { Store } from "../store/store.ts";
import type { RunStart } from "../worker/run_start.ts";

const runStart: z.ZodType<RunStart> = z.object({
  args: z.array(z.string()),
  options: z.array(z.string()),
  packageFolder: z.string().exactOptional(),
});

const hash = z.string().refine(isHash, "must be 32 hex digits") as unknown as z.ZodType<Hash>;

const node = {
  hash,
  /** The task's name. */
  name: z.string(),
  /** The spec of the jobs that may compute it. */
  spec: z.string(),
  /** How long an attempt may take, in seconds. */
  timeLimitSec: z.number().positive().exactOptional(),
  /** The specs to go on with after too little. */
  ladder: z.record(
    z.string(),
    z.object({ memory: z.string().exactOptional(), time: z.string().exactOptional() }),
  ).exactOptional(),
  /** Where a run keeps its spec: those that a later run goes on with after too little. */
  later: z.object({ memory: z.string().exactOptional(), time: z.string().exactOptional() }).exactOptional(),
  /** What attempts of earlier runs had too little of, from `spec` on, a letter each: where it begins. */
  lacked: z.string().exactOptional(),
  /** How often a failure is tried again, where its task says that. */
  retries: z.int().nonnegative().exactOptional(),
  /** Seconds before each retry; the last one counts for all that follow. */
  retryDelaySec: z.array(z.number().nonnegative()).exactOptional(),
  /** Those of its dependencies that may fail for good, where there are any. */
  tolerates: z.array(hash).exactOptional(),
};

const poolNode = z.object({
  ...node,
  /** All that it depends on, also what is stored. */
  dependencies: z.array(hash),
  /** The units of limits that an attempt takes. */
  limits: z.record(z.string(), z.int().positive()).exactOptional(),
  /** What its task says of its turn. */
  priority: z.int().exactOptional(),
});

/** The form of {@link DagNode}. */
export const dagNodeSchema = z.object({
  ...node,
  /** Those of its dependencies that are nodes of the run. */
  dependencies: z.array(hash),
  /** The other dependencies: they were stored when the run was planned. */
  stored: z.array(z.object({ hash, name: z.string() })),
  /** The name of the job that this run submits for it, if nobody else has. */
  jobName: z.string(),
});

/** The fields of a run in either mode. */
const common = {
  schema: z.literal(RECORD_SCHEMA),
  runId: z.string(),
  createdAt: z.string(),
  /** The process that began the run, with its host and user. */
  submitter: ownerSchema,
  /** The cluster that the run's jobs are submitted to. A run without any has none. */
  cluster: z.string().exactOptional(),
  /**
   * Variables of whoever submitted it that say how jobs are submitted (`SBATCH_ACCOUNT`, ...): a process on a
   * node submits with these instead of its own.
   */
  submitEnv: z.record(z.string(), z.string()).exactOptional(),
  versions: z.object({ furu: z.string(), deno: z.string() }),
  /** URL of the module that the run was started with. */
  entry: z.string(),
  /** The snapshot of the code that its jobs import; none where they import what is there. */
  code: snapshotRefSchema.exactOptional(),
  /** The arguments and options of Deno of the process that began the run. */
  start: runStart.exactOptional(),
  /** Without a snapshot: versions of packages by what is asked for, as `deno.lock` has them. */
  lock: z.record(z.string(), z.string()).exactOptional(),
  roots: z.array(hash),
  /** The specs of its jobs as JSON, for their launcher. */
  specs: z.record(z.string(), z.unknown()),
  config: configSchema,
  /** Names of tasks that are computed again although they are stored. */
  force: z.union([z.literal("ALL"), z.array(z.string())]),
  git: z.custom<GitState>().nullable(),
  /** How many nodes were looked at, and how many of them were stored. */
  counts: z.object({ nodes: z.int(), cached: z.int() }),
  /** Nodes of which something invalid is stored: only a result of this run counts. */
  invalid: z.array(hash),
  /** What depends on forced tasks, where that is computed again, too. */
  forcedDependents: z.array(hash).exactOptional(),
  /** Whether somebody is told how it ends: who that is, its user alone may read (`notify.json`). */
  notifies: z.boolean().exactOptional(),
};

const poolOptions = z.object({
  /** Most workers at the same time: in all, or for each spec. */
  maxWorkers: z.union([z.int().positive(), z.record(z.string(), z.int().nonnegative())]),
  window: z.union([z.literal("dfs"), z.literal("bfs"), z.int().positive()]) as z.ZodType<Window>,
  idleTimeoutSec: z.number().nonnegative(),
  keepGoing: z.boolean(),
  /** How many tasks a worker computes at the same time. */
  tasksPerWorker: z.int().positive(),
  /** Priorities of roots by their hashes, where the run has them instead of their tasks. */
  priorities: z.record(z.string(), z.int()).exactOptional(),
  /** Whether some tasks are to begin before others: workers look more often for what has come. */
  turns: z.literal(true).exactOptional(),
});

const poolRun = z.object({
  mode: z.literal("pool"),
  ...common,
  /** Whether no process of the run is left but those of its workers. */
  detached: z.boolean(),
  options: poolOptions,
  /** Every artifact that the roots reach. */
  nodes: z.array(poolNode),
});

const { submitter, cluster, submitEnv, specs, config, notifies } = common;

const takenRun = z.object({
  schema: z.literal(RECORD_SCHEMA),
  /** Of the controller that wrote it. */
  term: z.int().positive(),
  ...{ submitter, cluster, submitEnv, specs, config, notifies },
  options: poolOptions,
});

const dagRun = z.object({
  mode: z.literal("dag"),
  ...common,
  /**
   * Failures of nodes that could not be read when the run was planned, and how many depend on them: none has
   * a job.
   */
  leftOut: z.object({ failures: z.custom<Failure[]>(Array.isArray), dependents: z.int() }).exactOptional(),
  /** All that was missing, dependencies first. */
  nodes: z.array(dagNodeSchema),
});

/** What `run.json` of a pool says: as much as each of its workers needs. */
const poolHead = poolRun.omit({ nodes: true, roots: true });
/** What `nodes.json` of a pool says: it grows with the run, and only its controllers read it. */
const poolBody = poolRun.pick({ schema: true, runId: true, nodes: true, roots: true });

/** What `run.json` of a run in DAG mode says: as much as each of its jobs needs. */
const dagHead = dagRun.omit({ nodes: true, roots: true, leftOut: true });
/** What `nodes.json` of a run in DAG mode says: only who submits, follows or cancels it reads it. */
const dagBody = dagRun.pick({ schema: true, runId: true, nodes: true, roots: true, leftOut: true });

const runRecord = z.discriminatedUnion("mode", [poolHead, dagHead]);

/** An artifact of a pool's run. */
export type PoolNode = z.output<typeof poolNode>;

/** A node of a run in DAG mode that was missing when the run began. */
export type DagNode = z.output<typeof dagNodeSchema>;

/** The record of a run with a pool of workers. */
export interface PoolRun extends Omit<z.output<typeof poolRun>, "config"> {
  /** The resolved configuration. */
  config: Config;
}

/** The record of a run with a pool of workers, without what grows with it: all that its workers read. */
export type PoolHead = Omit<PoolRun, "nodes" | "roots">;

/** The record of a run in DAG mode: one job for each node. */
export interface DagRun extends Omit<z.output<typeof dagRun>, "config"> {
  /** The resolved configuration. */
  config: Config;
}

/** The record of a run in DAG mode, without what grows with it: all that its jobs read. */
export type DagHead = Omit<DagRun, "nodes" | "roots" | "leftOut">;

/**
 * The record of a run, `run.json` and `nodes.json` in its folder: written once, before anything is queued or
 * submitted.
 */
export type RunRecord = PoolRun | DagRun;

/**
 * What counts of a pool's run instead of its record, since a later process has taken the run up with options
 * of its own: `taken.json` in its folder, written by the controller of that term before it does anything.
 */
export interface TakenRun extends Omit<z.output<typeof takenRun>, "schema" | "config"> {
  /** The resolved configuration. */
  config: Config;
}

type RunOf<M extends RunRecord["mode"]> = Extract<RunRecord, { mode: M }>;

/** The part of a runtime that reads. */
interface ReadFrom {
  readonly store: Pick<Store, "read">;
}

/**
 * Writes the record of a run. A folder without it is no run: payloads and queue are made first.
 *
 * @throws {StoreError} If the store cannot be written.
 */
export async function writeRun(
  { store }: { store: Store },
  { record }: Pick<QueuePaths, "record">,
  run: RunRecord,
): Promise<void> {
  const { nodes, roots, leftOut, ...head } = { leftOut: undefined, ...run };
  // First, since a folder with the record is a run.
  await writeJson(store, nodesFile(record), { schema: run.schema, runId: run.runId, roots, leftOut, nodes });
  await writeJson(store, record, head);
}

function nodesFile(record: string): string {
  return `${dirname(record)}/nodes.json`;
}

/**
 * Writes what counts of a run from now on. Only the holder of its role does.
 *
 * @throws {StoreError} If the store cannot be written.
 */
export async function writeTaken(
  { store }: { store: Store },
  { taken }: Pick<QueuePaths, "taken">,
  { term, submitter, cluster, submitEnv, specs, config, notifies, options }: TakenRun,
): Promise<void> {
  const own = { term, submitter, cluster, submitEnv, specs, config, notifies, options };
  await writeJson(store, taken, { schema: RECORD_SCHEMA, ...own });
}

/**
 * Reads the record of a run, as it counts now: of one that was taken up, with what was said then.
 *
 * @param mode The mode that the run must have; either one without it.
 * @throws {StoreError} Naming the file, if it is missing, truncated, of another mode or of another version of
 * furu.
 */
export function readRun(
  from: ReadFrom,
  paths: Pick<QueuePaths, "record" | "taken">,
): Promise<RunRecord>;
/** As above, of the mode that is named. */
export function readRun<M extends RunRecord["mode"]>(
  from: ReadFrom,
  paths: Pick<QueuePaths, "record" | "taken">,
  mode: M,
): Promise<RunOf<M>>;
export async function readRun(
  { store }: ReadFrom,
  { record, taken }: Pick<QueuePaths, "record" | "taken">,
  mode?: RunRecord["mode"],
): Promise<RunRecord> {
  const run = await readForm(store, record, runRecord);
  if (mode !== undefined && run.mode !== mode) throw wrongMode(record, run.mode, mode);
  return run.mode === "dag"
    ? { ...run, ...await readBody(store, record, dagBody) }
    : { ...await asTaken(store, taken, run), ...await readBody(store, record, poolBody) };
}

/**
 * As {@link readRun}, of a run in either mode, without what grows with it.
 *
 * @throws {StoreError} As {@link readRun}.
 */
export async function readRunHead(
  { store }: ReadFrom,
  { record, taken }: Pick<QueuePaths, "record" | "taken">,
): Promise<PoolHead | DagHead> {
  const run = await readForm(store, record, runRecord);
  return run.mode === "dag" ? run : await asTaken(store, taken, run);
}

/**
 * Reads as much of the record of a pool's run as its workers need.
 *
 * @throws {StoreError} As {@link readRun}.
 */
export async function readPoolHead(
  from: ReadFrom,
  paths: Pick<QueuePaths, "record" | "taken">,
): Promise<PoolHead> {
  const run = await readRunHead(from, paths);
  if (run.mode !== "pool") throw wrongMode(paths.record, run.mode, "pool");
  return run;
}

/**
 * Reads as much of the record of a run in DAG mode as its jobs need.
 *
 * @throws {StoreError} As {@link readRun}.
 */
export async function readDagHead(
  from: ReadFrom,
  paths: Pick<QueuePaths, "record" | "taken">,
): Promise<DagHead> {
  const run = await readRunHead(from, paths);
  if (run.mode !== "dag") throw wrongMode(paths.record, run.mode, "dag");
  return run;
}

/**
 * Reads the rest of a pool's, for a worker that becomes the controller.
 *
 * @throws {StoreError} As {@link readRun}.
 */
export async function wholeRun({ store }: ReadFrom, paths: QueuePaths, head: PoolHead): Promise<PoolRun> {
  return { ...head, ...await readBody(store, paths.record, poolBody) };
}

/** What a later process that has taken the run up said of it counts instead. */
async function asTaken(store: ReadFrom["store"], taken: string, run: PoolHead): Promise<PoolHead> {
  const later = await readJson(store, taken, takenRun);
  if (later === undefined) return run;
  if ("fault" in later) throw unreadable(taken, later);
  const { schema: _, term: __, ...own } = later.value;
  // Fields that the later one lacks are none of the earlier one's.
  const { cluster: ___, submitEnv: ____, notifies: _____, ...rest } = run;
  return { ...rest, ...own };
}

async function readBody<T extends { schema: number; runId: string }>(
  store: ReadFrom["store"],
  record: string,
  form: z.ZodType<T>,
): Promise<Omit<T, "schema" | "runId">> {
  const { schema: _, runId: __, ...body } = await readForm(store, nodesFile(record), form);
  return body;
}

async function readForm<T>(store: ReadFrom["store"], path: string, form: z.ZodType<T>): Promise<T> {
  const parsed = await readJson(store, path, form) ?? { fault: "there is no such file", cause: undefined };
  if ("value" in parsed) return parsed.value;
  throw unreadable(path, parsed);
}

function unreadable(path: string, { fault, cause }: { fault: string; cause?: unknown }): StoreError {
  return new StoreError(`Cannot read ${path}: ${fault}`, { cause });
}

function wrongMode(record: string, is: RunRecord["mode"], wanted: RunRecord["mode"]): StoreError {
  return new StoreError(`Cannot read ${record}: it is of a run in mode '${is}', not '${wanted}'`);
}

/**
 * Reads as much of a pool's run as its workers need, in a process that has no configuration yet.
 *
 * @param machine Where the folder is.
 * @param dir The run's folder, `runs/<run id>` of a store.
 * @throws {StoreError} As {@link readRun}.
 */
export async function readPoolHeadAt(
  machine: Machine,
  dir: string,
): Promise<{ paths: QueuePaths; run: PoolHead }> {
  const { paths, store } = placeOf(machine, dir);
  return { paths, run: await readPoolHead({ store }, paths) };
}

/** Where the run of a folder is, for a process that has no configuration yet. */
export function placeOf(machine: Machine, dir: string): { paths: QueuePaths; store: Store } {
  const root = dirname(dirname(dir));
  // Nothing is claimed by this store: its times do not matter.
  return {
    paths: queuePaths(root, basename(dir)),
    store: new Store(machine, { root, leaseSec: 120, heartbeatSec: 40 }),
  };
}
