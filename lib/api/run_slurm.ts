import type { RunSummary } from "../core/event.ts";
import { refuseWhileLoading } from "../run/context.ts";
import type { RunSlurmOptions, SubmittedRun } from "../slurm/run/run_slurm_options.ts";
import type { Artifact } from "../task/artifact/artifact.ts";

/**
 * Computes all of the roots that is missing on Slurm. `mode: "pool"` (the default): jobs with workers, as many as there is
 * work for, that take one task after another; a run of the same roots whose controller died is taken up. `mode: "dag"`: one
 * job for each artifact, that wait for each other; two runs that need the same artifact submit it once.
 *
 * @param roots What is wanted.
 * @returns How it went, when all roots are there; with `detach: true` what was submitted.
 * @throws {RunFailedError} that lists each failure. {@link ConfigError} for specs that are missing or impossible,
 * {@link SlurmError} in sbatch's own words, in DAG mode also for an artifact that somebody computes outside of Slurm;
 * {@link ValidationError} for bad options or roots, {@link ExecutionError} inside of a task and for a run that somebody else
 * cancelled, the signal's reason when it aborts. On Ctrl-C what runs is preempted, the jobs are cancelled and the process
 * exits with 130 (143 for SIGTERM).
 *
 * @example
 * ```ts
 * import { defineTask, runSlurm, z } from "@furu/furu";
 *
 * const Train = defineTask({
 *   name: "docs/Train",
 *   params: z.object({ lr: z.number() }),
 *   spec: "gpu",
 *   create: ({ params }) => ({ loss: 1 / params.lr }),
 * });
 * const run = async () =>
 *   await runSlurm([Train({ lr: 1e-3 })], {
 *     specs: { default: { timeMin: 10 }, gpu: { partition: "gpu", gpus: 1, timeMin: 60 } },
 *     maxWorkers: { default: 8, gpu: 2 },
 *   });
 * ```
 */
export function runSlurm(
  roots: Artifact | Iterable<Artifact>,
  options: RunSlurmOptions & { detach: true },
): Promise<SubmittedRun>;
/** As above, followed until it has ended. */
export function runSlurm(
  roots: Artifact | Iterable<Artifact>,
  options?: RunSlurmOptions & { detach?: false },
): Promise<RunSummary>;
/** As above, either of them. */
export function runSlurm(
  roots: Artifact | Iterable<Artifact>,
  options?: RunSlurmOptions,
): Promise<RunSummary | SubmittedRun>;
export async function runSlurm(
  roots: Artifact | Iterable<Artifact>,
  options: RunSlurmOptions = {},
): Promise<RunSummary | SubmittedRun> {
  refuseWhileLoading("runSlurm");
  // Loaded when used: whatever a pipeline imports, its workers load too.
  const { runSlurm: runWith } = await import("../slurm/run_slurm.ts");
  return await runWith(roots, options);
}
