/** How a number is spread over attempts. */
export interface Spread {
  /** The median of the attempts that succeeded. */
  readonly median: number;
  /** What 95 % of those do not exceed. */
  readonly p95: number;
  /** The most of all, also of those that failed. */
  readonly most: number;
}

/** Something of which it is known whether it succeeded. */
interface Succeeding {
  readonly succeeded: boolean;
}

/**
 * How a number is spread over attempts.
 *
 * @param of The number of an attempt, where it is known.
 * @returns `undefined` where it is known of none.
 */
export function spreadOf<T extends Succeeding>(
  attempts: readonly T[],
  of: (attempt: T) => number | undefined,
): Spread | undefined {
  const all = attempts.flatMap((attempt) => of(attempt) ?? []);
  const good = attempts.filter(({ succeeded }) => succeeded).flatMap((attempt) => of(attempt) ?? []);
  if (all.length === 0) return undefined;
  // Where none succeeded, what failed is all that is known.
  const sorted = (good.length === 0 ? [...all] : good).sort((a, b) => a - b);
  const quantile = (part: number): number => sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)]!;
  const most = all.reduce((a, b) => Math.max(a, b));
  return { median: quantile(0.5), p95: quantile(0.95), most };
}
