import { join } from "@std/path/posix/join";
import { z } from "zod";
import { type Config, configSchema } from "../../core/config.ts";
import { errorCode, StoreError } from "../../core/errors.ts";
import type { Failure } from "../../core/event.ts";
import type { Hash } from "../../core/hash.ts";
import type { Runtime } from "../../run/runtime.ts";
import { snapshotRefSchema, snapshotUrl } from "../../snapshot/manifest.ts";
import type { GitState } from "../../store/results/provenance.ts";
import { ownerSchema, RECORD_SCHEMA } from "../../store/record.ts";
import type { Artifact } from "../../task/artifact/artifact.ts";
import { writePayloads } from "../../worker/protocol/payload_files.ts";
import { runStartSchema } from "../../worker/run_start.ts";
import { type ParsedSpec, slurmSpecSchema } from "../client/spec.ts";

const hash = z.string().regex(/^[0-9a-f]{32}$/) as unknown as z.ZodType<Hash>;

const dagNode = z.object({
  hash,
  /** The task's name. */
  name: z.string(),
  spec: z.string(),
  /** Those of its dependencies that are nodes of the run. */
  dependencies: z.array(hash),
  /** The others: what was stored when the run was planned. */
  stored: z.array(z.object({ hash, name: z.string() })),
  /** How long an attempt may take, in seconds. */
  timeLimitSec: z.number().positive().exactOptional(),
  /** Name of the job that this run submits for it, if nobody else has. */
  jobName: z.string(),
});

const dagRun = z.object({
  schema: z.literal(RECORD_SCHEMA),
  runId: z.string(),
  mode: z.literal("dag"),
  createdAt: z.string(),
  /** Who submits the jobs. */
  submitter: ownerSchema,
  /** The cluster they are submitted to, where that is known. */
  cluster: z.string().exactOptional(),
  versions: z.object({ furu: z.string(), deno: z.string() }),
  /** URL of the module that the run was started with. */
  entry: z.string(),
  /** The snapshot of the code that its jobs import; none where they import what is there. */
  code: snapshotRefSchema.exactOptional(),
  /** What the process that began the run was started with. */
  start: runStartSchema.exactOptional(),
  /** Without a snapshot: versions of packages by what is asked for, as `deno.lock` has them. */
  lock: z.record(z.string(), z.string()).exactOptional(),
  roots: z.array(hash),
  specs: z.record(z.string(), slurmSpecSchema),
  config: configSchema,
  /** Names of tasks that are computed again although they are stored. */
  force: z.union([z.literal("ALL"), z.array(z.string())]),
  git: z.custom<GitState>().nullable(),
  /** How many nodes were looked at, and how many of them were stored. */
  counts: z.object({ nodes: z.int(), cached: z.int() }),
  /** Of which nodes something is stored that is invalid: only a result of this run counts. */
  invalid: z.array(hash),
  /** What could not be read when the run was planned, and how many depend on that: none of them has a job. */
  leftOut: z.object({ failures: z.custom<Failure[]>(Array.isArray), dependents: z.int() }).exactOptional(),
  /** All that was missing, dependencies first. */
  nodes: z.array(dagNode),
});

const dagJobs = z.object({
  schema: z.literal(RECORD_SCHEMA),
  jobs: z.record(
    z.string(),
    z.object({
      jobId: z.string(),
      name: z.string(),
      cluster: z.string().exactOptional(),
      own: z.boolean(),
      foreign: z.boolean(),
    }),
  ),
});

/** A node of a run in DAG mode that was missing when the run began. */
export type DagNode = z.output<typeof dagNode>;

/** What is written down of a run in DAG mode before anything is submitted. It never changes. */
export interface DagRun extends Omit<z.output<typeof dagRun>, "config" | "specs"> {
  /** The resolved configuration. */
  config: Config;
  /** The specs, checked. */
  specs: Record<string, ParsedSpec>;
}

/** The job that computes a node. */
export interface DagJob {
  /** Its id. */
  jobId: string;
  /** Its unique name. */
  name: string;
  /** The cluster it is on, where that is known. */
  cluster?: string;
  /** Did this run submit it? Else it was found in Slurm already, and is none of ours to cancel. */
  own: boolean;
  /** Is it another user's? Then not seeing it means nothing. */
  foreign: boolean;
}

/** Where everything of a run is. */
export function runDir(root: string, runId: string): string {
  return join(root, "runs", runId);
}

/** Writes a run's folder: `run.json` and all that jobs need to make its artifacts again. */
export async function writeDagRun(
  runtime: Runtime,
  dir: string,
  run: DagRun,
  artifacts: readonly Artifact[],
): Promise<void> {
  await writePayloads(runtime, dir, artifacts, (url) => snapshotUrl(runtime.store.root, run.code, url));
  await runtime.machine.files.write(join(dir, "run.json"), JSON.stringify(run), { sync: true });
}

/**
 * Reads a run's `run.json`.
 *
 * @throws {StoreError} naming the file when it is missing, truncated or foreign.
 */
export async function readDagRun({ machine }: Pick<Runtime, "machine">, dir: string): Promise<DagRun> {
  const path = join(dir, "run.json");
  return await readJson(machine.files, path, dagRun) as DagRun;
}

/** Writes which job computes which node, when all are submitted. */
export async function writeDagJobs(
  { store, machine }: Runtime,
  dir: string,
  jobs: ReadonlyMap<Hash, DagJob>,
): Promise<void> {
  const text = JSON.stringify({ schema: RECORD_SCHEMA, jobs: Object.fromEntries(jobs) });
  // Torn, it would keep everybody from following the run.
  await machine.files.rename(await store.writePrivate(dir, text, { sync: true }), join(dir, "jobs.json"));
}

/** Which job computes which node; `undefined` while they are being submitted, or when the submitter died. */
export async function readDagJobs(
  { machine }: Pick<Runtime, "machine">,
  dir: string,
): Promise<Map<Hash, DagJob> | undefined> {
  const path = join(dir, "jobs.json");
  if (!await machine.files.stat(path)) return undefined;
  const { jobs } = await readJson(machine.files, path, dagJobs);
  return new Map(Object.entries(jobs) as [Hash, DagJob][]);
}

async function readJson<T extends z.ZodType>(
  files: Runtime["machine"]["files"],
  path: string,
  schema: T,
): Promise<z.output<T>> {
  let json: unknown;
  try {
    json = JSON.parse(await files.readText(path));
  } catch (cause) {
    const why = errorCode(cause) === "ENOENT"
      ? "there is no such file"
      : errorCode(cause) ?? "it is truncated or not JSON";
    throw new StoreError(`Cannot read ${path}: ${why}`, { cause });
  }
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  throw new StoreError(
    `Cannot read ${path}: it is damaged, or of another version of furu: ${
      z.prettifyError(parsed.error).replaceAll("\n", " ")
    }`,
    { cause: parsed.error },
  );
}
