import { ValidationError } from "../core/errors.ts";

/** How many attempts may run at the same time. */
export interface WorkerLimits {
  /** Of all specs together. */
  maxRunning?: number;
  /** Of one spec. */
  limit?: (spec: string) => number;
}

/**
 * What `maxWorkers` means: a number is for all specs together; by spec, those that are not named share the number
 * of `default`, or else of the cores, each for itself.
 *
 * @throws {ValidationError} naming the value and what is allowed.
 */
export function workerLimits(maxWorkers: number | Record<string, number> = cores()): WorkerLimits {
  if (typeof maxWorkers === "number") {
    check("maxWorkers", maxWorkers, 1);
    return { maxRunning: maxWorkers };
  }
  if (typeof maxWorkers !== "object" || maxWorkers === null || Array.isArray(maxWorkers)) {
    throw new ValidationError(
      `Cannot use maxWorkers as it must be a whole number from 1, or such a number for each spec: it is ${
        Deno.inspect(maxWorkers)
      }`,
    );
  }
  for (const [spec, count] of Object.entries(maxWorkers)) check(`maxWorkers.${spec}`, count, 1);
  const others = maxWorkers.default ?? cores();
  return { limit: (spec) => maxWorkers[spec] ?? others };
}

function check(name: string, value: unknown, least: number): void {
  if (Number.isInteger(value) && (value as number) >= least) return;
  throw new ValidationError(`Cannot use ${name} as it must be a whole number from ${least}: it is ${value}`);
}

function cores(): number {
  return navigator.hardwareConcurrency;
}
