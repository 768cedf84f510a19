import type { z } from "zod";
import type { Shortage } from "../../core/attempt_end.ts";
import type { Input } from "../../core/json/input_file.ts";
import type { Hash } from "../../core/hash.ts";
import type { TaskLimits } from "../../core/settings/limits.ts";
import type { Spread } from "./spread.ts";

/** The key by which artifacts are recognised, whichever copy of furu made them. */
export const ARTIFACT: unique symbol = Symbol.for("furu.artifact") as never;

/** The context that a task's `create` is given. Its functions work when destructured. */
export interface CreateContext<P = unknown> {
  /** The parsed parameters, deeply frozen. */
  readonly params: P;
  /**
   * This attempt's own folder, absolute; made when first read. Paths into it may be returned: they move with
   * the store.
   */
  readonly dir: string;
  /**
   * A folder that survives failed and preempted attempts and is removed on success; made when first read. To
   * return a path into it is an error.
   */
  readonly checkpointDir: string;
  /**
   * A folder on this machine for what is of no use after the attempt: made when first read, in the folder of
   * the setting `scratchDir`, else `SLURM_TMPDIR`, `TMPDIR` or `/tmp`; removed with all in it at the end.
   */
  readonly scratchDir: string;
  /**
   * The cores that the attempt may use: those of its job or of this process (affinity, cgroup), divided by
   * how many attempts may run at once, at least 1. In worker processes, and for programs that `run` starts,
   * `OMP_NUM_THREADS` and the like say the same.
   */
  readonly cpus: number;
  /** The GPUs that it may use, as `CUDA_VISIBLE_DEVICES` names them. Attempts that run at once share them. */
  readonly gpus: readonly string[];
  /** The gigabytes of memory that it may use, by its job, cgroup and machine; `undefined` where unknown. */
  readonly memGb: number | undefined;
  /** The number of this attempt, from 1. */
  readonly attempt: number;
  /** The artifact's hash. */
  readonly hash: Hash;
  /** Aborts when the attempt is to end: a time limit, the end of its job, a cancelled run, a lost claim. */
  readonly signal: AbortSignal;
  /**
   * Milliseconds that the attempt still has; each reading looks again. Until `signal` aborts: the time until
   * that, by the task's `timeLimit` and by the warning of its Slurm job's time limit (which may come up to a
   * minute later than this says), `Infinity` where nothing ends it. Afterwards: the time until it is killed,
   * which in a job is what the job has left, less some seconds for furu's own records.
   */
  readonly timeLeftMs: number;
  /** Writes to the attempt's log. */
  readonly log: TaskLog;
  /** Tells how far the task is: a fraction from 0 to 1, and a few words. */
  readonly progress: (fraction: number, message?: string) => void;
  /** Runs a program, with its output in the log of the attempt. */
  readonly run: RunProgram;
}

/** The log of an attempt: a message and, if any, fields that belong to it. */
export interface TaskLog {
  /**
   * Logs what helps to find faults.
   *
   * @param message One line of text.
   * @param fields Values that belong to it.
   */
  debug(message: string, fields?: Record<string, unknown>): void;
  /**
   * Logs what happened.
   *
   * @param message One line of text.
   * @param fields Values that belong to it.
   */
  info(message: string, fields?: Record<string, unknown>): void;
  /**
   * Logs what may be wrong.
   *
   * @param message One line of text.
   * @param fields Values that belong to it.
   */
  warn(message: string, fields?: Record<string, unknown>): void;
  /**
   * Logs what is wrong.
   *
   * @param message One line of text.
   * @param fields Values that belong to it.
   */
  error(message: string, fields?: Record<string, unknown>): void;
}

/** Options of `run` of {@link CreateContext}. */
export interface RunProgramOptions {
  /**
   * The working directory.
   *
   * @default {the process's own}
   */
  cwd?: string | URL;
  /**
   * Environment variables, added to the process's own.
   *
   * @default {none}
   */
  env?: Record<string, string>;
  /**
   * Text or bytes for its standard input.
   *
   * @default {nothing}
   */
  stdin?: string | Uint8Array;
  /**
   * Where its standard output goes: to the log of the attempt, to a file (a path, relative to `cwd`), or back
   * as text.
   *
   * @default {"log"}
   */
  stdout?: "log" | "text" | (string & Record<never, never>);
}

/** A word of a command: numbers are written out, `file:` URLs, files and folders become paths. */
export type CommandWord = string | number | URL | Input;

/** Runs a program without a shell; throws with the command, the exit code and the end of stderr. */
export interface RunProgram {
  /**
   * Runs a program to its end.
   *
   * @param command The program and its arguments.
   * @param options Options of the program.
   * @returns The text that the program printed on its standard output.
   */
  (command: readonly CommandWord[], options: RunProgramOptions & { stdout: "text" }): Promise<string>;
  /**
   * Runs a program to its end.
   *
   * @param command The program and its arguments.
   * @param options Options of the program.
   * @returns Resolves when the program has ended with exit code 0.
   */
  (command: readonly CommandWord[], options?: RunProgramOptions): Promise<void>;
}

/** The context that a task's `load` and `validate` are given. */
export interface StoredContext<P = unknown, T = unknown> {
  /** The parsed parameters, deeply frozen. */
  readonly params: P;
  /** The folder with the attempt's files, absolute. */
  readonly dir: string;
  /** The value as it was stored. */
  readonly value: T;
}

/** What earlier artifacts of a task took, as far as their records say: of up to 200 of them. */
export interface TaskUsage {
  /** How many records were read. */
  readonly count: number;
  /** Gigabytes (GiB) of memory of the computing process, programs that it ran not counted. */
  readonly memGb?: Spread | undefined;
  /** Seconds. */
  readonly durationSec?: Spread | undefined;
  /** Seconds of processor time, programs that it ran counted. */
  readonly cpuSec?: Spread | undefined;
}

/** The attempt that a `spec` function is asked for. */
export interface SpecAttempt {
  /** 1 for the first one; one more after each that had too little memory or time. */
  readonly attempt: number;
  /**
   * Which spec was too little, and of what; ordinary failures and lost attempts go on with the same spec.
   *
   * @default {none: the first one}
   */
  readonly lastEnd?: { readonly spec: string; readonly lack: Shortage } | undefined;
  /** What earlier artifacts of the task took. They are read only where this is called, once for each plan. */
  readonly usage: () => TaskUsage;
}

/** The `spec` of a task. */
export type SpecOption<P> =
  | string
  | readonly string[]
  | ((params: P, attempt: SpecAttempt) => string | readonly string[] | undefined);

/** A task as the rest of furu sees it, with its types forgotten. */
export interface TaskDefinition {
  /** The identity: `/`-separated words. */
  readonly name: string;
  /** Checks the parameters. */
  readonly params: z.ZodObject;
  /** Computes the value. */
  readonly create: (ctx: CreateContext) => unknown;
  /** Turns the stored value into what `get` returns. */
  readonly load?: ((ctx: StoredContext) => unknown) | undefined;
  /** Says whether a stored value is (still) good; may throw ValidationError. */
  readonly validate?: ((ctx: StoredContext) => boolean | void | Promise<boolean | void>) | undefined;
  /** Dependencies besides those that the parameters hold. */
  readonly dependencies?: (params: never) => Iterable<Artifact>;
  /** The Slurm spec that an artifact needs. */
  readonly spec: SpecOption<never>;
  /** Part of the identity. */
  readonly version?: string | number;
  /** Top-level parameters that are no part of the identity. */
  readonly unhashed: readonly string[];
  /** Values with which a top-level parameter is left out of the identity. */
  readonly legacy: Readonly<Record<string, unknown>>;
  /** Which results of the task as it was once can be made its own. */
  readonly migrations?: readonly TaskMigration[];
  /** Top-level parameters whose artifacts may fail for good. */
  readonly tolerate?: readonly string[] | undefined;
  /** Seconds that an attempt may take. */
  readonly timeLimit?: number | ((params: never) => number);
  /** What an attempt takes of the limits of its run. */
  readonly limits?: TaskLimits | ((params: never) => TaskLimits | undefined);
  /** Its turn among what may begin: higher ones first. */
  readonly priority?: number | ((params: never) => number | undefined);
  /** How often a failure is tried again; the run's own number without it. */
  readonly retries?: number | ((params: never) => number);
  /** Seconds before each retry; an array has one for each, the last for all that follow. */
  readonly retryDelaySec?: number | readonly number[] | ((attempt: number, params: never) => number);
  /** Whether trying again may help after what an attempt threw. */
  readonly retryable?: (error: unknown) => boolean;
  /** URL of the module that called `defineTask`, where known. */
  readonly module?: string | undefined;
  /** Where `defineTask` was called, where known, as in a stack: `file:///x/pipeline.ts:12:9`. */
  readonly place?: string | undefined;
}

/** A migration with its types forgotten. */
export interface TaskMigration {
  /** The results that it is for: of the task of that name, of that version or of none. */
  readonly from: { readonly name: string; readonly version?: string | number };
  /** Today's parameters from the old ones; `undefined` where they stay the same. */
  readonly params?: (old: Record<string, unknown>) => unknown;
}

/** The part of an artifact that is for furu itself. */
export interface ArtifactCore {
  /** Version of this interface, for pipelines that bring their own copy of furu. */
  readonly version: 1;
  /** The task that the artifact is an application of. */
  readonly task: TaskDefinition;
  /** Canonical JSON of the identity: the hash is over these bytes. */
  readonly identity: string;
  /** Artifacts in the parameters, then those of `dependencies(params)`, each once. */
  readonly dependencies: readonly Artifact[];
  /** The files and folders in the parameters whose contents count; absent where there are none. */
  readonly inputs?: readonly Input[];
  /**
   * The dependencies that may fail for good, where the parameters are not known that tell it.
   *
   * @default {those in the parameters that its task tolerates}
   */
  readonly tolerated?: ReadonlySet<Hash>;
  /**
   * Of one that was found in a stored value and that the code which is loaded here does not make: it is not
   * computed.
   */
  readonly loadOnly?: LoadOnly;
}

/** Why an artifact can be loaded here and not computed. */
export interface LoadOnly {
  /** Why, and what to do: goes on from "Cannot compute it as". */
  readonly why: string;
  /** What is known of it, to be kept in other values and handed to other processes. */
  readonly kept: object;
  /** Whether its task had a `validate` (or may have had one), which is not known here. */
  readonly unchecked: boolean;
}

/**
 * A task applied to parameters: what is computed once and loaded ever after.
 *
 * @typeParam T What `get` returns for it.
 * @typeParam P Its parsed parameters.
 */
export interface Artifact<out T = unknown, out P = unknown> {
  /**
   * For furu itself.
   *
   * @internal
   */
  readonly [ARTIFACT]: ArtifactCore;
  /** The task's name. */
  readonly name: string;
  /** The hash that it is stored under. */
  readonly hash: Hash;
  /** The parsed parameters, deeply frozen. */
  readonly params: P;
  /** Holds the type of the value; never there at run time. */
  readonly "~value"?: T;
  /**
   * Names it for people.
   *
   * @returns The name of the task and the first digits of the hash: `toy/Train(4f0c12ab)`.
   */
  toString(): string;
}

/** The type of the value that `get` returns for an artifact. */
export type Value<A> = A extends Artifact<infer T> ? T : never;

/**
 * Whether a value is an artifact, whichever copy of furu made it.
 *
 * @param value Any value.
 * @returns `true` for an artifact.
 */
export function isArtifact(value: unknown): value is Artifact {
  return typeof value === "object" && value !== null && ARTIFACT in value;
}

/** An artifact's identity; `undefined` where only its hash is known, and to read it is an error. */
export function knownIdentity(artifact: Artifact): string | undefined {
  return Object.getOwnPropertyDescriptor(artifact[ARTIFACT], "identity")?.value;
}

/**
 * The name and hash of an artifact, `undefined` for any other object: what an artifact inside a value is
 * encoded as.
 */
export function artifactReference(value: object): readonly [name: string, hash: Hash] | undefined {
  return ARTIFACT in value ? [(value as Artifact).name, (value as Artifact).hash] : undefined;
}
