import { errorCode, StoreError, ValidationError } from "../core/errors.ts";
import { readRecord } from "../store/commit.ts";
import { attemptPaths } from "../store/layout.ts";
import type { SuccessRecord } from "../store/record.ts";
import { recordForSure } from "../store/record_for_sure.ts";
import { ARTIFACT, type Artifact } from "../task/artifact.ts";
import type { Runtime } from "./runtime.ts";
import { readValue } from "./stored_value.ts";

/** A stored result. */
export interface Result {
  /** Its record. */
  record: SuccessRecord;
  /** What `get` returns, made when asked for: `load` of the stored value. */
  load: () => Promise<unknown>;
}

/** What is stored for an artifact. */
export type Found =
  /** No record. */
  | { state: "missing" }
  /** A record whose files are gone, or that the task's `validate` refuses. */
  | { state: "invalid"; record: SuccessRecord; why: string }
  /** A good one. */
  | { state: "valid"; result: Result };

/** How {@link findResult} looks. */
export interface FindOptions {
  /** Is a bug of the task's `validate` logged and counted as "invalid", instead of being thrown? */
  tolerant: boolean;
  /** Is the value wanted? Without it large values are only read for `validate`. @default true */
  value?: boolean;
}

/** How often a reader begins again when the record it reads is being replaced. */
const MAX_TURNS = 5;

/**
 * Finds what is stored for an artifact, and whether it is valid.
 *
 * @throws {StoreError} when the record is damaged or cannot be read. What `validate` throws, unless it is a
 * ValidationError or a plain bug of the validator while `tolerant`.
 */
export async function findResult(
  runtime: Runtime,
  artifact: Artifact,
  options: FindOptions,
): Promise<Found> {
  const paths = runtime.store.paths(artifact);
  let why = "";
  for (let turn = 0; turn < MAX_TURNS; turn++) {
    const record = await readRecord(runtime.store, paths);
    if (!record) return { state: "missing" };
    const needed = options.value !== false || artifact[ARTIFACT].task.validate !== undefined;
    const read = await readValue(runtime, paths, record, needed ? "whole" : "none");
    if (read.ok) return await judge(runtime, artifact, record, read.value, options);
    // Its files are gone. Perhaps it has just been replaced: then there is another record by now.
    why = read.why;
    if ((await readRecord(runtime.store, paths))?.id === record.id) return { state: "invalid", record, why };
  }
  throw new StoreError(
    `Cannot read ${paths.record}: it was replaced ${MAX_TURNS} times while it was read (${why})`,
  );
}

/**
 * As {@link findResult}, for callers that may only load: before it says that something is missing it lists the
 * folder, which refreshes a cached "no such file", and waits for a name that is listed and cannot be opened yet.
 */
export async function findForSure(
  runtime: Runtime,
  artifact: Artifact,
  { value = true, signal }: { value?: boolean; signal?: AbortSignal } = {},
): Promise<Found> {
  const { store } = runtime;
  const found = await findResult(runtime, artifact, { tolerant: true, value });
  if (found.state !== "missing") return found;
  if (!await recordForSure(store, store.paths(artifact), signal)) return found;
  return await findResult(runtime, artifact, { tolerant: true, value });
}

async function judge(
  runtime: Runtime,
  artifact: Artifact,
  record: SuccessRecord,
  value: unknown,
  { tolerant }: FindOptions,
): Promise<Found> {
  const { task, loadOnly } = artifact[ARTIFACT];
  const dir = attemptPaths(runtime.store.paths(artifact), { n: record.attempt, id: record.id }).files;
  // Made when asked for, since parameters that are not known are an error when they are read.
  const stored = () => ({ params: artifact.params, dir, value });
  if (task.validate && !runtime.validated.has(record.id)) {
    const fault = await validationFault(runtime, artifact, () => task.validate?.(stored()), tolerant);
    if (fault !== undefined) return { state: "invalid", record, why: fault };
    runtime.validated.add(record.id);
  }
  const load = async (): Promise<unknown> => {
    if (task.load) return await task.load(stored());
    if (loadOnly?.unchecked && !runtime.validated.has(record.id)) {
      runtime.validated.add(record.id);
      runtime.logger.warn(`${artifact} is loaded without the 'validate' of its task, as ${loadOnly.why}`);
    }
    return value;
  };
  return { state: "valid", result: { record, load } };
}

/**
 * Why `validate` refuses a value; `undefined` when it does not.
 *
 * @throws Errors of the operating system (they say nothing of the value), and unless `tolerant` any other error too.
 */
export async function validationFault(
  runtime: Runtime,
  artifact: Artifact,
  validate: () => boolean | void | Promise<boolean | void>,
  tolerant: boolean,
): Promise<string | undefined> {
  try {
    return await validate() === false ? "its validate returned false" : undefined;
  } catch (error) {
    if (error instanceof ValidationError || (error as Error | null)?.name === "ValidationError") {
      return (error as Error).message;
    }
    if (errorCode(error) !== undefined || !tolerant) throw error;
    const stack = error instanceof Error ? error.stack : Deno.inspect(error);
    runtime.logger.error(`validate of ${artifact} threw; its result counts as invalid: ${stack}`);
    return `its validate threw: ${error instanceof Error ? error.message : stack}`;
  }
}
