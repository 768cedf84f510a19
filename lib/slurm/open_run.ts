import { join } from "@std/path/join";
import { resolveConfig } from "../core/config.ts";
import { UsageError } from "../core/errors.ts";
import type { Hash } from "../core/hash.ts";
import { didYouMean } from "../core/nearest.ts";
import { systemRuntime } from "../run/default_runtime.ts";
import type { Runtime } from "../run/runtime.ts";
import { listOrNothing } from "../store/store.ts";
import type { SlurmClient } from "./client.ts";
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

/**
 * Finds a run of the store by its id.
 *
 * @throws {UsageError} for one that is not there, with the nearest one. {@link StoreError} for a damaged one.
 */
export async function openRun(runId: string): Promise<OpenedRun> {
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
  return { runtime, run: await readDagRun(runtime, dir), dir };
}

/**
 * The jobs of a run: as its submitter wrote them down or, where it died before, as far as Slurm lists their names. One
 * that is still being submitted is waited for, up to two minutes.
 */
export async function findJobs(
  { runtime, run, dir }: OpenedRun,
  client: SlurmClient,
  { wait, signal }: { wait: boolean; signal?: AbortSignal },
): Promise<Map<Hash, DagJob>> {
  const { machine } = runtime;
  const limit = machine.clock.monotonic() + SUBMITTING_MS;
  for (;;) {
    const written = await readDagJobs(runtime, dir);
    if (written) return written;
    if (!wait || machine.isGone(run.submitter) || machine.clock.monotonic() > limit) break;
    await machine.clock.sleep(500, signal);
  }
  const jobs = new Map<Hash, DagJob>();
  const listed = new Map((await client.list(signal))?.jobs.map((job) => [job.name, job]));
  for (const { hash, jobName } of run.nodes) {
    const job = listed.get(jobName);
    if (job) jobs.set(hash, { jobId: job.jobId, name: jobName, own: true, foreign: false });
  }
  return jobs;
}
