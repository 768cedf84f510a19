import type { SlurmJob } from "../../store/record.ts";
import type { Clock } from "../../core/system/clock.ts";
import type { SlurmClient } from "./client.ts";

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

/** A job that began just now, for {@link endOfJob}. */
export interface EndOfJobOptions {
  /** The environment of its process. */
  env: Readonly<Record<string, string>>;
  /** The job, where it is one of ours. */
  slurm: SlurmJob | undefined;
  /** Asks Slurm. */
  client: Pick<SlurmClient, "showJob">;
  /** Minutes that were asked for. */
  timeMin: number | undefined;
}

/**
 * The time at which the Slurm job of this process ends: as Slurm told it, else as Slurm answers, else by what
 * was asked for.
 *
 * @returns In milliseconds of the clock's monotonic scale; `undefined` outside of Slurm.
 */
export async function endOfJob(
  clock: Clock,
  { env, slurm, client, timeMin }: EndOfJobOptions,
): Promise<number | undefined> {
  if (env.SLURM_JOB_ID === undefined) return undefined;
  const fromNow = (atMs: number): number => clock.monotonic() + atMs - clock.now();
  // Versions from 22.05 on; in seconds.
  const told = Number(env.SLURM_JOB_END_TIME);
  if (told > 0) return fromNow(told * 1000);
  const began = clock.monotonic();
  const jobId = slurm?.jobId ?? env.SLURM_JOB_ID;
  const details = await client.showJob(jobId).catch(() => undefined);
  // It is this process's own job, whatever the site calls it.
  const answered = Date.parse(details?.[0]?.endTime ?? "");
  if (!Number.isNaN(answered)) return fromNow(answered);
  return slurm && timeMin !== undefined ? began + timeMin * 60_000 : undefined;
}
