import { join } from "@std/path/posix/join";
import { resolveConfig } from "../../core/config.ts";
import { SlurmError, UsageError } from "../../core/errors.ts";
import type { Hash } from "../../core/hash.ts";
import { didYouMean } from "../../core/nearest.ts";
import { systemRuntime } from "../../run/default_runtime.ts";
import type { Runtime } from "../../run/runtime.ts";
import { listOrNothing } from "../../store/store.ts";
import type { JobWatch } from "../jobs/job_watch.ts";
import { type DagJob, type DagRun, readDagJobs, readDagRun, runDir } from "./dag_run.ts";

/** How long a run is waited for that is still being submitted. */
const SUBMITTING_MS = 120_000;

/** A run that was submitted before, perhaps by another process. */
export interface OpenedRun {
  /** Its store. */
  runtime: Runtime;
  /** What was written down of it. */
  run: DagRun;
  /** Its folder. */
  dir: string;
}

/** A run of the store. */
export interface FoundRun extends Pick<OpenedRun, "runtime" | "dir"> {
  /** How it runs. */
  mode: "pool" | "dag";
}

/**
 * Finds a run of the store by its id.
 *
 * @throws {UsageError} for one that is not there, with the nearest one.
 */
export async function findRun(runId: string): Promise<FoundRun> {
  const config = resolveConfig();
  const runtime = systemRuntime(config);
  const { machine, store } = runtime;
  const all = (await listOrNothing(machine, join(store.root, "runs"))).map(({ name }) => name).sort();
  if (!all.includes(runId)) {
    const latest = all.slice(-3).join(", ");
    throw new UsageError(
      `Cannot find run '${runId}' in ${join(store.root, "runs")}${didYouMean(runId, all)}${
        latest === "" ? ": there are none" : `: the latest are ${latest}`
      }`,
    );
  }
  const dir = runDir(store.root, runId);
  return { runtime, dir, mode: modeOf(await store.read(join(dir, "run.json"))) };
}

/** What is damaged is reported by whoever reads all of it. */
function modeOf(text = ""): FoundRun["mode"] {
  try {
    return JSON.parse(text).mode === "pool" ? "pool" : "dag";
  } catch {
    return "dag";
  }
}

/** Reads a run in DAG mode. @throws {StoreError} for a damaged one. */
export async function openRun({ runtime, dir }: Pick<FoundRun, "runtime" | "dir">): Promise<OpenedRun> {
  return { runtime, run: await readDagRun(runtime, dir), dir };
}

/**
 * The jobs of a run: as its submitter wrote them down or, where it died before, as far as Slurm lists their names. One
 * that is still being submitted is waited for, up to two minutes.
 *
 * @throws {SlurmError} when only Slurm can tell, and does not. The signal's reason when it aborts.
 */
export async function findJobs(
  opened: OpenedRun,
  watch: JobWatch,
  signal?: AbortSignal,
): Promise<Map<Hash, DagJob>> {
  const { runtime, run, dir } = opened;
  const { machine } = runtime;
  const begun = machine.clock.monotonic();
  for (let said = false;;) {
    const written = await readDagJobs(runtime, dir);
    if (written) return new Map([...written].map(([hash, job]) => [hash, seenFromHere(opened, job)]));
    const waitedMs = machine.clock.monotonic() - begun;
    if (machine.isGone(run.submitter)) break;
    if (waitedMs > SUBMITTING_MS) {
      const { pid, host } = run.submitter;
      runtime.logger.warn(
        `run ${run.runId} is still being submitted, by pid ${pid} on ${host} as far as can be told: what that submits ` +
          `from now on is not seen here`,
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
  const found = await Promise.all(
    [...named.keys()].map(async (name) => {
      const ref = { name, cluster, submitter: run.submitter };
      return { name, ...await watch.state(ref, { signal }) };
    }),
  );
  // No answer is not an answer that there are none: those in Slurm would be left alone, and said to be cancelled.
  if (found.some(({ evidence }) => evidence === "nothing")) {
    throw new SlurmError(
      `Cannot tell which jobs run ${run.runId} has in Slurm as squeue does not answer, and its submitter has not ` +
        `written them down: try again later`,
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
 * Tells whether jobs may still be submitted for a run: not when its submitter is gone, or has written all of them down. One on
 * another machine, of which nothing can be known, is believed for as long as anything may stand still (`staleAfterSec`).
 */
export function submittingWatch({ runtime, run, dir }: OpenedRun): () => Promise<boolean> {
  const { machine, config } = runtime;
  const begun = machine.clock.monotonic();
  return async () => {
    if (machine.isGone(run.submitter)) return false;
    const isStale = machine.clock.monotonic() - begun > config.staleAfterSec * 1000;
    if (isStale && run.submitter.host !== machine.self.host) return false;
    return await readDagJobs(runtime, dir) === undefined;
  };
}

/** Those of another user are none of ours to cancel, and not to see them means nothing. */
function seenFromHere({ runtime: { machine }, run }: OpenedRun, job: DagJob): DagJob {
  const { user } = run.submitter;
  return job.own && user !== undefined && user !== machine.self.user ? { ...job, foreign: true } : job;
}
