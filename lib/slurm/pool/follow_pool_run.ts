import type { RunSummary } from "../../core/event.ts";
import { followPool } from "../../pool/follow_pool.ts";
import type { PoolRun } from "../../remote/run_record.ts";
import { listWorkers } from "../../queue/worker_liveness.ts";
import type { Runtime } from "../../run/runtime.ts";
import type { FollowOptions } from "../run/find_run.ts";
import { runOutcome } from "../run/run_outcome.ts";
import { WorkerJobs } from "./worker_jobs.ts";

/**
 * Follows a run of a pool until it has ended.
 *
 * @throws {RunFailedError} That lists each failure.
 * @throws {ExecutionError} If it was stopped, or nobody is left to end it.
 */
export async function followPoolRun(
  runtime: Runtime,
  { paths, run, client, onEvent, signal }: FollowOptions<PoolRun>,
): Promise<RunSummary> {
  const jobs = new WorkerJobs(runtime, { paths, run, client });
  const isAbandoned = async (): Promise<boolean> => {
    const workers = [...(await listWorkers(runtime.store, paths)).values()];
    if (workers.some(({ record, end }) => record && !end)) return false;
    return (await jobs.alive({ until: "sure", signal })).length === 0;
  };
  const ended = await followPool(runtime, paths, { onEvent, signal, isAbandoned });
  return runOutcome(run.runId, ended, run.options);
}
