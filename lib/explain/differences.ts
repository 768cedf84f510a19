import { type InputPaths, withInputPaths } from "../core/json/input_file.ts";
import { compareText } from "../core/json/encode_tagged.ts";
import { isPlainObject, TAG } from "../core/json/tags.ts";

/** The identity of an artifact, as its record has it: parsed canonical JSON. */
export interface StoredIdentity {
  /** The task's name. */
  readonly task: string;
  /** The version of the task. */
  readonly version?: unknown;
  /** The parameters that count. */
  readonly params?: unknown;
  /** What the task's `dependencies` returned. */
  readonly dependencies?: unknown;
  /** Where the files and folders in its parameters are, or were. */
  readonly inputs?: InputPaths | undefined;
}

/** An artifact by its name and hash. */
export interface ArtifactName {
  /** Its task's name. */
  readonly name: string;
  /** Its hash. */
  readonly hash: string;
}

/** A field in which one artifact differs from another one. */
export interface FieldDifference {
  /** Where it is: `lr`, `data.size`, `layers[2]`, `version`, `task`, `dependencies`. */
  readonly path: string;
  /** `params`: a parameter, or a part of one. */
  readonly of: "params" | "version" | "task" | "dependencies";
  /** The old value, as canonical JSON has it; absent where the field is only in the new one. */
  readonly old?: unknown;
  /** The new value; absent where the field is only in the old one. */
  readonly new?: unknown;
  /** Where both are artifacts: what differs in them. */
  readonly below?: ArtifactDifference;
}

/** How two artifacts differ. */
export interface ArtifactDifference {
  /** The old one. */
  readonly old: ArtifactName;
  /** The new one. */
  readonly new: ArtifactName;
  /** What differs, field by field; absent where the identity of one of them is not known. */
  readonly fields?: readonly FieldDifference[];
}

/** Finds the identity of an artifact; nothing where it is not known. */
export type LoadIdentity = (artifact: ArtifactName) => Promise<StoredIdentity | undefined>;

/** Lists of which more items differ are one field. */
const MOST_ITEMS = 8;
/** Artifacts deeper below are named, and not looked into. */
const DEEPEST = 100;

/**
 * Finds out in which fields two artifacts differ and, where artifacts among their parameters and dependencies
 * differ, in which fields those do. A pair of artifacts that is met in several places is the same object.
 *
 * @param old The identity of the one.
 * @param now The identity of the other.
 * @param load Finds the identities of those below.
 */
export async function differences(
  old: StoredIdentity,
  now: StoredIdentity,
  load: LoadIdentity,
): Promise<FieldDifference[]> {
  return await new Differ(load).fields(old, now, 0);
}

/** As {@link differences}, for many that share what is below them: nothing is compared twice. */
export class Differ {
  readonly #load: LoadIdentity;
  readonly #pairs = new Map<string, Promise<ArtifactDifference>>();

  /** @param load Finds the identities of what is below. */
  constructor(load: LoadIdentity) {
    this.#load = load;
  }

  /** The fields in which two identities differ. */
  async fields(old: StoredIdentity, now: StoredIdentity, depth = 0): Promise<FieldDifference[]> {
    const found = differingFields(old, now).map((field) => ({
      ...field,
      ...("old" in field ? { old: withInputPaths(field.old, old.inputs) } : {}),
      ...("new" in field ? { new: withInputPaths(field.new, now.inputs) } : {}),
    }));
    return await Promise.all(found.map(async (field) => {
      const [before, after] = [referredArtifact(field.old), referredArtifact(field.new)];
      return before && after ? { ...field, below: await this.#below(before, after, depth + 1) } : field;
    }));
  }

  #below(old: ArtifactName, now: ArtifactName, depth: number): Promise<ArtifactDifference> {
    const key = `${old.hash} ${now.hash}`;
    const known = this.#pairs.get(key);
    if (known) return known;
    const found = this.#compare(old, now, depth);
    this.#pairs.set(key, found);
    return found;
  }

  async #compare(old: ArtifactName, now: ArtifactName, depth: number): Promise<ArtifactDifference> {
    if (depth > DEEPEST) return { old, new: now };
    const [before, after] = await Promise.all([this.#load(old), this.#load(now)]);
    if (!before || !after) return { old, new: now };
    return { old, new: now, fields: await this.fields(before, after, depth) };
  }
}

/** The fields in which two identities differ, without what is below. */
export function differingFields(old: StoredIdentity, now: StoredIdentity): FieldDifference[] {
  const found: FieldDifference[] = [];
  if (old.task !== now.task) found.push({ path: "task", of: "task", old: old.task, new: now.task });
  if (old.version !== now.version) {
    found.push({ path: "version", of: "version", ...sides(old.version, now.version) });
  }
  compareValues(old.params, now.params, "", found);
  return [...found, ...declaredDifferences(old.dependencies, now.dependencies)];
}

function sides(old: unknown, now: unknown): Pick<FieldDifference, "old" | "new"> {
  return { ...(old === undefined ? {} : { old }), ...(now === undefined ? {} : { new: now }) };
}

function compareValues(old: unknown, now: unknown, path: string, found: FieldDifference[]): void {
  if (isSame(old, now)) return;
  if (isPlainObject(old) && isPlainObject(now)) {
    for (const key of new Set([...Object.keys(old), ...Object.keys(now)])) {
      // Users' own keys that begin with `$` have one more in canonical JSON.
      const name = key.startsWith("$$") ? key.slice(1) : key;
      compareValues(old[key], now[key], path === "" ? name : `${path}.${name}`, found);
    }
    return;
  }
  if (Array.isArray(old) && Array.isArray(now)) {
    const length = Math.max(old.length, now.length);
    const differing: number[] = [];
    for (let i = 0; i < length && differing.length <= MOST_ITEMS; i++) {
      if (!isSame(old[i], now[i])) differing.push(i);
    }
    if (differing.length <= MOST_ITEMS) {
      for (const i of differing) compareValues(old[i], now[i], `${path}[${i}]`, found);
      return;
    }
  }
  found.push({ path, of: "params", ...sides(old, now) });
}

/** A value that is canonical JSON has one text only. */
function isSame(old: unknown, now: unknown): boolean {
  return old === now || typeof old === "object" && typeof now === "object" &&
      JSON.stringify(old) === JSON.stringify(now);
}

/** The artifact that a value of canonical JSON is; nothing where it is another value. */
export function referredArtifact(value: unknown): ArtifactName | undefined {
  if (typeof value !== "object" || value === null || isPlainObject(value)) return undefined;
  const pair = (value as Record<string, unknown>)[TAG.artifact];
  return Array.isArray(pair) ? { name: `${pair[0]}`, hash: `${pair[1]}` } : undefined;
}

/** Declared dependencies have no names: those of one task are compared in their order. */
function declaredDifferences(old: unknown, now: unknown): FieldDifference[] {
  const [before, after] = [declared(old), declared(now)];
  const only = (all: ArtifactName[], others: ArtifactName[]) => {
    const known = new Set(others.map(({ hash }) => hash));
    return Map.groupBy(all.filter(({ hash }) => !known.has(hash)), ({ name }) => name);
  };
  const [gone, come] = [only(before, after), only(after, before)];
  return [...new Set([...gone.keys(), ...come.keys()])].sort(compareText).flatMap((name) => {
    const [a, b] = [gone.get(name) ?? [], come.get(name) ?? []];
    return Array.from({ length: Math.max(a.length, b.length) }, (_, i): FieldDifference => ({
      path: "dependencies",
      of: "dependencies",
      ...sides(tagged(a[i]), tagged(b[i])),
    }));
  });
}

function declared(value: unknown): ArtifactName[] {
  return Array.isArray(value) ? value.flatMap((each) => referredArtifact(each) ?? []) : [];
}

function tagged(artifact: ArtifactName | undefined): unknown {
  return artifact && { [TAG.artifact]: [artifact.name, artifact.hash] };
}
