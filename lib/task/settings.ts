import { ValidationError } from "../core/errors.ts";
import { checkWord } from "../core/names.ts";
import { ARTIFACT, type Artifact } from "./artifact.ts";
import { checkTimeLimit } from "./definition.ts";

/**
 * The Slurm spec that an artifact needs.
 *
 * @throws ValidationError when the task's `spec` function returns no name of a spec.
 */
export function specOf(artifact: Artifact): string {
  const { name, spec } = artifact[ARTIFACT].task;
  if (typeof spec === "string") return spec;
  const result: unknown = spec(artifact.params as never);
  checkWord(`spec of ${name}`, result);
  return result;
}

/**
 * Seconds that an attempt of an artifact may take; `undefined` without a limit.
 *
 * @throws ValidationError when the task's `timeLimit` function returns no number above 0.
 */
export function timeLimitOf(artifact: Artifact): number | undefined {
  const { name, timeLimit } = artifact[ARTIFACT].task;
  if (typeof timeLimit !== "function") return timeLimit;
  const seconds: unknown = timeLimit(artifact.params as never);
  checkTimeLimit(seconds, "what its 'timeLimit' returned", (reason) => {
    throw new ValidationError(`Cannot run an artifact of ${name} as ${reason}`);
  });
  return seconds;
}
