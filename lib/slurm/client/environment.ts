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

/** What Slurm itself sets in a job, though it has the form of a user's default. */
const SET_IN_JOBS = /^SBATCH_(CPU|MEM)_BIND/;

/**
 * The environment for Slurm's programs, and for the jobs that they submit: without what changes their output
 * (as `SQUEUE_STATES`) or how furu submits, and without the marks of the job that this process may itself run
 * in.
 *
 * Defaults of the user for what a spec leaves open (`SBATCH_ACCOUNT`, `SBATCH_PARTITION`, ...) are kept, as
 * sbatch keeps them, also inside a job; in one of furu's own they are those of its submitter, and go: its
 * run's record has them.
 *
 * @param env The environment of this process. It is not changed.
 */
export function slurmEnvironment(env: Readonly<Record<string, string>>): Record<string, string> {
  const isOwnJob = isInOwnJob(env);
  return Object.fromEntries(
    Object.entries(env).filter(([name]) => {
      if (name === "SLURM_CONF") return true;
      if (REMOVED.test(name)) return false;
      if (!name.startsWith("SBATCH_")) return true;
      if (SET_IN_JOBS.test(name) && env.SLURM_JOB_ID !== undefined) return false;
      return !isOwnJob && !FURU_SETS.has(name.slice("SBATCH_".length));
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
 * The cluster that the user's shell chooses for jobs (`SLURM_CLUSTERS`, which wins as with sbatch, or
 * `SBATCH_CLUSTERS`). Inside a job of furu's own the variables are those of whoever submitted it: its run
 * says where its jobs go.
 *
 * @param env The environment of this process.
 * @param isForJobs Whether jobs are to be submitted.
 * @returns `undefined` where it chooses none, or several and no jobs are to be submitted: then it is the
 * machine's own.
 * @throws {ConfigError} If it names several and jobs are to be submitted: nobody could tell where one is
 * whose answer was lost.
 */
export function chosenCluster(
  env: Readonly<Record<string, string>>,
  isForJobs: boolean,
): string | undefined {
  if (isInOwnJob(env)) return undefined;
  const name = ["SLURM_CLUSTERS", "SBATCH_CLUSTERS"].find((each) => (env[each] ?? "").trim() !== "");
  if (name === undefined) return undefined;
  const value = env[name]!.trim();
  if (isClusterName(value)) return value;
  if (!isForJobs) return undefined;
  throw new ConfigError(
    `Cannot use ${name}='${value}' as each job is sent to one cluster: name one, or unset it; ` +
      "specs may name one each ('cluster'), and --cluster names one for a run",
  );
}

/** Whether a text is the name of one cluster: no list, and not all of them. */
export function isClusterName(text: string): boolean {
  return /^[A-Za-z0-9_.][A-Za-z0-9_.-]*$/.test(text) && text !== "all";
}

/** Whether this process runs in a job that furu submitted: what it inherits is its submitter's. */
function isInOwnJob({ SLURM_JOB_ID, FURU_JOB_ID }: Readonly<Record<string, string>>): boolean {
  return SLURM_JOB_ID !== undefined && FURU_JOB_ID === SLURM_JOB_ID;
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
