import { ConfigError } from "../../core/errors.ts";
import { didYouMean } from "../../core/nearest.ts";
import { taskNames } from "./registry.ts";

/**
 * Which tasks are meant by names that a user gave.
 *
 * @param names Task names, or `"ALL"`.
 * @returns Says of a task's name whether it is meant.
 * @throws {ConfigError} for a name that no task has, with the nearest one.
 */
export function namedTasks(names: "ALL" | readonly string[]): (name: string) => boolean {
  if (names === "ALL") return () => true;
  const known = taskNames();
  for (const name of names) {
    if (known.includes(name)) continue;
    throw new ConfigError(
      `Cannot force task '${name}' (force, FURU_ALWAYS_RERUN) as there is no such task ` +
        `(known are: ${known.join(", ") || "none"})${didYouMean(name, known)}`,
    );
  }
  const wanted = new Set(names);
  return (name) => wanted.has(name);
}
