import type { z } from "zod";
import { canonicalJson } from "../core/json/canonical.ts";
import { ValidationError } from "../core/errors.ts";
import { furuGlobals } from "../core/globals.ts";
import { checkName, checkWord } from "../core/names.ts";
import { didYouMean, listNames } from "../core/nearest.ts";
import {
  type Artifact,
  artifactReference,
  type CreateContext,
  type SpecOption,
  type StoredContext,
  type TaskDefinition,
} from "./artifact/artifact.ts";
import { type Def, defOf, partsOf, type Schema } from "./schema/schema_walk.ts";
import { isSimple } from "./schema/simple.ts";
import { legacyTexts } from "./artifact/identity.ts";
import type { TaskLimits } from "../core/settings/limits.ts";
import { isPriority, PRIORITY, unitsOf } from "./limits.ts";
import { checkMigrations, type Migration } from "./migration.ts";
import { delayFault, retriesFault } from "./retry.ts";

const OPTIONS: Record<keyof TaskOptions<z.ZodObject, unknown>, true> = {
  name: true,
  params: true,
  create: true,
  load: true,
  validate: true,
  dependencies: true,
  spec: true,
  version: true,
  unhashed: true,
  legacy: true,
  migrations: true,
  timeLimit: true,
  limits: true,
  priority: true,
  tolerate: true,
  retries: true,
  retryDelaySec: true,
  retryable: true,
  module: true,
};

/**
 * The definition that these options give, frozen.
 *
 * @param module URL of the module that defines it.
 * @param place Where in it, for people.
 * @throws {ValidationError} If an option is not allowed, which it names.
 */
export function checkDefinition(
  options: TaskOptions<z.ZodObject, unknown>,
  module: string | undefined,
  place?: string,
): TaskDefinition {
  const { name, params, version, spec = "default", timeLimit, unhashed = [], legacy = {}, tolerate = [] } =
    options;
  checkName("task name", name);
  const fail = (reason: string): never => {
    throw new ValidationError(`Cannot define task '${name}' as ${reason}`);
  };
  const known = Object.keys(OPTIONS);
  for (const key of Object.keys(options)) {
    if (!known.includes(key)) {
      fail(`it has no option '${key}'${didYouMean(key, known)} (valid options: ${listNames(known)})`);
    }
  }
  if ((params as Partial<z.ZodObject>)?._zod?.def?.type !== "object") {
    fail("its 'params' must be a z.object of zod 4");
  }
  for (const option of ["create", "load", "validate", "dependencies", "retryable"] as const) {
    const value: unknown = options[option];
    if (typeof value === "function" || (value === undefined && option !== "create")) continue;
    fail(`its '${option}' must be a function: current value is ${Deno.inspect(value)}`);
  }
  if (typeof spec !== "function") checkSpecOption(`spec of task '${name}'`, spec, fail);
  if (version !== undefined && typeof version !== "string" && !Number.isFinite(version)) {
    fail(`its 'version' must be a string or a finite number: current value is ${Deno.inspect(version)}`);
  }
  if (timeLimit !== undefined && typeof timeLimit !== "function") {
    checkTimeLimit(timeLimit, `its 'timeLimit'`, fail);
  }
  const { limits, priority } = options;
  if (limits !== undefined && typeof limits !== "function") unitsOf(limits, "its 'limits'", fail);
  if (priority !== undefined && typeof priority !== "function" && !isPriority(priority)) {
    fail(`its 'priority' must be ${PRIORITY}: current value is ${Deno.inspect(priority)}`);
  }
  if (!Array.isArray(tolerate) || tolerate.some((each) => typeof each !== "string")) {
    fail(`its 'tolerate' must be a list of names of parameters: current value is ${Deno.inspect(tolerate)}`);
  }
  if (tolerate.length > 0) furuGlobals().tolerates = true;
  const { retries, retryDelaySec } = options;
  const checked = [["retries", retries, retriesFault], ["retryDelaySec", retryDelaySec, delayFault]] as const;
  for (const [option, value, faultOf] of checked) {
    const fault = value === undefined || typeof value === "function" ? undefined : faultOf(value);
    if (fault !== undefined) fail(`its '${option}' ${fault}`);
  }
  const definition: TaskDefinition = Object.freeze({
    ...(options as unknown as TaskDefinition),
    spec: (Array.isArray(spec) ? Object.freeze([...spec]) : spec) as TaskDefinition["spec"],
    unhashed: Object.freeze([...unhashed]),
    ...(tolerate.length === 0 ? { tolerate: undefined } : { tolerate: Object.freeze([...tolerate]) }),
    legacy: Object.freeze({ ...legacy }),
    ...(options.migrations === undefined ? {} : { migrations: checkMigrations(name, options.migrations) }),
    module,
    place,
  });
  return definition;
}

/**
 * Checks what a definition says of its parameters.
 *
 * @returns `false` when they cannot be read yet: a getter among them refers to a task that is defined later,
 * or to this one.
 * @throws {ValidationError} If it is wrong: names the option and the parameter.
 */
export function checkParameters(definition: TaskDefinition): boolean {
  const { name, params, unhashed, legacy, tolerate } = definition;
  const fail = (reason: string): never => {
    throw new ValidationError(`Cannot define task '${name}' as ${reason}`);
  };
  try {
    // By `def`: once its getters have thrown, zod's own `shape` stays empty.
    const named = { unhashed: [...unhashed], legacy: Object.keys(legacy), tolerate: [...tolerate ?? []] };
    checkParameterNames(params, named, fail);
    checkLegacy(definition, fail);
    checkTolerate(definition, fail);
    return true;
  } catch (error) {
    // What is not initialised yet is so only while its module is being run.
    if (error instanceof ReferenceError) return false;
    throw error;
  }
}

type Fail = (reason: string) => never;

/**
 * Checks one spec, or several to go on with one after another.
 *
 * @param what `spec of task 'a'`
 */
export function checkSpecOption(what: string, spec: unknown, fail: Fail): void {
  if (!Array.isArray(spec)) return checkWord(what, spec);
  // They become names of folders.
  for (const each of spec) checkWord(what, each);
  if (spec.length > 0 && new Set(spec).size === spec.length) return;
  fail(
    `${what} must name one spec at least, and none of them twice: current value is ${Deno.inspect(spec)}`,
  );
}

/**
 * Checks a limit in seconds, from the definition or from a function.
 *
 * @param what `its 'timeLimit'`
 */
export function checkTimeLimit(value: unknown, what: string, fail: Fail): asserts value is number {
  if (typeof value === "number" && Number.isFinite(value) && value > 0) return;
  fail(`${what} must be a number of seconds above 0: current value is ${Deno.inspect(value)}`);
}

function checkParameterNames(params: z.ZodObject, options: Record<string, string[]>, fail: Fail): void {
  // Without need the shape is not read yet: its getters may refer to tasks that are defined later.
  if (Object.values(options).every((names) => names.length === 0)) return;
  const valid = Object.keys(params._zod.def.shape);
  for (const [option, names] of Object.entries(options)) {
    for (const name of names) {
      if (valid.includes(name)) continue;
      fail(
        `'${option}' names a parameter that it does not have, '${name}'${didYouMean(name, valid)} ` +
          `(valid keys: ${listNames(valid)})`,
      );
    }
  }
}

function checkLegacy(definition: TaskDefinition, fail: Fail): void {
  const { params, legacy, unhashed } = definition;
  const texts = new Map([...legacyTexts(definition)].map(([key, text]) => [key, `{"value":${text}}`]));
  for (const [key, value] of Object.entries(legacy)) {
    if (unhashed.includes(key)) fail(`'${key}' is in 'unhashed' and in 'legacy', which is one too many`);
    const schema = params._zod.def.shape[key] as z.ZodType;
    if (!isSimple(schema)) continue;
    const result = schema.safeParse(value);
    if (!result.success) {
      fail(`its 'legacy' value of '${key}' can never be had: ${result.error.issues[0]!.message}`);
    }
    const text = texts.get(key);
    if (text === undefined || text === canonicalJson({ value: result.data }, { artifactReference })) continue;
    fail(
      `its 'legacy' value of '${key}' can never be had: its schema makes ${Deno.inspect(result.data)} of it`,
    );
  }
}

/** Where a schema says what it takes, that has to be able to be an artifact. */
function checkTolerate({ params, tolerate = [] }: TaskDefinition, fail: Fail): void {
  if (tolerate.length === 0) return;
  const { shape } = params._zod.def;
  const holders = Object.keys(shape).filter((key) => mayHoldArtifact(shape[key]!));
  for (const name of tolerate) {
    if (holders.includes(name)) continue;
    fail(
      `'tolerate' names a parameter that holds no artifacts, '${name}'` +
        (holders.length === 0 ? ": none of its parameters does" : ` (those that do: ${listNames(holders)})`),
    );
  }
}

/** Types of schemas that take no artifact, whatever is in them. */
const WITHOUT_ARTIFACTS = new Set<Def["type"]>(
  ("string number boolean bigint date null undefined enum literal nan void never symbol file " +
    "template_literal success").split(" ") as Def["type"][],
);

/** Whether a value of this schema can be an artifact, or have one in it. */
function mayHoldArtifact(schema: Schema): boolean {
  const all = new Set([schema]);
  for (const part of all) {
    const { type } = defOf(part);
    // A lazy one may stand for a task that is defined later: zod asks for it once only, and never again.
    if (type === "lazy") return true;
    const parts = [...partsOf(part)];
    // Containers hold what their parts hold; what has none, and is no plain value, checks in its own way.
    if (parts.length === 0 && type !== "object" && !WITHOUT_ARTIFACTS.has(type)) return true;
    if (type === "transform") return true;
    for (const below of parts) all.add(below);
  }
  return false;
}

/**
 * Options of `defineTask`.
 *
 * @typeParam S The schema of the parameters.
 * @typeParam T What `create` returns.
 * @typeParam L What `load` returns, where there is one.
 */
export interface TaskOptions<S extends z.ZodObject, T, L = T> {
  /**
   * The name, which is part of the identity: words of `[A-Za-z0-9_.-]` joined by `/`, none beginning with a
   * dot or looking like a hash.
   */
  name: string;
  /**
   * The schema of the parameters. It checks them synchronously, as zod does, except that keys which a plain
   * `z.object` at any depth does not have are errors, below `.catch()` too. Of a union the first form that
   * fits is taken, unless it lacks keys that a later one has. A value that a `.catch()` replaces is told by a
   * warning. Their JSON may have 2^27 characters: for larger data give a path and its `digest`.
   */
  params: S;
  /**
   * Computes the value: anything JSON-like, bigint, Date, Map, Set, typed arrays, artifacts. Its JSON may
   * have 2^29 - 24 characters: larger data are files in `ctx.dir`, or typed arrays. Paths into `ctx.dir` and
   * the rest of the store move with it. A value that cannot be stored, and an error with a `PermanentError`
   * in it, is never tried again.
   *
   * Write it before `load` and `validate`, or TypeScript cannot type `value`; a task that refers to itself
   * needs a written return type here.
   */
  create: (ctx: CreateContext<z.output<S>>) => T | Promise<T>;
  /**
   * Turns the stored value into the one that `get` returns.
   *
   * @default {the stored value itself}
   */
  load?: (ctx: StoredContext<z.output<S>, NoInfer<T>>) => L | Promise<L>;
  /**
   * Says whether a stored value is (still) good: it is not if this returns `false`, or throws a
   * `ValidationError`, an assertion or that a file is not there. An error of the system (EIO, EACCES) says
   * nothing of the value.
   *
   * @default {every value is good}
   */
  validate?: (
    ctx: StoredContext<z.output<S>, NoInfer<T>>,
  ) => boolean | void | Promise<boolean | void>;
  /**
   * Names the dependencies besides the artifacts in the parameters. They are part of the identity.
   *
   * @default {none}
   */
  dependencies?: (params: z.output<S>) => Iterable<Artifact>;
  /**
   * The Slurm spec that an artifact needs. Of several (`["small", "big"]`) the first; an attempt that ended
   * for lack of memory or time, by the evidence, goes on with the next one. A function may say it for each
   * attempt: see {@link SpecAttempt}; `undefined` means that there is no further spec. It is never part of
   * the identity.
   *
   * @default {"default"}
   */
  spec?: SpecOption<z.output<S>>;
  /**
   * A part of the identity: change it when `create` changes its meaning.
   *
   * @default {none}
   */
  version?: string | number;
  /**
   * Names of top-level parameters that are no part of the identity.
   *
   * @default {none}
   */
  unhashed?: readonly (keyof z.output<S> & string)[];
  /**
   * For top-level parameters added later: the value that means what there was before. With it a parameter is
   * left out of the identity.
   *
   * @default {none}
   */
  legacy?: { readonly [K in keyof z.output<S>]?: z.output<S>[K] };
  /**
   * Which stored results of the task as it was once (of another name, version or set of parameters) count as
   * results of today's, once `furu migrate` has made them so; see {@link Migration}. Of several that fit, the
   * first counts that gives parameters.
   *
   * @default {none}
   */
  migrations?: readonly Migration<z.input<S>>[];
  /**
   * Seconds that an attempt may take; waiting in a `get` for what is computed meanwhile is not counted. Then
   * its signal aborts, and the attempt fails. Where code in the calling process does not heed the signal it
   * has five seconds more in which its value counts; what it returns later is not stored.
   *
   * @default {no limit}
   */
  timeLimit?: number | ((params: z.output<S>) => number);
  /**
   * What an attempt takes of the limits of its run, as `["license", { api: 2 }]`: of what the run sets
   * (`limits` of the run or of furu.json) no more is taken at once, over all its workers. It is never part of
   * the identity.
   *
   * @default {nothing}
   */
  limits?: TaskLimits | ((params: z.output<S>) => TaskLimits | undefined);
  /**
   * The turn among what may begin: higher ones come first, with all that they need, before the longest chain.
   * What says nothing has the turn of what needs it, a root 0. It is never part of the identity.
   *
   * @default {the highest of what depends on it; 0 for a root}
   */
  priority?: number | ((params: z.output<S>) => number | undefined);
  /**
   * Names of top-level parameters whose artifacts may fail for good: the task then runs with those that
   * succeeded, and asks for each by `settle`. Its result says that it is partial, and of what; it stops
   * counting as soon as one of the missing has succeeded, or is to be tried again.
   *
   * @default {none}
   */
  tolerate?: readonly (keyof z.output<S> & string)[];
  /**
   * How often a failure of the task is tried again in a run, after the first attempt; 0 for never. Where it
   * says a number, `get` tries again as well. A run that was asked for 0 retries makes none.
   *
   * @default {`maxComputeRetries` of the run, which is 3}
   */
  retries?: number | ((params: z.output<S>) => number);
  /**
   * Seconds to wait before a failure is tried again. A function is given how many attempts have failed, from
   * 1, and is asked for the first 20; later ones wait as long as the last of these. No worker waits, and
   * what was lost through no fault of the task begins again at once.
   *
   * @default {0}
   */
  retryDelaySec?: number | ((attempt: number, params: z.output<S>) => number);
  /**
   * Says of what an attempt threw whether trying again may help: `false` means that it is never tried again,
   * `true` that it is, within `retries`, though furu would think that it cannot change by itself. It is not
   * asked about a `PermanentError`, and about values that cannot be stored.
   *
   * @default {all that may change by itself is tried again}
   */
  retryable?: (error: unknown) => boolean;
  /**
   * URL of the module that a worker imports to have this task.
   *
   * @default {the module that calls `defineTask`}
   */
  module?: string | URL;
}
