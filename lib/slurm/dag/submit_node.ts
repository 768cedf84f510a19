import type { Artifact } from "../../task/artifact/artifact.ts";
import { type DagContext, tell } from "./dag_context.ts";
import type { DagNode } from "../run/dag_run.ts";
import { jobCommand } from "../client/job_command.ts";
import { probeCommand } from "../../worker/command.ts";
import { jobOptions } from "../client/job_options.ts";
import { logPattern, scriptPath } from "../client/job_log.ts";
import { nodeLogDir } from "./node_log_dir.ts";
import type { SubmittedJob } from "../client/parse_jobs.ts";
import { batchScript } from "../client/script.ts";

/**
 * Submits the job of one node of a run in DAG mode; its batch script is kept beside its log.
 *
 * @param artifact What the node computes.
 * @param afterOk Ids of the jobs whose success it waits for.
 * @throws {SlurmError} with sbatch's own words. {@link StoreError} when the script cannot be written.
 */
export async function submitNode(
  context: DagContext,
  node: DagNode,
  artifact: Artifact,
  afterOk: readonly string[],
): Promise<SubmittedJob> {
  const { run, runtime, client, signal, dir } = context;
  const spec = run.specs[node.spec]!;
  const folder = nodeLogDir(run, node.spec);
  const script = scriptPath(folder, node.jobName);
  // Slurm says nothing of a missing folder: the job fails.
  await runtime.store.makeDir(folder);
  await runtime.machine.files.write(
    script,
    batchScript({
      title: `furu: ${artifact} of run ${run.runId}`,
      setup: spec.setup,
      command: jobCommand(run, { run: dir, hash: node.hash, name: node.jobName }),
      probe: probeCommand(),
    }),
  );
  return await client.submit({
    script,
    name: node.jobName,
    options: jobOptions({ spec, log: logPattern(folder, node.jobName), afterOk, requeue: true }),
    signal,
    onWait: ({ text, waitMs }) =>
      tell(context, "warn", `${artifact} is submitted again in ${waitMs / 1000} s: ${text}`),
  });
}
