import type { SlurmJob } from "../../store/record.ts";
import type { Clock } from "../../core/system/clock.ts";
import type { SlurmClient } from "./client.ts";
import { jobTime } from "./job_time.ts";

/** Variables in which a batch script tells the name that furu gave the job, and whose name that is. */
export const JOB_NAME_VARIABLE = "FURU_JOB_NAME";
/** See {@link JOB_NAME_VARIABLE}. */
export const JOB_ID_VARIABLE = "FURU_JOB_ID";

/**
 * The Slurm job that this process runs in, as records name it; a task of an array as `12_3`.
 *
 * Its name is the one that furu gave it, which its batch script tells; Slurm may know it by another one where
 * a site rewrites names.
 *
 * @param env The environment of this process.
 * @returns `undefined` outside of jobs, and inside of one that furu did not submit: its name may be any other
 * one's, too.
 */
export function ownSlurmJob(env: Readonly<Record<string, string>>): SlurmJob | undefined {
  const { SLURM_JOB_ID, SLURM_ARRAY_JOB_ID, SLURM_ARRAY_TASK_ID, SLURM_RESTART_COUNT } = env;
  const name = env[JOB_NAME_VARIABLE];
  // A job that is submitted from inside of one of ours has its variables, and another id.
  if (SLURM_JOB_ID === undefined || name === undefined || env[JOB_ID_VARIABLE] !== SLURM_JOB_ID) {
    return undefined;
  }
  const jobId = SLURM_ARRAY_TASK_ID === undefined
    ? SLURM_JOB_ID
    : `${SLURM_ARRAY_JOB_ID}_${SLURM_ARRAY_TASK_ID}`;
  return {
    jobId,
    name,
    restarts: Number(SLURM_RESTART_COUNT ?? 0) || 0,
    ...(env.SLURM_CLUSTER_NAME ? { cluster: env.SLURM_CLUSTER_NAME } : {}),
  };
}

/** A job that began just now, for {@link spanOfJob}. */
export interface JobSpanOptions {
  /** The environment of its process. */
  env: Readonly<Record<string, string>>;
  /** The job, where it is one of ours. */
  slurm: SlurmJob | undefined;
  /** Milliseconds since its batch script began. */
  ageMs: number;
  /** Asks Slurm. */
  client: Pick<SlurmClient, "showJob">;
  /** Minutes that were asked for. */
  timeMin: number | undefined;
}

/** When a job began and when it has to end, in milliseconds of the clock's monotonic scale. */
export interface JobSpan {
  /** Its beginning. */
  readonly beganAt: number;
  /** Its end. */
  readonly endsAt: number;
}

/**
 * The time of the Slurm job of this process: as Slurm told it, else as Slurm answers, else by what was asked
 * for. Only differences of Slurm's own times count: the clock of this node may be minutes off.
 *
 * @returns `undefined` outside of Slurm, and where it is not known.
 */
export async function spanOfJob(
  clock: Clock,
  { env, slurm, ageMs, client, timeMin }: JobSpanOptions,
): Promise<JobSpan | undefined> {
  if (env.SLURM_JOB_ID === undefined) return undefined;
  const beganAt = clock.monotonic() - ageMs;
  // Versions from 22.05 on; in seconds. A step may begin long after its job.
  const told = Number(env.SLURM_JOB_END_TIME) - Number(env.SLURM_JOB_START_TIME);
  if (slurm && told > 0) return { beganAt, endsAt: beganAt + told * 1000 };
  const details = await client.showJob(slurm?.jobId ?? env.SLURM_JOB_ID).catch(() => undefined);
  const now = clock.monotonic();
  // It is this process's own job, whatever the site calls it.
  const detail = details?.[0];
  const leftMs = detail && jobTime(detail).leftMs;
  if (leftMs !== undefined) return { beganAt: slurm ? beganAt : now, endsAt: now + leftMs };
  return slurm && timeMin !== undefined ? { beganAt, endsAt: beganAt + timeMin * 60_000 } : undefined;
}
