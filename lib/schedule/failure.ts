import type { Failure, FailureKind } from "../core/event.ts";
import { errorCode } from "../core/errors.ts";
import type { Runtime } from "../run/runtime.ts";
import type { Artifact } from "../task/artifact.ts";

/** How many of a log's last lines a report shows, and how many characters of it are read for them. */
const TAIL_LINES = 10;
const TAIL_CHARS = 4000;

/** A node's last failure, as the scheduler tells it. */
export interface NodeFailure {
  /** Why. */
  kind: FailureKind;
  /** How many attempts this run made. */
  attempts: number;
  /** What was thrown, or what is known of how the process died. */
  error: string;
  /** The stack of what was thrown. */
  stack?: string;
  /** The log of the last attempt. */
  log?: string;
}

/** All that the report says of a node that failed for good. */
export async function describeFailure(
  runtime: Runtime,
  artifact: Artifact,
  { kind, attempts, error, stack, log }: NodeFailure,
): Promise<Failure> {
  const tail = log === undefined ? undefined : await readTail(runtime, log);
  return {
    name: artifact.name,
    hash: artifact.hash,
    params: Deno.inspect(artifact.params, {
      depth: 4,
      breakLength: 100,
      iterableLimit: 10,
      strAbbreviateSize: 200,
    }),
    kind,
    attempts,
    error,
    ...(stack === undefined ? {} : { stack }),
    // An attempt that printed nothing has no log.
    ...(log === undefined || tail === undefined ? {} : { log }),
    logTail: tail ?? [],
  };
}

async function readTail(runtime: Runtime, log: string): Promise<string[] | undefined> {
  try {
    const text = new TextDecoder().decode((await runtime.machine.files.readBytes(log)).subarray(-TAIL_CHARS));
    return text.trimEnd().split("\n").slice(-TAIL_LINES);
  } catch (error) {
    if (errorCode(error) === undefined) throw error;
    return undefined;
  }
}
