import type { SchedulerHints } from "../../run/default_runtime.ts";
import type { QueuedJob } from "../../store/claims/queued.ts";
import type { ClaimRecord } from "../../store/record.ts";
import type { JobWord } from "../../store/store.ts";
import type { JobWatch } from "./job_watch.ts";
import type { KnownJob } from "./known_job.ts";

type Jobs = Pick<JobWatch, "state" | "known">;

/**
 * Hints from Slurm about those who compute artifacts, or are to. Asks nothing about one that is in no job.
 */
export function jobHints(jobs: () => Jobs | Promise<Jobs>): Required<SchedulerHints> {
  return {
    claimHint: async (holder) => holder.slurm && claimWord(await jobs(), holder),
    queuedHint: async (queued, options) => await queuedWord(await jobs(), queued, options),
  };
}

/** As {@link jobHints} with this machine's Slurm, where there is one. */
export function slurmHints(): Required<SchedulerHints> {
  return jobHints(jobsOfProcess);
}

/**
 * Tells whether a queued job has ended, as far as this machine's Slurm knows, where there is one. Takes a
 * second look where only that makes it sure.
 */
export function slurmIsOver(signal?: AbortSignal): (queued: QueuedJob) => Promise<boolean> {
  return async (queued) => await isOver(await jobsOfProcess(), queued, signal);
}

/** Whether a queued job will never begin. Takes a second look where only that makes it sure. */
export async function isOver(
  jobs: Pick<JobWatch, "state">,
  queued: QueuedJob,
  signal?: AbortSignal,
): Promise<boolean> {
  return (await jobs.state(queued, { until: "sure", signal })).status === "dead";
}

/**
 * Slurm's word on the holder of a claim. Its job may have been begun again since: then its attempt is over.
 */
function claimWord(
  jobs: Pick<JobWatch, "known">,
  { slurm, owner }: Pick<ClaimRecord, "slurm" | "owner">,
): JobWord | undefined {
  if (!slurm) return undefined;
  const known = jobs.known({ ...slurm, submitter: owner });
  if (known.status !== "alive" || known.restarts <= slurm.restarts) {
    return wordOf(known, `its Slurm job ${slurm.jobId} has ended`);
  }
  const why = `Slurm has begun its job ${slurm.jobId} again`;
  return { state: "gone", why, askedAt: known.askedAt ?? -Infinity, vanished: false };
}

async function queuedWord(
  jobs: Jobs,
  queued: QueuedJob,
  { wait = false }: { wait?: boolean } = {},
): Promise<JobWord | undefined> {
  const known = wait ? await jobs.state(queued) : jobs.known(queued);
  const why = queued.jobId === undefined ? "it was never submitted" : "it has ended, or was cancelled";
  return wordOf(known, why);
}

function wordOf(known: KnownJob, why: string): JobWord | undefined {
  switch (known.status) {
    case "alive":
      return { state: "alive", text: known.text, still: known.pending || known.halted === true };
    case "dead":
      return {
        state: "gone",
        why,
        askedAt: known.askedAt ?? -Infinity,
        vanished: known.reason === "vanished",
      };
    default:
      return known.evidence === "nothing" ? { state: "silent" } : undefined;
  }
}

let ofProcess: Promise<JobWatch> | undefined;

/**
 * The watch of this process, so that there is one question for all. It is loaded when a job is met: most runs
 * on one machine never meet one.
 */
function jobsOfProcess(): Promise<JobWatch> {
  return ofProcess ??= import("./job_watch.ts").then(({ systemJobWatch }) => systemJobWatch());
}
