import { errorText } from "../core/errors.ts";
import { endAttempt } from "../store/claims/attempt_end.ts";
import type { Claim, Ending } from "../store/claims/claim.ts";
import type { Runtime } from "./runtime.ts";

/**
 * Ends an attempt. When its end cannot be written (a full disk) that is only said: what led there is what the caller
 * tells, and the claim is given back all the same.
 */
export async function endLogged(runtime: Runtime, claim: Claim, ending: Ending | "success"): Promise<void> {
  try {
    await endAttempt(runtime.store, claim, ending);
  } catch (error) {
    const { name, hash } = claim.paths;
    runtime.logger.warn(
      `the end of attempt ${claim.attempt.n} of ${name} (${hash}) is not recorded: ${errorText(error)}`,
    );
  }
}
