import { errorText, ValidationError } from "../core/errors.ts";
import { checkWord } from "../core/names.ts";
import { ARTIFACT, type Artifact } from "./artifact/artifact.ts";

/** The spec that an artifact needs. @throws ValidationError when the task's own function gives none. */
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
