import type { FileInfo, Files, OpenFile } from "../../lib/core/system/files.ts";
import { lookUp, makeName, staleEntries, staleUntil } from "./client_view.ts";
import type { Disk } from "./disk.ts";
import type { Host } from "./host.ts";
import { refuse } from "./operation.ts";
import { osError } from "./os_error.ts";
import type { FileKind, SimProcess } from "./process.ts";
import type { World } from "./world.ts";

/** The files as one process sees them: each step waits until the world's scheduler picks it. */
export class SimFiles implements Files {
  readonly #world: World;
  readonly #process: SimProcess;

  /** @param world Whose disk. @param process Who asks. */
  constructor(world: World, process: SimProcess) {
    this.#world = world;
    this.#process = process;
  }

  /** See {@link Files.readText}. */
  readText(path: string): Promise<string> {
    const what = `readfile '${path}'`;
    return this.#step(
      "read",
      what,
      () => this.#existing(path, what, () => this.#disk.file(path, what)).text(),
    );
  }

  /** See {@link Files.readBytes}. */
  readBytes(path: string, from = 0): Promise<Uint8Array<ArrayBuffer>> {
    const what = `readfile '${path}'`;
    return this.#step(
      "read",
      what,
      () => this.#existing(path, what, () => this.#disk.file(path, what)).bytes().subarray(from),
    );
  }

  /** Two steps or three: the file is there and empty, then with a part, then whole. See {@link Files.write}. */
  async write(
    path: string,
    data: string | Uint8Array,
    options: { exclusive?: boolean; append?: boolean; sync?: boolean } = {},
  ): Promise<void> {
    const what = `writefile '${path}'`;
    const inode = await this.#step(
      options.exclusive ? "create-new" : "create",
      what,
      () => this.#made(path, what, () => this.#disk.create(path, this.#host, options, what)),
    );
    const cut = data.length > 1 && this.#world.random.chance(0.5)
      ? 1 + this.#world.random.int(data.length - 1)
      : 0;
    // Appending adds to whatever is there by then; replacing puts the same bytes at the same place.
    const fill = (from: number, to: number) =>
      this.#step("fill", to < data.length ? `${what} in part` : what, () => {
        const all = options.append ? inode.with(data.slice(from, to)) : data.slice(0, to);
        this.#disk.setData(inode, all, this.#host);
      });
    if (cut > 0) await fill(0, cut);
    if (data.length > 0) await fill(cut, data.length);
    if (options.sync) await this.#step("sync", `fsync '${path}'`, () => void (inode.unsynced = undefined));
  }

  /** See {@link Files.sync}. */
  sync(path: string): Promise<void> {
    const what = `fsync '${path}'`;
    return this.#step("sync", what, () => {
      this.#existing(path, what, () => this.#disk.get(path, what)).unsynced = undefined;
    });
  }

  /** See {@link Files.link}. */
  link(existing: string, name: string): Promise<void> {
    const what = `link '${existing}' -> '${name}'`;
    return this.#step("link", what, () => {
      this.#existing(existing, what, () => undefined);
      this.#made(name, what, () => this.#disk.link(existing, name, this.#host, what));
      this.#host.attributes.delete(existing);
    });
  }

  /** See {@link Files.copy}. */
  async copy(from: string, to: string): Promise<void> {
    await this.write(to, await this.readBytes(from));
  }

  /** See {@link Files.rename}. */
  rename(from: string, to: string): Promise<void> {
    const what = `rename '${from}' -> '${to}'`;
    return this.#step("rename", what, () => {
      this.#existing(from, what, () => undefined);
      this.#made(to, what, () => this.#disk.rename(from, to, this.#host, what));
      this.#host.attributes.delete(from);
    });
  }

  /** See {@link Files.remove}. */
  remove(path: string): Promise<void> {
    const what = `remove '${path}'`;
    return this.#step("remove", what, () => {
      this.#existing(path, what, () => this.#disk.remove(path, this.#host, what));
      this.#host.attributes.delete(path);
    });
  }

  /** One step for each name, as the real one. See {@link Files.removeTree}. */
  async removeTree(path: string): Promise<void> {
    const what = `remove '${path}'`;
    const info = await this.stat(path);
    if (info === undefined) throw osError("ENOENT", what);
    if (!info.isDirectory) return await this.remove(path);
    for (const entry of await this.list(path)) {
      const child = `${path}/${entry.name}`;
      try {
        await (entry.isDirectory ? this.removeTree(child) : this.remove(child));
      } catch (error) {
        if (!(error instanceof Deno.errors.NotFound)) throw error;
      }
    }
    await this.remove(path);
  }

  /** See {@link Files.mkdir}. */
  async mkdir(path: string, options: { recursive?: boolean } = {}): Promise<void> {
    const what = `mkdir '${path}'`;
    const make = () =>
      this.#step("mkdir", what, () => this.#made(path, what, () => this.#disk.mkdir(path, this.#host, what)));
    const unlessThere = async (error: unknown) => {
      if (!(await this.stat(path))?.isDirectory) throw error;
    };
    if (!options.recursive) return await make();
    try {
      return await make();
    } catch (error) {
      const parent = path.slice(0, path.lastIndexOf("/"));
      if (!(error instanceof Deno.errors.NotFound) || parent === "") return await unlessThere(error);
      await this.mkdir(parent, options);
    }
    await make().catch(unlessThere);
  }

  /** At once, within the step at hand. See {@link Files.mkdirNow}. */
  mkdirNow(path: string): void {
    if (this.#process.gone) return;
    const what = `mkdir '${path}'`;
    refuse(this.#world, this.#process, "mkdir", what);
    for (let missing = this.#disk.missing(path); missing !== undefined; missing = this.#disk.missing(path)) {
      const made = missing;
      this.#made(made, what, () => this.#disk.mkdir(made, this.#host, what));
    }
    this.#world.note(this.#process, `${what} at once`);
  }

  /** At once, within the step at hand. See {@link Files.appendNow}. */
  appendNow(path: string, data: Uint8Array): void {
    if (this.#process.gone) return;
    const what = `append to '${path}'`;
    refuse(this.#world, this.#process, "fill", what);
    const inode = this.#made(path, what, () => this.#disk.create(path, this.#host, { append: true }, what));
    this.#disk.setData(inode, inode.with(data), this.#host);
    this.#world.note(this.#process, `${what} at once`);
  }

  /** Nobody looks at the bits. See {@link Files.chmodNow}. */
  chmodNow(): void {}

  /** See {@link Files.list}. */
  list(path: string): Promise<{ name: string; isDirectory: boolean }[]> {
    const what = `readdir '${path}'`;
    return this.#step("list", what, () => {
      const folder = this.#existing(path, what, () => this.#disk.folder(path, what));
      this.#host.listed(path);
      const shown = this.#world.chance("staleList")
        ? staleEntries(this.#world, this.#process, folder)
        : folder.entries;
      const names = [...shown].map(([name, inode]) => ({ name, isDirectory: inode.entries !== undefined }));
      return this.#world.random.shuffle(names);
    });
  }

  /** There are no symbolic links. See {@link Files.realPath}. */
  realPath(path: string): Promise<string> {
    return Promise.resolve(path);
  }

  /** See {@link Files.stat}. */
  async exists(path: string): Promise<boolean> {
    return await this.stat(path) !== undefined;
  }

  stat(path: string): Promise<FileInfo | undefined> {
    const what = `stat '${path}'`;
    return this.#step("stat", what, () => {
      const known = this.#host.attributes.get(path);
      if (known !== undefined && known.until > this.#world.time && this.#world.chance("staleStat")) {
        return known.info;
      }
      try {
        const info = this.#existing(path, what, () => this.#disk.get(path, what)).info();
        if (this.#world.faults.staleStat > 0) {
          this.#host.attributes.set(path, { info, until: staleUntil(this.#world) });
        }
        return info;
      } catch (error) {
        if (error instanceof Deno.errors.NotFound) return undefined;
        throw error;
      }
    });
  }

  /** See {@link Files.open}. */
  async open(path: string): Promise<OpenFile> {
    const what = `open '${path}'`;
    const { inode, close } = await this.#step("open", what, () => {
      const { inode, handle } = this.#existing(path, what, () => this.#disk.open(path, this.#host, what));
      this.#host.attributes.delete(path);
      const drop = (powerCut: boolean) => {
        if (!this.#process.holds.delete(handle)) return;
        if (powerCut) inode.handles.delete(handle);
        else this.#disk.close(inode, handle);
      };
      this.#process.holds.set(handle, { what: `open file ${path}`, drop });
      return { inode, close: () => drop(false) };
    });
    const reached = () => this.#world.staleHandle(this.#process, inode);
    return {
      stat: () => this.#step("fstat", `fstat '${path}'`, () => (reached(), inode.info())),
      touch: () =>
        this.#step("touch", `futime '${path}'`, () => (reached(), void (inode.mtimeMs = this.#host.wall()))),
      close,
      [Symbol.dispose]: close,
    };
  }

  /** See {@link Files.chmod}. */
  chmod(path: string, mode: number): Promise<void> {
    const what = `chmod '${path}'`;
    return this.#step("chmod", what, () => {
      this.#existing(path, what, () => this.#disk.get(path, what)).mode = mode;
    });
  }

  get #disk(): Disk {
    return this.#world.disk;
  }

  get #host(): Host {
    return this.#process.host;
  }

  #step<T>(kind: FileKind, what: string, run: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#world.park({
        process: this.#process,
        what,
        kind,
        notBefore: 0,
        run,
        resolve: resolve as (value: unknown) => void,
        reject,
      });
    });
  }

  #existing<T>(path: string, what: string, look: () => T): T {
    return lookUp(this.#world, this.#process, path, what, look);
  }

  #made<T>(path: string, what: string, make: () => T): T {
    return makeName(this.#process, path, what, make);
  }
}
