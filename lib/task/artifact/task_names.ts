import { ConfigError } from "../../core/errors.ts";
import { didYouMean } from "../../core/nearest.ts";
import { taskNames } from "./registry.ts";

/**
 * Refuses names of tasks to force that no task has.
 *
 * @throws {ConfigError} For such a name, with the nearest one.
 */
export function checkTaskNames(names: "ALL" | readonly string[]): void {
  if (names === "ALL") return;
  const known = taskNames();
  for (const name of names) {
    if (known.includes(name)) continue;
    throw new ConfigError(
      `Cannot force task '${name}' (force, FURU_ALWAYS_RERUN) as there is no such task ` +
        `(known are: ${known.join(", ") || "none"})${didYouMean(name, known)}`,
    );
  }
}
