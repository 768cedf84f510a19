import type { ArtifactPaths } from "../layout.ts";
import type { Store } from "../store.ts";
import { declareDead, removeEndedClaim } from "./attempt_end.ts";
import { type Claim, tryClaim } from "./claim.ts";
import { ClaimWatch, type Look } from "./liveness.ts";
import type { ClaimOptions } from "./owner_files.ts";

/** The claim, or what the look at somebody else's shows. */
export type Acquired =
  | { readonly kind: "claimed"; readonly claim: Claim }
  | { readonly kind: "held"; readonly look: HeldLook };

/** A look at a claim that may live, or of which nothing can be told at the moment. */
export type HeldLook = Exclude<Look, { state: "absent" | "dead" }>;

/** How often a claim is tried for that others keep taking and leaving. */
const MAX_TURNS = 100;

/**
 * Claims an artifact. A dead or an ended claim in the way is cleared first; one that may live is left alone.
 *
 * @param watch Kept from one call to the next, so that a lease can be seen to run out.
 * @throws {StoreError} If the store cannot be used.
 */
export async function acquireClaim(
  store: Store,
  paths: ArtifactPaths,
  options: ClaimOptions,
  watch: ClaimWatch = new ClaimWatch(store, paths),
): Promise<Acquired> {
  for (let turn = 0; turn < MAX_TURNS; turn++) {
    const result = await tryClaim(store, paths, options);
    if (result.kind === "claimed") return result;
    const look = await watch.look();
    if (await settleClaim(store, paths, look) || look.state === "absent" || look.state === "dead") continue;
    return { kind: "held", look };
  }
  return { kind: "held", look: { state: "unknown", why: `others keep taking and leaving ${paths.claim}` } };
}

/**
 * Does what a look at somebody's claim calls for: ends the attempt of a dead owner, and removes a claim that
 * has ended and whose owner did not come back for it.
 *
 * @returns Whether there was anything to do: then the artifact may be free now.
 */
export async function settleClaim(store: Store, paths: ArtifactPaths, look: Look): Promise<boolean> {
  if (look.state === "dead") {
    await declareDead(store, paths, look.holder, look.why, { kind: look.kind });
    return true;
  }
  if (look.state === "ended" && look.removable) {
    await removeEndedClaim(store, paths, look.holder);
    return true;
  }
  return false;
}
