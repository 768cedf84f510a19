import { canonicalJson } from "../core/canonical.ts";
import { ValidationError } from "../core/errors.ts";
import { chainText, hashText } from "../core/hash.ts";
import {
  type Artifact,
  type ArtifactCore,
  artifactReference,
  isArtifact,
  type TaskDefinition,
} from "./artifact.ts";
import { ArtifactObject } from "./artifact_object.ts";
import { freezeParams } from "./freeze.ts";
import { declaredDependencies, identityParams, identityText, uniqueArtifacts } from "./identity.ts";

/**
 * The artifact of a task with these parsed parameters: frozen, hashed, its dependencies known.
 *
 * @throws ValidationError naming the path of a parameter without a canonical form, or for dependencies that are no
 * artifacts or depend on this artifact itself.
 */
export function makeArtifact(task: TaskDefinition, parsed: Record<string, unknown>): Artifact {
  const counting = identityParams(task, parsed);
  const found: Artifact[] = [];
  const params = freezeParams(parsed, found);
  if (!task.dependencies) return build(task, params, counting, found, []);
  return withDeclared(task, params, counting, found);
}

function build(
  task: TaskDefinition,
  params: unknown,
  counting: string,
  found: Artifact[],
  declared: readonly Artifact[],
): Artifact {
  const identity = identityText(task, counting, declared);
  const dependencies = uniqueArtifacts(declared.length === 0 ? found : [...found, ...declared]);
  const core: ArtifactCore = { version: 1, task, identity, dependencies };
  return new ArtifactObject(core, hashText(identity), params);
}

// The artifacts whose `dependencies` run now, or ran within the outermost one that runs now (a task that refers to
// itself can meet the same artifact exponentially often). Emptied when that one is made.
const made = new Map<string, Artifact | "in the making">();

function withDeclared(task: TaskDefinition, params: unknown, counting: string, found: Artifact[]): Artifact {
  const outermost = made.size === 0;
  // By all parameters: those that do not count are what its own `dependencies` and `create` see.
  const key = `${task.name} ${canonicalJson(params, { artifactReference })}`;
  const before = made.get(key);
  if (isArtifact(before)) return before;
  if (before) throw cycleError(key);
  made.set(key, "in the making");
  try {
    const artifact = build(task, params, counting, found, declaredDependencies(task, params));
    made.set(key, artifact);
    return artifact;
  } catch (cause) {
    made.delete(key);
    if (!outermost || !(cause instanceof RangeError && /call stack/.test(cause.message))) throw cause;
    throw new ValidationError(
      `Cannot make an artifact of ${task.name} as its dependencies go too deep: each 'dependencies' called a task with ` +
        `'dependencies', ${made.size} times; has that an end? A long chain is made from its beginning, with the artifact ` +
        `before as a parameter`,
      { cause },
    );
  } finally {
    if (outermost) made.clear();
  }
}

/** So much is shown of the parameters of an artifact of a cycle. */
const MAX_PARAMS_CHARS = 200;

function cycleError(key: string): ValidationError {
  const open = [...made].filter(([, state]) => state === "in the making").map(([text]) => text);
  const cycle = [...open.slice(open.indexOf(key)), key].map((text) => {
    const space = text.indexOf(" ");
    const params = text.slice(space + 1);
    return `${text.slice(0, space)}(${
      params.length > MAX_PARAMS_CHARS ? `${params.slice(0, MAX_PARAMS_CHARS)}...` : params
    })`;
  });
  return new ValidationError(`Cannot make an artifact that depends on itself: ${chainText(cycle)}`);
}
