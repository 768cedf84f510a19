import type { AttemptEnd } from "../core/attempt_end.ts";
import { tidyAfterSuccess } from "../store/claims/attempt_end.ts";
import { claimFirst, type HandedOwner, releaseFirst } from "../store/claims/first_claim.ts";
import type { Artifact } from "../task/artifact/artifact.ts";
import type { Runtime } from "./runtime.ts";

/**
 * The first attempt of an artifact of which nothing is there yet: claims it, has it computed, and gives the
 * claim back when the result is stored. After any other end the claim is left to the one whose owner file it
 * is.
 *
 * @param queued The name of the job that is queued for it, in DAG mode.
 * @returns `"declined"` when there is anything: a claim, a result, or what an earlier attempt left. Then
 * nothing is held.
 */
export async function attemptFirst(
  runtime: Runtime,
  artifact: Artifact,
  owner: HandedOwner,
  compute: () => Promise<AttemptEnd>,
  queued?: string,
): Promise<AttemptEnd | "declined"> {
  const { store } = runtime;
  const paths = store.paths(artifact);
  if (!await claimFirst(store, paths, owner, queued)) return "declined";
  const end = await compute();
  if (end.outcome !== "success" && end.outcome !== "superseded") return end;
  try {
    await releaseFirst(store, paths, owner);
    await tidyAfterSuccess(store, paths);
  } catch {
    // The result is stored, and the claim is anybody's when the process that owns it has ended.
  }
  return end;
}
