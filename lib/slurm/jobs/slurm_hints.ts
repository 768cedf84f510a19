import type { SchedulerHints } from "../../run/default_runtime.ts";
import type { JobHints } from "./job_hints.ts";
import type { QueuedJob } from "../../store/claims/queued.ts";

/** The part of Slurm that knows jobs, loaded when a job is met first: most runs on one machine never meet one. */
function whenMet(): () => Promise<JobHints> {
  let loaded: Promise<JobHints> | undefined;
  return () => loaded ??= import("./job_hints.ts").then(({ JobHints }) => new JobHints());
}

/** What this machine's Slurm, where there is one, knows of those who compute artifacts, or are to. */
export function slurmHints(): Required<SchedulerHints> {
  const jobs = whenMet();
  return {
    claimHint: async (holder) => holder.slurm && await (await jobs()).whyGone(holder),
    queuedHint: async (queued) => await (await jobs()).whyOver(queued),
  };
}

/**
 * Does this machine's Slurm, where there is one, know that a queued job has ended? Where it takes a second look to be
 * sure, that is taken.
 */
export function slurmIsOver(signal?: AbortSignal): (queued: QueuedJob) => Promise<boolean> {
  const jobs = whenMet();
  return async (queued) => await (await jobs()).isOver(queued, signal);
}
