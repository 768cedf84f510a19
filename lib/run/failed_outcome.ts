import { toErrorInfo } from "./error_info.ts";
import type { Outcome } from "./outcome.ts";
import { stoppedBySignal } from "./program_error.ts";

/** Errors that say that furu or the pipeline's set-up is at fault, not the task: trying again cannot help. */
const PROTOCOL_ERRORS = new Set([
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
    ...(stoppedBySignal(error) ? { signalled: true } : {}),
  };
}

/** By name, since a pipeline can bring its own copy of furu; with the causes, since tasks wrap what they catch. */
function isProtocol(error: unknown, depth = 0): boolean {
  if (!(error instanceof Error) || depth > 10) return false;
  return PROTOCOL_ERRORS.has(error.name) || isProtocol(error.cause, depth + 1);
}
