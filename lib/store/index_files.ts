import { join } from "@std/path/posix/join";
import { hashText } from "../core/hash.ts";
import { writeJsonText } from "./json_file.ts";
import { indexDir } from "./layout.ts";
import { removeIfThere, type Store } from "./store.ts";

/** What there is an index file of: of a task, or of the content of an input. */
export type IndexKind = "names" | "params" | "rows" | "values" | "input";

/**
 * Where what was read is kept, so that it need not be read again (records for lists, files of users for the
 * digests of their contents): in the store, and for those who may not write there in a cache of their own.
 * Any of these files may be gone, torn, old or of somebody else at any time.
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

  /** What is kept of a task, or of an input by its path, the likeliest first. */
  async *read(kind: IndexKind, of: string): AsyncGenerator<string> {
    // There is one of one's own only where the store could not be written.
    for (const dir of [await this.#own(), indexDir(this.#store.root)]) {
      if (dir === undefined) continue;
      try {
        yield await this.#store.machine.files.readText(join(dir, fileName(kind, of)));
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
  async write(kind: IndexKind, of: string, text: string, toStore: boolean): Promise<void> {
    const own = await this.#own();
    const name = fileName(kind, of);
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

/** The folder of this user's caches of furu; nothing where there is none, or it may not be asked for. */
export function userCacheDir(): string | undefined {
  const variable = (name: string): string | undefined =>
    Deno.permissions.querySync({ name: "env", variable: name }).state === "granted"
      ? Deno.env.get(name)
      : undefined;
  // As the specification has it, one that is not absolute does not count.
  const cache = variable("XDG_CACHE_HOME");
  if (cache?.startsWith("/")) return join(cache, "furu");
  const home = variable("HOME");
  return home?.startsWith("/") ? join(home, ".cache", "furu") : undefined;
}

function mayWrite(dir: string): boolean {
  return Deno.permissions.querySync({ name: "write", path: dir }).state === "granted";
}

function fileName(kind: IndexKind, of: string): string {
  return `${hashText(of).slice(0, 32)}.${kind}.json`;
}
