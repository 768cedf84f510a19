import { type FailedAttempt, failureKind } from "../core/attempt_end.ts";
import type { Failure } from "../core/event.ts";
import { errorCode } from "../core/errors.ts";
import type { Runtime } from "../run/runtime.ts";
import { Tail } from "../run/output/tail.ts";
import type { Artifact } from "../task/artifact/artifact.ts";

/** The number of a log's last lines that a report shows. */
const TAIL_LINES = 10;
/** Longer errors are cut: they go through events and reports. */
const MAX_ERROR_CHARS = 20_000;
const MAX_PARAMS_CHARS = 5000;
/** A log with more bytes is not read for them. */
const MAX_READ_BYTES = 8 * 1024 * 1024;

/**
 * All that the report says of a node that failed for good.
 *
 * @param end Its last failure.
 * @param attempts How many attempts the run made.
 */
export async function describeFailure(
  runtime: Runtime,
  artifact: Artifact,
  { blame, lasting, error, stack, log, logTail }: FailedAttempt,
  attempts: number,
): Promise<Failure> {
  const tail = log === undefined ? undefined : await tailOf(runtime, log, logTail);
  return {
    name: artifact.name,
    hash: artifact.hash,
    // An object with very many keys is shown with all of them.
    params: clip(
      Deno.inspect(artifact.params, {
        depth: 4,
        breakLength: 100,
        iterableLimit: 10,
        strAbbreviateSize: 200,
      }),
      MAX_PARAMS_CHARS,
    ),
    kind: failureKind(blame),
    ...(lasting ? { lasting } : {}),
    attempts,
    error: clip(error),
    ...(stack === undefined ? {} : { stack: clip(stack) }),
    // An attempt that printed nothing has no log.
    ...(log === undefined || tail === undefined ? {} : { log }),
    logTail: tail?.slice(-TAIL_LINES) ?? [],
  };
}

/**
 * The last lines of a log; `undefined` where there is none. A log that cannot be read is no reason to fail.
 */
async function tailOf(
  runtime: Runtime,
  log: string,
  known: readonly string[] | undefined,
): Promise<readonly string[] | undefined> {
  const { files } = runtime.machine;
  try {
    const info = await files.stat(log);
    if (info === undefined) return undefined;
    if (known !== undefined || info.size > MAX_READ_BYTES) return known ?? [];
    const tail = new Tail();
    tail.push(await files.readBytes(log));
    return tail.lines();
  } catch (error) {
    if (errorCode(error) === undefined) throw error;
    return known;
  }
}

function clip(text: string, most: number = MAX_ERROR_CHARS): string {
  if (text.length <= most) return text;
  return `${text.slice(0, most)} ... (${text.length} characters)`;
}
