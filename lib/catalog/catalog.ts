import { join } from "@std/path/posix/join";
import type { FileInfo } from "../core/system/files.ts";
import { artifactsDir } from "../store/layout.ts";
import { removeIfThere, type Store } from "../store/store.ts";
import type { Condition } from "./conditions.ts";
import type { FoundArtifact } from "./find_artifacts.ts";
import { type FolderNames, folderNames, type ListFolder } from "./folder_names.ts";
import {
  decodeNames,
  decodeParams,
  decodeRows,
  decodeValues,
  encodeNames,
  encodeParams,
  encodeRows,
  encodeValues,
  type IndexRow,
  type KeptRows,
  smallValue,
  type SmallValues,
} from "./index_format.ts";
import { IndexFiles, type IndexKind } from "../store/index_files.ts";
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
  /**
   * Whether small values are needed, too.
   *
   * @default {false}
   */
  readonly values?: boolean;
}

interface Folder {
  readonly names: FolderNames;
  /** The folder before it was listed. */
  readonly stamp: FileInfo | undefined;
  /** Whether the names were kept, and the folder is the same since. */
  readonly isKept: boolean;
}

interface Rows {
  /** What was kept. */
  readonly kept: KeptRows | undefined;
  /** What was read from records, by hash; nothing where what was kept is wrong. */
  readonly fresh: Map<string, IndexRow | undefined>;
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
  readonly #values = new Map<string, Promise<SmallValues>>();
  readonly #params = new Map<string, Promise<Map<string, unknown>>>();
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
    return (await remember(this.#folders, at, () => this.#listFolder(at))).names;
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
  async entries(
    found: readonly FoundArtifact[],
    { where, values = false }: WantedEntries = {},
  ): Promise<ArtifactEntry[]> {
    const entries: ArtifactEntry[] = [];
    for (const [task, group] of Map.groupBy(found, ({ name }) => name)) {
      const params = await this.#isLarge(task, group) ? await this.#paramsOf(task) : undefined;
      // What is stored under a hash has these parameters, whatever else of it has changed.
      const possible = where && params
        ? group.filter(({ hash, hasRecord }) =>
          !hasRecord || !params.has(hash) || where({ params: params.get(hash) })
        )
        : group;
      const rows = params && await this.#isLarge(task, possible) ? await this.#rowsOf(task) : undefined;
      const small = values && rows ? await this.#valuesOf(task) : undefined;
      for (const each of possible) {
        const entry = rows
          ? await this.#entry(rows, each, params!.get(each.hash))
          : await readEntry(this.#store, each);
        if (!entry || where && !where(entry)) continue;
        const value = entry.record ? undefined : small?.get(entry.hash);
        entries.push(value && value.id === entry.id ? { ...entry, inline: { value: value.value } } : entry);
      }
    }
    return entries;
  }

  async #isLarge(task: string, group: readonly FoundArtifact[]): Promise<boolean> {
    const { artifacts } = await this.list(task);
    return artifacts.size >= this.#least && group.length >= Math.min(FEW, this.#least);
  }

  #valuesOf(task: string): Promise<SmallValues> {
    return remember(this.#values, task, () => this.#kept("values", task, decodeValues, new Map()));
  }

  #paramsOf(task: string): Promise<Map<string, unknown>> {
    return remember(this.#params, task, () => this.#kept("params", task, decodeParams, new Map()));
  }

  /** The first of what is kept that can be read. */
  async #kept<T>(
    kind: IndexKind,
    task: string,
    decode: (task: string, text: string) => T | undefined,
    none: T,
  ): Promise<T> {
    for await (const text of this.#files.read(kind, task)) {
      const decoded = decode(task, text);
      if (decoded !== undefined) return decoded;
    }
    return none;
  }

  #rowsOf(task: string): Promise<Rows> {
    return remember(this.#rows, task, async () => {
      const kept = await this.#kept<KeptRows | undefined>("rows", task, decodeRows, undefined);
      return { kept, fresh: new Map() };
    });
  }

  async #entry(
    { kept, fresh }: Rows,
    found: FoundArtifact,
    params: unknown,
  ): Promise<ArtifactEntry | undefined> {
    const { hash, record, hasRecord } = found;
    if (!hasRecord) return await readEntry(this.#store, found);
    const place = params === undefined ? undefined : kept?.places.get(hash);
    const info = await this.#stat(record);
    if (place !== undefined && info && kept!.isOf(place, info)) return kept!.row(place, params).entry;
    const entry = await readEntry(this.#store, found);
    if (info?.isFile && entry?.record) fresh.set(hash, { stamp: info, entry });
    else if (place !== undefined) fresh.set(hash, undefined);
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
      const rows = await this.#rows.get(task);
      if (!rows || rows.fresh.size < Math.max(1, names.artifacts.size * CHANGED_PART)) continue;
      await this.#keepRows(task, rows, names, { last, toStore: now !== undefined });
    }
  }

  async #keepRows(
    task: string,
    { kept, fresh }: Rows,
    names: FolderNames,
    { last, toStore }: { last: number; toStore: boolean },
  ): Promise<void> {
    const rows = new Map<string, IndexRow>();
    const values: SmallValues = new Map();
    const params = new Map<string, unknown>();
    const [oldValues, oldParams] = [await this.#valuesOf(task), await this.#paramsOf(task)];
    for (const hash of names.artifacts.keys()) {
      const place = kept?.places.get(hash);
      const row = fresh.has(hash)
        ? fresh.get(hash)
        : place === undefined
        ? undefined
        : kept!.row(place, oldParams.get(hash));
      if (!row || row.stamp.mtimeMs >= last) continue;
      rows.set(hash, row);
      params.set(hash, row.entry.params);
      const old = oldValues.get(hash);
      const value = smallValue(row.entry) ?? (old?.id === row.entry.id ? old : undefined);
      if (value) values.set(hash, value);
    }
    if (rows.size === 0) return;
    await this.#files.write("params", task, encodeParams(task, params), toStore);
    await this.#files.write("rows", task, encodeRows(task, rows), toStore);
    await this.#files.write("values", task, encodeValues(task, values), toStore);
  }

  async #largeFolders(): Promise<{ task: string; folder: Folder & { stamp: FileInfo } }[]> {
    const large: { task: string; folder: Folder & { stamp: FileInfo } }[] = [];
    for (const [task, listed] of this.#folders) {
      const folder = await listed.catch(() => undefined);
      const { stamp } = folder ?? {};
      if (!folder || !stamp || folder.names.artifacts.size < this.#least) continue;
      const fresh = (await this.#rows.get(task))?.fresh.size ?? 0;
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

function remember<T>(known: Map<string, Promise<T>>, key: string, find: () => Promise<T>): Promise<T> {
  let found = known.get(key);
  if (!found) known.set(key, found = find());
  return found;
}
