import { ExecutionError } from "../../core/errors.ts";
import { type Artifact, isArtifact } from "../../task/artifact/artifact.ts";
import { toleratedOf } from "../../task/tolerated.ts";
import { currentContext } from "../context.ts";
import { defaultRuntime } from "../default_runtime.ts";
import { findCounting } from "../partial/counts.ts";
import { missingOf } from "../partial/lacks.ts";
import { findResult } from "../result.ts";

/**
 * Finds out whether there is a valid result of an artifact. Computes nothing, and reads the value only for
 * the task's `validate`.
 *
 * @param artifact The artifact, which is a task called with parameters.
 * @returns Whether `get` would only load it.
 * @throws {StoreError} If the result is damaged, or the system could not look, `validate` included.
 * @throws {ValidationError} If `validate` has a bug.
 * @throws {ExecutionError} If it is no artifact.
 */
export async function exists(artifact: Artifact): Promise<boolean> {
  if (!isArtifact(artifact)) {
    throw new ExecutionError(`Cannot look for ${Deno.inspect(artifact, { depth: 1 })}: it is no artifact`);
  }
  const context = currentContext();
  const runtime = context?.runtime ?? defaultRuntime();
  // As `get` does: inside of a run it loads what there is.
  const find = context?.mode === "executor" ? findResult : findCounting;
  const found = await find(runtime, artifact, { tolerant: false, value: false });
  if (found.state === "valid") return true;
  if (context?.lacks && context.node && toleratedOf(context.node).has(artifact.hash)) {
    // What a task makes of that would be another thing if it were there.
    const { lack } = await missingOf(runtime, artifact);
    context.lacks.set(lack.hash, lack);
  }
  return false;
}
