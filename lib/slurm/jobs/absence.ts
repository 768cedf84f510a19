import type { Machine, Owner } from "../../core/system/machine.ts";

/**
 * Counts answers that a job is missing from. It is gone after two that were asked for at least `intervalMs`
 * apart: a single one may have been made while Slurm moved the job from one state to the next.
 *
 * @param since When the first of the answers was asked for. `undefined` if there was none since the job was
 * last seen.
 * @param askedAt When this answer was asked for.
 * @returns What to pass as `since` at the next answer, and whether the job is gone.
 */
export function absence(
  since: number | undefined,
  askedAt: number,
  intervalMs: number,
): { since: number; gone: boolean } {
  const first = since ?? askedAt;
  return { since: first, gone: askedAt - first >= intervalMs };
}

/** The part of a job's reference that says whether its absence means anything. */
export interface AbsentJob {
  /** Its id, where that is known. */
  jobId?: string | undefined;
  /** The process that submitted it, where that is known. */
  submitter?: Owner | undefined;
  /** The number of the user whose job it is, where that is known otherwise. */
  uid?: number | undefined;
  /** Whether another user submitted it, where only that is known. */
  foreign?: boolean | undefined;
}

/** Whether a job is another user's, by number or name: some sites show nobody the jobs of others. */
export function isForeign({ submitter, uid = submitter?.uid, foreign }: AbsentJob, self: Owner): boolean {
  const isOthersNumber = uid !== undefined && self.uid !== undefined && uid !== self.uid;
  return foreign === true || isOthersNumber || submitter?.user !== undefined && submitter.user !== self.user;
}

/**
 * Whether a job that is missing from Slurm's answers may be gone. The absence of another user's job means
 * nothing, nor does that of a job whose id is not known while its submitter lives: it may be on its way to
 * Slurm.
 */
export function absenceCounts(job: AbsentJob, { self, isGone }: Pick<Machine, "self" | "isGone">): boolean {
  if (isForeign(job, self)) return false;
  return job.jobId !== undefined || job.submitter === undefined || isGone(job.submitter);
}
