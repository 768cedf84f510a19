import { errorText, ValidationError } from "../core/errors.ts";
import { ARTIFACT, type Artifact } from "./artifact/artifact.ts";
import { checkTimeLimit } from "./definition.ts";

/**
 * Seconds that an attempt of an artifact may take; `undefined` without a limit.
 *
 * @throws ValidationError when the task's `timeLimit` function throws or returns no number above 0.
 */
export function timeLimitOf(artifact: Artifact): number | undefined {
  const { timeLimit } = artifact[ARTIFACT].task;
  if (typeof timeLimit !== "function") return timeLimit;
  let seconds: unknown;
  try {
    seconds = timeLimit(artifact.params as never);
  } catch (cause) {
    // Whatever a user's function throws, it is no trouble of furu's own with the system.
    throw new ValidationError(
      `Cannot use ${artifact} as 'timeLimit' of its task threw: ${errorText(cause)}`,
      {
        cause,
        artifact: `${artifact}`,
      },
    );
  }
  checkTimeLimit(seconds, "what 'timeLimit' of its task returned", (reason) => {
    throw new ValidationError(`Cannot use ${artifact} as ${reason}`, { artifact: `${artifact}` });
  });
  return seconds;
}
