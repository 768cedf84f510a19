import type { Runtime } from "../run/runtime.ts";
import { describeQueued, type QueuedJob, removeQueued } from "../store/claims/queued.ts";
import type { Artifact } from "../task/artifact/artifact.ts";

/**
 * Removes what says that a job is queued for an artifact, where the scheduler knows that it will never begin.
 *
 * @returns Was it removed? Then the artifact is free.
 */
export async function dropQueued(runtime: Runtime, artifact: Artifact, queued: QueuedJob): Promise<boolean> {
  const { store, logger } = runtime;
  const why = await runtime.queuedHint?.(queued);
  if (why === undefined) return false;
  logger.warn(`${artifact}: ${describeQueued(queued)} will never begin: ${why}`);
  await removeQueued(store, store.paths(artifact), queued.name);
  return true;
}
