import type { EventSink, RunSummary } from "../core/event.ts";
import { runLog } from "../core/run_log.ts";
import { runReporter } from "../schedule/run_reporter.ts";
import { systemClient } from "./jobs/system_client.ts";
import { followDagRun } from "./dag/follow_dag.ts";
import { followPoolRun } from "./pool/follow_pool_run.ts";
import { findRun } from "./run/find_run.ts";

/** Options of {@link followRun}. */
export interface FollowRunOptions {
  /**
   * How the run shows itself, on stderr (`"json"`: on stdout).
   *
   * @default {"auto"}
   */
  progress?: "auto" | "plain" | "quiet" | "json" | "none";
  /** Told what happens. */
  onEvent?: EventSink;
  /** Ends the following; the jobs go on. */
  signal?: AbortSignal;
  /**
   * Seconds between two looks at the jobs.
   *
   * @default {the interval of the run}
   */
  squeueIntervalSec?: number;
}

/**
 * Follows a run that was submitted before until it has ended, as `runSlurm` does; its code is not needed.
 *
 * @throws {RunFailedError} That lists each failure.
 * @throws {UsageError} If there is no such run.
 * @throws {ExecutionError} If the run was stopped, or nobody is left to end it.
 * @throws The signal's reason when it aborts.
 */
export async function followRun(runId: string, options: FollowRunOptions = {}): Promise<RunSummary> {
  const { runtime, paths, run } = await findRun(runId);
  const { signal = new AbortController().signal } = options;
  const client = systemClient(options.squeueIntervalSec ?? run.config.slurm?.squeueIntervalSec);
  using reporter = runReporter("followRun", options);
  client.notice = runLog(reporter.sink, runtime.machine.clock).warn;
  const following = { paths, client, onEvent: reporter.sink, signal };
  return run.mode === "pool"
    ? await followPoolRun(runtime, { ...following, run })
    : await followDagRun(runtime, { ...following, run });
}
