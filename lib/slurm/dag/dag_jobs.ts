import { join } from "@std/path/posix/join";
import { z } from "zod";
import { SlurmError, StoreError } from "../../core/errors.ts";
import type { Hash } from "../../core/hash.ts";
import type { Machine } from "../../core/system/machine.ts";
import type { QueuePaths } from "../../queue/layout.ts";
import type { DagRun } from "../../remote/run_record.ts";
import type { Runtime } from "../../run/runtime.ts";
import { readJson, writeJson } from "../../store/json_file.ts";
import { RECORD_SCHEMA } from "../../store/record.ts";
import type { JobRef, JobWatch } from "../jobs/job_watch.ts";
import type { FoundRun } from "../run/find_run.ts";

/** The longest time for which a run is waited for that is still being submitted. */
const SUBMITTING_MS = 120_000;

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

/** The job that computes a node. */
export interface DagJob {
  /** Its id. */
  jobId: string;
  /** Its unique name. */
  name: string;
  /** The cluster it is on, where that is known. */
  cluster?: string;
  /** Whether this run submitted it. Another run's job is not ours to cancel. */
  own: boolean;
  /** Whether it is another user's: then not seeing it means nothing. */
  foreign: boolean;
}

/** The jobs of a run by the hashes of their nodes. */
export type DagJobs = ReadonlyMap<Hash, DagJob>;

/** A run in DAG mode that was submitted before, perhaps by another process. */
interface OpenedRun extends FoundRun<DagRun> {
  /** Its store. */
  runtime: Runtime;
}

/**
 * Writes which job computes which node, when all are submitted.
 *
 * @throws {StoreError} If the store cannot be written.
 */
export async function writeDagJobs({ store }: Runtime, paths: QueuePaths, jobs: DagJobs): Promise<void> {
  await writeJson(store, jobsPath(paths), { schema: RECORD_SCHEMA, jobs: Object.fromEntries(jobs) });
}

/**
 * Reads which job computes which node.
 *
 * @returns `undefined` while they are being submitted, or if the submitter died.
 * @throws {StoreError} Naming the file, if it is damaged.
 */
export async function readDagJobs(
  { store }: Pick<Runtime, "store">,
  paths: QueuePaths,
): Promise<Map<Hash, DagJob> | undefined> {
  const path = jobsPath(paths);
  const parsed = await readJson(store, path, dagJobs);
  if (parsed === undefined) return undefined;
  if ("fault" in parsed) {
    throw new StoreError(`Cannot read ${path}: ${parsed.fault}`, { cause: parsed.cause });
  }
  return new Map(Object.entries(parsed.value.jobs) as [Hash, DagJob][]);
}

/**
 * Finds the jobs of a run: as its submitter wrote them down or, where it died before, as far as Slurm lists
 * their names. A run that is still being submitted is waited for, up to two minutes.
 *
 * @throws {SlurmError} If only Slurm can tell, and does not.
 * @throws The signal's reason when it aborts.
 */
export async function findJobs(
  opened: OpenedRun,
  watch: JobWatch,
  signal?: AbortSignal,
): Promise<Map<Hash, DagJob>> {
  const { runtime, run, paths } = opened;
  const { machine } = runtime;
  const begun = machine.clock.monotonic();
  for (let said = false;;) {
    const written = await readDagJobs(runtime, paths);
    if (written) return new Map([...written].map(([hash, job]) => [hash, seenFromHere(opened, job)]));
    const waitedMs = machine.clock.monotonic() - begun;
    if (machine.isGone(run.submitter)) break;
    if (waitedMs > SUBMITTING_MS) {
      const { pid, host } = run.submitter;
      runtime.logger.warn(
        `run ${run.runId} is still being submitted, by pid ${pid} on ${host} as far as can be told: what ` +
          `that submits from now on is not seen here`,
      );
      break;
    }
    if (!said && waitedMs > 1000) {
      said = true;
      runtime.logger.info(
        `run ${run.runId} is still being submitted, as far as can be told: waiting for that`,
      );
    }
    await machine.clock.sleep(500, signal);
  }
  const jobs = new Map<Hash, DagJob>();
  const { cluster, nodes } = run;
  const named = new Map(nodes.map(({ jobName, hash }) => [jobName, hash]));
  const { submitter } = run;
  const found = await Promise.all(
    [...named.keys()].map(async (name) => ({
      name,
      ...await watch.state({ name, cluster, submitter }, { signal }),
    })),
  );
  // No answer is not an answer that there are none: those in Slurm would be left alone, and said to be
  // cancelled.
  if (found.some(({ evidence }) => evidence === "nothing")) {
    throw new SlurmError(
      `Cannot tell which jobs run ${run.runId} has in Slurm as squeue does not answer, and its ` +
        `submitter has not written them down: try again later`,
    );
  }
  for (const { name, jobId } of found) {
    if (jobId === undefined) continue;
    const job = { jobId, name, ...(cluster === undefined ? {} : { cluster }), own: true, foreign: false };
    jobs.set(named.get(name)!, seenFromHere(opened, job));
  }
  return jobs;
}

/**
 * Tells whether jobs may still be submitted for a run: not if its submitter is gone, or has written all of
 * them down. A submitter on another machine, of which nothing can be known, is believed for as long as
 * anything may stand still (`staleAfterSec`).
 */
export function submittingWatch({ runtime, run, paths }: OpenedRun): () => Promise<boolean> {
  const { machine, config } = runtime;
  const begun = machine.clock.monotonic();
  return async () => {
    if (machine.isGone(run.submitter)) return false;
    const isStale = machine.clock.monotonic() - begun > config.staleAfterSec * 1000;
    if (isStale && run.submitter.host !== machine.self.host) return false;
    return await readDagJobs(runtime, paths) === undefined;
  };
}

/**
 * The job of a node that was found in Slurm.
 *
 * @param named The job as its submitter wrote it down.
 * @param found The id that Slurm lists it under, and whether this very run submitted it.
 */
export function adoptedJob(
  { self }: Pick<Machine, "self">,
  { name, cluster, submitter }: JobRef,
  { jobId, own }: { jobId: string; own: boolean },
): DagJob {
  const user = submitter?.user;
  const foreign = user !== undefined && user !== self.user;
  return { jobId, name, ...(cluster === undefined ? {} : { cluster }), own, foreign };
}

/** The folder of Slurm's output of a run's jobs, and of their batch scripts. */
export function nodeLogDir({ config, runId }: Pick<DagRun, "config" | "runId">, spec: string): string {
  return join(config.slurmRoot, "nodes", spec, runId);
}

/** Jobs of another user are not ours to cancel, and not to see them means nothing. */
function seenFromHere({ runtime: { machine }, run }: OpenedRun, job: DagJob): DagJob {
  const { user } = run.submitter;
  return job.own && user !== undefined && user !== machine.self.user ? { ...job, foreign: true } : job;
}

function jobsPath({ run }: QueuePaths): string {
  return join(run, "jobs.json");
}
