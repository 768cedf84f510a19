import type { FileEntry, FileInfo, Files, OpenFile, WriteOptions } from "../../../lib/core/system/files.ts";
import { osError } from "../os_error.ts";
import { type Counts, placeOf } from "./counts.ts";
import { infoOf, type LightDisk } from "./light_disk.ts";
import type { TurningClock } from "./turning_clock.ts";

/** Milliseconds that an operation takes, and names that a listing shows in one. */
const LATENCY_MS = 1;
const NAMES_PER_MS = 1000;

/** What a process's files belong to. */
export interface LightWorld {
  /** The files themselves. */
  readonly disk: LightDisk;
  /** The time. */
  readonly time: TurningClock;
  /** The run's folder, with a slash. */
  readonly run: string;
  /** Told of each file that was moved. */
  readonly onRename: (from: string, to: string) => void;
}

/** The files of one process: each operation takes a moment, is counted, and works. */
export class LightFiles implements Files {
  readonly #world: LightWorld;
  readonly #counts: Counts;

  constructor(world: LightWorld, counts: Counts) {
    this.#world = world;
    this.#counts = counts;
  }

  readText(path: string): Promise<string> {
    return this.#step("read", path, () => this.#world.disk.file(path).data);
  }

  readBytes(path: string, from = 0): Promise<Uint8Array<ArrayBuffer>> {
    return this.#step(
      "read",
      path,
      () => new TextEncoder().encode(this.#world.disk.file(path).data).slice(from),
    );
  }

  write(path: string, data: string | Uint8Array, options: WriteOptions = {}): Promise<void> {
    const text = typeof data === "string" ? data : new TextDecoder().decode(data);
    return this.#step("write", path, () => {
      // Nobody follows these runs: what is told of a million tasks need not be kept.
      const kept = placeOf(path, this.#world.run) === "events" ? "" : text;
      this.#world.disk.write(path, kept, this.#world.time.time, options);
    });
  }

  sync(path: string): Promise<void> {
    return this.#step("handle", path, () => void this.#world.disk.file(path));
  }

  link(existing: string, name: string): Promise<void> {
    return this.#step("link", name, () => this.#world.disk.link(existing, name));
  }

  async copy(from: string, to: string): Promise<void> {
    await this.write(to, await this.readBytes(from));
  }

  rename(from: string, to: string): Promise<void> {
    return this.#step("rename", to, () => {
      this.#world.disk.rename(from, to);
      this.#world.onRename(from, to);
    });
  }

  remove(path: string): Promise<void> {
    return this.#step("remove", path, () => this.#world.disk.remove(path));
  }

  async removeTree(path: string): Promise<void> {
    for (const { name, isDirectory } of await this.list(path)) {
      await (isDirectory ? this.removeTree(`${path}/${name}`) : this.remove(`${path}/${name}`));
    }
    await this.remove(path);
  }

  async mkdir(path: string, { recursive = false }: { recursive?: boolean } = {}): Promise<void> {
    const make = (): Promise<void> => this.#step("mkdir", path, () => this.#world.disk.mkdir(path));
    if (!recursive) return await make();
    const above = path.slice(0, path.lastIndexOf("/"));
    if (above !== "" && this.#world.disk.find(above) === undefined) await this.mkdir(above, { recursive });
    if (this.#world.disk.find(path) === undefined) await make();
  }

  mkdirNow(path: string): void {
    this.#counts.add("mkdir", placeOf(path, this.#world.run));
    this.#world.disk.mkdir(path);
  }

  appendNow(path: string, data: Uint8Array): void {
    this.#counts.add("write", placeOf(path, this.#world.run));
    const text = new TextDecoder().decode(data);
    this.#world.disk.write(path, text, this.#world.time.time, { append: true });
  }

  chmodNow(): void {}

  list(path: string): Promise<FileEntry[]> {
    const names = this.#world.disk.find(path) === "folder" ? this.#world.disk.folder(path).size : 0;
    return this.#step("list", path, () => {
      const entries: FileEntry[] = [];
      for (const [name, file] of this.#world.disk.folder(path)) {
        entries.push({ name, isDirectory: file === undefined });
      }
      this.#counts.names += entries.length;
      return entries;
    }, names / NAMES_PER_MS);
  }

  stat(path: string): Promise<FileInfo | undefined> {
    return this.#step("stat", path, () => {
      const found = this.#world.disk.find(path);
      return found && infoOf(found);
    });
  }

  async exists(path: string): Promise<boolean> {
    return await this.stat(path) !== undefined;
  }

  realPath(path: string): Promise<string> {
    return Promise.resolve(path);
  }

  async open(path: string): Promise<OpenFile> {
    const { disk, time } = this.#world;
    const found = await this.#step("open", path, () => {
      const found = disk.find(path);
      if (found === undefined) throw osError("ENOENT", path);
      return found;
    });
    return {
      stat: () => this.#step("handle", path, () => infoOf(found), 0),
      touch: () =>
        this.#step("handle", path, () => void (found === "folder" || (found.mtimeMs = time.time)), 0),
      close: () => {},
      [Symbol.dispose]: () => {},
    };
  }

  chmod(path: string): Promise<void> {
    return this.#step("handle", path, () => {});
  }

  #step<T>(kind: string, path: string, act: () => T, moreMs = 0): Promise<T> {
    const { time, run } = this.#world;
    this.#counts.add(kind, placeOf(path, run));
    return new Promise((resolve, reject) => {
      time.after(LATENCY_MS + moreMs, () => {
        try {
          resolve(act());
        } catch (error) {
          reject(error);
        }
      });
    });
  }
}
