import type { Shortage } from "./attempt_end.ts";
import type { Failure, RunSummary } from "./event.ts";

/** Options of the constructors of errors: facts besides the message. */
export interface FuruErrorOptions {
  /** The error that led to this one. */
  cause?: unknown;
  /** The artifact concerned, as `toy/Train(4f0c12ab)`. */
  artifact?: string;
  /** Path of the log of the attempt concerned. */
  log?: string;
}

/** The class that every error thrown by furu itself extends. */
export class FuruError extends Error {
  /** The class's own name, kept when code is minified. */
  override readonly name: string = "FuruError";
  /** The artifact concerned, as `toy/Train(4f0c12ab)`. */
  readonly artifact?: string;
  /** Path of the log of the attempt concerned. */
  readonly log?: string;

  /**
   * Makes an error.
   *
   * @param message What failed, with which value, and what is allowed or to be done.
   * @param options Facts besides the message.
   */
  constructor(message: string, options: FuruErrorOptions = {}) {
    super(message, "cause" in options ? { cause: options.cause } : {});
    if (options.artifact !== undefined) this.artifact = options.artifact;
    if (options.log !== undefined) this.log = options.log;
  }
}

/** `create` threw, or the process that ran it died: the task's own failure. Retried within bounds. */
export class ComputeError extends FuruError {
  /** Always `"ComputeError"`. */
  override readonly name = "ComputeError";
}

/**
 * What a task throws when trying again cannot help, as for input that it cannot read. Its attempt fails and
 * is never retried.
 */
export class PermanentError extends FuruError {
  /** Always `"PermanentError"`. */
  override readonly name = "PermanentError";
}

/**
 * What a task throws that had too little memory or time, where nobody else can see it, as of a GPU. Its
 * attempt fails, and goes on with the next spec that the task names (`spec: ["small", "big"]`); without one
 * it counts as any failure.
 *
 * ```ts
 * import { TooLittleError } from "@furu/furu";
 *
 * const error = new TooLittleError("memory", "CUDA out of memory");
 * console.log(error.lack); // memory
 * ```
 */
export class TooLittleError extends FuruError {
  /** Always `"TooLittleError"`. */
  override readonly name = "TooLittleError";
  /** What it had too little of. */
  readonly lack: Shortage;

  /**
   * Makes an error.
   *
   * @param lack What it had too little of.
   * @param message What happened.
   * @param options Facts besides the message.
   */
  constructor(lack: Shortage, message: string, options: FuruErrorOptions = {}) {
    super(message, options);
    if (lack !== "memory" && lack !== "time") {
      throw new TypeError(
        `Cannot tell of too little ${Deno.inspect(lack)} as it must be "memory" or "time"`,
      );
    }
    this.lack = lack;
  }
}

/** A run asked for an artifact that is not stored and that it may not compute. */
export class MissingArtifactError extends FuruError {
  /** Always `"MissingArtifactError"`. */
  override readonly name = "MissingArtifactError";
}

/** A worker was asked to compute an artifact that needs another Slurm spec. */
export class SpecMismatchError extends FuruError {
  /** Always `"SpecMismatchError"`. */
  override readonly name = "SpecMismatchError";
}

/** Something was asked for where it is not allowed, as computing another node inside a run. */
export class ExecutionError extends FuruError {
  /** Always `"ExecutionError"`. */
  override readonly name = "ExecutionError";
}

/** Parameters, a definition or a value that is not what its schema or furu allows. */
export class ValidationError extends FuruError {
  /** Always `"ValidationError"`. */
  override readonly name = "ValidationError";
}

/** Somebody else was computing the artifact for longer than the caller wanted to wait. */
export class WaitTimeoutError extends FuruError {
  /** Always `"WaitTimeoutError"`. */
  override readonly name = "WaitTimeoutError";
}

/** Two parts of furu disagree: an unreadable message, an unknown task, changed code. Never retried. */
export class ProtocolError extends FuruError {
  /** Always `"ProtocolError"`. */
  override readonly name = "ProtocolError";
}

/** A file of the store is damaged, foreign or cannot be written. Nothing is deleted because of it. */
export class StoreError extends FuruError {
  /** Always `"StoreError"`. */
  override readonly name = "StoreError";
}

/** Slurm refused or failed. */
export class SlurmError extends FuruError {
  /** Always `"SlurmError"`. */
  override readonly name = "SlurmError";
}

/** A configuration value that does not parse: names the variable, the value and what is allowed. */
export class ConfigError extends FuruError {
  /** Always `"ConfigError"`. */
  override readonly name = "ConfigError";
}

/** Use of the command line that cannot be understood. */
export class UsageError extends FuruError {
  /** Always `"UsageError"`. */
  override readonly name = "UsageError";
}

/** A run that did not get all of its roots: lists each failure. */
export class RunFailedError extends FuruError {
  /** Always `"RunFailedError"`. */
  override readonly name = "RunFailedError";
  /** Each node that failed for good. */
  readonly failures: readonly Failure[];
  /** How the run ended. */
  readonly summary: RunSummary;

  /**
   * Makes an error.
   *
   * @param message The printed report.
   * @param summary How the run ended.
   * @param options Facts besides the message.
   */
  constructor(message: string, summary: RunSummary, options: FuruErrorOptions = {}) {
    super(message, options);
    this.summary = summary;
    this.failures = summary.failures;
  }
}

// A user's class may have any name, and a pipeline can bring its own copy of furu: neither a name nor
// `instanceof` tells furu's own errors. On the prototypes, so that it is no part of the public interface, and
// user's subclasses have it.
const BRAND = Symbol.for("furu.error");
const BRANDED = {
  FuruError,
  ComputeError,
  PermanentError,
  TooLittleError,
  MissingArtifactError,
  SpecMismatchError,
  ExecutionError,
  ValidationError,
  WaitTimeoutError,
  ProtocolError,
  StoreError,
  SlurmError,
  ConfigError,
  UsageError,
  RunFailedError,
};
for (const [name, { prototype }] of Object.entries(BRANDED)) {
  Object.defineProperty(prototype, BRAND, { value: name });
}

/** The name of one of furu's own error classes. */
export type FuruErrorName = keyof typeof BRANDED;

/**
 * Which of furu's own errors this is, whichever copy of furu threw it; `undefined` for any other value, also
 * for an error of a user's class that has the name of one of furu's.
 */
export function furuErrorName(error: unknown): FuruErrorName | undefined {
  return peek(error, BRAND) as FuruErrorName | undefined;
}

/** A property of anything that was thrown: to look at some things throws again. */
function peek(value: unknown, key: PropertyKey): unknown {
  try {
    return (value as Record<PropertyKey, unknown> | null | undefined)?.[key];
  } catch {
    return undefined;
  }
}

/** The text of anything that was thrown, with its class but without its stack. */
export function errorText(error: unknown): string {
  if (!(error instanceof Error)) return `Thrown value: ${Deno.inspect(error, { depth: 2 })}`;
  return error.name === "Error" ? error.message : `${error.name}: ${error.message}`;
}

// What Linux and macOS say of files, processes and memory. Users' errors have codes too
// (`ERR_ASSERTION`, `23505` of a database): those say nothing of the system.
const SYSTEM_CODES = new Set(
  ("E2BIG EACCES EADDRINUSE EADDRNOTAVAIL EAGAIN EBADF EBUSY ECANCELED ECHILD ECOMM ECONNABORTED ECONNREFUSED " +
    "ECONNRESET EDEADLK EDQUOT EEXIST EFAULT EFBIG EHOSTDOWN EHOSTUNREACH EINTR EINVAL EIO EISDIR ELOOP EMFILE " +
    "EMLINK ENAMETOOLONG ENETDOWN ENETRESET ENETUNREACH ENFILE ENOBUFS ENODATA ENODEV ENOENT ENOEXEC ENOLCK ENOLINK " +
    "ENOMEM ENOSPC ENOSYS ENOTCONN ENOTDIR ENOTEMPTY ENOTSUP ENXIO EOPNOTSUPP EOVERFLOW EPERM EPIPE EPROTO ERANGE " +
    "EREMOTEIO EROFS ESHUTDOWN ESPIPE ESRCH ESTALE ETIMEDOUT ETXTBSY EUSERS EXDEV").split(" "),
);

/** The operating system's code (`"ENOENT"`, `"EIO"`) of an error, where it has one. */
export function errorCode(error: unknown): string | undefined {
  const code = peek(error, "code");
  if (typeof code === "string") return SYSTEM_CODES.has(code) ? code : undefined;
  if (error instanceof Deno.errors.NotFound) return "ENOENT";
  if (error instanceof Deno.errors.AlreadyExists) return "EEXIST";
  if (error instanceof Deno.errors.PermissionDenied) return "EACCES";
  return undefined;
}

/**
 * Whether the operating system could not do it, as when a file server is away. Then it may work later, or
 * elsewhere. Of what furu did itself: of an error that a user's code threw, and furu told on, the system says
 * nothing.
 */
export function isSystemError(error: unknown): boolean {
  const name = furuErrorName(error);
  if (name === undefined) return errorCode(error) !== undefined;
  return (name === "StoreError" || name === "SlurmError") && errorCode((error as Error).cause) !== undefined;
}

// Furu's own errors that trying again cannot change carry this, whatever their class.
const LASTING = Symbol.for("furu.lasting");
Object.defineProperty(PermanentError.prototype, LASTING, { value: true });
// What a process may do is decided when it starts.
const DENIED: unknown = (Deno.errors as Partial<typeof Deno.errors>).NotCapable;

/** Marks an error: what led to it is the same at each attempt, so that trying again cannot help. */
export function lasting<E extends Error>(error: E): E {
  return Object.defineProperty(error, LASTING, { value: true });
}

/** The number of causes of an error that are followed: a chain of them may end in itself. */
const MAX_CAUSES = 10;

/** The error itself, what caused it, what caused that, and so on: tasks wrap what they catch. */
export function* causes(error: unknown): Generator<object> {
  for (let i = 0; i <= MAX_CAUSES && typeof error === "object" && error !== null; i++) {
    yield error;
    error = peek(error, "cause");
  }
}

/** Whether trying again cannot help, as far as that is known for sure. */
export function isLasting(error: unknown): boolean {
  for (const each of causes(error)) {
    if (peek(each, LASTING) === true || furuErrorName(each) === "ConfigError") return true;
    if (DENIED !== undefined && peek(each, "constructor") === DENIED) return true;
  }
  return false;
}

/** What an attempt that threw this had too little of, where it says so itself. */
export function lackOf(error: unknown): Shortage | undefined {
  for (const each of causes(error)) {
    const said = furuErrorName(each) === "TooLittleError" ? peek(each, "lack") : undefined;
    if (said === "memory" || said === "time") return said;
    // What V8 says of a typed array that it has no room for.
    if (peek(each, "message") === "Array buffer allocation failed") return "memory";
  }
  return undefined;
}

/** The text of the reason why a signal has aborted. */
export function reasonOf({ reason }: AbortSignal): string {
  return reason instanceof Error ? reason.message : String(reason);
}
