import { ValidationError } from "../core/errors.ts";

/**
 * How many roots are worked on at the same time: `"dfs"` = one after another, `"bfs"` = all, a number k = k of them,
 * where the next joins when one of these is finished (done, or failed for good).
 */
export type Window = "dfs" | "bfs" | number;

/**
 * The number of roots that a window lets in.
 *
 * @param window As the user gave it.
 * @param option What the option is called, for the error.
 * @returns A positive integer, or `Infinity`.
 * @throws ValidationError when it is no {@link Window}.
 */
export function windowSize(window: unknown, option = "window"): number {
  if (window === "dfs") return 1;
  if (window === "bfs") return Infinity;
  if (typeof window === "number" && Number.isSafeInteger(window) && window >= 1) return window;
  throw new ValidationError(
    `Cannot use ${option} as it must be "dfs" (one root after another), "bfs" (all at once) or an integer of at ` +
      `least 1: current value is ${Deno.inspect(window)}`,
  );
}
