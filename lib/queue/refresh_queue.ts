import { removeIfThere, type Store, storeError } from "../store/store.ts";
import { type QueuePaths, todoDir } from "./layout.ts";

/**
 * Has this host forget what it remembers of the queue's folders: a listing may be up to a minute old, but none is older than
 * the host's own last change of the folder. For a controller that comes later, which adds what it sees in none of them. Not
 * for the folders of workers, who remove them.
 *
 * @param specs The specs of the run's tasks.
 * @throws {StoreError} when a folder cannot be written.
 */
export async function refreshQueue(store: Store, paths: QueuePaths, specs: readonly string[]): Promise<void> {
  const { waiting, done, failed, withdrawn } = paths;
  for (const dir of [...specs.map((spec) => todoDir(paths, spec)), waiting, done, failed, withdrawn]) {
    try {
      await removeIfThere(store.machine, await store.writePrivate(dir, ""));
    } catch (error) {
      throw storeError("write", dir, error);
    }
  }
}
