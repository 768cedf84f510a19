import { canonicalJson, fromCanonical } from "../core/canonical.ts";
import { errorText, ProtocolError } from "../core/errors.ts";
import { artifactLabel, type Hash } from "../core/hash.ts";
import { TAG } from "../core/tags.ts";
import { ARTIFACT, type Artifact, artifactReference, type TaskDefinition } from "./artifact.ts";
import { makeArtifact } from "./make.ts";

/** What another process needs to make an artifact again, besides the same of each artifact in its parameters. */
export interface EncodedArtifact {
  /** The task's name. */
  name: string;
  /** All parsed parameters in canonical form, as a JSON value, with `$artifact` references. */
  params: unknown;
}

/** All parsed parameters of an artifact as canonical JSON, those below it by reference. */
export function paramsText(artifact: Artifact): string {
  return canonicalJson(artifact.params, { artifactReference });
}

/** These artifacts and all below them, each hash once (the first one met), found while they are asked for. */
export function* withAllBelow(roots: Iterable<Artifact>): Generator<Artifact> {
  const met = new Set<Hash>();
  const stack = [...roots].reverse();
  for (let artifact; (artifact = stack.pop());) {
    if (met.has(artifact.hash)) continue;
    met.add(artifact.hash);
    yield artifact;
    // One by one: a call takes no more than some 100,000 arguments.
    const { dependencies } = artifact[ARTIFACT];
    for (let i = dependencies.length - 1; i >= 0; i--) stack.push(dependencies[i]!);
  }
}

/**
 * Makes an artifact from the parameters, as JSON values, of it and of those below. They are not parsed again:
 * transforms and defaults cannot be repeated.
 *
 * @param table What was handed over, by hash; what was made is taken out of it.
 * @param lookup Finds a task's definition by its name.
 * @param made Artifacts made before from the same source; those made now are added. @default none
 * @throws ProtocolError when the table does not hold what is needed, a task is unknown, or an artifact has another
 * hash now, since the code has changed.
 */
export function decodeArtifact(
  hash: string,
  table: Map<string, EncodedArtifact>,
  lookup: (name: string) => TaskDefinition | undefined,
  made: Map<string, Artifact> = new Map(),
): Artifact {
  // Not recursive, since chains can be longer than the call stack. An artifact is met twice: to put those below it on
  // the stack, and to be made.
  const stack = [hash];
  const opened = new Set<string>();
  for (let next; (next = stack.at(-1)) !== undefined;) {
    if (made.has(next)) {
      stack.pop();
      continue;
    }
    const entry = table.get(next);
    if (!entry) {
      throw new ProtocolError(`Cannot make artifact ${next} as its parameters were not handed over`);
    }
    const missing = opened.has(next) ? [] : [...references(entry.params)].filter((below) => !made.has(below));
    opened.add(next);
    const open = missing.find((below) => opened.has(below));
    if (open !== undefined) {
      throw new ProtocolError(
        `Cannot make ${artifactLabel(entry.name, next)} as it is in its own parameters`,
      );
    }
    if (missing.length > 0) { for (const below of missing.reverse()) stack.push(below); }
    else {
      made.set(next, makeFrom(entry, next, lookup, made));
      table.delete(next);
    }
  }
  return made.get(hash)!;
}

function makeFrom(
  { name, params: json }: EncodedArtifact,
  hash: string,
  lookup: (name: string) => TaskDefinition | undefined,
  made: ReadonlyMap<string, Artifact>,
): Artifact {
  const label = artifactLabel(name, hash);
  const task = lookup(name);
  if (!task) {
    throw new ProtocolError(
      `Cannot make ${label} as no task '${name}' is defined by the modules loaded here`,
    );
  }
  let artifact;
  try {
    const params = fromCanonical(json, { artifact: (_name, below) => made.get(below) });
    artifact = makeArtifact(task, params as Record<string, unknown>);
  } catch (cause) {
    throw new ProtocolError(`Cannot make ${label} from what was handed over: ${errorText(cause)}`, { cause });
  }
  if (artifact.hash !== hash) {
    throw new ProtocolError(
      `Cannot make ${label} as the code of task '${name}' has changed since the run began: ` +
        `the hash was ${hash} and is ${artifact.hash} now`,
    );
  }
  return artifact;
}

/** The hashes of the artifacts in parameters in canonical form. */
export function* references(json: unknown): Generator<string> {
  if (typeof json !== "object" || json === null) return;
  const reference = (json as Record<string, unknown>)[TAG.artifact];
  if (Array.isArray(reference)) yield String(reference[1]);
  else for (const item of Object.values(json)) yield* references(item);
}
