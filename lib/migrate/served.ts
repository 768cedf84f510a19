import type { Hash } from "../core/hash.ts";
import type { Store } from "../store/store.ts";
import { ARTIFACT, type Artifact, type TaskDefinition } from "../task/artifact/artifact.ts";
import { withAllBelow } from "../task/artifact/reference.ts";
import { planMigrations } from "./plan_migrations.ts";
import type { OldResult } from "./stored.ts";

/**
 * The stored results that could be migrated to artifacts that are to be computed, by the hashes of these.
 * Where no task of those that are to be computed has migrations nothing is looked at.
 *
 * @param roots What a plan is for.
 * @param isTodo Whether the artifact of that hash is to be computed.
 * @throws {StoreError} If the store cannot be read.
 */
export async function servedByMigrations(
  store: Store,
  roots: readonly Artifact[],
  isTodo: (hash: Hash) => boolean,
): Promise<ReadonlyMap<Hash, OldResult>> {
  const served = new Map<Hash, OldResult>();
  const tasks = new Map<string, TaskDefinition>();
  let mayBe = false;
  for (const { hash, name, [ARTIFACT]: { task } } of withAllBelow(roots)) {
    tasks.set(name, task);
    mayBe ||= (task.migrations?.length ?? 0) > 0 && isTodo(hash);
  }
  if (!mayBe) return served;
  const planned = await planMigrations(store, {
    tasks: [...tasks.values()],
    others: [...tasks.keys()],
    roots,
  });
  for (const each of planned) {
    if (each.status === "ready" && isTodo(each.artifact.hash)) served.set(each.artifact.hash, each.from);
  }
  return served;
}
