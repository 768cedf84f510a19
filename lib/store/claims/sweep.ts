import { join } from "@std/path/posix/join";
import { errorCode } from "../../core/errors.ts";
import { type ArtifactPaths, privateNameOwner } from "../layout.ts";
import { removeIfThere, type Store } from "../store.ts";

/**
 * Removes what dead processes left in an artifact's folder under private names: called by whoever has just claimed
 * it. Names of processes that may live (other hosts, no /proc) stay until `gc`.
 */
export async function sweep(store: Store, paths: ArtifactPaths, names: readonly string[]): Promise<void> {
  const { machine } = store;
  for (const name of names) {
    const owner = privateNameOwner(name, machine.self)?.owner;
    if (!owner || !machine.isGone(owner)) continue;
    try {
      await removeIfThere(machine, join(paths.home, name));
    } catch (error) {
      // Litter is no reason to fail an attempt.
      if (errorCode(error) === undefined) throw error;
    }
  }
}
