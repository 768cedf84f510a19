import { join } from "@std/path/posix/join";
import { hashText } from "../core/hash.ts";
import { writeJsonText } from "../store/json_file.ts";
import { indexDir } from "../store/layout.ts";
import { removeIfThere, type Store } from "../store/store.ts";

/** What there is an index file of. */
export type IndexKind = "names" | "params" | "rows" | "values";

/**
 * Where what lists show is kept, so that they need not read each record again: in the store, and for those
 * who may not write there in a cache of their own. Any of these files may be gone, torn, old or of somebody
 * else at any time.
 */
export class IndexFiles {
  readonly #store: Store;
  readonly #cache: string | undefined;
  #ownDir: Promise<string | undefined> | undefined;

  /** @param cache The folder of one's own caches; without one there are the store's files only. */
  constructor(store: Store, cache: string | undefined) {
    this.#store = store;
    this.#cache = cache;
  }

  /** What is kept of a task, the likeliest first. */
  async *read(kind: IndexKind, task: string): AsyncGenerator<string> {
    // There is one of one's own only where the store could not be written.
    for (const dir of [await this.#own(), indexDir(this.#store.root)]) {
      if (dir === undefined) continue;
      try {
        yield await this.#store.machine.files.readText(join(dir, fileName(kind, task)));
      } catch {
        // Then the records are read.
      }
    }
  }

  /**
   * Keeps it where that is possible, first of all in the store.
   *
   * @param toStore Whether the store may be tried.
   */
  async write(kind: IndexKind, task: string, text: string, toStore: boolean): Promise<void> {
    const own = await this.#own();
    const name = fileName(kind, task);
    if (toStore && await this.#tryWrite(indexDir(this.#store.root), name, text)) {
      if (own !== undefined) await removeIfThere(this.#store.machine, join(own, name)).catch(() => {});
    } else if (own !== undefined) await this.#tryWrite(own, name, text);
  }

  /** Whether Deno lets this process write to the store; the system may refuse all the same. */
  mayWriteStore(): boolean {
    return mayWrite(this.#store.root);
  }

  async #tryWrite(dir: string, name: string, text: string): Promise<boolean> {
    if (!mayWrite(dir)) return false; // nobody is asked for a permission for this
    try {
      if (dir === indexDir(this.#store.root)) await this.#store.makeDir(dir);
      else await this.#store.machine.files.mkdir(dir, { recursive: true });
      await writeJsonText(this.#store, join(dir, name), text, { sync: false });
      return true;
    } catch {
      return false; // a full disk, a store of somebody else: lists take longer
    }
  }

  #own(): Promise<string | undefined> {
    return this.#ownDir ??= this.#cache === undefined
      ? Promise.resolve(undefined)
      : this.#store.realRoot().then((root) => join(this.#cache!, "index", hashText(root).slice(0, 32)));
  }
}

function mayWrite(dir: string): boolean {
  return Deno.permissions.querySync({ name: "write", path: dir }).state === "granted";
}

function fileName(kind: IndexKind, task: string): string {
  return `${hashText(task).slice(0, 32)}.${kind}.json`;
}
