import type { EventSink } from "../../core/event.ts";
import type { RunLog } from "../../core/run_log.ts";
import type { QueuePaths } from "../../queue/layout.ts";
import type { DagRun } from "../../remote/run_record.ts";
import type { Runtime } from "../../run/runtime.ts";
import type { SlurmClient } from "../client/client.ts";
import type { ParsedSpec } from "../client/spec.ts";
import type { JobWatch } from "../jobs/job_watch.ts";

/**
 * All that works for a run in DAG mode shares this.
 *
 * Files of a run in DAG mode, in its folder of the store (`runs/<run id>`):
 *
 *     run.json                the run's record: specs, code, options; written before any job
 *     nodes.json              its nodes and their jobs' names, which no job reads; written before that
 *     artifacts/<hash>.json   the payload from which a process makes an artifact again and, of a node, what
 *                             its job has to know of it; written before, too
 *     jobs.json               which job computes which node; written when no more will be submitted, and now
 *                             and then while that takes its time
 *     stop.json               somebody cancels the run while it is being submitted
 *     progress/<hash>.json    the latest `progress()` of a task, while its job runs
 *
 * and for each artifact, beside its claim and in its folder:
 *
 *     <hash>.claim            the claim of the job's attempt; the job removes queued.json when it has it
 *     <hash>/queued.json      the name of the job that is to compute it: exclusive, written before sbatch
 *     <hash>/queued.id.json   that job's id, written after sbatch has answered
 */
export interface DagContext {
  /** The store, and time. */
  runtime: Runtime;
  /** Slurm. */
  client: SlurmClient;
  /** Tells what Slurm knows of jobs. */
  watch: JobWatch;
  /** The run's record. */
  run: DagRun;
  /** The specs of its jobs, by name. */
  specs: Readonly<Record<string, ParsedSpec>>;
  /** Where everything of the run is. */
  paths: QueuePaths;
  /** Told what happens. */
  onEvent: EventSink;
  /** Says something to the run's people. */
  log: RunLog;
  /** Ends it. */
  signal: AbortSignal;
}

/** Seconds for which a refusal is tried again when nothing else is to do. */
const REFUSAL_SEC = 3600;

/** Milliseconds for which what sbatch refuses is tried again once a run has nothing else to do. */
export function refusalMs({ runtime: { config } }: Pick<DagContext, "runtime">): number {
  return (config.slurm?.refusalSec ?? REFUSAL_SEC) * 1000;
}
