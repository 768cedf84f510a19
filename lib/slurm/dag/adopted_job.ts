import type { Machine } from "../../core/system/machine.ts";
import type { DagJob } from "../run/dag_run.ts";
import type { JobRef } from "../jobs/job_watch.ts";

/**
 * A job that was found in Slurm as the one of a node.
 *
 * @param named As its submitter wrote it down.
 * @param jobId The id that Slurm lists it under.
 * @param own Did this very run submit it?
 */
export function adoptedJob(
  { self }: Pick<Machine, "self">,
  { name, cluster, submitter }: JobRef,
  { jobId, own }: { jobId: string; own: boolean },
): DagJob {
  const user = submitter?.user;
  const foreign = user !== undefined && user !== self.user;
  return { jobId, name, ...(cluster === undefined ? {} : { cluster }), own, foreign };
}
