import { canonicalizeJson } from "../core/json/canonical.ts";
import { artifactLabel } from "../core/hash.ts";
import { isPlainObject, TAG } from "../core/json/tags.ts";
import { namedReferences } from "../task/artifact/reference.ts";
import { truncate } from "../ui/text.ts";

/** An artifact in a golden file. */
export interface GoldenEntry {
  /** Its task's name. */
  readonly name: string;
  /** Its hash. */
  readonly hash: string;
  /** Its identity, of which the hash is. */
  readonly identity: Readonly<Record<string, unknown>>;
}

/** What there is to say of entries that differ. */
export interface GoldenChanges {
  /** A line for each artifact that changed by itself, was added, or is gone. */
  readonly lines: readonly string[];
  /** How many have another hash only since they are made of such. */
  readonly dependents: number;
}

/** Of a task with more changed artifacts those are compared that stand at the same place. */
const MOST_MATCHED = 100;
/** So many fields of an artifact are named. */
const MOST_FIELDS = 8;
const MOST_COLUMNS = 80;

/** Compares what was written with what is made today. Pure. */
export function compareGolden(was: readonly GoldenEntry[], is: readonly GoldenEntry[]): GoldenChanges {
  const before = new Set(was.map(({ hash }) => hash));
  const after = new Set(is.map(({ hash }) => hash));
  const gone = was.filter(({ hash }) => !after.has(hash));
  const added = is.filter(({ hash }) => !before.has(hash));
  const pairs = new Map<GoldenEntry, GoldenEntry>();
  for (const [name, group] of Map.groupBy(gone, ({ name }) => name)) {
    match(group, added.filter((each) => each.name === name), pairs);
  }
  const taken = new Set(pairs.values());
  const renamed = Map.groupBy(added.filter((each) => !taken.has(each)), paramsOf);
  for (const each of gone) {
    const other = pairs.has(each) ? undefined : renamed.get(paramsOf(each))?.shift();
    if (other) pairs.set(each, other);
  }
  const moved = new Map([...pairs].map(([one, other]) => [one.hash, other.hash]));
  const lines: string[] = [];
  let dependents = 0;
  for (const each of gone) {
    const other = pairs.get(each);
    if (!other) {
      lines.push(`${label(each)} is not made any more`);
    } else if (canonicalizeJson(withMoved(each.identity, moved)) === canonicalizeJson(other.identity)) {
      dependents++;
    } else {
      const fields = changedFields(withMoved(each.identity, moved), other.identity, "");
      const rest = fields.length - MOST_FIELDS;
      const shown = [...fields.slice(0, MOST_FIELDS), ...(rest > 0 ? [`and ${rest} fields more`] : [])];
      lines.push(`${label(each)} is ${label(other)} now: ${shown.join("; ")}`);
    }
  }
  const matched = new Set(pairs.values());
  for (const each of added) if (!matched.has(each)) lines.push(`${label(each)} is new`);
  return { lines, dependents };
}

/** Pairs what is most alike. */
function match(
  gone: readonly GoldenEntry[],
  added: readonly GoldenEntry[],
  pairs: Map<GoldenEntry, GoldenEntry>,
): void {
  const left = new Set(added);
  for (const each of gone) {
    let best: GoldenEntry | undefined;
    let least = Infinity;
    for (const other of left) {
      const count = gone.length > MOST_MATCHED ? 0 : changedFields(each.identity, other.identity, "").length;
      if (count >= least) continue;
      [best, least] = [other, count];
      if (gone.length > MOST_MATCHED) break;
    }
    if (best) {
      pairs.set(each, best);
      left.delete(best);
    }
  }
}

/** The identity with the hashes that the artifacts in it have today: what is left is its own change. */
function withMoved(json: unknown, moved: ReadonlyMap<string, string>): unknown {
  if (typeof json !== "object" || json === null) return json;
  if (Array.isArray(json)) return json.map((each) => withMoved(each, moved));
  const reference = (json as Record<string, unknown>)[TAG.artifact];
  if (Array.isArray(reference) && moved.has(reference[1])) {
    return { [TAG.artifact]: [reference[0], moved.get(reference[1])] };
  }
  return Object.fromEntries(Object.entries(json).map(([key, each]) => [key, withMoved(each, moved)]));
}

/** Each field that differs, in words: `params.lr was 0.1 and is 0.2`. */
function changedFields(was: unknown, is: unknown, path: string): string[] {
  if (isPlainObject(was) && isPlainObject(is)) {
    const keys = [...new Set([...Object.keys(was), ...Object.keys(is)])];
    return keys.flatMap((key) => changedFields(was[key], is[key], path === "" ? key : `${path}.${key}`));
  }
  const [before, now] = [was, is].map((each) => each === undefined ? undefined : canonicalizeJson(each));
  if (before === now) return [];
  if (before === undefined) return [`${path} is new: ${shown(is)}`];
  if (now === undefined) return [`${path} is gone: it was ${shown(was)}`];
  return [`${path} was ${shown(was)} and is ${shown(is)}`];
}

function shown(value: unknown): string {
  const [reference] = namedReferences(value);
  const isReference = reference !== undefined && !isPlainObject(value) && TAG.artifact in (value as object);
  return isReference
    ? artifactLabel(reference[1], reference[0])
    : truncate(canonicalizeJson(value), MOST_COLUMNS);
}

function paramsOf({ identity }: GoldenEntry): string {
  return canonicalizeJson(identity.params);
}

function label({ name, hash }: GoldenEntry): string {
  return artifactLabel(name, hash);
}
