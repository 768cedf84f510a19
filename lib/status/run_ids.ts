import { join } from "@std/path/posix/join";
import type { Store } from "../store/store.ts";

/**
 * The ids of the runs in a store, the latest first.
 *
 * @throws {StoreError} If they cannot be listed.
 */
export async function runIds(store: Store): Promise<string[]> {
  const runs = await store.list(join(store.root, "runs"));
  return runs.filter(({ isDirectory, name }) => isDirectory && !name.startsWith(".")).map(({ name }) => name)
    .sort((a, b) => beginOf(a) < beginOf(b) ? 1 : -1);
}

/** The part of a run's id that tells when it began. */
function beginOf(runId: string): string {
  return runId.replace(/^[a-z]+-/, "");
}
