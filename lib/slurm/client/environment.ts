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
 * The variables by which a user's shell says how jobs are submitted (`SBATCH_ACCOUNT`, `SBATCH_PARTITION`,
 * ...), for the record of a run: what is submitted from its nodes is submitted as the user would. Furu's own
 * options are not among them, nor is the cluster, which a run's record names.
 *
 * @param env The environment of the process that begins the run.
 */
export function submitEnvironment(env: Readonly<Record<string, string>>): Record<string, string> {
  const entries = Object.entries(slurmEnvironment(env)).filter(([name]) => name.startsWith("SBATCH_"));
  return Object.fromEntries(entries.sort(([a], [b]) => a < b ? -1 : 1));
}

/**
 * The environment in which a process on a node submits jobs of a run: the node's, with the variables of
 * whoever submitted the run in place of its own.
 *
 * @param env The environment from before the lines of setup, which are those of one spec.
 * @param submitEnv What {@link submitEnvironment} gave when the run began.
 */
export function environmentOnNode(
  env: Readonly<Record<string, string>>,
  submitEnv: Readonly<Record<string, string>> = {},
): Record<string, string> {
  const own = Object.entries(slurmEnvironment(env)).filter(([name]) => !name.startsWith("SBATCH_"));
  return { ...Object.fromEntries(own), ...submitEnv };
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

/**
 * The variable in which a batch script names the file with the environment from before its lines of setup.
 * They are those of one spec, and what is submitted from inside of the job may be of another one.
 */
export const ENVIRONMENT_FILE_VARIABLE = "FURU_ENVIRONMENT_FILE";

/**
 * The environment of a job from before its lines of setup. Takes the file away.
 *
 * @param env The environment of its process.
 * @returns `undefined` where it cannot be told.
 */
export async function environmentBeforeSetup(
  env: Readonly<Record<string, string>>,
): Promise<Record<string, string> | undefined> {
  const path = env[ENVIRONMENT_FILE_VARIABLE];
  if (path === undefined) return { ...env };
  try {
    const text = await Deno.readTextFile(path);
    await Deno.remove(path);
    return parseEnvironment(text);
  } catch {
    return undefined;
  }
}

/** Reads what `env -0` printed. */
export function parseEnvironment(text: string): Record<string, string> {
  const pairs = text.split("\0").filter((pair) => pair.includes("="));
  return Object.fromEntries(pairs.map((pair): [string, string] => {
    const at = pair.indexOf("=");
    return [pair.slice(0, at), pair.slice(at + 1)];
  }));
}
