import { isForced } from "../../plan/forced.ts";
import type { PoolHead, PoolNode } from "../../remote/run_record.ts";
import type { Runtime } from "../../run/runtime.ts";

/**
 * Whether a run goes on by itself where jobs cannot submit others (`slurm.nodesSubmit` is false). Then all
 * its workers are submitted at its beginning, and none that leaves can be replaced.
 */
export function isStaticFleet({ detached, config }: Pick<PoolHead, "detached" | "config">): boolean {
  return detached && config.slurm?.nodesSubmit === false;
}

/**
 * Whether there may still be something to do for workers of a spec. Looks in the store, with one listing for
 * each name of a task, since only the controller knows more of a run. A result that is to be replaced tells
 * nothing.
 *
 * @throws {StoreError} If a folder cannot be listed.
 */
export async function hasRemainingWork(
  { store }: Pick<Runtime, "store">,
  run: Pick<PoolHead, "force" | "forcedDependents" | "invalid" | "runId">,
  nodes: readonly PoolNode[],
  spec: string,
): Promise<boolean> {
  const own = nodes.filter((node) => node.spec === spec);
  if (own.some((node) => isForced(run, node))) return true;
  for (const [name, some] of Map.groupBy(own, (node) => node.name)) {
    const { done } = await store.listTask(name);
    if (some.some(({ hash }) => !done.has(hash))) return true;
  }
  return false;
}
