import { ValidationError } from "../core/errors.ts";
import { didYouMean } from "../core/nearest.ts";
import { isArtifact } from "../task/artifact/artifact.ts";
import type { Artifact } from "../task/artifact/artifact.ts";

const ISOLATIONS = ["process", "inline"];
const PROGRESS = ["auto", "plain", "quiet", "json", "none"];

/**
 * Refuses what the types forbid and plain JavaScript can pass, so that no option is silently ignored.
 *
 * @throws {ValidationError} naming the option, its value and what is allowed.
 */
export function checkChoices({ isolation, progress }: { isolation?: unknown; progress?: unknown }): void {
  checkOneOf("isolation", isolation, ISOLATIONS);
  checkOneOf("progress", progress, PROGRESS);
}

function checkOneOf(option: string, value: unknown, allowed: readonly string[]): void {
  if (value === undefined || allowed.includes(value as string)) return;
  throw new ValidationError(
    `Cannot use ${option} ${Deno.inspect(value)}${didYouMean(String(value), allowed)}: allowed are ${
      allowed.map((each) => `"${each}"`).join(", ")
    }`,
  );
}

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
