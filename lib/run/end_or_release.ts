import { errorText } from "../core/errors.ts";
import { endAttempt, releaseClaim } from "../store/attempt_end.ts";
import type { Claim } from "../store/claim.ts";
import type { Ending } from "../store/end_record.ts";
import type { Runtime } from "./runtime.ts";

/**
 * Ends an attempt. On a full disk there is no room for words: then the claim is given back, which needs none, so that
 * nobody waits for it, and what led here is what the caller tells.
 */
export async function endOrRelease(
  runtime: Runtime,
  claim: Claim,
  ending: Ending | "success",
): Promise<void> {
  try {
    await endAttempt(runtime.store, claim, ending);
  } catch (error) {
    const { name, hash } = claim.paths;
    runtime.logger.warn(
      `the end of attempt ${claim.attempt.n} of ${name} (${hash}) is not recorded: ${errorText(error)}`,
    );
    await releaseClaim(runtime.store, claim);
  }
}
