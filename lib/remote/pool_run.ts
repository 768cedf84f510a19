import { z } from "zod";
import { type Config, configSchema } from "../core/config.ts";
import { StoreError } from "../core/errors.ts";
import { type Hash, isHash } from "../core/hash.ts";
import type { QueuePaths } from "../queue/layout.ts";
import { parseJson } from "../store/json_file.ts";
import { writeJson } from "../store/json_file.ts";
import type { Window } from "../schedule/check_run.ts";
import { snapshotRefSchema } from "../snapshot/manifest.ts";
import type { GitState } from "../store/results/provenance.ts";
import { ownerSchema, RECORD_SCHEMA } from "../store/record.ts";
import type { Store } from "../store/store.ts";
import { ARTIFACT, type Artifact } from "../task/artifact/artifact.ts";
import { specOf, timeLimitOf } from "../task/requirements.ts";
import { runStartSchema } from "../worker/run_start.ts";

const hash = z.string().refine(isHash, "must be 32 hex digits") as unknown as z.ZodType<Hash>;

const poolNode = z.object({
  hash,
  /** The task's name. */
  name: z.string(),
  /** The spec of the workers that may compute it. */
  spec: z.string(),
  /** All that it depends on, also what is stored. */
  dependencies: z.array(hash),
  /** How long an attempt may take, in seconds. */
  timeLimitSec: z.number().positive().exactOptional(),
});

const poolRun = z.object({
  schema: z.literal(RECORD_SCHEMA),
  runId: z.string(),
  mode: z.literal("pool"),
  createdAt: z.string(),
  /** The process that began the run. */
  submitter: ownerSchema,
  versions: z.object({ furu: z.string(), deno: z.string() }),
  /** URL of the module that the run was started with. */
  entry: z.string(),
  /** The snapshot of the code that its workers import; none where they import what is there. */
  code: snapshotRefSchema.exactOptional(),
  /** What the process that began the run was started with. */
  start: runStartSchema.exactOptional(),
  /** Without a snapshot: versions of packages by what is asked for, as `deno.lock` has them. */
  lock: z.record(z.string(), z.string()).exactOptional(),
  roots: z.array(hash),
  /** What the launcher needs to know of the specs, as JSON. */
  specs: z.record(z.string(), z.unknown()),
  config: configSchema,
  /** Names of tasks that are computed again although they are stored. */
  force: z.union([z.literal("ALL"), z.array(z.string())]),
  git: z.custom<GitState>().nullable(),
  /** Is there to be no process of the run but those of its workers? */
  detached: z.boolean(),
  options: z.object({
    /** Most workers at the same time: in all, or for each spec. */
    maxWorkers: z.union([z.int().positive(), z.record(z.string(), z.int().nonnegative())]),
    window: z.union([z.literal("dfs"), z.literal("bfs"), z.int().positive()]) as z.ZodType<Window>,
    idleTimeoutSec: z.number().nonnegative(),
    keepGoing: z.boolean(),
    /** How many tasks a worker computes at the same time. */
    tasksPerWorker: z.int().positive(),
  }),
  /** How many nodes were looked at, and how many of them were stored. */
  counts: z.object({ nodes: z.int(), cached: z.int() }),
  /** Of which nodes something is stored that is invalid: only a result of this run counts. */
  invalid: z.array(hash),
  /** Every artifact that the roots reach. */
  nodes: z.array(poolNode),
});

/** An artifact of a pool's run. */
export type PoolNode = z.output<typeof poolNode>;

/** What a pool's run is: written once, before anything is queued. It never changes. */
export interface PoolRun extends Omit<z.output<typeof poolRun>, "config"> {
  /** The resolved configuration. */
  config: Config;
}

/**
 * Writes what a run is. A run's folder without it is none: the payloads and the queue are made first.
 *
 * @throws {StoreError} when the store cannot be written.
 */
export async function writePoolRun(
  { store }: { store: Store },
  paths: QueuePaths,
  run: PoolRun,
): Promise<void> {
  await writeJson(store, paths.record, run);
}

/**
 * Reads what a run is.
 *
 * @throws {StoreError} naming the file when it is missing, truncated, of another mode or of another version of furu.
 */
export async function readPoolRun({ store }: { store: Store }, paths: QueuePaths): Promise<PoolRun> {
  const refuse = (reason: string): StoreError => new StoreError(`Cannot read ${paths.record}: ${reason}`);
  const text = await store.read(paths.record);
  if (text === undefined) throw refuse("there is no such file");
  const parsed = parseJson(text, poolRun);
  if ("fault" in parsed) {
    throw refuse(`it is damaged, or of another mode or version of furu: ${parsed.fault}`);
  }
  return parsed.value;
}

/**
 * Every artifact that the roots reach, each once, as `run.json` has them: dependencies after those that need them.
 *
 * @throws {ValidationError} when a task's own `spec` or `timeLimit` gives none.
 */
export function poolNodes(roots: Iterable<Artifact>): PoolNode[] {
  const found = new Map<Hash, Artifact>();
  for (const root of roots) found.set(root.hash, root);
  // A Map's iteration goes on over what is added meanwhile.
  for (const artifact of found.values()) {
    for (const below of artifact[ARTIFACT].dependencies) {
      if (!found.has(below.hash)) found.set(below.hash, below);
    }
  }
  return [...found.values()].map((artifact) => {
    const timeLimitSec = timeLimitOf(artifact);
    return {
      hash: artifact.hash,
      name: artifact.name,
      spec: specOf(artifact),
      dependencies: artifact[ARTIFACT].dependencies.map((below) => below.hash),
      ...(timeLimitSec === undefined ? {} : { timeLimitSec }),
    };
  });
}
