/** The most attempts that may run at the same time. */
export interface WorkerLimits {
  /** Of all specs together. */
  maxRunning?: number;
  /** Of one spec. */
  limit?: (spec: string) => number;
  /** Among how many the machine is divided: the number, or the sum of those by spec. */
  atOnce: number;
}

/**
 * The limits that `maxWorkers` stands for: a number is for all specs together; by spec, those that are not
 * named share the number of `default`, or else of the cores, each for itself.
 */
export function workerLimits(maxWorkers: number | Record<string, number> = cores()): WorkerLimits {
  if (typeof maxWorkers === "number") return { maxRunning: maxWorkers, atOnce: maxWorkers };
  const others = maxWorkers.default ?? cores();
  const bySpec = { ...maxWorkers, default: others };
  const atOnce = Object.values(bySpec).reduce((sum, each) => sum + each, 0);
  return { limit: (spec) => maxWorkers[spec] ?? others, atOnce };
}

function cores(): number {
  return navigator.hardwareConcurrency;
}
