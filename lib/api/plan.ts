import type { PlanRootsOptions } from "../local/plan_roots.ts";
import type { Plan } from "../plan/graph.ts";
import type { Artifact } from "../task/artifact/artifact.ts";

/**
 * What it takes to get the roots: every artifact that is missing below them, with its status (DONE, IN_PROGRESS, TODO
 * or FAILED), its dependencies and an order. Computes and changes nothing.
 *
 * @throws {ValidationError} for a root that is no artifact, and for a cycle (naming it); {@link StoreError} for a damaged
 * record.
 *
 * @example
 * ```ts
 * import { defineTask, plan, z } from "@furu/furu";
 *
 * const Half = defineTask({
 *   name: "docs/Half",
 *   params: z.object({ x: z.number() }),
 *   create: ({ params }) => params.x / 2,
 * });
 * const { counts } = await plan([Half({ x: 1 })]);
 * console.assert(counts.todo + counts.done === 1);
 * ```
 */
export async function plan(
  roots: Artifact | Iterable<Artifact>,
  options: PlanRootsOptions = {},
): Promise<Plan> {
  // Loaded when used: whatever a pipeline imports, its workers load too.
  const [{ planRoots }, { slurmIsOver }] = await Promise.all([
    import("../local/plan_roots.ts"),
    import("../slurm/jobs/slurm_hints.ts"),
  ]);
  return await planRoots(roots, options, slurmIsOver(options.signal));
}
