import { forCell } from "../ui/user_frames.ts";
import type { SchedulerHints } from "../run/default_runtime.ts";
import { getArtifact, type GetOptions } from "../run/get/get.ts";
import type { Artifact, Value } from "../task/artifact/artifact.ts";

/** Nothing of Slurm is loaded before a claim is met that a job on Slurm holds. */
export const HINTS: SchedulerHints = {
  claimHint: async (holder) =>
    holder.slurm && await (await import("../slurm/jobs/slurm_hints.ts")).slurmHints().claimHint(holder),
};

/**
 * Gets the value of an artifact: loaded when it is stored, else computed (its dependencies through their own
 * `get`), or waited for while somebody else computes it. It is always the stored form, so that the first call
 * returns what every later one will. Inside a run it only loads.
 *
 * What a job on Slurm computes is waited for as long as that job lives, as this machine's Slurm says.
 *
 * Calls for one artifact in one process share one computation. At most `maxCreates` run `create` at the same
 * time; one that waits in a `get` for what is computed does not count, nor does its time limit pass. Where
 * 200 wait for each other, what the last one declares to need is computed from the bottom up before it, so
 * that a chain may be of any length.
 *
 * @param artifact The artifact, which is a task called with parameters.
 * @param options Options of this call.
 * @returns The value that the task's `create` (or `load`) returned.
 * @throws {ComputeError} If `create` failed: names the log of the attempt.
 * @throws {WaitTimeoutError} If somebody else took longer than `maxWaitSec`.
 * @throws {StoreError} If a record is damaged or the store cannot be written.
 * @throws {ValidationError} If an option is unknown or not allowed.
 * @throws {MissingArtifactError} If it is not stored, inside a run.
 * @throws {SpecMismatchError} If it needs another Slurm spec than the worker has, inside a run.
 * @throws {ExecutionError} If it is no artifact, or if something is asked for that is not allowed inside a
 * run.
 *
 * @example
 * ```ts
 * import { defineTask, get, z } from "@furu/furu";
 *
 * const Square = defineTask({
 *   name: "docs/Square",
 *   params: z.object({ x: z.number() }),
 *   create: ({ params }) => params.x ** 2,
 * });
 * const run = async () => (await get(Square({ x: 3 }))) + 1;
 * ```
 */
export async function get<A extends Artifact>(artifact: A, options?: GetOptions): Promise<Value<A>> {
  return await forCell(() => getArtifact(artifact, options, HINTS));
}
