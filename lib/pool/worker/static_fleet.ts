import { isForced } from "../../plan/forced.ts";
import type { PoolRun } from "../../remote/pool_run.ts";
import type { Runtime } from "../../run/runtime.ts";

/**
 * Does a run go on by itself where jobs cannot submit others (`slurm.nodesSubmit` is false)? Then all its workers are
 * submitted at its beginning, and none that leaves can be replaced.
 */
export function isStaticFleet({ detached, config }: Pick<PoolRun, "detached" | "config">): boolean {
  return detached && config.slurm?.nodesSubmit === false;
}

/**
 * May there still be something to do for workers of a spec? Found in the store, one listing for each name of a task, since
 * only its controller knows more of a run. Where results are replaced their being there tells nothing.
 *
 * @throws {StoreError} when a folder cannot be listed.
 */
export async function hasRemainingWork(
  { store }: Pick<Runtime, "store">,
  run: Pick<PoolRun, "nodes" | "force" | "invalid" | "runId">,
  spec: string,
): Promise<boolean> {
  const own = run.nodes.filter((node) => node.spec === spec);
  if (own.some((node) => isForced(run, node))) return true;
  for (const [name, some] of Map.groupBy(own, (node) => node.name)) {
    const { done } = await store.listTask(name);
    if (some.some(({ hash }) => !done.has(hash))) return true;
  }
  return false;
}
