import { withDisplay } from "../core/system/session.ts";
import { forCell } from "../ui/user_frames.ts";
import type { RunSummary } from "../core/event.ts";
import type { RunLocalOptions } from "../local/run_local.ts";
import { refuseWhileLoading } from "../run/context.ts";
import type { Artifact } from "../task/artifact/artifact.ts";

/**
 * Computes everything that the roots lack, in parallel on this machine. Each artifact is computed once,
 * whoever else computes it too. What a job on Slurm computes, or is to compute, is waited for as long as that
 * job lives.
 *
 * On Ctrl-C the attempts end as preempted and the process exits with 130 (143 for SIGTERM).
 *
 * @param roots The artifacts that are wanted.
 * @param options Options of the run.
 * @returns How the run ended, when all roots are there.
 * @throws {RunFailedError} If a root is not there in the end: lists each failure.
 * @throws {ValidationError} If an option is unknown or not allowed, if a root is no artifact, or if artifacts
 * depend on each other in a cycle.
 * @throws {ConfigError} If a value of the configuration is not allowed, or `force` names a task that there is
 * none of.
 * @throws {StoreError} If the store cannot be read or written.
 * @throws {ExecutionError} If it is called inside of a task.
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
  return withDisplay("summary", await forCell(() => runRootsLocally(roots, options, slurmHints())));
}
