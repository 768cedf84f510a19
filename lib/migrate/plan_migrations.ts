import type { Hash } from "../core/hash.ts";
import type { Store } from "../store/store.ts";
import { ARTIFACT, type Artifact, type TaskDefinition } from "../task/artifact/artifact.ts";
import { withAllBelow } from "../task/artifact/reference.ts";
import { findTask } from "../task/artifact/registry.ts";
import { resolveAll, type Resolved } from "./resolve.ts";
import { type OldResult, readConcerned } from "./stored.ts";

/** What a migration would do with one stored result. */
export type PlannedMigration =
  & {
    /** The result that is stored. */
    readonly from: OldResult;
    /** The task whose result it becomes. */
    readonly task: TaskDefinition;
  }
  & (
    /** It can be migrated. */
    | { readonly status: "ready"; readonly artifact: Artifact }
    /** Today's artifact has a result already. */
    | { readonly status: "exists"; readonly artifact: Artifact }
    /** It is not migrated, as `why` says. */
    | { readonly status: "refused"; readonly artifact?: Artifact; readonly why: string }
    /** The task's migration says that it is not migrated. */
    | { readonly status: "left" }
  );

/** Options of {@link planMigrations}. */
export interface PlanMigrationsOptions {
  /** The tasks whose migrations count; others have none. */
  readonly tasks: readonly TaskDefinition[];
  /** Names of the tasks whose results may be made of migrated ones. */
  readonly others: readonly string[];
  /**
   * Artifacts of today's code, which tell what stored hashes stand for of which there is no record.
   *
   * @default {none}
   */
  readonly roots?: readonly Artifact[];
}

/**
 * Finds out which stored results can be migrated. Changes nothing.
 *
 * @returns Those that a migration is for, or that are made of such; what lies below first.
 * @throws {StoreError} If the store cannot be read.
 */
export async function planMigrations(
  store: Store,
  { tasks, others, roots = [] }: PlanMigrationsOptions,
): Promise<PlannedMigration[]> {
  const migrating = tasks.filter(({ migrations }) => migrations !== undefined && migrations.length > 0);
  if (migrating.length === 0) return [];
  const stored = await readConcerned(store, migrating, others);
  if (stored.size === 0) return [];
  const known = new Map<string, Artifact>();
  for (const artifact of withAllBelow(roots)) {
    if (!artifact[ARTIFACT].loadOnly) known.set(artifact.hash, artifact);
  }
  const resolved = resolveAll({ stored, tasks: migrating, lookup: findTask, known });
  return judgeAll(resolved, await storedAmong(store, resolved));
}

/** The hashes of those artifacts that have a result already. */
async function storedAmong(store: Store, resolved: readonly Resolved[]): Promise<ReadonlySet<string>> {
  const found = new Set<string>();
  const artifacts = resolved.flatMap(({ artifact }) => artifact ?? []);
  for (const [name, group] of Map.groupBy(artifacts, ({ name }) => name)) {
    const hashes = group.map(({ hash }) => hash);
    const { done } = await store.listTask(name, hashes);
    for (const hash of hashes) if (done.has(hash)) found.add(hash);
  }
  return found;
}

/** What it lacks is of the old code, too: nobody would see when that can be had. */
const PARTIAL = "it is partial, made without what failed: compute it again";

/** Of several results that become the same artifact the newest counts. */
function judgeAll(resolved: readonly Resolved[], stored: ReadonlySet<string>): PlannedMigration[] {
  const newest = new Map<Hash, OldResult>();
  for (const { from, artifact } of resolved) {
    const other = artifact && newest.get(artifact.hash);
    if (artifact && !from.partial && (!other || isNewer(from, other))) newest.set(artifact.hash, from);
  }
  return resolved.map(({ from, task, artifact, why }): PlannedMigration => {
    if (!artifact) {
      return why === undefined ? { from, task, status: "left" } : { from, task, status: "refused", why };
    }
    if (stored.has(artifact.hash)) return { from, task, status: "exists", artifact };
    if (from.partial) return { from, task, status: "refused", artifact, why: PARTIAL };
    const first = newest.get(artifact.hash)!;
    if (first === from) return { from, task, status: "ready", artifact };
    const other = `a newer result becomes the same artifact: ${first.name}(${first.hash.slice(0, 8)})`;
    return { from, task, status: "refused", artifact, why: other };
  });
}

function isNewer(one: OldResult, other: OldResult): boolean {
  return one.createdAt > other.createdAt || (one.createdAt === other.createdAt && one.hash > other.hash);
}
