import type { SlurmClient } from "../client/client.ts";
import type { JobRef } from "./job_tracker.ts";

/**
 * Cancels jobs, each on its own cluster. Those that have ended already are no error.
 *
 * @throws {SlurmError} with scancel's own words, when all clusters were asked.
 */
export async function cancelJobs(
  client: SlurmClient,
  jobs: readonly Pick<JobRef, "jobId" | "cluster">[],
): Promise<void> {
  let failure: { error: unknown } | undefined;
  for (const [cluster, there] of Map.groupBy(jobs, (job) => job.cluster)) {
    try {
      await (await client.at(cluster)).cancel(there.map(({ jobId }) => jobId));
    } catch (error) {
      failure ??= { error };
    }
  }
  if (failure) throw failure.error;
}
