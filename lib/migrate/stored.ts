import { findArtifacts, type FoundArtifact, nothingOf, taskPattern } from "../catalog/find_artifacts.ts";
import { readEntry } from "../catalog/read_entries.ts";
import type { Hash } from "../core/hash.ts";
import type { Store } from "../store/store.ts";
import type { TaskDefinition } from "../task/artifact/artifact.ts";
import { namedReferences } from "../task/artifact/reference.ts";

/** A stored result, as far as it decides what becomes of it. */
export interface OldResult {
  /** Its task's name. */
  readonly name: string;
  /** Its hash. */
  readonly hash: Hash;
  /** The version of the task that made it. */
  readonly version?: string | number | undefined;
  /** Its parameters, as canonical JSON has them. */
  readonly params: unknown;
  /** The artifacts that it was made of: names of their tasks by their hashes. */
  readonly below: ReadonlyMap<string, string>;
  /** When it was computed. ISO 8601. */
  readonly createdAt: string;
  /** Whether it was made without something that failed. */
  readonly partial?: true | undefined;
  /** Why its record cannot be used. */
  readonly damage?: string | undefined;
}

/** So many records are read at the same time. */
const AT_ONCE = 32;

/** Whether a migration is for results of a task of this name and version. */
export function isFrom(
  { from }: NonNullable<TaskDefinition["migrations"]>[number],
  { name, version }: Pick<OldResult, "name" | "version">,
): boolean {
  return from.name === name && versionText(from.version) === versionText(version);
}

/** Versions are told apart by their texts: what was `1` once may be `"1"` in a migration. */
export function versionText(version: unknown): string | undefined {
  return version === undefined ? undefined : `${version}`;
}

/**
 * Reads the stored results that migrations may concern: those that migrations are for, those that are made of
 * such, and what all of them are made of; by hash. Of any other only the name is looked at.
 *
 * @param tasks Those whose migrations count.
 * @param others Names of the tasks of which results are looked at that may be made of migrated ones.
 * @throws {StoreError} If the store cannot be read.
 */
export async function readConcerned(
  store: Store,
  tasks: readonly TaskDefinition[],
  others: readonly string[],
): Promise<Map<string, OldResult>> {
  const migrations = tasks.flatMap((task) => task.migrations ?? []);
  const sources = new Set(migrations.map(({ from }) => from.name));
  const concerned = new Map<string, OldResult>();
  const rest = new Map<string, OldResult>();
  for (const name of sources) {
    for (const result of await readResults(store, await ofTask(store, name))) {
      const isConcerned = result.damage !== undefined || migrations.some((each) => isFrom(each, result));
      (isConcerned ? concerned : rest).set(result.hash, result);
    }
  }
  if (concerned.size === 0) return concerned;
  for (const name of others) {
    if (sources.has(name)) continue;
    for (const result of await readResults(store, await ofTask(store, name))) {
      if (result.below.size > 0) rest.set(result.hash, result);
    }
  }
  addDependents(concerned, rest);
  await addDependencies(store, concerned, rest);
  return concerned;
}

async function ofTask(store: Store, name: string): Promise<FoundArtifact[]> {
  return (await findArtifacts(store, taskPattern(name))).filter(({ hasRecord }) => hasRecord);
}

async function readResults(store: Store, found: readonly FoundArtifact[]): Promise<OldResult[]> {
  const results: (OldResult | undefined)[] = new Array(found.length);
  const order = found.entries();
  const lane = async (): Promise<void> => {
    for (const [index, each] of order) results[index] = await readResult(store, each);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
  return results.flatMap((result) => result ?? []);
}

/** Keeps neither the value nor where it comes from: there may be very many. */
async function readResult(store: Store, found: FoundArtifact): Promise<OldResult | undefined> {
  const { name, hash } = found;
  const entry = await readEntry(store, found);
  const identity = entry?.record?.identity;
  if (entry?.record === undefined || identity === undefined) {
    if (entry?.status !== "DAMAGED") return undefined;
    return { name, hash, params: {}, below: new Map(), createdAt: "", damage: entry.error };
  }
  const { version, params, dependencies } = identity;
  return {
    name,
    hash,
    ...(version === undefined ? {} : { version: version as string | number }),
    params,
    below: namedReferences([params, dependencies]),
    createdAt: entry.record.createdAt,
    ...(entry.record.partial === undefined ? {} : { partial: true }),
  };
}

/** Moves to `concerned` what is made of something there, however far above. */
function addDependents(concerned: Map<string, OldResult>, rest: Map<string, OldResult>): void {
  const above = new Map<string, string[]>();
  for (const { hash, below } of rest.values()) {
    for (const dependency of below.keys()) {
      const known = above.get(dependency);
      if (known) known.push(hash);
      else above.set(dependency, [hash]);
    }
  }
  // A Map's iteration goes on over what is added meanwhile.
  for (const hash of concerned.keys()) {
    for (const dependent of above.get(hash) ?? []) {
      if (!concerned.has(dependent)) concerned.set(dependent, rest.get(dependent)!);
    }
  }
}

/** Adds what those in `concerned` are made of, where it is stored. */
async function addDependencies(
  store: Store,
  concerned: Map<string, OldResult>,
  rest: ReadonlyMap<string, OldResult>,
): Promise<void> {
  const asked = new Set(concerned.keys());
  let open = [...concerned.values()];
  while (open.length > 0) {
    const missing: FoundArtifact[] = [];
    const next: OldResult[] = [];
    for (const { below } of open) {
      for (const [hash, name] of below) {
        if (asked.has(hash)) continue;
        asked.add(hash);
        const known = rest.get(hash);
        if (known) next.push(known);
        else missing.push({ ...nothingOf(store.root, name, hash as Hash), hasRecord: true });
      }
    }
    open = [...next, ...await readResults(store, missing)];
    for (const result of open) concerned.set(result.hash, result);
  }
}
