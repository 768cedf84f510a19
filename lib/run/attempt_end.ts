import { type AttemptEnd, type Blame, type FailedAttempt, failureKind } from "../core/attempt_end.ts";
import {
  causes,
  ComputeError,
  errorCode,
  errorText,
  furuErrorName,
  isLasting,
  isSystemError,
  lackOf,
  reasonOf,
} from "../core/errors.ts";
import { concernsOneArtifact } from "../store/store.ts";
import { endAttempt } from "../store/claims/attempt_end.ts";
import type { Claim, Ending } from "../store/claims/claim.ts";
import type { Artifact } from "../task/artifact/artifact.ts";
import { countingParams } from "../task/artifact/identity.ts";
import type { Runtime } from "./runtime.ts";

/** Errors that blame furu or the pipeline's set-up, not the task: trying again cannot help. */
const PROTOCOL_ERRORS = new Set<string | undefined>([
  "MissingArtifactError",
  "SpecMismatchError",
  "ExecutionError",
  "ProtocolError",
]);

/** The longest text of an error that is passed on and written down, in characters. */
const MAX_CHARS = 20_000;
/** The most causes, and errors inside an AggregateError, that are followed. */
const MAX_DEPTH = 5;
const MAX_ERRORS = 10;

/**
 * Turns what an attempt threw into its end. Never throws.
 *
 * @param error What was thrown.
 * @param blame Who is to blame; by default `"compute"`, except for errors by which furu's own parts disagree.
 */
export function failedEnd(error: unknown, blame: Blame = blameOf(error)): FailedAttempt {
  const lasting = isLasting(error) ? true : undefined;
  const lack = lackOf(error);
  try {
    if (!(error instanceof Error)) {
      return { outcome: "failed", blame, error: clip(`Thrown value: ${inspect(error)}`), lasting };
    }
    const name = clip(String(error.name));
    const message = clip(messageOf(error));
    return {
      outcome: "failed",
      blame,
      error: name === "Error" || name === "" ? message : `${name}: ${message}`,
      stack: clip(stackOf(error, 0)),
      code: errorCode(error),
      lasting,
      ...(lack === undefined ? {} : { lack }),
    };
  } catch {
    const text = "Thrown value that cannot be shown: looking at it threw again";
    return { outcome: "failed", blame, error: text, lasting };
  }
}

/**
 * The end of an attempt that could not begin. It is not the task's doing: what is stored of it or the store
 * cannot be used, or this is a bug. With a code of the system it may be different elsewhere, or later.
 */
export function endOfUnbegun(error: unknown): FailedAttempt {
  const code = isSystemError(error) ? errorCode(error) ?? errorCode((error as Error).cause) : undefined;
  return concernsOneArtifact(error)
    ? { ...failedEnd(error, "compute"), code, lasting: true }
    : { ...failedEnd(error, "protocol"), code };
}

/** The end of an attempt that threw: what it was told counts more than what it then said. */
export function endOfThrown(error: unknown, signal: AbortSignal): AttemptEnd {
  if (!signal.aborted) return failedEnd(error);
  // A time limit is the task's own failure; any other reason is somebody else's wish.
  if (limitErrors.has(signal.reason)) return failedEnd(signal.reason);
  return { outcome: "preempted", reason: reasonOf(signal) };
}

/** The reasons that an attempt's own time limit gave: a caller's own reason may be an error of any class. */
const limitErrors = new WeakSet<WeakKey>();

/** The reason with which a time limit aborts the signal of its attempt. */
export function timeLimitError(artifact: Artifact, seconds: number | undefined): ComputeError {
  const error = new ComputeError(`${artifact} exceeded its time limit of ${seconds} s`);
  limitErrors.add(error);
  return error;
}

/** What an attempt computes, for the record of its end. */
export interface AttemptOf {
  /** The artifact. */
  readonly artifact: Artifact;
  /** The spec that it was computed by, where there is one. */
  readonly spec?: string | undefined;
}

/**
 * Records how an attempt ended and gives its claim back. An end that cannot be written (a full disk) is only
 * logged: the caller still reports the end itself, and the claim is gone all the same.
 */
export async function recordEnd(
  runtime: Runtime,
  claim: Claim,
  end: AttemptEnd,
  { artifact, spec }: AttemptOf,
): Promise<void> {
  try {
    const ending = endingOf(end);
    const params = countingParams(artifact, MOST_IDENTITY);
    const of = {
      ...(params === undefined ? {} : { params }),
      ...(spec === undefined ? {} : { spec }),
    };
    await endAttempt(runtime.store, claim, ending === "success" ? ending : { ...ending, ...of });
  } catch (error) {
    const { name, hash } = claim.paths;
    runtime.logger.warn(
      `the end of attempt ${claim.attempt.n} of ${name} (${hash}) is not recorded: ${errorText(error)}`,
    );
  }
}

/** Parameters are not written down with an end where the identity is longer, in characters. */
const MOST_IDENTITY = 100_000;

/** An end as the store records it. A superseded attempt has the winner's record for its end. */
function endingOf(end: AttemptEnd): Ending | "success" {
  switch (end.outcome) {
    case "success":
    case "superseded":
      return "success";
    case "preempted":
      return { kind: "preempted", error: end.reason, ...(end.planned ? { planned: true } : {}), ...end.used };
    case "failed": {
      const { blame, error, stack, lasting, lack } = end;
      return {
        kind: "failed",
        failure: failureKind(blame),
        error,
        ...(stack === undefined ? {} : { stack }),
        ...(lasting ? { lasting } : {}),
        ...(lack === undefined ? {} : { lack }),
        ...end.used,
      };
    }
  }
}

/** Looks at the causes, too, since tasks wrap what they catch. */
function blameOf(error: unknown): Blame {
  for (const each of causes(error)) if (PROTOCOL_ERRORS.has(furuErrorName(each))) return "protocol";
  return "compute";
}

/** An AggregateError often says nothing itself. */
function messageOf(error: Error): string {
  if (!(error instanceof AggregateError)) return String(error.message);
  const inside = error.errors.slice(0, MAX_ERRORS).map((each) =>
    each instanceof Error ? each.message : inspect(each)
  );
  return [error.message || `${error.errors.length} errors`, ...inside].join("; ");
}

function stackOf(error: Error, depth: number): string {
  const parts = [String(error.stack ?? `${error.name}: ${error.message}`)];
  if (depth === MAX_DEPTH) return parts[0] as string;
  const inside: unknown[] = error instanceof AggregateError ? error.errors.slice(0, MAX_ERRORS) : [];
  for (const each of inside) parts.push(`Error inside: ${shown(each, depth)}`);
  if (error.cause !== undefined) parts.push(`Caused by: ${shown(error.cause, depth)}`);
  return parts.join("\n");
}

function shown(error: unknown, depth: number): string {
  return error instanceof Error ? stackOf(error, depth + 1) : inspect(error);
}

function inspect(value: unknown): string {
  return Deno.inspect(value, { depth: 2 });
}

function clip(text: string): string {
  return text.length <= MAX_CHARS ? text : `${text.slice(0, MAX_CHARS)} ... (${text.length} characters)`;
}
