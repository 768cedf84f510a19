import { z } from "zod";
import { canonicalizeJson, fromCanonical } from "../../core/json/canonical.ts";
import { errorText, ExecutionError, StoreError } from "../../core/errors.ts";
import { artifactLabel, type Hash, hashText } from "../../core/hash.ts";
import { ARTIFACT, type Artifact, type ArtifactCore, type TaskDefinition } from "./artifact.ts";
import { ArtifactObject, makeArtifact } from "./make.ts";
import { freezeParams, nothingMet } from "./freeze.ts";
import { uniqueArtifacts } from "./identity.ts";
import { isOutdated } from "./registry.ts";

/** The form of {@link KeptArtifact}. */
export const keptArtifactSchema = z.lazy(() =>
  z.object({
    /** URL of the module that defines its task, where known. */
    module: z.string().exactOptional(),
    /** Its identity, of which its hash is. Not there where nothing is known but name and hash. */
    identity: z.looseObject({ task: z.string(), params: z.looseObject({}) }).exactOptional(),
    /** The parsed parameters that do not count for its identity, in canonical form. */
    rest: z.looseObject({}).exactOptional(),
    /** Whether those are not known, since only its own record told of it. */
    partial: z.boolean().exactOptional(),
    /** Whether its task had a `load`. */
    load: z.boolean().exactOptional(),
    /** Whether its task had a `validate`. */
    validate: z.boolean().exactOptional(),
  })
);

/** All that is kept of an artifact beside a value that it is in. */
export type KeptArtifact = z.output<typeof keptArtifactSchema>;

/** Finds a task's definition by its name. */
export type TaskLookup = (name: string) => TaskDefinition | undefined;

/** The parameters of a kept artifact in canonical form, as far as they are known. */
export function keptParams({ identity, rest }: KeptArtifact): Record<string, unknown> {
  return { ...identity?.params, ...rest };
}

/**
 * Refuses to compute an artifact that can only be loaded here: it was found in a value and today's code does
 * not make it, or it was made before its task was defined anew.
 *
 * @throws {ExecutionError} If it is one: names it, and says what to do.
 */
export function refuseLoadOnly(artifact: Artifact): void {
  const { loadOnly, task } = artifact[ARTIFACT];
  const why = loadOnly?.why ??
    (isOutdated(task)
      ? `task '${task.name}' has been defined anew since it was made: make it again, with the newer task`
      : undefined);
  if (why === undefined) return;
  throw new ExecutionError(`Cannot compute ${artifact} as ${why}`, { artifact: `${artifact}` });
}

/**
 * The artifact of which this was kept: as if its task had been called, where the code that is loaded here
 * still gives it that hash; else one that can be loaded, looked at and handed on, but not computed.
 * Parameters are not parsed again, since transforms and defaults cannot be repeated.
 *
 * @param kept What is known of it; nothing at all where it is `undefined`.
 * @param made All artifacts below it, by their hashes.
 * @throws {StoreError} If what was kept is not of that artifact.
 */
export function makeKept(
  name: string,
  hash: string,
  kept: KeptArtifact | undefined,
  lookup: TaskLookup,
  made: ReadonlyMap<string, Artifact>,
): Artifact {
  const label = artifactLabel(name, hash);
  const task = lookup(name);
  if (kept?.identity === undefined) return unknownArtifact(name, hash, task, kept ?? {});
  const find = (_name: string, below: string): unknown => made.get(below);
  let params: Record<string, unknown>;
  let declared: Artifact[];
  try {
    params = fromCanonical(keptParams(kept), { artifact: find }) as Record<string, unknown>;
    declared = fromCanonical(kept.identity.dependencies ?? [], { artifact: find }) as Artifact[];
  } catch (cause) {
    throw new StoreError(`Cannot use what is kept of ${label}: ${errorText(cause)}`, { cause });
  }
  const today = task ? makeToday(task, params, kept.partial ?? false) : undefined;
  const same = today?.artifact?.hash === hash;
  if (same && today.unknown.length === 0) return today.artifact!;
  const identity = canonicalizeJson(kept.identity);
  if (hashText(identity) !== hash || kept.identity.task !== name) {
    throw new StoreError(
      `Cannot use what is kept of ${label}: it is of ${
        artifactLabel(kept.identity.task, hashText(identity))
      }`,
    );
  }
  const why = !today
    ? notDefined(name, kept)
    : today.unknown.length > 0
    ? notKnown(today.unknown, kept)
    : hasChanged(name, today.error);
  // `load` and `validate` are code, which may change and still holds for what is stored, as long as the
  // version stays. Of another version, or given other parameters than it expects, `load` might return
  // nonsense without a word.
  const fits = same || (today !== undefined && today.complete && task?.version === kept.identity.version);
  const found = nothingMet();
  const frozen = freezeParams(same ? today.params : params, found) as Record<string, unknown>;
  return new ArtifactObject(
    {
      version: 1,
      task: fits ? loadTask(task!, why) : bareTask(name, task, kept, why),
      identity,
      dependencies: uniqueArtifacts([...found.artifacts, ...declared]),
      loadOnly: { why, kept, unchecked: !fits && (kept.validate ?? kept.partial ?? false) },
    },
    hash as Hash,
    same ? withUnknown(label, frozen, today.unknown, why) : frozen,
  );
}

/** Parameters as today's code takes them. */
interface Today {
  /** With those added that came after them. */
  params: Record<string, unknown>;
  /** Names of those whose values nobody knows. */
  unknown: string[];
  /** Whether they are just those that the task has today, none added. */
  complete: boolean;
  /** The artifact, if there is one. */
  artifact?: Artifact;
  /** Why there is none. */
  error?: unknown;
}

/**
 * A parameter that came after an artifact was stored has its `legacy` value, which means what there was
 * before, or else its default. Where it has neither, or was left out of what was kept, nobody knows it.
 */
function makeToday(task: TaskDefinition, params: Record<string, unknown>, partial: boolean): Today {
  const { shape } = task.params;
  const all = { ...params };
  const unknown: string[] = [];
  for (const key of Object.keys(shape)) {
    if (Object.hasOwn(params, key)) continue;
    if (Object.hasOwn(task.legacy, key)) all[key] = task.legacy[key];
    else if (partial && task.unhashed.includes(key)) unknown.push(key);
    else {
      const parsed = parseAbsent(shape[key]!);
      if (!parsed.success) unknown.push(key);
      else if (parsed.data !== undefined) all[key] = parsed.data;
    }
  }
  const complete = Object.keys(all).length === Object.keys(params).length && unknown.length === 0 &&
    Object.keys(params).every((key) => Object.hasOwn(shape, key));
  try {
    return { params: all, unknown, complete, artifact: makeArtifact(task, all) };
  } catch (error) {
    return { params: all, unknown, complete, error };
  }
}

function parseAbsent(schema: z.core.$ZodType): { success: boolean; data?: unknown } {
  try {
    return z.safeParse(schema, undefined);
  } catch {
    return { success: false };
  }
}

function notDefined(name: string, { module }: KeptArtifact): string {
  return `no module that was imported here defines its task '${name}': import the one that does` +
    (module === undefined ? "" : ` (it was ${module})`);
}

function notKnown(unknown: readonly string[], { partial }: KeptArtifact): string {
  const names = unknown.map((name) => `'${name}'`).join(", ");
  return `its parameter${
    unknown.length > 1 ? "s" : ""
  } ${names} cannot be known (it was found in a value that was ` +
    `stored ${
      partial ? "by an earlier version of furu" : "before the task had it"
    }): make it by calling its task`;
}

function hasChanged(name: string, error: unknown): string {
  return `the code of task '${name}' has changed since it was stored ` +
    `(${error === undefined ? "it has another hash now" : errorText(error)}): make it by calling its task`;
}

/** The part of a task that holds for what is stored. */
function loadTask(task: TaskDefinition, why: string): TaskDefinition {
  const { name, params, load, validate, module } = task;
  return {
    ...neverComputed(name, params, why),
    load,
    validate,
    module,
  };
}

/**
 * A task of which nothing but the name holds. Had it a `load`, the stored value is not what `get` returned.
 */
function bareTask(
  name: string,
  task: TaskDefinition | undefined,
  { load, partial, identity, module }: KeptArtifact,
  why: string,
): TaskDefinition {
  const mayLoad = partial || identity === undefined;
  const refuse = (): never => {
    throw new ExecutionError(
      `Cannot load an artifact of ${name} as its task ${
        mayLoad ? "may have had" : "had"
      } a 'load', which makes what 'get' returns, and ${why}`,
    );
  };
  return {
    ...neverComputed(name, task?.params, why),
    load: load || mayLoad ? refuse : undefined,
    module,
  };
}

function neverComputed(
  name: string,
  params: TaskDefinition["params"] | undefined,
  why: string,
): TaskDefinition {
  const create = (): never => {
    throw new ExecutionError(`Cannot compute an artifact of ${name} as ${why}`);
  };
  return { name, params: params ?? z.object({}), create, spec: "default", unhashed: [], legacy: {} };
}

/** Parameters of which some are not known: to read one of these says so. */
function withUnknown(
  label: string,
  params: Record<string, unknown>,
  unknown: readonly string[],
  why: string,
): Record<string, unknown> {
  const getters = unknown.map((key) => [key, {
    enumerable: true,
    get: (): never => {
      throw new ExecutionError(`Cannot read parameter '${key}' of ${label}: ${why}`);
    },
  }]);
  return Object.freeze(Object.defineProperties({ ...params }, Object.fromEntries(getters)));
}

/** An artifact of which nothing but name and hash is known. */
function unknownArtifact(
  name: string,
  hash: string,
  task: TaskDefinition | undefined,
  kept: KeptArtifact,
): Artifact {
  const why =
    "nothing is known of it but its hash, since an earlier version of furu stored the value that it was " +
    "found in, and it has no record of its own: make it by calling its task";
  const refuse = (): never => {
    throw new ExecutionError(`Cannot read the parameters of ${artifactLabel(name, hash)}: ${why}`);
  };
  const core: ArtifactCore = {
    version: 1,
    task: bareTask(name, task, kept, why),
    get identity() {
      return refuse();
    },
    dependencies: [],
    loadOnly: { why, kept, unchecked: true },
  };
  const artifact = new ArtifactObject(core, hash as Hash, undefined);
  return Object.defineProperty(artifact, "params", { get: refuse, enumerable: true });
}
