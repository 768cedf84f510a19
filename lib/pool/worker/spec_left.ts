import { isForced } from "../../plan/forced.ts";
import type { Runtime } from "../../run/runtime.ts";
import type { PoolRun } from "../../remote/pool_run.ts";

/**
 * May there still be something to do for workers of a spec? Found in the store, one listing for each name of a task, since
 * only its controller knows more of a run. Where results are replaced their being there tells nothing.
 *
 * @throws {StoreError} when a folder cannot be listed.
 */
export async function isSpecLeft(
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
