import { parseArgs } from "@std/cli/parse-args";
import { runJob } from "../slurm/job/plain_job.ts";
import { UsageError } from "../core/errors.ts";
import { environmentVariables } from "../core/environment.ts";

/**
 * The hidden command `job --run DIR --hash HASH --name NAME`: what a Slurm job in DAG mode is. Its batch
 * script starts it.
 */
export async function job(args: readonly string[]): Promise<never> {
  const { run, hash, name } = parseArgs([...args], { string: ["run", "hash", "name"] });
  // This is the program's own doing, as reading flags is: the rest of furu is told.
  const env = environmentVariables();
  const { SLURM_JOB_ID: jobId, SLURM_RESTART_COUNT: restarts, SLURM_CLUSTER_NAME: cluster } = env;
  if (run === undefined || hash === undefined || name === undefined || jobId === undefined) {
    throw new UsageError("Cannot run 'job' by hand: runs on Slurm submit it themselves");
  }
  const slurm = {
    jobId,
    name,
    restarts: Number(restarts ?? 0),
    ...(cluster === undefined || cluster === "" ? {} : { cluster }),
  };
  const client = async () => (await import("../slurm/jobs/system_client.ts")).systemClient();
  Deno.exit(await runJob({ dir: run, hash, slurm, client, env }));
}
