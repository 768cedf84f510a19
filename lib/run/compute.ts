import { ValidationError } from "../core/errors.ts";
import { commitRecord } from "../store/commit.ts";
import { type AttemptKey, attemptPaths } from "../store/layout.ts";
import { RECORD_SCHEMA } from "../store/record.ts";
import { decodeValue, encodeValue } from "../store/value.ts";
import { ARTIFACT, type Artifact, artifactReference } from "../task/artifact.ts";
import { type ExecutionContext, withContext } from "./context.ts";
import { type AttemptIo, makeCreateContext } from "./create_context.ts";
import { failedOutcome } from "./failed_outcome.ts";
import type { Outcome } from "./outcome.ts";
import { validationFault } from "./result.ts";
import type { Runtime } from "./runtime.ts";
import { storedArtifact } from "./stored_artifact.ts";
import type { AttemptTraces } from "./traces.ts";
import { writeValue } from "./write_value.ts";

/** An attempt whose claim is held, to be computed in this process. */
export interface ComputeOptions {
  /** What to compute. */
  artifact: Artifact;
  /** Which attempt it is. */
  attempt: AttemptKey;
  /** The rules for `get` inside `create`. */
  context: ExecutionContext;
  /** What the attempt needs from whoever runs it. */
  io: AttemptIo;
  /** Id of the attempt whose result is to be replaced. */
  replaces?: string;
  /** The run's id, for the record. */
  run?: string;
  /** Given what was thrown, itself: the outcome holds only its text. */
  onThrown?: (error: unknown) => void;
}

/**
 * Runs `create` under its context, checks and stores what it returned, and commits it. Whoever holds the claim ends
 * the attempt by what this returns; it never throws.
 */
export async function computeAttempt(runtime: Runtime, options: ComputeOptions): Promise<Outcome> {
  const { artifact, attempt, io } = options;
  try {
    // The context covers validate and provenance too: whatever belongs to the work on this node.
    return await withContext(options.context, async () => {
      const started = runtime.machine.clock.monotonic();
      const made = await makeCreateContext(runtime, artifact, attempt, io);
      const create = () => artifact[ARTIFACT].task.create(made.context);
      const value = await (io.traces ? io.traces.around(create) : create());
      const durationMs = runtime.machine.clock.monotonic() - started;
      return await store(runtime, options, value, durationMs, made.usedDir());
    });
  } catch (error) {
    options.onThrown?.(error);
    return outcomeOfError(error, io.signal);
  }
}

/** The outcome of an attempt that threw: what it was told counts more than what it then said. */
export function outcomeOfError(error: unknown, signal: AbortSignal): Outcome {
  if (!signal.aborted) return failedOutcome(error);
  // A time limit is the task's own failure; any other reason is somebody else's wish.
  const isLimit = (signal.reason as Error | undefined)?.name === "ComputeError";
  return isLimit ? failedOutcome(signal.reason) : { kind: "preempted" };
}

async function store(
  runtime: Runtime,
  options: ComputeOptions,
  value: unknown,
  durationMs: number,
  usedDir: boolean,
): Promise<Outcome> {
  const { artifact, attempt } = options;
  const paths = runtime.store.paths(artifact);
  const dir = attemptPaths(paths, attempt).files;
  const encoded = encodeValue(value, { dir, owner: `${artifact}`, artifactReference });
  const written = await writeValue(runtime, dir, encoded, usedDir);
  await checkFresh(runtime, artifact, dir, encoded.json, options.io.traces);
  const members = [
    `"schema":${RECORD_SCHEMA}`,
    `"identity":${artifact[ARTIFACT].identity}`,
    `"attempt":${attempt.n}`,
    `"id":"${attempt.id}"`,
    ...(options.run === undefined ? [] : [`"run":${JSON.stringify(options.run)}`]),
    `"files":${written.files}`,
    written.member,
    `"createdAt":"${new Date(runtime.machine.clock.now()).toISOString()}"`,
    `"durationMs":${Math.round(durationMs * 1000) / 1000}`,
    `"provenance":${JSON.stringify(await runtime.provenance.collect())}`,
  ];
  const how = await commitRecord(runtime.store, {
    paths,
    attempt,
    // Identity and value are JSON text already: the record is put together, not encoded again.
    text: `{${members.join()}}`,
    files: written.files,
    ...(options.replaces === undefined ? {} : { replaces: options.replaces }),
  });
  return { kind: how === "committed" ? "success" : "superseded" };
}

/** Checks a fresh value with the task's own `validate`, as it will be read: a failure is one of this attempt. */
async function checkFresh(
  runtime: Runtime,
  artifact: Artifact,
  dir: string,
  json: string,
  traces: AttemptTraces | undefined,
): Promise<void> {
  const { task } = artifact[ARTIFACT];
  if (!task.validate) return;
  const readBytes = (path: string) => runtime.machine.files.readBytes(path);
  const value = await decodeValue(JSON.parse(json), { dir, artifact: storedArtifact, readBytes });
  const validate = () => task.validate?.({ params: artifact.params, dir, value });
  const check = () => traces ? traces.around(validate) : validate();
  const fault = await validationFault(runtime, artifact, check, false);
  if (fault !== undefined) throw new ValidationError(`Cannot store the value of ${artifact}: ${fault}`);
}

/** A failure in one line, for the end record and the log. */
export function failureText({ error }: Extract<Outcome, { kind: "failed" }>): string {
  return error.name === "Error" ? error.message : `${error.name}: ${error.message}`;
}
