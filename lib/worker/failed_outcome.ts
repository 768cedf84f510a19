import { type ErrorInfo, type Outcome, toErrorInfo } from "../run/outcome.ts";
import { stoppedBySignal } from "../run/program_error.ts";

/** Longest text of an error that is passed on, in characters. */
const MAX_CHARS = 65_536;

/** Names of the errors that say that parts of furu or of the pipeline disagree: trying again cannot help. */
const PROTOCOL_ERRORS = new Set(["ProtocolError", "MissingArtifactError", "SpecMismatchError"]);

/**
 * The outcome of an attempt that threw.
 *
 * @param error What was thrown.
 * @param failure Its kind. @default by the class of the error: `"compute"` for all but furu's own disagreements
 */
export function failedOutcome(
  error: unknown,
  failure: "compute" | "protocol" = isProtocol(error) ? "protocol" : "compute",
): Extract<Outcome, { kind: "failed" }> {
  const info = boundedInfo(error);
  return { kind: "failed", failure, error: info, ...(stoppedBySignal(error) ? { signalled: true } : {}) };
}

/** By name, not by class: a pipeline can bring its own copy of furu. */
function isProtocol(error: unknown): boolean {
  return error instanceof Error && PROTOCOL_ERRORS.has(error.name);
}

function boundedInfo(error: unknown): ErrorInfo {
  try {
    const { name, message, stack, code } = toErrorInfo(error);
    return {
      name: clip(String(name)),
      message: clip(String(message)),
      ...(stack === undefined ? {} : { stack: clip(String(stack)) }),
      ...(code === undefined ? {} : { code }),
    };
  } catch {
    return { name: "Error", message: "Thrown value that cannot be shown: looking at it threw again" };
  }
}

function clip(text: string): string {
  return text.length <= MAX_CHARS ? text : `${text.slice(0, MAX_CHARS)} ... (${text.length} characters)`;
}
