import { join } from "@std/path/posix/join";
import type { FileInfo } from "../core/system/files.ts";
import { artifactsDir } from "../store/layout.ts";
import { removeIfThere, type Store } from "../store/store.ts";
import type { Condition } from "./conditions.ts";
import type { FoundArtifact } from "./find_artifacts.ts";
import { type FolderNames, folderNames, type ListFolder } from "./folder_names.ts";
import { decodeNames, decodeRows, encodeNames, encodeRows, type IndexRow } from "./index_format.ts";
import { IndexFiles } from "./index_files.ts";
import { type ArtifactEntry, readEntry } from "./read_entries.ts";

/** Of tasks with fewer artifacts nothing is kept: to read them all is as quick. */
const LEAST_KEPT = 1000;
/** It is written again when so large a part of a task's records has changed. */
const CHANGED_PART = 0.02;
/** So few artifacts of a large task are read without what is kept of it. */
const FEW = 200;
/**
 * What was changed less than so many milliseconds before it was read may be changed again with the same time:
 * clocks of file systems tick, some every two seconds.
 */
const TICK_MS = 2000;

/** Options of a {@link Catalog}. */
export interface CatalogOptions {
  /**
   * The folder of one's own caches, for stores that one may only read.
   *
   * @default {none}
   */
  readonly cache?: string | undefined;
  /**
   * The least number of artifacts of a task of which something is kept.
   *
   * @default {1000}
   */
  readonly least?: number;
}

/** Which of the found artifacts are read. */
export interface WantedEntries {
  /**
   * By the parameters, which no other record of the same hash could change.
   *
   * @default {all}
   */
  readonly where?: Condition | undefined;
}

interface Folder {
  readonly names: FolderNames;
  /** The folder before it was listed. */
  readonly stamp: FileInfo | undefined;
  /** Whether the names were kept, and the folder is the same since. */
  readonly isKept: boolean;
}

interface Rows {
  readonly rows: Map<string, IndexRow>;
  /** How many were read from records. */
  fresh: number;
}

/**
 * What there is in a store, for lists of very many artifacts. The records are the truth: what is kept of them
 * counts only while the folder (for names) or the record (for the rest) is the very file it was, by inode,
 * size and time of change.
 */
export class Catalog {
  readonly #store: Store;
  readonly #files: IndexFiles;
  readonly #least: number;
  readonly #folders = new Map<string, Promise<Folder>>();
  readonly #rows = new Map<string, Promise<Rows>>();
  readonly #began: number;

  /** Reads nothing yet. */
  constructor(store: Store, { cache, least = LEAST_KEPT }: CatalogOptions = {}) {
    this.#store = store;
    this.#files = new IndexFiles(store, cache);
    this.#least = least;
    this.#began = store.machine.clock.monotonic();
  }

  /** Finds out the names in a folder, as `findArtifacts` asks for them. */
  readonly list: ListFolder = async (at) => {
    let folder = this.#folders.get(at);
    if (!folder) this.#folders.set(at, folder = this.#listFolder(at));
    return (await folder).names;
  };

  async #listFolder(at: string): Promise<Folder> {
    const dir = join(artifactsDir(this.#store.root), at);
    const stamp = await this.#folderStamp(dir);
    if (stamp && at !== "") {
      for await (const text of this.#files.read("names", at)) {
        const kept = decodeNames(at, text);
        if (kept && kept.folder.ino === stamp.ino && kept.folder.mtimeMs === stamp.mtimeMs) {
          return { names: kept.names, stamp, isKept: true };
        }
      }
    }
    return { names: folderNames(await this.#store.list(dir)), stamp, isKept: false };
  }

  /** Through a handle, so that no attributes are seen that a host has cached. */
  async #folderStamp(dir: string): Promise<FileInfo | undefined> {
    try {
      using folder = await this.#store.machine.files.open(dir);
      return await folder.stat();
    } catch {
      return undefined; // to list it tells why
    }
  }

  /**
   * Reads what lists show of artifacts, in their order, as `readEntries` does.
   *
   * @throws {StoreError} If the store cannot be read.
   */
  async entries(found: readonly FoundArtifact[], { where }: WantedEntries = {}): Promise<ArtifactEntry[]> {
    const entries: ArtifactEntry[] = [];
    for (const [task, group] of Map.groupBy(found, ({ name }) => name)) {
      const rows = await this.#rowsOf(task, group.length);
      for (const each of group) {
        const entry = rows ? await this.#entry(rows, each, where) : await readEntry(this.#store, each);
        if (entry && (!where || where(entry))) entries.push(entry);
      }
    }
    return entries;
  }

  async #rowsOf(task: string, count: number): Promise<Rows | undefined> {
    await this.list(task);
    const size = (await this.#folders.get(task)!).names.artifacts.size;
    if (size < this.#least || count < Math.min(FEW, this.#least)) return undefined;
    let rows = this.#rows.get(task);
    if (!rows) this.#rows.set(task, rows = this.#readRows(task));
    return await rows;
  }

  async #readRows(task: string): Promise<Rows> {
    for await (const text of this.#files.read("rows", task)) {
      const rows = decodeRows(task, text);
      if (rows) return { rows, fresh: 0 };
    }
    return { rows: new Map(), fresh: 0 };
  }

  async #entry(
    all: Rows,
    found: FoundArtifact,
    where: WantedEntries["where"],
  ): Promise<ArtifactEntry | undefined> {
    const { hash, record, hasRecord } = found;
    if (!hasRecord) return await readEntry(this.#store, found);
    const row = all.rows.get(hash);
    if (row && where && !where(row.entry)) return undefined;
    const info = await this.#stat(record);
    if (row && info && isSame(row.stamp, info)) return row.entry;
    all.rows.delete(hash);
    const entry = await readEntry(this.#store, found);
    if (info?.isFile && entry?.record) {
      const { ino, mtimeMs, size } = info;
      all.rows.set(hash, { stamp: { ino, mtimeMs, size }, entry });
      all.fresh++;
    }
    return entry;
  }

  /** Where that fails, to read the record tells why. */
  async #stat(path: string): Promise<FileInfo | undefined> {
    try {
      return await this.#store.machine.files.stat(path);
    } catch {
      return undefined;
    }
  }

  /**
   * Keeps what was read, where that is worth it and possible: what cannot be kept is read again next time.
   * Best done when the list is shown.
   */
  async keep(): Promise<void> {
    const large = await this.#largeFolders();
    if (large.length === 0) return;
    const now = await this.#serverTime();
    for (const { task, folder } of large) {
      const { stamp, names } = folder;
      // The time of the folder's last change was before all of the records were read.
      const last = Math.max(now ?? 0, stamp.mtimeMs) - TICK_MS;
      if (!folder.isKept && stamp.mtimeMs < last) {
        await this.#files.write(
          "names",
          task,
          encodeNames(task, { folder: stamp, names }),
          now !== undefined,
        );
      }
      const { rows, fresh } = await this.#rows.get(task) ?? { rows: new Map<string, IndexRow>(), fresh: 0 };
      if (fresh < Math.max(1, names.artifacts.size * CHANGED_PART)) continue;
      const kept = [...rows].filter(([hash, row]) => names.artifacts.has(hash) && row.stamp.mtimeMs < last);
      if (kept.length === 0) continue;
      await this.#files.write("rows", task, encodeRows(task, new Map(kept)), now !== undefined);
    }
  }

  async #largeFolders(): Promise<{ task: string; folder: Folder & { stamp: FileInfo } }[]> {
    const large: { task: string; folder: Folder & { stamp: FileInfo } }[] = [];
    for (const [task, listed] of this.#folders) {
      const folder = await listed.catch(() => undefined);
      const { stamp } = folder ?? {};
      if (!folder || !stamp || folder.names.artifacts.size < this.#least) continue;
      const { fresh } = await this.#rows.get(task) ?? { fresh: 0 };
      if (!folder.isKept || fresh > 0) large.push({ task, folder: { ...folder, stamp } });
    }
    return large;
  }

  /**
   * The time by which the store's files are dated when the first of them was looked at, by a file that is
   * written and removed; nothing where the store can only be read.
   */
  async #serverTime(): Promise<number | undefined> {
    const { machine, root } = this.#store;
    if (!this.#files.mayWriteStore()) return undefined;
    try {
      const path = await this.#store.writePrivate(root, "");
      try {
        const { mtimeMs } = await machine.files.stat(path) ?? {};
        return mtimeMs && mtimeMs - (machine.clock.monotonic() - this.#began);
      } finally {
        await removeIfThere(machine, path);
      }
    } catch {
      return undefined;
    }
  }
}

function isSame(one: IndexRow["stamp"], { ino, size, mtimeMs }: FileInfo): boolean {
  return one.ino === ino && one.size === size && one.mtimeMs === mtimeMs;
}
