import { canonicalJson } from "../../core/json/canonical.ts";
import { errorText, ValidationError } from "../../core/errors.ts";
import { factsOf, type Input } from "../../core/json/input_file.ts";
import { DISPLAY, displayOf, type MimeBundle } from "../../core/system/session.ts";
import { artifactLabel, chainText, type Hash, hashText } from "../../core/hash.ts";
import {
  ARTIFACT,
  type Artifact,
  type ArtifactCore,
  artifactReference,
  type TaskDefinition,
} from "./artifact.ts";
import { freezeParams, type Met, nothingMet } from "./freeze.ts";
import { declaredDependencies, identityParams, identityText, uniqueArtifacts } from "./identity.ts";

/**
 * The artifact of a task with these parsed parameters: frozen, hashed, its dependencies known.
 *
 * @throws {ValidationError} naming the path of a parameter without a canonical form, or for dependencies that
 * are no artifacts or depend on this artifact itself.
 */
export function makeArtifact(task: TaskDefinition, parsed: Record<string, unknown>): Artifact {
  const counting = identityParams(task, parsed);
  const found = nothingMet();
  const params = freezeParams(parsed, found);
  if (!task.dependencies) return build(task, params, counting, found, []);
  return withDeclared(task, params, counting, found);
}

function build(
  task: TaskDefinition,
  params: unknown,
  counting: string,
  found: Met,
  declared: readonly Artifact[],
): Artifact {
  const identity = identityText(task, counting, declared);
  const dependencies = uniqueArtifacts(
    declared.length === 0 ? found.artifacts : [...found.artifacts, ...declared],
  );
  const inputs = countingInputs(task, params, found);
  const core: ArtifactCore = { version: 1, task, identity, dependencies, ...(inputs ? { inputs } : {}) };
  return new ArtifactObject(core, hashText(identity), params);
}

/** The files and folders whose contents count, each once; nothing where there are none, as mostly. */
function countingInputs(task: TaskDefinition, params: unknown, found: Met): readonly Input[] | undefined {
  if (found.inputs.length === 0) return undefined;
  const counting = nothingMet();
  for (const [key, value] of Object.entries(params as object)) {
    if (!task.unhashed.includes(key)) freezeParams(value, counting);
  }
  const each = new Map(counting.inputs.map((input) => [`${input.sha256} ${factsOf(input).path}`, input]));
  return each.size === 0 ? undefined : [...each.values()];
}

/** An artifact whose `dependencies` run now. */
interface Opened {
  /**
   * Its task and all of its parameters: those that do not count are what its own `dependencies` and `create`
   * see.
   */
  readonly key: string;
  readonly make: () => Artifact;
}

// The artifacts whose `dependencies` ran within the outermost one that runs now (a task that refers to itself
// can meet the same artifact exponentially often). Emptied when that one is made.
const made = new Map<string, Artifact>();
/** Those whose `dependencies` run now, each called by the one before. */
const opened: Opened[] = [];
const openKeys = new Set<string>();
/** Those that others wait for, from the outermost one downwards: each was too deep below the one before. */
const waiting: Opened[] = [];
/**
 * The artifact to make first. Kept, since the user's code between here and there may catch what is thrown.
 */
let first: Opened | undefined;

/** The most `dependencies` that may call each other: some 1,000 of them are as deep as the call stack. */
const MOST_OPENED = 200;
/** The most artifacts that are kept where any are. */
const MOST_KEPT = 100_000;
let keeps = false;
/** The most times that they are begun anew, below: a chain of more than 100,000 has no end. */
const MOST_WAITING = 1100;

/** Thrown through the user's `dependencies` in order to make something below them first. */
class TooDeep extends Error {}

function withDeclared(task: TaskDefinition, params: unknown, counting: string, found: Met): Artifact {
  const key = `${task.name} ${canonicalJson(params, { artifactReference })}`;
  const one: Opened = {
    key,
    make: () => build(task, params, counting, found, declaredDependencies(task, params)),
  };
  return made.get(key) ?? (opened.length === 0 ? makeOutermost(one) : makeOpened(one));
}

/**
 * Makes an artifact whose `dependencies` may go any depth. Beyond some depth they are left again, what is in
 * the middle is made from here, and they are begun anew: they return the same, and find made what they call.
 * In all that is twice the work.
 */
function makeOutermost(one: Opened): Artifact {
  waiting.push(one);
  try {
    for (;;) {
      const next = waiting.at(-1)!;
      try {
        const artifact = makeOpened(next);
        waiting.pop();
        if (next === one) return artifact;
      } catch (error) {
        if (!first) throw error;
        if (waiting.some(({ key }) => key === first!.key)) throw cycleError(waiting, first.key);
        if (waiting.length === MOST_WAITING) throw endlessError(one.key);
        waiting.push(first);
      }
      first = undefined;
    }
  } finally {
    if (!keeps || made.size > MOST_KEPT) made.clear();
    waiting.length = 0;
    first = undefined;
  }
}

/**
 * From now on artifacts with `dependencies` are made once in this process: for workers, which make a long
 * chain again for each of its artifacts. Elsewhere `dependencies` may return other things when they are
 * called again.
 */
export function keepDeclared(): void {
  keeps = true;
  made.clear();
}

function makeOpened(one: Opened): Artifact {
  if (openKeys.has(one.key)) throw cycleError(opened, one.key);
  if (opened.length === MOST_OPENED) {
    // From the middle, so that what lies beside the deepest one is not too deep again.
    first ??= opened[MOST_OPENED / 2]!;
    throw new TooDeep("Furu makes the artifacts below first: do not catch this");
  }
  opened.push(one);
  openKeys.add(one.key);
  try {
    const artifact = one.make();
    if (first) throw new TooDeep("Furu makes the artifacts below first: do not catch this");
    made.set(one.key, artifact);
    return artifact;
  } finally {
    opened.pop();
    openKeys.delete(one.key);
  }
}

function endlessError(key: string): ValidationError {
  return new ValidationError(
    `Cannot make ${label(key)} as its 'dependencies' go too deep, ${
      MOST_OPENED / 2 * MOST_WAITING
    } of them call each other: has that an end?`,
  );
}

/** The most characters that are shown of the parameters of an artifact of a cycle. */
const MAX_PARAMS_CHARS = 200;

function cycleError(open: readonly Opened[], key: string): ValidationError {
  const keys = open.map((each) => each.key);
  const cycle = [...keys.slice(keys.indexOf(key)), key].map(label);
  return new ValidationError(`Cannot make an artifact that depends on itself: ${chainText(cycle)}`);
}

function label(key: string): string {
  const space = key.indexOf(" ");
  const params = key.slice(space + 1);
  const shown = params.length > MAX_PARAMS_CHARS ? `${params.slice(0, MAX_PARAMS_CHARS)}...` : params;
  return `${key.slice(0, space)}(${shown})`;
}

type Inspect = (value: unknown, options?: unknown) => string;

// An artifact shown inside another one is its label only: chains can be very long.
let inspecting = false;

/** The one class of artifacts; outside this folder only the {@link Artifact} interface is known. */
export class ArtifactObject implements Artifact {
  readonly name: string;
  readonly hash: Hash;
  readonly params: unknown;
  readonly [ARTIFACT]: ArtifactCore;

  constructor(core: ArtifactCore, hash: Hash, params: unknown) {
    this.name = core.task.name;
    this.hash = hash;
    this.params = params;
    this[ARTIFACT] = core;
  }

  toString(): string {
    return artifactLabel(this.name, this.hash);
  }

  [Symbol.for("Deno.customInspect")](inspect: Inspect, options: unknown): string {
    return show(this, inspect, options);
  }

  [DISPLAY](): Promise<MimeBundle> {
    return displayOf("artifact", this);
  }

  [Symbol.for("nodejs.util.inspect.custom")](_depth: number, options: unknown, inspect: Inspect): string {
    return show(this, inspect, options);
  }
}

function show(artifact: Artifact, inspect: Inspect, options: unknown): string {
  if (inspecting) return artifact.toString();
  inspecting = true;
  try {
    return `${artifact} ${inspect({ hash: artifact.hash, params: knownParams(artifact) }, options)}`;
  } finally {
    inspecting = false;
  }
}

/** To look at an artifact whose parameters nobody knows is no error. */
function knownParams(artifact: Artifact): unknown {
  try {
    return artifact.params;
  } catch (error) {
    return errorText(error);
  }
}
