import type { Hash } from "../core/hash.ts";
import { listWorkers } from "../queue/list_workers.ts";
import { declareDead, declareSucceeded, removeEndedClaim } from "../store/attempt_end.ts";
import { readRecord } from "../store/commit.ts";
import { ClaimWatch } from "../store/liveness.ts";
import type { PoolState } from "./pool_state.ts";

/**
 * Removes the claims of workers that died between storing a result and ending their claim: the task's file was moved on, so
 * that nobody else would come upon them. Only where a worker has died in the run; one listing for each name of a task.
 *
 * @throws {StoreError} when the store cannot be read or written.
 */
export async function tidyClaims({ runtime, paths, run, role }: PoolState): Promise<void> {
  const { store } = runtime;
  const workers = await listWorkers(store, paths);
  if (![...workers.values()].some(({ end }) => end)) return;
  for (const [name, nodes] of Map.groupBy(run.nodes, (node) => node.name)) {
    const { done, open } = await store.listTask(name);
    for (const { hash } of nodes) {
      if (!done.has(hash) || !open.has(hash)) continue;
      await role.check();
      await tidyClaim(runtime, run.runId, { name, hash });
    }
  }
}

async function tidyClaim(
  { store }: PoolState["runtime"],
  runId: string,
  artifact: { name: string; hash: Hash },
): Promise<void> {
  const home = store.paths(artifact);
  const look = await new ClaimWatch(store, home).look();
  if (look.state === "absent" || look.state === "unknown" || look.holder.run !== runId) return;
  if (look.state === "ended" && look.removable) return await removeEndedClaim(store, home, look.holder);
  if (look.state !== "dead") return;
  if ((await readRecord(store, home))?.id === look.holder.id) {
    await declareSucceeded(store, home, look.holder);
  } else await declareDead(store, home, look.holder, look.why);
}
