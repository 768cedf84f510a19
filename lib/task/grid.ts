import { ValidationError } from "../core/errors.ts";

/**
 * A point of a grid: one of the values of each list.
 *
 * @typeParam G The lists.
 */
export type GridPoint<G extends Record<string, readonly unknown[]>> = {
  -readonly [K in keyof G]: G[K][number];
};

/**
 * Makes the product of parameter lists, for sweeps. The last list varies fastest.
 *
 * @typeParam G The type of the lists.
 * @param lists A list of values for each parameter.
 * @returns A fresh object for each combination: none when a list is empty, one empty object without lists.
 * @throws {ValidationError} If a member is not an array.
 *
 * @example
 * ```ts
 * import { grid } from "@furu/furu";
 *
 * console.log(grid({ lr: [0.1, 0.01], seed: [1, 2] }).length); // 4
 * ```
 */
export function grid<const G extends Record<string, readonly unknown[]>>(lists: G): GridPoint<G>[] {
  let points: Record<string, unknown>[] = [{}];
  for (const [key, values] of Object.entries(lists)) {
    if (!Array.isArray(values)) {
      throw new ValidationError(
        `Cannot make a grid as '${key}' must be an array of values: current value is ${Deno.inspect(values)}`,
      );
    }
    points = points.flatMap((point) => values.map((value) => ({ ...point, [key]: value })));
  }
  return points as GridPoint<G>[];
}
