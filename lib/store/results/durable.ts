import type { Files } from "../../core/system/files.ts";
import { type Store, storeError } from "../store.ts";

/** So many files are synced at the same time. */
const AT_ONCE = 64;

interface Waiting {
  readonly path: string;
  readonly done: PromiseWithResolvers<void>;
}

/**
 * Brings files to the disk in groups: what becomes ready while a group is on its way goes together with the
 * next one. A filesystem with a journal writes that once for all that ask at the same time, so that sixteen
 * files take little more time than one.
 */
class SyncGroups {
  readonly #files: Files;
  #waiting: Waiting[] = [];
  #running = false;

  constructor(files: Files) {
    this.#files = files;
  }

  /** Resolves when the contents of a file have reached the disk. */
  sync(path: string): Promise<void> {
    const done = Promise.withResolvers<void>();
    this.#waiting.push({ path, done });
    if (!this.#running) void this.#run();
    return done.promise;
  }

  async #run(): Promise<void> {
    this.#running = true;
    // What is ready in the same turn goes along.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const group = this.#waiting.splice(0, AT_ONCE);
      // What was synced together is told together: so is what comes after it.
      const results = await Promise.allSettled(group.map(({ path }) => this.#files.sync(path)));
      for (const [i, result] of results.entries()) {
        if (result.status === "fulfilled") group[i]!.done.resolve();
        else group[i]!.done.reject(result.reason);
      }
    }
    this.#running = false;
  }
}

const groups = new WeakMap<Files, SyncGroups>();

/**
 * Waits until files have reached the disk. Folders are not synced: a commit that is lost in a power cut only
 * costs computing again, a torn record would cost a person.
 *
 * @throws {StoreError} naming the file that could not be synced.
 */
export async function makeDurable({ machine: { files } }: Store, paths: readonly string[]): Promise<void> {
  let own = groups.get(files);
  if (!own) groups.set(files, own = new SyncGroups(files));
  const syncs = own;
  await Promise.all(paths.map(async (path) => {
    try {
      await syncs.sync(path);
    } catch (error) {
      throw storeError("sync", path, error);
    }
  }));
}
