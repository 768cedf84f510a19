import { ValidationError } from "../../core/errors.ts";
import { didYouMean } from "../../core/nearest.ts";
import type { RunPoolOptions } from "./run_slurm_options.ts";

/**
 * Refuses a limit for a spec that there is none of: a misspelt one would let its spec have as many workers as any.
 *
 * @param known Names of specs: those that are given, and those that tasks need.
 * @throws {ValidationError} naming it, and those that there are.
 */
export function checkMaxWorkers(maxWorkers: RunPoolOptions["maxWorkers"], known: Iterable<string>): void {
  if (typeof maxWorkers !== "object") return;
  const names = [...new Set(["default", ...known])];
  for (const name of Object.keys(maxWorkers)) {
    if (names.includes(name)) continue;
    throw new ValidationError(
      `Cannot use maxWorkers.${name} as there is no spec of that name${didYouMean(name, names)}: there are ${
        names.join(", ")
      }`,
    );
  }
}
