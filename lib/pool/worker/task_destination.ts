import { errorText } from "../../core/errors.ts";
import type { FailureInit } from "../../queue/failure.ts";
import { findForSure } from "../../run/result.ts";
import type { Runtime } from "../../run/runtime.ts";
import type { BackendEvent } from "../../schedule/backend.ts";
import { concernsOneArtifact, isRefusal } from "../../store/store.ts";
import type { Artifact } from "../../task/artifact/artifact.ts";
import type { AttemptNow } from "../worker_now.ts";

/** The place that a task's file goes to after its attempt. */
export type TaskDestination =
  | { to: "done"; computed: boolean }
  | { to: "failed"; failure: FailureInit }
  | { to: "waiting" }
  | { to: "todo" };

/**
 * Decides where a task's file goes after its attempt. Only what has a success record is done, no matter who
 * made it.
 *
 * @param now The attempt, where one was begun.
 * @throws {StoreError} If the system cannot look at the result.
 */
export async function destinationOf(
  runtime: Runtime,
  artifact: Artifact,
  event: BackendEvent,
  now: AttemptNow | undefined,
): Promise<TaskDestination> {
  switch (event.type) {
    case "done": {
      const failure = await resultFault(runtime, artifact);
      return failure ? { to: "failed", failure } : { to: "done", computed: event.computed };
    }
    case "failed":
      return { to: "failed", failure: failureOf(event, now) };
    case "busy":
      return { to: "waiting" };
    case "withdrawn":
      return { to: "todo" };
  }
}

/** The attempt of a failure, as its record names it. */
export function attemptOf(now: AttemptNow | undefined): Pick<FailureInit, "storeAttempt" | "log"> {
  if (!now) return {};
  const { attempt, log } = now;
  return { storeAttempt: attempt, ...(log === undefined ? {} : { log }) };
}

function failureOf(
  event: Extract<BackendEvent, { type: "failed" }>,
  now: AttemptNow | undefined,
): FailureInit {
  const { blame, error, stack, log, logTail, lasting, lack, code } = event.end;
  // The system could not do something before the attempt began (EIO, a full disk): elsewhere, or later, it
  // may.
  const outside = log === undefined && code !== undefined;
  return {
    ...attemptOf(now),
    // A file server that is away from this node is no fault of the task, nor one of the run.
    kind: blame === "node" ? "start" : outside ? "lost" : blame,
    error,
    ...(stack === undefined ? {} : { stack }),
    ...(log === undefined ? {} : { log }),
    ...(logTail === undefined ? {} : { logTail: [...logTail] }),
    ...(lasting && !outside ? { lasting } : {}),
    ...(lack === undefined ? {} : { lack }),
  };
}

async function resultFault(runtime: Runtime, artifact: Artifact): Promise<FailureInit | undefined> {
  let found;
  try {
    found = await findForSure(runtime, artifact, { value: false });
  } catch (error) {
    if (!concernsOneArtifact(error) || !isRefusal(error)) throw error;
    // It is damaged: a person has to look at it.
    return { kind: "compute", lasting: true, error: errorText(error) };
  }
  if (found.state === "valid") return undefined;
  const why = found.state === "invalid" ? `it is invalid: ${found.why}` : "it is missing";
  return { kind: "lost", error: `Its result cannot be used, though it was stored: ${why}` };
}
