import type { SchedulerHints } from "../../run/default_runtime.ts";
import type { QueuedJob } from "../../store/claims/queued.ts";
import type { ClaimRecord } from "../../store/record.ts";
import type { JobWatch } from "./job_watch.ts";

type Jobs = Pick<JobWatch, "state">;

/**
 * Hints from Slurm about those who compute artifacts, or are to. Asks nothing about one that is in no job.
 */
export function jobHints(jobs: () => Jobs | Promise<Jobs>): Required<SchedulerHints> {
  return {
    claimHint: async (holder) => holder.slurm && await whyGone(await jobs(), holder),
    queuedHint: async (queued) => await whyOver(await jobs(), queued),
  };
}

/** As {@link jobHints} with this machine's Slurm, where there is one. */
export function slurmHints(): Required<SchedulerHints> {
  return jobHints(whenMet());
}

/**
 * Tells whether a queued job has ended, as far as this machine's Slurm knows, where there is one. Takes a
 * second look where only that makes it sure.
 */
export function slurmIsOver(signal?: AbortSignal): (queued: QueuedJob) => Promise<boolean> {
  const jobs = whenMet();
  return async (queued) => await isOver(await jobs(), queued, signal);
}

/** Whether a queued job will never begin. Takes a second look where only that makes it sure. */
export async function isOver(jobs: Jobs, queued: QueuedJob, signal?: AbortSignal): Promise<boolean> {
  return (await jobs.state(queued, { until: "sure", signal })).status === "dead";
}

/** The part of Slurm that knows jobs, loaded when a job is met: most runs on one machine never meet one. */
function whenMet(): () => Promise<Jobs> {
  let loaded: Promise<Jobs> | undefined;
  return () => loaded ??= import("./job_watch.ts").then(({ systemJobWatch }) => systemJobWatch());
}

async function whyGone(
  jobs: Jobs,
  { slurm, owner }: Pick<ClaimRecord, "slurm" | "owner">,
): Promise<string | undefined> {
  if (!slurm) return undefined;
  const { status, restarts } = await jobs.state({ ...slurm, submitter: owner });
  if (status === "dead") return `its Slurm job ${slurm.jobId} has ended`;
  if (status !== "alive" || restarts <= slurm.restarts) return undefined;
  return `Slurm has begun its job ${slurm.jobId} again`;
}

async function whyOver(jobs: Jobs, queued: QueuedJob): Promise<string | undefined> {
  if ((await jobs.state(queued)).status !== "dead") return undefined;
  return queued.jobId === undefined ? "it was never submitted" : "it has ended, or was cancelled";
}
