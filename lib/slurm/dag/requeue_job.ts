import { errorText } from "../../core/errors.ts";
import type { DagNode, DagRun } from "../../remote/run_record.ts";
import type { Runtime } from "../../run/runtime.ts";
import { readEnds } from "../../store/results/ends.ts";
import { plural } from "../../ui/text.ts";
import { linkQueued, removeQueued, writeQueuedId } from "../../store/claims/queued.ts";
import type { SlurmJob } from "../../store/record.ts";
import type { SlurmClient } from "../client/client.ts";
import { compareJob } from "../jobs/job_identity.ts";

/** Options of {@link requeueJob}. */
export interface RequeueOptions {
  /** Asks Slurm. */
  client: SlurmClient;
  /** The job that was told to end, whose attempt has ended. */
  slurm: SlurmJob;
  /** Its run. */
  run: DagRun;
  /** The node that it computes. */
  node: DagNode;
}

/**
 * Puts this job back into the queue within `maxPreemptRetries`, unless somebody cancelled it. It is written
 * down as queued again, so that nobody takes the artifact for forgotten meanwhile.
 *
 * @returns Whether it will begin again.
 */
export async function requeueJob(
  runtime: Runtime,
  { client, slurm, run, node }: RequeueOptions,
): Promise<boolean> {
  const { store, config } = runtime;
  const paths = store.paths(node);
  const ends = await readEnds(store, paths);
  const lost = ends.filter(({ run: of, kind, failure }) =>
    of === run.runId && (kind !== "failed" || failure === "lost")
  );
  if (lost.length > config.maxPreemptRetries) {
    console.error(
      `It was lost ${
        plural(lost.length, "time")
      }, and is begun again at most ${config.maxPreemptRetries} times (maxPreemptRetries)`,
    );
    return false;
  }
  const asked = await client.at(slurm.cluster);
  const details = await asked.showJob(slurm.jobId);
  // Nothing is begun again that is not surely this job.
  const ref = { ...slurm, submitter: runtime.machine.self };
  const state = details?.find((detail) => compareJob(ref, detail) === "same")?.state;
  // Slurm would also begin a job again that was cancelled, or is over: only one that runs is put back. One
  // that is being ended (COMPLETING) was cancelled, or is preempted and then begun again by Slurm itself:
  // nobody can tell which.
  if (state?.status !== "alive" || state.text.startsWith("COMPLETING")) {
    console.error(`It is not put back into the queue: Slurm says ${state?.text ?? "nothing of it"}`);
    return false;
  }
  const { name, cluster } = slurm;
  await linkQueued(store, paths, { name, run: run.runId, cluster });
  await writeQueuedId(store, paths, slurm);
  // A job that Slurm itself preempted is in the queue again already.
  if (state.pending) return true;
  try {
    await asked.requeue(slurm.jobId);
    return true;
  } catch (error) {
    console.error(errorText(error));
    await removeQueued(store, paths, slurm.name);
    return false;
  }
}
