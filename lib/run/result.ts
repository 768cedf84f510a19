import { errorCode, errorText, furuErrorName, StoreError, ValidationError } from "../core/errors.ts";
import { readRecord, UNREADABLE } from "../store/read_record.ts";
import { type ArtifactPaths, attemptPaths } from "../store/layout.ts";
import { DamagedError, type SuccessRecord } from "../store/record.ts";
import { recordForSure } from "../store/results/record_for_sure.ts";
import { ARTIFACT, type Artifact, knownIdentity } from "../task/artifact/artifact.ts";
import type { Runtime } from "./runtime.ts";
import { type ReadValue, readValue } from "./stored_value.ts";

/** A stored result. */
export interface Result {
  /** Its record. */
  record: SuccessRecord;
  /** Makes the value that `get` returns: `load` of the stored value. */
  load: () => Promise<unknown>;
}

/** The state of an artifact's result. */
export type Found =
  /** No record. */
  | { state: "missing" }
  /**
   * The task's `validate` refuses it, or it is damaged and the caller replaces such, or it is `partial` and
   * what it lacks can be had. `replaces`: id of its attempt, or {@link UNREADABLE}.
   */
  | { state: "invalid"; replaces: string; why: string; partial?: true }
  /** A good one. */
  | { state: "valid"; result: Result };

/** Options of {@link findResult}. */
export interface FindOptions {
  /** Whether a bug of the task's `validate` is logged and counts as "invalid", instead of being thrown. */
  tolerant: boolean;
  /**
   * Whether the value is wanted. Without it large values are only read for `validate`.
   *
   * @default {true}
   */
  value?: boolean;
  /**
   * Whether a damaged result is computed again, as one that is forced. Else it is an error: bytes that
   * somebody lost or changed are nothing that a pipeline may pass over in silence.
   *
   * @default {`recomputeDamaged` of the configuration}
   */
  replaceDamaged?: boolean | undefined;
}

/** The most times that a reader begins again when the record that it reads is replaced meanwhile. */
const MAX_TURNS = 5;

/**
 * Finds what is stored for an artifact, and whether it is valid: the one rule for `get`, `exists`, plans and
 * runs. Damaged is a record that is torn, edited or foreign, and one whose files are gone or have another
 * size.
 *
 * @throws {StoreError} It names the artifact, the file and what to do, when the result is damaged or cannot
 * be read. What {@link validationFault} throws.
 */
export async function findResult(
  runtime: Runtime,
  artifact: Artifact,
  options: FindOptions,
): Promise<Found> {
  const paths = runtime.store.paths(artifact);
  const identity = knownIdentity(artifact);
  const needed = options.value !== false || artifact[ARTIFACT].task.validate !== undefined;
  let why = "";
  for (let turn = 0; turn < MAX_TURNS; turn++) {
    let record: SuccessRecord | undefined;
    let read: ReadValue | undefined;
    let damage: unknown;
    try {
      record = await readRecord(runtime.store, paths, { identity });
      if (!record) return { state: "missing" };
      read = await readValue(runtime, paths, record, needed ? "whole" : "none");
    } catch (error) {
      if (!(error instanceof DamagedError)) throw namedError(artifact, error);
      damage = error;
      why = error.what;
    }
    if (record && read?.ok) return await judge(runtime, artifact, record, read.value, options);
    if (read && !read.ok) why = read.why;
    // Perhaps it has just been replaced: then there is another record by now.
    if (record && await idOf(runtime, paths) !== record.id) continue;
    if (options.replaceDamaged ?? runtime.config.recomputeDamaged) {
      return { state: "invalid", replaces: record?.id ?? UNREADABLE, why };
    }
    throw damagedError(artifact, paths, why, damage ?? new DamagedError(why));
  }
  throw new StoreError(
    `Cannot read ${paths.record}: it was replaced ${MAX_TURNS} times while it was read (${why})`,
  );
}

/** An error of the store with the artifact's name; any other as it is. */
function namedError(artifact: Artifact, error: unknown): unknown {
  if (furuErrorName(error) !== "StoreError") return error;
  const options = { artifact: `${artifact}`, cause: (error as Error).cause ?? error };
  return new StoreError(`Cannot load ${artifact}: ${(error as Error).message}`, options);
}

/** The id of the record that is there; nothing for one that cannot be read. */
async function idOf(runtime: Runtime, paths: ArtifactPaths): Promise<string | undefined> {
  try {
    return (await readRecord(runtime.store, paths))?.id;
  } catch (error) {
    if (error instanceof DamagedError) return undefined;
    throw error;
  }
}

/** Damage with the artifact's name and the ways out: nothing is computed again or removed because of it. */
function damagedError(
  artifact: Artifact,
  { record }: ArtifactPaths,
  why: string,
  cause: unknown,
): StoreError {
  return new StoreError(
    `Cannot use the result of ${artifact}, which is damaged: ${why}; nothing was changed. To compute it ` +
      `again, force it (get(artifact, { force: true }), or 'force' and --force '${artifact.name}' of a ` +
      `run) or move ${record} away; with FURU_RECOMPUTE_DAMAGED=1 ('recomputeDamaged') all that is damaged ` +
      `is computed again`,
    { artifact: `${artifact}`, cause },
  );
}

/**
 * As {@link findResult}, for callers that may only load: before it says that something is missing it lists
 * the folder, which refreshes a cached "no such file", and waits for a name that is listed and cannot be
 * opened yet.
 */
export async function findForSure(
  runtime: Runtime,
  artifact: Artifact,
  { signal, ...options }: Omit<FindOptions, "tolerant"> & { signal?: AbortSignal } = {},
): Promise<Found> {
  const { store } = runtime;
  const found = await findResult(runtime, artifact, { tolerant: true, ...options });
  if (found.state !== "missing") return found;
  if (!await recordForSure(store, store.paths(artifact), signal)) return found;
  return await findResult(runtime, artifact, { tolerant: true, ...options });
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
    const check = () => task.validate?.(stored());
    const fault = await validationFault(runtime, artifact, check, tolerant ? "tolerant" : "strict");
    if (fault !== undefined) return { state: "invalid", replaces: record.id, why: fault };
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
 * Why `validate` refuses a value; `undefined` when it does not. An error that says that something is missing
 * or damaged refuses it, as does an assertion; one that says that the system, or furu, could not look tells
 * nothing of the value.
 *
 * @param how With a bug of the validator: `"tolerant"` logs it and counts as refused, else it is thrown.
 * @throws {StoreError} If nobody can tell, {@link ValidationError} for a bug, both naming the artifact.
 */
export async function validationFault(
  runtime: Runtime,
  artifact: Artifact,
  validate: () => boolean | void | Promise<boolean | void>,
  how: "tolerant" | "strict" | "fresh",
): Promise<string | undefined> {
  try {
    return await validate() === false ? "its validate returned false" : undefined;
  } catch (error) {
    const code = errorCode(error);
    const text = `${errorText(error)}${code === undefined ? "" : ` (${code})`}`;
    switch (meaningOf(error)) {
      case "refused":
        return `its validate threw ${text}`;
      case "unknown":
        throw new StoreError(
          `Cannot tell whether the ${
            how === "fresh" ? "new value" : "result"
          } of ${artifact} is valid: its validate ` +
            `threw ${text}`,
          { artifact: `${artifact}`, cause: error },
        );
      case "bug": {
        if (how !== "tolerant") {
          const what = `Cannot use the validate of ${artifact}: it threw ${text}`;
          throw new ValidationError(what, { artifact: `${artifact}`, cause: error });
        }
        const stack = error instanceof Error ? error.stack : Deno.inspect(error);
        runtime.logger.error(`validate of ${artifact} threw; its result counts as invalid: ${stack}`);
        return `its validate threw ${text}`;
      }
    }
  }
}

/**
 * Codes with which a system says that it could not look, now or here; and classes that say so, whose errors
 * need not have a code.
 */
const UNKNOWN = new Set(
  ("EIO ESTALE EMFILE ENFILE ENOMEM ETIMEDOUT EACCES EPERM EAGAIN EBUSY EINTR ENOBUFS ENOLCK ENODEV ENXIO " +
    "EREMOTEIO EROFS ENOSPC EDQUOT ENOTCONN ECONNREFUSED ECONNRESET ECONNABORTED EPIPE EHOSTDOWN " +
    "EHOSTUNREACH ENETDOWN ENETUNREACH ESHUTDOWN EAI_AGAIN ENOTFOUND PermissionDenied NotCapable TimedOut " +
    "Busy WouldBlock Interrupted NotConnected ConnectionRefused ConnectionReset ConnectionAborted " +
    "BrokenPipe NetworkUnreachable AbortError TimeoutError").split(" "),
);
/** Codes and classes that say: it is not there, or not what it has to be. */
const REFUSED = new Set(
  ("ENOENT ENOTDIR EISDIR ELOOP ERR_ASSERTION NotFound NotADirectory IsADirectory FilesystemLoop InvalidData " +
    "UnexpectedEof SyntaxError AssertionError ValidationError ZodError $ZodError").split(" "),
);

/** The meaning of a validator's error, which may be that of an error that it wraps. */
function meaningOf(error: unknown): "refused" | "unknown" | "bug" {
  let each = error as { name?: unknown; code?: unknown; cause?: unknown } | null | undefined;
  for (let depth = 0; typeof each === "object" && each !== null && depth < 10; depth++) {
    const { name, code } = each;
    const own = furuErrorName(each);
    if (own === "ValidationError") return "refused";
    // Something else that furu could not do for it, as to load another artifact.
    if (own !== undefined) return "unknown";
    const told = typeof code === "string" ? code : String(name);
    if (REFUSED.has(told) || REFUSED.has(String(name))) return "refused";
    if (UNKNOWN.has(told) || UNKNOWN.has(String(name))) return "unknown";
    each = each.cause as typeof each;
  }
  return "bug";
}
