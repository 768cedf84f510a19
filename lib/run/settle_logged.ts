import { settleClaim } from "../store/claims/acquire_claim.ts";
import type { Look } from "../store/claims/liveness.ts";
import type { Artifact } from "../task/artifact/artifact.ts";
import type { Runtime } from "./runtime.ts";

/** As `settleClaim`, and says that an attempt counts as crashed. */
export async function settleLogged(runtime: Runtime, artifact: Artifact, look: Look): Promise<boolean> {
  const { store, logger } = runtime;
  if (look.state === "dead") {
    logger.warn(`${artifact}: ${look.why}; its attempt counts as ${look.kind ?? "crashed"}`);
  }
  return await settleClaim(store, store.paths(artifact), look);
}
