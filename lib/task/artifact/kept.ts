import { z } from "zod";
import { canonicalJson } from "../../core/json/canonical.ts";
import { StoreError } from "../../core/errors.ts";
import { artifactLabel } from "../../core/hash.ts";
import { ARTIFACT, type Artifact, artifactReference } from "./artifact.ts";
import { freezeParams, nothingMet } from "./freeze.ts";
import { type KeptArtifact, keptArtifactSchema, makeKept, type TaskLookup } from "./load_only.ts";
import { makeUpwards, namedReferences } from "./reference.ts";

/**
 * The text to keep beside a value so that the artifacts in it are whole when it is read, also where their
 * code is not known or has changed: all parameters of them and of all below, each once.
 *
 * @param artifacts Those in the value.
 * @returns JSON text; `undefined` for a value without artifacts.
 */
export function keptTable(artifacts: Iterable<Artifact>): string | undefined {
  const met = new Map<string, Artifact>();
  for (const artifact of artifacts) met.set(artifact.hash, artifact);
  if (met.size === 0) return undefined;
  const entries: string[] = [];
  // A Map's iteration goes on over what is added meanwhile.
  for (const [hash, artifact] of met) {
    entries.push(`"${hash}":${keptText(artifact)}`);
    for (const below of artifact[ARTIFACT].dependencies) if (!met.has(below.hash)) met.set(below.hash, below);
  }
  return `{${entries.join()}}`;
}

function keptText(artifact: Artifact): string {
  const { task, loadOnly } = artifact[ARTIFACT];
  if (loadOnly) return JSON.stringify(loadOnly.kept);
  const rest = restText(artifact);
  return `{${
    [
      ...(task.module === undefined ? [] : [`"module":${JSON.stringify(task.module)}`]),
      `"identity":${artifact[ARTIFACT].identity}`,
      ...(rest === undefined ? [] : [`"rest":${rest}`]),
      ...(task.load === undefined ? [] : [`"load":true`]),
      ...(task.validate === undefined ? [] : [`"validate":true`]),
    ].join()
  }}`;
}

/**
 * The parameters that do not count for the identity, and those that hold files or folders, of which only the
 * contents do.
 */
function restText(artifact: Artifact): string | undefined {
  const { task, identity, inputs } = artifact[ARTIFACT];
  if (task.unhashed.length === 0 && Object.keys(task.legacy).length === 0 && !inputs) return undefined;
  const { params: counting } = JSON.parse(identity) as { params: object };
  const rest = Object.entries(artifact.params as object).filter(([key, value]) =>
    !Object.hasOwn(counting, key.startsWith("$") ? `$${key}` : key) || (inputs && holdsInput(value))
  );
  if (rest.length === 0) return undefined;
  return canonicalJson(Object.fromEntries(rest), { artifactReference, inputPaths: true });
}

function holdsInput(value: unknown): boolean {
  const met = nothingMet();
  freezeParams(value, met);
  return met.inputs.length > 0;
}

/** Makes the artifacts in a value from what was kept beside it. */
export class KeptArtifacts {
  /**
   * Names of the artifacts that were asked for, or are below such a one, and of which nothing was kept; by
   * hash.
   */
  readonly missing: Map<string, string> = new Map();
  readonly #kept = new Map<string, KeptArtifact>();
  readonly #table: Readonly<Record<string, unknown>>;
  readonly #lookup: TaskLookup;
  readonly #made = new Map<string, Artifact>();

  /**
   * @param table What was kept, by hash.
   * @param lookup Finds a task's definition by its name.
   */
  constructor(table: Readonly<Record<string, unknown>>, lookup: TaskLookup) {
    this.#table = table;
    this.#lookup = lookup;
  }

  /**
   * The artifact of that hash. Where nothing was kept of it, one that says so when more than its hash is
   * needed.
   *
   * @throws {StoreError} If what was kept is damaged, or of another artifact.
   */
  readonly artifact = (name: string, hash: string): Artifact => {
    const before = this.#made.get(hash);
    if (before) return before;
    const names = new Map([[hash, name]]);
    return makeUpwards(hash, {
      made: this.#made,
      below: (hash) => {
        const kept = this.#entry(names.get(hash)!, hash);
        const below = namedReferences([kept?.identity, kept?.rest]);
        for (const [hash, name] of below) names.set(hash, name);
        return below.keys();
      },
      make: (hash) => {
        const name = names.get(hash)!;
        return makeKept(name, hash, this.#entry(name, hash), this.#lookup, this.#made);
      },
      cycle: (hash) =>
        new StoreError(
          `Cannot use what is kept of ${artifactLabel(names.get(hash)!, hash)}: it is in its own parameters`,
        ),
    });
  };

  /** Tells of an artifact of which nothing was kept; those made before are not changed by it. */
  learn(hash: string, kept: KeptArtifact): void {
    this.#kept.set(hash, kept);
    this.missing.delete(hash);
    this.#made.clear();
  }

  #entry(name: string, hash: string): KeptArtifact | undefined {
    let kept = this.#kept.get(hash);
    if (kept) return kept;
    if (!Object.hasOwn(this.#table, hash)) {
      this.missing.set(hash, name);
      return undefined;
    }
    const parsed = keptArtifactSchema.safeParse(this.#table[hash]);
    if (!parsed.success) {
      throw new StoreError(
        `Cannot use what is kept of ${artifactLabel(name, hash)}: ${
          z.prettifyError(parsed.error).replaceAll("\n", " ")
        }`,
      );
    }
    this.#kept.set(hash, kept = parsed.data);
    return kept;
  }
}
