import { RunFailedError } from "../core/errors.ts";
import type { EventSink, RunSummary } from "../core/event.ts";
import { runReporter } from "../schedule/run_reporter.ts";
import { failureReport } from "../ui/report.ts";
import { readPoolRun } from "../remote/pool_run.ts";
import { queuePaths } from "../queue/layout.ts";
import type { Runtime } from "../run/runtime.ts";
import type { DagContext } from "./dag/dag_context.ts";
import { followDag } from "./dag/dag_follow.ts";
import { followPoolRun } from "./pool/follow_pool_run.ts";
import { JobWatch } from "./jobs/job_watch.ts";
import { findJobs, findRun, openRun, submittingWatch } from "./run/open_run.ts";
import { systemClient } from "./client/client.ts";

/** Options of {@link followRun}. */
export interface FollowRunOptions {
  /** How the run shows itself, on stderr (`"json"`: on stdout). @default "auto" */
  progress?: "auto" | "plain" | "quiet" | "json" | "none";
  /** Told what happens. */
  onEvent?: EventSink;
  /** Ends the following; the jobs go on. */
  signal?: AbortSignal;
  /** Seconds between two looks at the jobs. @default that of the run */
  squeueIntervalSec?: number;
}

/**
 * Follows a run that was submitted before until it has ended, as `runSlurm` does; its code is not needed.
 *
 * @throws {RunFailedError} that lists each failure. {@link UsageError} for a run that is not there,
 * {@link ExecutionError} for one that was stopped, or that nobody is left to end. The signal's reason.
 */
export async function followRun(runId: string, options: FollowRunOptions = {}): Promise<RunSummary> {
  const found = await findRun(runId);
  const { signal = new AbortController().signal } = options;
  if (found.mode === "pool") return await followPoolMode(found.runtime, runId, { ...options, signal });
  const opened = await openRun(found);
  const { runtime, run, dir } = opened;
  const client = systemClient(options.squeueIntervalSec ?? run.config.slurm?.squeueIntervalSec);
  using reporter = runReporter("followRun", options);
  const watch = new JobWatch(runtime.machine, client);
  const jobs = await findJobs(opened, watch, signal);
  const context: DagContext = {
    runtime,
    client,
    jobs: watch,
    run,
    dir,
    isSubmitting: submittingWatch(opened),
    onEvent: reporter.sink,
    signal,
  };
  const { nodes, cached } = run.counts;
  reporter.sink({ type: "run_started", runId, nodes, cached, at: runtime.machine.clock.now() });
  const summary = await followDag(context, jobs);
  if (summary.failures.length === 0 && summary.notRun === 0) return summary;
  throw new RunFailedError(failureReport(summary, { keepGoing: true }), summary);
}

async function followPoolMode(
  runtime: Runtime,
  runId: string,
  options: FollowRunOptions & { signal: AbortSignal },
): Promise<RunSummary> {
  const paths = queuePaths(runtime.store.root, runId);
  const run = await readPoolRun(runtime, paths);
  const client = systemClient(options.squeueIntervalSec ?? run.config.slurm?.squeueIntervalSec);
  using reporter = runReporter("followRun", options);
  return await followPoolRun(runtime, { paths, run, client, onEvent: reporter.sink, signal: options.signal });
}
