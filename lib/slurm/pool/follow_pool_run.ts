import type { EventSink, RunSummary } from "../../core/event.ts";
import { followPool } from "../../pool/follow_pool.ts";
import type { PoolRun } from "../../remote/pool_run.ts";
import { listWorkers } from "../../queue/worker_liveness.ts";
import type { QueuePaths } from "../../queue/layout.ts";
import type { Runtime } from "../../run/runtime.ts";
import type { SlurmClient } from "../client/client.ts";
import { poolOutcome } from "./pool_outcome.ts";
import { WorkerJobs } from "./worker_jobs.ts";

/** What {@link followPoolRun} works with. */
export interface FollowPoolRunOptions {
  /** Where everything of the run is. */
  paths: QueuePaths;
  /** The run. */
  run: PoolRun;
  /** Asks Slurm. */
  client: SlurmClient;
  /** Told what happens. */
  onEvent: EventSink;
  /** Ends the following; the run goes on. */
  signal: AbortSignal;
}

/**
 * Follows a run of a pool until it has ended.
 *
 * @throws {RunFailedError} that lists each failure. {@link ExecutionError} when it was stopped, or nobody is left to end it.
 */
export async function followPoolRun(
  runtime: Runtime,
  { paths, run, client, onEvent, signal }: FollowPoolRunOptions,
): Promise<RunSummary> {
  const jobs = new WorkerJobs(runtime, { paths, run, client });
  const isAbandoned = async (): Promise<boolean> => {
    const workers = [...(await listWorkers(runtime.store, paths)).values()];
    if (workers.some(({ record, end }) => record && !end)) return false;
    return (await jobs.alive(signal)).length === 0;
  };
  const ended = await followPool(runtime, paths, { onEvent, signal, isAbandoned });
  return poolOutcome(run.runId, ended, run.options);
}
