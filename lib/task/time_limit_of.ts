import { ValidationError } from "../core/errors.ts";
import { ARTIFACT, type Artifact } from "./artifact.ts";
import { checkTimeLimit } from "./definition.ts";

/**
 * Seconds that an attempt of an artifact may take; `undefined` without a limit.
 *
 * @throws ValidationError when the task's `timeLimit` function returns no number above 0.
 */
export function timeLimitOf(artifact: Artifact): number | undefined {
  const { timeLimit } = artifact[ARTIFACT].task;
  if (typeof timeLimit !== "function") return timeLimit;
  const seconds: unknown = timeLimit(artifact.params as never);
  checkTimeLimit(seconds, "what 'timeLimit' of its task returned", (reason) => {
    throw new ValidationError(`Cannot use ${artifact} as ${reason}`, { artifact: `${artifact}` });
  });
  return seconds;
}
