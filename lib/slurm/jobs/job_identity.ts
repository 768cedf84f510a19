import { basename } from "@std/path/posix/basename";
import type { AbsentJob } from "./absence.ts";
import { nameInComment } from "../client/job_options.ts";
import type { JobDetail, JobEntry } from "../client/parse_jobs.ts";

/**
 * A job as it was written down when it was submitted. It is the same job only if id, name, cluster and user
 * are: Slurm uses ids again one day, and each cluster has its own.
 */
export interface JobRef extends AbsentJob {
  /** The name that furu gave it, unique for ever. */
  readonly name: string;
  /** The name that Slurm knows it by, where the site rewrites names. */
  readonly listedAs?: string | undefined;
  /** Its id, where that is known; of an array's task `12_3`. */
  readonly jobId?: string | undefined;
  /** The cluster it is on, where that is known: what another one says of its id means nothing. */
  readonly cluster?: string | undefined;
  /**
   * The number of the user whose job it is.
   *
   * @default {its submitter's}
   */
  readonly uid?: number | undefined;
}

/** A job in an answer of Slurm; its script's path is told of by scontrol only. */
export type AnsweredJob = JobEntry & Pick<JobDetail, "command" | "rest">;

/** How a job in an answer compares with the one that was written down. *unclear*: nothing disproves it. */
export type Likeness = "same" | "unclear" | "other";

/**
 * Compares a job in an answer of the right cluster with the one that was written down, by id, user and name.
 *
 * The name survives as the job's name, in its comment or as its script's path. Where the site rewrites the
 * first and drops the others, what Slurm called the job at its submission is a hint, no proof.
 */
export function compareJob(ref: JobRef, entry: AnsweredJob): Likeness {
  if (ref.jobId !== undefined && !hasId(ref.jobId, entry)) return "other";
  const uid = uidOf(ref);
  if (uid !== undefined && entry.uid !== undefined && uid !== entry.uid) return "other";
  if (bearsName(ref.name, entry)) {
    const isKnown = ref.jobId !== undefined && uid !== undefined && entry.uid !== undefined;
    return isKnown ? "same" : "unclear";
  }
  return ref.jobId !== undefined && ref.listedAs === entry.name ? "unclear" : "other";
}

/**
 * Whether an answer is about the job that was written down, as far as anybody can tell. Enough to look at,
 * not to cancel it: see {@link compareJob}.
 */
export function isSameJob(ref: JobRef, entry: AnsweredJob): boolean {
  return compareJob(ref, entry) !== "other";
}

/** Whether a job has the name that furu gave it: as its name, in its comment or as its script's path. */
export function bearsName(name: string, { name: listed, comment, command }: AnsweredJob): boolean {
  return listed === name || nameInComment(comment) === name ||
    command !== undefined && basename(command) === `${name}.sh`;
}

/** The number of the user whose job it is, where that was written down. */
export function uidOf({ uid, submitter }: JobRef): number | undefined {
  return uid ?? submitter?.uid;
}

/** The id of a job, or of the array whose task it is: `12` of `12_3`. */
export function baseId(jobId: string): string {
  return jobId.split("_")[0]!;
}

/** All tasks of an array have its id: `12_3` is one of them, whose siblings say nothing of it. */
function hasId(jobId: string, entry: AnsweredJob): boolean {
  const [id, task] = jobId.split("_");
  if (entry.jobId !== id) return false;
  const { index, rest } = entry;
  return task === undefined || index === Number(task) || rest === "unclear" ||
    (rest?.includes(Number(task)) ?? false);
}
