import type { EventSink } from "../../core/event.ts";
import type { Runtime } from "../../run/runtime.ts";
import type { SlurmClient } from "../client/client.ts";
import type { DagRun } from "../run/dag_run.ts";
import type { JobWatch } from "../jobs/job_watch.ts";

/** What all that is done for a run in DAG mode works with. */
export interface DagContext {
  /** The store, and time. */
  runtime: Runtime;
  /** Slurm. */
  client: SlurmClient;
  /** What Slurm knows of jobs. */
  jobs: JobWatch;
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
