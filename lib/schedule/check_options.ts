import { ValidationError } from "../core/errors.ts";
import { oneOf, type OptionCheck } from "../core/options.ts";
import { type Artifact, isArtifact } from "../task/artifact/artifact.ts";

/** How a run shows itself. */
export const aProgress: OptionCheck = oneOf("auto", "plain", "quiet", "json", "none");

/**
 * The roots as they were given: one artifact, or several.
 *
 * @throws {ValidationError} for anything else; what is in them is the planner's to check.
 */
export function rootsOf(roots: Artifact | Iterable<Artifact>): Iterable<Artifact> {
  if (isArtifact(roots)) return [roots];
  const given: unknown = roots;
  if (typeof given === "object" && given !== null && Symbol.iterator in given) return roots;
  throw new ValidationError(
    `Cannot use roots as they must be an artifact (a task applied to parameters) or several of them: they are ${
      Deno.inspect(given, { depth: 1 })
    }`,
  );
}
