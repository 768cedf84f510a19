import { listWorkers } from "../../queue/worker_liveness.ts";
import { settleLogged } from "../../run/settle_logged.ts";
import { declareSucceeded } from "../../store/claims/attempt_end.ts";
import { readRecord } from "../../store/results/commit.ts";
import { ClaimWatch } from "../../store/claims/liveness.ts";
import { concernsOneArtifact } from "../../store/store.ts";
import type { Artifact } from "../../task/artifact/artifact.ts";
import type { PoolState } from "./pool_state.ts";

/**
 * Removes the claims of workers that died between storing a result and ending their claim: the task's file was moved on, so
 * that nobody else would come upon them. Only where a worker has died in the run; one listing for each name of a task.
 *
 * @throws {StoreError} when the store cannot be read or written.
 */
export async function tidyClaims({ runtime, paths, run, role, artifactOf }: PoolState): Promise<void> {
  const { store } = runtime;
  const workers = await listWorkers(store, paths);
  if (![...workers.values()].some(({ end }) => end)) return;
  for (const [name, nodes] of Map.groupBy(run.nodes, (node) => node.name)) {
    const { done, open } = await store.listTask(name);
    for (const { hash } of nodes) {
      if (!done.has(hash) || !open.has(hash)) continue;
      await role.check();
      try {
        await tidyClaim(runtime, run.runId, artifactOf(hash));
      } catch (error) {
        // A claim that cannot be read is not this run's, and a damaged record has failed its node already.
        if (!concernsOneArtifact(error)) throw error;
      }
    }
  }
}

async function tidyClaim(runtime: PoolState["runtime"], runId: string, artifact: Artifact): Promise<void> {
  const { store } = runtime;
  const home = store.paths(artifact);
  const look = await new ClaimWatch(store, home).look();
  if (look.state === "absent" || look.state === "unknown" || look.holder.run !== runId) return;
  const isItsResult = look.state === "dead" && (await readRecord(store, home))?.id === look.holder.id;
  if (isItsResult) await declareSucceeded(store, home, look.holder);
  else await settleLogged(runtime, artifact, look);
}
