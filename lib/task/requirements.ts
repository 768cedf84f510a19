import { errorText, ValidationError } from "../core/errors.ts";
import { checkWord } from "../core/names.ts";
import { ARTIFACT, type Artifact } from "./artifact/artifact.ts";
import { checkTimeLimit } from "./definition.ts";

/**
 * The spec that an artifact needs.
 *
 * @throws {ValidationError} If the task's own function gives none.
 */
export function specOf(artifact: Artifact): string {
  const { spec } = artifact[ARTIFACT].task;
  if (typeof spec === "string") return spec;
  let value: unknown;
  try {
    value = spec(artifact.params as never);
  } catch (cause) {
    throw new ValidationError(`Cannot use ${artifact} as 'spec' of its task threw: ${errorText(cause)}`, {
      cause,
      artifact: `${artifact}`,
    });
  }
  if (typeof value === "string" && value !== "") {
    // It becomes the name of a folder.
    checkWord(`spec of ${artifact}`, value);
    return value;
  }
  throw new ValidationError(
    `Cannot use ${artifact} as 'spec' of its task must return a name: it returned ${Deno.inspect(value)}`,
    { artifact: `${artifact}` },
  );
}

/**
 * Seconds that an attempt of an artifact may take; `undefined` without a limit.
 *
 * @throws {ValidationError} If the task's `timeLimit` function throws or returns no number above 0.
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
