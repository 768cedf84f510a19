import { errorText, ValidationError } from "../core/errors.ts";
import type { Artifact } from "./artifact/artifact.ts";

/**
 * Asks a function of a task's options about an artifact. Whatever a user's function throws, it is no trouble
 * of furu's own with the system.
 *
 * @param option The option.
 * @throws {ValidationError} If the function throws: names the artifact and the option.
 */
export function answerOf<T>(artifact: Artifact, option: string, ask: () => T): T {
  try {
    return ask();
  } catch (cause) {
    throw unusable(artifact, `'${option}' of its task threw: ${errorText(cause)}`, cause);
  }
}

/**
 * The error of an artifact of which a task says something that is of no use.
 *
 * @param reason Goes on from "as".
 */
export function unusable(artifact: Artifact, reason: string, cause?: unknown): ValidationError {
  return new ValidationError(`Cannot use ${artifact} as ${reason}`, {
    ...(cause === undefined ? {} : { cause }),
    artifact: `${artifact}`,
  });
}
