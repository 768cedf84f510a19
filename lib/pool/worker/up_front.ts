import type { PoolRun } from "../../remote/run_record.ts";

/**
 * Does a run go on by itself where jobs cannot submit others (`slurm.nodesSubmit` is false)? Then all its workers are
 * submitted at its beginning, and none that leaves can be replaced.
 */
export function isUpFront({ detached, config }: Pick<PoolRun, "detached" | "config">): boolean {
  return detached && config.slurm?.nodesSubmit === false;
}
