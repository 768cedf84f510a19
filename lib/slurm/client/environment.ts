import { ConfigError } from "../../core/errors.ts";

/** Options by which furu itself submits: a variable of the user's shell must not change them. */
const FURU_SETS = new Set([
  "ARRAY_INX",
  "CLUSTERS",
  "DEBUG",
  "DEPENDENCY",
  "ERROR",
  "EXPORT",
  "GET_USER_ENV",
  "HOLD",
  "INPUT",
  "JOB_NAME",
  "KILL_INVALID_DEP",
  "NO_REQUEUE",
  "OPEN_MODE",
  "OUTPUT",
  "REQUEUE",
  "SIGNAL",
  "TEST_ONLY",
  "WAIT",
  "WAIT_ALL_NODES",
]);

const REMOVED = /^(SLURMD?_|SQUEUE_|SACCT_|SCANCEL_|SCONTROL_|SINFO_|PMI)/;

/**
 * The environment for Slurm's programs, and for the jobs that they submit: without what changes their output
 * (as `SQUEUE_STATES`) or how furu submits, and without the marks of the job that this process may itself run
 * in.
 *
 * Defaults of the user for what a spec leaves open (`SBATCH_ACCOUNT`, `SBATCH_PARTITION`, ...) are kept;
 * inside a job they are those of that job, and go.
 *
 * @param env The environment of this process. It is not changed.
 */
export function slurmEnvironment(env: Readonly<Record<string, string>>): Record<string, string> {
  const inJob = env.SLURM_JOB_ID !== undefined;
  return Object.fromEntries(
    Object.entries(env).filter(([name]) => {
      if (name === "SLURM_CONF") return true;
      if (REMOVED.test(name)) return false;
      return !name.startsWith("SBATCH_") || !(inJob || FURU_SETS.has(name.slice("SBATCH_".length)));
    }),
  );
}

/**
 * Variables by which srun knows the job that it starts a step of. All others of the job would change the
 * step.
 */
const OF_JOB = new Set(["SLURM_CONF", "SLURM_JOB_ID", "SLURM_JOBID", "SLURM_WORKING_CLUSTER"]);

/**
 * The environment for srun inside of a job: as {@link slurmEnvironment}, but it knows its job.
 *
 * @param env The environment of this process. It is not changed.
 */
export function stepEnvironment(env: Readonly<Record<string, string>>): Record<string, string> {
  const ofJob = Object.entries(env).filter(([name]) => OF_JOB.has(name));
  return { ...slurmEnvironment(env), ...Object.fromEntries(ofJob) };
}

/**
 * The cluster that the user's shell chooses for jobs (`SBATCH_CLUSTERS`, `SLURM_CLUSTERS`). Inside a job the
 * variables are those of whoever submitted it: its run says where its jobs go.
 *
 * @param env The environment of this process.
 * @returns `undefined` where it chooses none: then it is the machine's own.
 * @throws {ConfigError} If it names several: the jobs of a run are on one.
 */
export function chosenCluster(env: Readonly<Record<string, string>>): string | undefined {
  if (env.SLURM_JOB_ID !== undefined) return undefined;
  const name = ["SBATCH_CLUSTERS", "SLURM_CLUSTERS"].find((each) => (env[each] ?? "").trim() !== "");
  if (name === undefined) return undefined;
  const value = env[name]!.trim();
  if (/^[^\s,]+$/.test(value) && value !== "all") return value;
  throw new ConfigError(
    `Cannot use ${name}='${value}' as all jobs of a run are on one cluster, since they wait for each other: ` +
      "name one cluster, or unset it",
  );
}
