import { forCell } from "../ui/user_frames.ts";
import type { PlanRootsOptions } from "../local/plan_roots.ts";
import type { Plan } from "../plan/graph.ts";
import type { Artifact } from "../task/artifact/artifact.ts";

/**
 * Finds out what it takes to get the roots: every artifact that is missing below them, with its status (DONE,
 * IN_PROGRESS, TODO or FAILED), its dependencies and an order. Computes and changes nothing.
 *
 * @param roots The artifacts that are wanted.
 * @param options Options of the planning.
 * @returns A picture of the moment, which does not change.
 * @throws {ValidationError} If an option is unknown or not allowed, if a root is no artifact, or if artifacts
 * depend on each other in a cycle, which it names.
 * @throws {StoreError} If the system cannot look into the store.
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
  return await forCell(() => planRoots(roots, options, slurmIsOver(options?.signal)));
}
