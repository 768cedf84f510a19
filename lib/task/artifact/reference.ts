import { canonicalJson, fromCanonical } from "../../core/json/canonical.ts";
import { errorText, ProtocolError } from "../../core/errors.ts";
import { artifactLabel, type Hash } from "../../core/hash.ts";
import { TAG } from "../../core/json/tags.ts";
import { ARTIFACT, type Artifact, artifactReference, type TaskDefinition } from "./artifact.ts";
import { type KeptArtifact, makeKept } from "./load_only.ts";
import { makeArtifact } from "./make.ts";

/**
 * All that another process needs to make an artifact again, besides the same of each artifact in its
 * parameters.
 */
export interface EncodedArtifact {
  /** The task's name. */
  name: string;
  /**
   * All parsed parameters in canonical form, as a JSON value, with `$artifact` references; of a kept one what
   * is known of it.
   */
  params: unknown;
  /** Whether it could only be loaded where it was encoded. */
  kept?: true | undefined;
}

/** The {@link EncodedArtifact.params} of an artifact as JSON text. */
export function paramsText(artifact: Artifact): string {
  const { loadOnly } = artifact[ARTIFACT];
  return loadOnly
    ? JSON.stringify(loadOnly.kept)
    : canonicalJson(artifact.params, { artifactReference, inputPaths: true });
}

/**
 * These artifacts and all below them, each hash once: the first one met, or the first that can be computed.
 */
export function withAllBelow(roots: Iterable<Artifact>): Iterable<Artifact> {
  const met = new Map<Hash, Artifact>();
  const stack = [...roots].reverse();
  for (let artifact; (artifact = stack.pop());) {
    const before = met.get(artifact.hash);
    if (before && !(before[ARTIFACT].loadOnly && !artifact[ARTIFACT].loadOnly)) continue;
    met.set(artifact.hash, artifact);
    // One by one: a call takes no more than some 100,000 arguments.
    const { dependencies } = artifact[ARTIFACT];
    for (let i = dependencies.length - 1; i >= 0; i--) stack.push(dependencies[i]!);
  }
  return met.values();
}

/**
 * Makes an artifact from the parameters, as JSON values, of it and of those below. They are not parsed again:
 * transforms and defaults cannot be repeated.
 *
 * @param table What was handed over, by hash; what was made is taken out of it.
 * @param lookup Finds a task's definition by its name.
 * @param made Artifacts made before from the same source; those made now are added.
 * @default {none}
 * @throws {ProtocolError} when the table does not hold what is needed, a task is unknown, or an artifact has
 * another hash now, since the code has changed.
 */
export function decodeArtifact(
  hash: string,
  table: Map<string, EncodedArtifact>,
  lookup: (name: string) => TaskDefinition | undefined,
  made: Map<string, Artifact> = new Map(),
): Artifact {
  const entryOf = (hash: string): EncodedArtifact => {
    const entry = table.get(hash);
    if (!entry) {
      throw new ProtocolError(`Cannot make artifact ${hash} as its parameters were not handed over`);
    }
    return entry;
  };
  return makeUpwards(hash, {
    made,
    below: (hash) => references(entryOf(hash).params),
    make: (hash) => {
      const artifact = makeFrom(entryOf(hash), hash, lookup, made);
      table.delete(hash);
      return artifact;
    },
    cycle: (hash) => {
      const label = artifactLabel(entryOf(hash).name, hash);
      return new ProtocolError(`Cannot make ${label} as it is in its own parameters`);
    },
  });
}

/** Options of {@link makeUpwards}. */
export interface MakeUpwardsOptions {
  /** Those made so far. */
  made: Map<string, Artifact>;
  /** The hashes of all that an artifact needs to be made. */
  below: (hash: string) => Iterable<string>;
  /** Makes one, when all below it are made. */
  make: (hash: string) => Artifact;
  /** The error for one that is below itself. */
  cycle: (hash: string) => Error;
}

/**
 * Makes an artifact after all below it, each once. Not recursive, since chains can be longer than the call
 * stack.
 *
 * @returns The artifact; it and those below it are in `made`.
 */
export function makeUpwards(root: string, { made, below, make, cycle }: MakeUpwardsOptions): Artifact {
  // An artifact is met twice: to put those below it on the stack, and to be made.
  const stack = [root];
  const opened = new Set<string>();
  for (let next; (next = stack.at(-1)) !== undefined;) {
    if (made.has(next)) {
      stack.pop();
      continue;
    }
    const missing = opened.has(next) ? [] : [...below(next)].filter((hash) => !made.has(hash));
    opened.add(next);
    if (missing.some((hash) => opened.has(hash))) throw cycle(next);
    if (missing.length > 0) { for (const hash of missing.reverse()) stack.push(hash); }
    else made.set(next, make(next));
  }
  return made.get(root)!;
}

function makeFrom(
  { name, params: json, kept }: EncodedArtifact,
  hash: string,
  lookup: (name: string) => TaskDefinition | undefined,
  made: ReadonlyMap<string, Artifact>,
): Artifact {
  const label = artifactLabel(name, hash);
  if (kept) return makeKept(name, hash, json as KeptArtifact, lookup, made);
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
export function references(json: unknown): IterableIterator<string> {
  return namedReferences(json).keys();
}

/** The hashes of the artifacts in a value in canonical form, each with its task's name, in their order. */
export function namedReferences(json: unknown): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  // A stack of its own, and the last pushed is the next: values may be as deep as they like.
  const open: unknown[] = [json];
  while (open.length > 0) {
    const value = open.pop();
    if (typeof value !== "object" || value === null) continue;
    const reference = (value as Record<string, unknown>)[TAG.artifact];
    if (Array.isArray(reference)) found.set(String(reference[1]), String(reference[0]));
    else open.push(...Object.values(value).reverse());
  }
  return found;
}
