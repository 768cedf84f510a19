import { ValidationError } from "../core/errors.ts";
import { aCount, type OptionCheck } from "../core/options.ts";

/**
 * How many roots are worked on at the same time: `"dfs"` = one after another, `"bfs"` = all, a number k = k of them,
 * where the next joins when one of these is finished (done, or failed for good).
 */
export type Window = "dfs" | "bfs" | number;

const MUST =
  '"dfs" (one root after another), "bfs" (all at once) or a whole number from 1 (so many at the same time)';

/** A {@link Window}. */
export const aWindow: OptionCheck = (value) =>
  value === "dfs" || value === "bfs" || aCount(value) === undefined ? undefined : { must: MUST };

/**
 * The number of roots that a window lets in.
 *
 * @returns A positive integer, or `Infinity`.
 * @throws {ValidationError} If it is no {@link Window}.
 */
export function windowSize(window: unknown): number {
  if (window === "dfs") return 1;
  if (window === "bfs") return Infinity;
  if (aWindow(window) === undefined) return window as number;
  throw new ValidationError(
    `Cannot use window as it must be ${MUST}: current value is ${Deno.inspect(window)}`,
  );
}
