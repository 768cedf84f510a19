import { declareDead, removeEndedClaim } from "../store/claims/attempt_end.ts";
import type { Look } from "../store/claims/liveness.ts";
import type { Artifact } from "../task/artifact/artifact.ts";
import type { Runtime } from "./runtime.ts";

/**
 * Does what a look at somebody's claim calls for: ends the attempt of a dead owner, and removes a claim that has ended
 * and whose owner did not come back for it.
 *
 * @returns Was there anything to do? Then the artifact may be free now.
 */
export async function settleClaim(runtime: Runtime, artifact: Artifact, look: Look): Promise<boolean> {
  const { store, logger } = runtime;
  const paths = store.paths(artifact);
  if (look.state === "dead") {
    logger.warn(`${artifact}: ${look.why}; its attempt ${look.holder.attempt} counts as crashed`);
    await declareDead(store, paths, look.holder, look.why);
    return true;
  }
  if (look.state === "ended" && look.removable) {
    await removeEndedClaim(store, paths, look.holder);
    return true;
  }
  return false;
}
