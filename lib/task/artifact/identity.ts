import { canonicalJson } from "../../core/json/canonical.ts";
import { pathsOf, withInputPaths } from "../../core/json/input_file.ts";
import { ValidationError } from "../../core/errors.ts";
import { ARTIFACT, type Artifact, artifactReference, type TaskDefinition } from "./artifact.ts";

/** Number of the way in which identities are written. A change of it changes every hash. */
const SCHEME = 1;

/**
 * Longest JSON of parameters, in characters: they are in the record of the result, and in what is sent to
 * workers, with other things beside them, and V8 has no string of more than four times as many.
 */
const MAX_PARAMS_CHARS = 128 * 1024 * 1024;
const INSTEAD =
  "put large data into a file and give file(path) as a parameter, or make it the value of a task of its own";

/**
 * The parameters that count for identity, as canonical JSON: without `unhashed` ones and without those that
 * have their `legacy` value.
 *
 * @param params The parsed parameters, all of them.
 * @throws {ValidationError} naming the path of what has no canonical form, in parameters that do not count
 * too.
 */
export function identityParams(task: TaskDefinition, params: Record<string, unknown>): string {
  const options = {
    path: "params",
    owner: task.name,
    artifactReference,
    most: MAX_PARAMS_CHARS,
    instead: INSTEAD,
  };
  const legacy = legacyTexts(task);
  if (task.unhashed.length === 0 && legacy.size === 0) return canonicalJson(params, options);
  // Once as a whole, so that errors have the same paths and come in the same order as without these options.
  canonicalJson(params, options);
  const counting = Object.entries(params).filter(([key, value]) =>
    value !== undefined && !task.unhashed.includes(key) &&
    !(legacy.has(key) && legacy.get(key) === canonicalJson(value, { artifactReference }))
  );
  return canonicalJson(Object.fromEntries(counting), options);
}

/**
 * The identity of an artifact as canonical JSON: the text that is hashed and stored with the result.
 *
 * @param params What {@link identityParams} returned.
 * @param dependencies What the task's `dependencies` returned, each once.
 */
export function identityText(
  task: TaskDefinition,
  params: string,
  dependencies: readonly Artifact[],
): string {
  const declared = dependencies.length === 0
    ? ""
    : `"dependencies":${canonicalJson(dependencies, { artifactReference })},`;
  const version = task.version === undefined ? "" : `,"version":${JSON.stringify(task.version)}`;
  return `{${declared}"params":${params},"scheme":${SCHEME},"task":${JSON.stringify(task.name)}${version}}`;
}

/**
 * The parameters of an artifact that count, as canonical JSON has them.
 *
 * @param most The longest identity that is read, in characters: of a longer one there are none.
 * @returns Nothing, too, of a stand-in in a process without the task's code, which knows no identity.
 */
export function countingParams(artifact: Artifact, most = Infinity): Record<string, unknown> | undefined {
  let identity: string;
  try {
    identity = artifact[ARTIFACT].identity;
  } catch {
    return undefined;
  }
  return identity.length > most ? undefined : JSON.parse(identity).params;
}

/** As {@link countingParams}, where files and folders have their paths, for people. */
export function shownParams(artifact: Artifact, most?: number): Record<string, unknown> | undefined {
  return withInputPaths(countingParams(artifact, most), pathsOf(artifact[ARTIFACT].inputs));
}

const texts = new WeakMap<TaskDefinition, ReadonlyMap<string, string>>();

/**
 * The canonical text of each `legacy` value of a task. One that is `undefined` has none: it is absent anyway.
 *
 * @throws {ValidationError} If a value has no canonical form: names the parameter.
 */
export function legacyTexts(task: TaskDefinition): ReadonlyMap<string, string> {
  let found = texts.get(task);
  if (!found) {
    const values = Object.entries(task.legacy).filter(([, value]) => value !== undefined);
    const options = { path: "legacy", owner: task.name, artifactReference };
    canonicalJson(Object.fromEntries(values), options);
    found = new Map(values.map(([key, value]) => [key, canonicalJson(value, options)]));
    texts.set(task, found);
  }
  return found;
}

/** Each artifact once, by hash, in the order first met. */
export function uniqueArtifacts(artifacts: readonly Artifact[]): readonly Artifact[] {
  if (artifacts.length < 2) return artifacts.length === 0 ? NONE : artifacts;
  const byHash = new Map<string, Artifact>();
  for (const artifact of artifacts) {
    if (!byHash.has(artifact.hash)) byHash.set(artifact.hash, artifact);
  }
  return [...byHash.values()];
}

const NONE: readonly Artifact[] = Object.freeze([]);

/**
 * Calls the task's `dependencies` with these parameters.
 *
 * @throws {ValidationError} If it returns anything but artifacts.
 */
export function declaredDependencies(task: TaskDefinition, params: unknown): readonly Artifact[] {
  if (!task.dependencies) return NONE;
  const declared: unknown = task.dependencies(params as never);
  if (typeof declared !== "object" || declared === null || !(Symbol.iterator in declared)) {
    throw new ValidationError(
      `Cannot use what 'dependencies' of ${task.name} returned as it must be artifacts, synchronously: ` +
        `it is ${Deno.inspect(declared, { depth: 1 })}`,
    );
  }
  const artifacts = [...declared as Iterable<unknown>];
  artifacts.forEach((artifact, i) => {
    if (typeof artifact === "object" && artifact !== null && artifactReference(artifact)) return;
    throw new ValidationError(
      `Cannot use what 'dependencies' of ${task.name} returned as all must be artifacts: ` +
        `number ${i} is ${Deno.inspect(artifact, { depth: 1 })}`,
    );
  });
  return uniqueArtifacts(artifacts as Artifact[]);
}
