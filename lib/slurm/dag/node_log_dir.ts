import { join } from "@std/path/posix/join";
import type { DagRun } from "../run/dag_jobs.ts";

/** Where Slurm's output of a run's jobs goes, and their batch scripts. */
export function nodeLogDir({ config, runId }: DagRun, spec: string): string {
  return join(config.slurmRoot, "nodes", spec, runId);
}
