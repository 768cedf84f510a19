import { queuePaths } from "../queue/layout.ts";
import { askToStop } from "../queue/requests.ts";
import { removeQueued } from "../store/claims/queued.ts";
import { cancelOwn } from "./dag/dag_cancel.ts";
import { cancelPool } from "./pool/cancel_pool.ts";
import { cancelReason } from "./pool/cancel_reason.ts";
import { readDagJobs } from "./run/dag_run.ts";
import { findJobs, findRun, openRun } from "./run/open_run.ts";
import { JobWatch } from "./jobs/job_watch.ts";
import { systemClient } from "./client/client.ts";

/**
 * Cancels the jobs that a run submitted; one that is being submitted is told to submit no more. Those of other runs that it
 * waits for go on. A run of a pool has ended then, also for workers that were started otherwise.
 *
 * @returns How many jobs were cancelled.
 * @throws {UsageError} for a run that is not there. {@link SlurmError} with scancel's own words.
 */
export async function cancelRun(runId: string): Promise<number> {
  const found = await findRun(runId);
  if (found.mode === "pool") return await cancelPool(found.runtime, runId, systemClient());
  const opened = await openRun(found);
  const { run, runtime } = opened;
  const { store, machine: { self } } = runtime;
  const client = systemClient();
  if (await readDagJobs(runtime, opened.dir) === undefined) {
    await askToStop(store, queuePaths(store.root, runId), "stop", cancelReason(self));
  }
  const watch = new JobWatch(runtime.machine, client);
  const jobs = await findJobs(opened, watch);
  const cancelled = await cancelOwn({ client, jobs: watch, run, runtime }, jobs);
  // What its submitter could not submit any more is queued no longer.
  if (runtime.machine.isGone(run.submitter)) {
    for (const node of run.nodes) await removeQueued(store, store.paths(node), node.jobName);
  }
  return cancelled;
}
