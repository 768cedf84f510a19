import { causes, furuErrorName, isLasting } from "../core/errors.ts";
import { toErrorInfo } from "./error_info.ts";
import type { Outcome } from "./outcome.ts";
import { stoppedBySignal } from "./output/program_error.ts";

/** Errors that say that furu or the pipeline's set-up is at fault, not the task: trying again cannot help. */
const PROTOCOL_ERRORS = new Set<string | undefined>([
  "MissingArtifactError",
  "SpecMismatchError",
  "ExecutionError",
  "ProtocolError",
]);

/**
 * The outcome of an attempt that threw.
 *
 * @param error What was thrown.
 * @param failure Its kind. @default by the error: `"compute"` for all but furu's own disagreements
 */
export function failedOutcome(
  error: unknown,
  failure: "compute" | "protocol" = isProtocol(error) ? "protocol" : "compute",
): Extract<Outcome, { kind: "failed" }> {
  return {
    kind: "failed",
    failure,
    error: toErrorInfo(error),
    ...(isLasting(error) ? { lasting: true } : {}),
    ...(stoppedBySignal(error) ? { signalled: true } : {}),
  };
}

/** With the causes, since tasks wrap what they catch. */
function isProtocol(error: unknown): boolean {
  for (const each of causes(error)) if (PROTOCOL_ERRORS.has(furuErrorName(each))) return true;
  return false;
}
