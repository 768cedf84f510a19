import type { EventSink } from "../../core/event.ts";
import type { Runtime } from "../../run/runtime.ts";
import type { SlurmClient } from "../client/client.ts";
import type { DagRun } from "../run/dag_jobs.ts";
import type { JobLookup } from "../jobs/job_lookup.ts";
import type { JobTracker } from "../jobs/job_tracker.ts";

/** What all that is done for a run in DAG mode works with. */
export interface DagContext {
  /** The store, and time. */
  runtime: Runtime;
  /** Slurm. */
  client: SlurmClient;
  /** Finds jobs of others. */
  lookup: JobLookup;
  /** What is known of the run's jobs. */
  tracker: JobTracker;
  /** The run as it is written down. */
  run: DagRun;
  /** The run's folder. */
  dir: string;
  /** May a node that has no job still get one from the run's submitter? @default none does */
  isSubmitting?: () => Promise<boolean>;
  /** Told what happens. */
  onEvent: EventSink;
  /** Ends it. */
  signal: AbortSignal;
}

/** Says something of the run. */
export function tell(
  { runtime, onEvent }: Pick<DagContext, "runtime" | "onEvent">,
  level: "info" | "warn" | "error",
  text: string,
): void {
  onEvent({ type: "message", level, text, at: runtime.machine.clock.now() });
}
