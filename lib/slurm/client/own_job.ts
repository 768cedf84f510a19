import type { SlurmJob } from "../../store/record.ts";

/**
 * The Slurm job that this process runs in, as records name it; a task of an array as `12_3`.
 *
 * @param env The environment of this process.
 * @returns `undefined` outside of jobs, and inside of one that is interactive: its name may be any other one's, too.
 */
export function ownSlurmJob(env: Readonly<Record<string, string>>): SlurmJob | undefined {
  const { SLURM_JOB_ID, SLURM_JOB_NAME, SLURM_ARRAY_JOB_ID, SLURM_ARRAY_TASK_ID, SLURM_RESTART_COUNT } = env;
  // Names of our own are unique for ever.
  if (SLURM_JOB_ID === undefined || !SLURM_JOB_NAME?.startsWith("furu-")) return undefined;
  const jobId = SLURM_ARRAY_TASK_ID === undefined
    ? SLURM_JOB_ID
    : `${SLURM_ARRAY_JOB_ID}_${SLURM_ARRAY_TASK_ID}`;
  return {
    jobId,
    name: SLURM_JOB_NAME,
    restarts: Number(SLURM_RESTART_COUNT ?? 0) || 0,
    ...(env.SLURM_CLUSTER_NAME ? { cluster: env.SLURM_CLUSTER_NAME } : {}),
  };
}
