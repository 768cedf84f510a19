import { type Plan, plan as planWith } from "../plan/graph.ts";
import { currentContext } from "../run/context.ts";
import { defaultRuntime } from "../run/default_runtime.ts";
import { forcedNodes } from "../schedule/forced.ts";
import { storeStatus } from "../schedule/status_source.ts";
import type { Artifact } from "../task/artifact.ts";
import { rootsOf } from "../schedule/check_options.ts";

/** Options of {@link plan}. */
export interface PlanRootsOptions {
  /** Names of tasks that a run would be forced to compute again, or `"ALL"`. @default FURU_ALWAYS_RERUN */
  force?: "ALL" | string[];
  /** Ends the planning with the signal's reason. */
  signal?: AbortSignal;
}

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
  const runtime = currentContext()?.runtime ?? defaultRuntime();
  // No record carries an empty run's id: everything that is forced is still to be done.
  const forced = forcedNodes(runtime, options.force ?? runtime.config.alwaysRerun, "");
  return await planWith(rootsOf(roots), storeStatus(runtime), {
    ...(forced === undefined ? {} : { forced }),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
}
