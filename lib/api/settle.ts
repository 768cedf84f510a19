import { forCell } from "../ui/user_frames.ts";
import { settleArtifact, type Settled } from "../run/get/settle.ts";
import type { Artifact } from "../task/artifact/artifact.ts";
import { HINTS } from "./get.ts";

/**
 * Gets the value of an artifact, or why there is none: what `get` would throw when it has failed for good is
 * returned. Inside of a task it is for the parameters that its option `tolerate` names; what is made without
 * one of them is partial, and says so. Outside of any task it computes, as `get` does.
 *
 * What says nothing of the artifact is thrown: a store that cannot be read, somebody else who takes too long,
 * an interruption.
 *
 * @param artifact The artifact, which is a task called with parameters.
 * @returns What became of it.
 * @throws {ExecutionError} If it is no artifact, or none that the task that asks tolerates: names the option.
 *
 * @example
 * ```ts
 * import { defineTask, settle, z } from "@furu/furu";
 *
 * const Train = defineTask({
 *   name: "docs/Train",
 *   params: z.object({ seed: z.int() }),
 *   create: ({ params }) => 1 / params.seed,
 * });
 * const Mean = defineTask({
 *   name: "docs/Mean",
 *   params: z.object({ runs: z.array(Train.schema) }),
 *   tolerate: ["runs"],
 *   create: async ({ params }) => {
 *     const settled = await Promise.all(params.runs.map(settle));
 *     const losses = settled.filter((each) => each.status === "fulfilled").map(({ value }) => value);
 *     return losses.reduce((a, b) => a + b, 0) / losses.length;
 *   },
 * });
 * ```
 */
export async function settle<A extends Artifact>(artifact: A): Promise<Settled<A>> {
  return await forCell(() => settleArtifact(artifact, HINTS));
}
