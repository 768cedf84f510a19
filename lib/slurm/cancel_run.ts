import { systemClient } from "./client/client.ts";
import { cancelDag } from "./dag/cancel_dag.ts";
import { cancelPool } from "./pool/cancel_pool.ts";
import { findRun } from "./run/find_run.ts";

/**
 * Cancels the jobs that a run submitted; one that is being submitted is told to submit no more. Those of
 * other runs that it waits for go on. A run of a pool has ended then, also for workers that were started
 * otherwise.
 *
 * @returns How many jobs were cancelled.
 * @throws {UsageError} If there is no such run.
 * @throws {SlurmError} With scancel's own words.
 */
export async function cancelRun(runId: string): Promise<number> {
  const { runtime, paths, run } = await findRun(runId);
  const client = systemClient();
  return run.mode === "pool"
    ? await cancelPool(runtime, { paths, run, client })
    : await cancelDag(runtime, { paths, run, client });
}
