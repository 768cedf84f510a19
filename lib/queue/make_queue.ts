import { checkWord } from "../core/names.ts";
import { type Store, storeError } from "../store/store.ts";
import { join } from "@std/path/posix/join";
import { type QueuePaths, todoDir } from "./layout.ts";

/**
 * Makes all folders of a run's queue, but for those of workers, which they make themselves. Harmless when they exist.
 *
 * @param specs The specs of its tasks.
 * @throws {ValidationError} when a spec cannot be the name of a folder.
 * @throws {StoreError} when the store cannot be written.
 */
export async function makeQueue(store: Store, paths: QueuePaths, specs: readonly string[]): Promise<void> {
  for (const spec of specs) checkWord("spec", spec);
  const { artifacts, waiting, done, failed, withdrawn, workers, jobs, events } = paths;
  const bySpec = specs.flatMap((spec) => [todoDir(paths, spec), join(paths.running, spec)]);
  for (
    const dir of [
      artifacts,
      workers,
      jobs,
      events,
      paths.todo,
      paths.running,
      waiting,
      done,
      failed,
      withdrawn,
      ...bySpec,
    ]
  ) {
    try {
      await store.makeDir(dir);
    } catch (error) {
      throw storeError("make", dir, error);
    }
  }
}
