import type { Hash } from "../core/hash.ts";
import type { Store } from "../store/store.ts";
import { ARTIFACT, type Artifact, type TaskDefinition } from "../task/artifact/artifact.ts";
import { withAllBelow } from "../task/artifact/reference.ts";
import { planMigrations } from "./plan_migrations.ts";
import type { OldResult } from "./stored.ts";

/** What migrations could do for a plan. */
export interface ServedByMigrations {
  /** The stored results that could be migrated to what is to be computed, by the hashes of that. */
  readonly served: ReadonlyMap<Hash, OldResult>;
  /** How many stored results were not looked at, as there are very many: some may serve, too. */
  readonly unread: number;
}

/** With more stored results than these a plan does not look at each. */
const MOST_READ = 20_000;

/**
 * Finds the stored results that could be migrated to artifacts that are to be computed. Where no task of
 * these has migrations nothing is looked at.
 *
 * @param roots What a plan is for.
 * @param isTodo Whether the artifact of that hash is to be computed.
 * @param options `most`: so many stored results are looked at.
 * @throws {StoreError} If the store cannot be read.
 */
export async function servedByMigrations(
  store: Store,
  roots: readonly Artifact[],
  isTodo: (hash: Hash) => boolean,
  { most = MOST_READ }: { most?: number } = {},
): Promise<ServedByMigrations> {
  const served = new Map<Hash, OldResult>();
  const tasks = new Map<string, TaskDefinition>();
  const todo = new Set<Hash>();
  let mayBe = false;
  for (const { hash, name, [ARTIFACT]: { task } } of withAllBelow(roots)) {
    tasks.set(name, task);
    if (!isTodo(hash)) continue;
    todo.add(hash);
    mayBe ||= (task.migrations?.length ?? 0) > 0;
  }
  if (!mayBe) return { served, unread: 0 };
  const sources = new Set(
    tasks.values().flatMap(({ migrations = [] }) => migrations.map(({ from }) => from.name)),
  );
  let [old, all] = [0, 0];
  for (const name of new Set([...sources, ...tasks.keys()])) {
    const { size } = (await store.listTask(name)).done;
    all += size;
    if (sources.has(name)) old += size;
  }
  if (old === 0) return { served, unread: 0 };
  if (all > most) return { served, unread: old };
  const planned = await planMigrations(store, {
    tasks: [...tasks.values()],
    others: [...tasks.keys()],
    roots,
  });
  for (const each of planned) {
    if (each.status === "ready" && todo.has(each.artifact.hash)) served.set(each.artifact.hash, each.from);
  }
  return { served, unread: 0 };
}
