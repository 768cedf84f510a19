import type { Hash } from "../core/hash.ts";
import type { NodeState, StatusSource } from "../plan/node.ts";
import type { Runtime } from "../run/runtime.ts";
import { storeStatus } from "../schedule/status_source.ts";
import { readEnds } from "../store/results/ends.ts";
import { readClaim } from "../store/claims/read_claim.ts";
import type { Artifact } from "../task/artifact/artifact.ts";

/**
 * Where the controller of a pool learns what is stored. What this very run computes, or failed at, is not somebody else's: its
 * queue tells how that goes on.
 */
export function poolStatus(runtime: Runtime, runId: string, isQueued: (hash: Hash) => boolean): StatusSource {
  const source = storeStatus(runtime);
  return {
    ...source,
    inspect: async (artifact): Promise<NodeState> => {
      const state = await source.inspect(artifact);
      if (!isQueued(artifact.hash)) return state;
      return await isOwn(runtime, runId, artifact, state) ? { status: "TODO", reason: "missing" } : state;
    },
  };
}

async function isOwn(
  { store }: Runtime,
  runId: string,
  artifact: Artifact,
  { status }: NodeState,
): Promise<boolean> {
  const paths = store.paths(artifact);
  if (status === "IN_PROGRESS") return (await readClaim(store, paths))?.run === runId;
  if (status === "FAILED") return (await readEnds(store, paths)).at(-1)?.run === runId;
  return false;
}
