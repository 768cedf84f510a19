import type { RunSummary } from "../core/event.ts";
import type { RunLocalOptions } from "../local/run_local.ts";
import { refuseWhileLoading } from "../run/get/loading.ts";
import type { Artifact } from "../task/artifact/artifact.ts";

/**
 * Computes all of the roots that is missing, in parallel on this machine, each artifact once whoever else computes
 * them too. What a job on Slurm computes, or is to compute, is waited for as long as that job lives.
 *
 * @param roots What is wanted.
 * @returns How it went, when all roots are there.
 * @throws {RunFailedError} that lists each failure. {@link ValidationError} for bad options, a root that is no artifact
 * or a cycle, {@link StoreError} for a damaged record, {@link ExecutionError} inside of a task, the signal's reason when
 * it aborts. On Ctrl-C the attempts end as preempted
 * and the process exits with 130 (143 for SIGTERM).
 *
 * @example
 * ```ts
 * import { defineTask, runLocal, z } from "@furu/furu";
 *
 * const Double = defineTask({
 *   name: "docs/Double",
 *   params: z.object({ x: z.number() }),
 *   create: ({ params }) => 2 * params.x,
 * });
 * const run = async () => await runLocal([1, 2, 3].map((x) => Double({ x })), { maxWorkers: 2 });
 * ```
 */
export async function runLocal(
  roots: Artifact | Iterable<Artifact>,
  options: RunLocalOptions = {},
): Promise<RunSummary> {
  refuseWhileLoading("runLocal");
  // Loaded when used: whatever a pipeline imports, its workers load too.
  const [{ runRootsLocally }, { slurmHints }] = await Promise.all([
    import("../local/run_local.ts"),
    import("../slurm/jobs/slurm_hints.ts"),
  ]);
  return await runRootsLocally(roots, options, slurmHints());
}
