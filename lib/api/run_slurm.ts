import { withDisplay } from "../core/system/session.ts";
import { forCell } from "../ui/user_frames.ts";
import type { RunSummary } from "../core/event.ts";
import { refuseWhileLoading } from "../run/context.ts";
import type { RunSlurmOptions, SubmittedRun } from "../slurm/run/run_slurm_options.ts";
import type { Artifact } from "../task/artifact/artifact.ts";

/**
 * Submits everything that the roots lack to Slurm, and leaves: the jobs go on by themselves. `furu follow`
 * and `furu cancel` take the id of the run.
 *
 * In a pool (`mode: "pool"`, the default) one of the workers controls the run beside its tasks, and another
 * one when that dies. A run of the same roots that is at work already is returned instead, and nothing is
 * submitted. In DAG mode (`mode: "dag"`) the jobs wait for each other.
 *
 * @param roots The artifacts that are wanted.
 * @param options Options of the run, with `detach: true`.
 * @returns What was submitted.
 * @throws {ValidationError} If an option is unknown or not allowed, if a root is no artifact, or if artifacts
 * depend on each other in a cycle.
 * @throws {ConfigError} If a spec is missing or impossible, or a value of the configuration is not allowed.
 * @throws {SlurmError} If Slurm refuses, in sbatch's own words; in DAG mode also if somebody computes an
 * artifact outside of Slurm, where no job can wait for it.
 * @throws {ExecutionError} If it is called inside of a task.
 *
 * @example
 * ```ts
 * import { defineTask, runSlurm, z } from "@furu/furu";
 *
 * const Count = defineTask({
 *   name: "docs/Count",
 *   params: z.object({ to: z.int() }),
 *   create: ({ params }) => params.to,
 * });
 * const submit = async () => {
 *   const { runId } = await runSlurm([Count({ to: 3 })], { specs: { default: {} }, detach: true });
 *   console.log(`furu follow ${runId}`);
 * };
 * ```
 */
export function runSlurm(
  roots: Artifact | Iterable<Artifact>,
  options: RunSlurmOptions & { detach: true },
): Promise<SubmittedRun>;
/**
 * Computes everything that the roots lack on Slurm, and follows the run until it has ended.
 *
 * In a pool (`mode: "pool"`, the default) there are jobs with workers, as many as there is work for, that
 * take one task after another. A run of the same roots of this user on this cluster whose controller died is
 * taken up; one that goes on by itself, or is another user's or on another cluster, is followed, and then
 * what is missing is computed (`takeOver`). In DAG mode (`mode: "dag"`) there is one job for each artifact,
 * and the jobs wait for each other; two runs that need the same artifact submit it once.
 *
 * On Ctrl-C what runs is preempted, the jobs are cancelled and the process exits with 130 (143 for SIGTERM).
 *
 * @param roots The artifacts that are wanted.
 * @param options Options of the run.
 * @returns How the run ended, when all roots are there.
 * @throws {RunFailedError} If a root is not there in the end: lists each failure.
 * @throws {ValidationError} If an option is unknown or not allowed, if a root is no artifact, or if artifacts
 * depend on each other in a cycle.
 * @throws {ConfigError} If a spec is missing or impossible, or a value of the configuration is not allowed.
 * @throws {SlurmError} If Slurm refuses, in sbatch's own words; in DAG mode also if somebody computes an
 * artifact outside of Slurm, where no job can wait for it.
 * @throws {ExecutionError} If it is called inside of a task, if somebody else cancels the run, or if a run is
 * to be taken over (`takeOver`) whose controller lives.
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
  options?: RunSlurmOptions & { detach?: false },
): Promise<RunSummary>;
/**
 * Computes everything that the roots lack on Slurm: the form for options of which it is not known whether
 * they say `detach`. It does, and throws, what the other two do.
 *
 * @param roots The artifacts that are wanted.
 * @param options Options of the run.
 * @returns What was submitted if `detach` is true, else how the run ended.
 */
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
  const { runOnSlurm } = await import("../slurm/run_slurm.ts");
  return withDisplay("summary", await forCell(() => runOnSlurm(roots, options)));
}
