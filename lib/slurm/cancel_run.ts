import { removeQueued } from "../store/queued.ts";
import { cancelOwn } from "./dag_cancel.ts";
import { findJobs, openRun } from "./open_run.ts";
import { systemClient } from "./system_client.ts";

/**
 * Cancels the jobs that a run submitted. Those of other runs that it waits for go on.
 *
 * @returns How many jobs were cancelled.
 * @throws {UsageError} for a run that is not there. {@link SlurmError} with scancel's own words.
 */
export async function cancelRun(runId: string): Promise<number> {
  const opened = await openRun(runId);
  const { run, runtime } = opened;
  const client = systemClient();
  const jobs = await findJobs(opened, client, { wait: false });
  const cancelled = await cancelOwn({ client, run, runtime }, jobs);
  // What its submitter could not submit any more is queued no longer.
  if (runtime.machine.isGone(run.submitter)) {
    for (const node of run.nodes) await removeQueued(runtime.store, runtime.store.paths(node), node.jobName);
  }
  return cancelled;
}
