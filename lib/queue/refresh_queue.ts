import { join } from "@std/path/posix/join";
import { removeIfThere, type Store, storeError } from "../store/store.ts";
import { isNotThere } from "../store/file_steps.ts";
import { parseWorkerDir, type QueuePaths, todoDir } from "./layout.ts";
import { folders } from "./list_queue.ts";

/**
 * Has this host forget what it remembers of the queue's folders: a listing may be up to a minute old, but none is older than
 * the host's own last change of the folder. For a controller that comes later, which adds what it sees in none of them.
 *
 * @param specs The specs of the run's tasks.
 * @throws {StoreError} when a folder cannot be written.
 */
export async function refreshQueue(store: Store, paths: QueuePaths, specs: readonly string[]): Promise<void> {
  const { running, waiting, done, failed, withdrawn } = paths;
  const ofWorkers = specs.map((spec) => join(running, spec));
  for (
    const dir of [
      ...specs.map((spec) => todoDir(paths, spec)),
      waiting,
      done,
      failed,
      withdrawn,
      ...ofWorkers,
    ]
  ) {
    await refresh(store, dir);
  }
  for (const dir of ofWorkers) {
    for (const name of await folders(store, dir)) {
      if (parseWorkerDir(name)) await refresh(store, join(dir, name));
    }
  }
}

async function refresh(store: Store, dir: string): Promise<void> {
  try {
    await removeIfThere(store.machine, await store.writePrivate(dir, ""));
  } catch (error) {
    // That of a worker who has just left.
    if (!isNotThere(error)) throw storeError("write", dir, error);
  }
}
