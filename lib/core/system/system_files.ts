import type { FileInfo, Files, OpenFile, WriteOptions } from "./files.ts";
import { permissionError } from "../permissions.ts";

/** What is not possible where Deno does not allow it. */
const ACTION = "use the store";

/** Above this many bytes a write goes to another thread, so that the event loop stays free. */
const LARGE = 64 * 1024;

/**
 * The machine's filesystem. Calls that touch only names are synchronous inside: they cost 2 to 20 us, a tenth
 * of what the way through Deno's thread pool costs. What moves or syncs data in bulk goes through that pool.
 */
export const systemFiles: Files = {
  readText: (path) => settle(() => Deno.readTextFileSync(path)),
  readBytes: (path, from = 0) => (from === 0 ? Deno.readFile(path) : readFrom(path, from)).catch(refused),
  write: (path, data, options) => write(path, data, options).catch(refused),
  sync: syncFile,
  link: (existing, name) => settle(() => Deno.linkSync(existing, name)),
  copy: (from, to) => Deno.copyFile(from, to).catch(refused),
  rename: (from, to) => settle(() => Deno.renameSync(from, to)),
  remove: (path) => settle(() => Deno.removeSync(path)),
  removeTree: (path) => Deno.remove(path, { recursive: true }).catch(refused),
  mkdir: (path, options = {}) => settle(() => Deno.mkdirSync(path, options)),
  mkdirNow: (path) => Deno.mkdirSync(path, { recursive: true }),
  appendNow: (path, data) => Deno.writeFileSync(path, data, { append: true }),
  chmodNow: (path, mode) => Deno.chmodSync(path, mode),
  list: (path) => settle(() => [...Deno.readDirSync(path)]),
  stat: (path) => settle(() => statOrNothing(path)),
  exists: (path) => settle(() => statOrNothing(path) !== undefined),
  realPath: (path) => settle(() => Deno.realPathSync(path)),
  open: (path) => settle(() => new SystemOpenFile(Deno.openSync(path, { read: true }))),
  chmod: (path, mode) => settle(() => Deno.chmodSync(path, mode)),
};

function settle<T>(operation: () => T): Promise<T> {
  try {
    return Promise.resolve(operation());
  } catch (error) {
    return Promise.reject(permissionError(ACTION, error));
  }
}

function refused(error: unknown): never {
  throw permissionError(ACTION, error);
}

async function readFrom(path: string, from: number): Promise<Uint8Array<ArrayBuffer>> {
  using file = Deno.openSync(path, { read: true });
  const bytes = new Uint8Array(Math.max(0, file.statSync().size - from));
  file.seekSync(from, Deno.SeekMode.Start);
  let done = 0;
  for (let read: number | null = -1; done < bytes.length && read !== null; done += read ?? 0) {
    read = await file.read(bytes.subarray(done));
  }
  return bytes.subarray(0, done);
}

async function write(path: string, data: string | Uint8Array, options: WriteOptions = {}): Promise<void> {
  const { exclusive = false, append = false, sync = false } = options;
  if (!sync && data.length <= LARGE) {
    const how = { append, createNew: exclusive };
    if (typeof data === "string") Deno.writeTextFileSync(path, data, how);
    else Deno.writeFileSync(path, data, how);
    return;
  }
  using file = Deno.openSync(path, {
    write: true,
    create: true,
    truncate: !append && !exclusive,
    append,
    createNew: exclusive,
  });
  const bytes = typeof data === "string" ? new TextEncoder().encode(data) : data;
  for (let done = 0; done < bytes.length;) {
    const rest = bytes.subarray(done);
    done += rest.length <= LARGE ? file.writeSync(rest) : await file.write(rest);
  }
  if (sync) await file.syncData();
}

async function syncFile(path: string): Promise<void> {
  using file = Deno.openSync(path, { read: true });
  await file.syncData();
}

function statOrNothing(path: string): FileInfo | undefined {
  try {
    return toInfo(Deno.lstatSync(path));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

function toInfo(info: Deno.FileInfo): FileInfo {
  return {
    mtimeMs: info.mtime?.getTime() ?? 0,
    size: info.size,
    nlink: info.nlink ?? 1,
    ino: info.ino ?? 0,
    mode: (info.mode ?? 0) & 0o7777,
    isDirectory: info.isDirectory,
    isFile: info.isFile,
  };
}

class SystemOpenFile implements OpenFile {
  #file: Deno.FsFile | undefined;

  constructor(file: Deno.FsFile) {
    this.#file = file;
  }

  stat(): Promise<FileInfo> {
    return settle(() => toInfo(this.#opened().statSync()));
  }

  touch(): Promise<void> {
    const now = new Date();
    return settle(() => this.#opened().utimeSync(now, now));
  }

  close(): void {
    this.#file?.close();
    this.#file = undefined;
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #opened(): Deno.FsFile {
    if (!this.#file) throw new Deno.errors.BadResource("The file is closed");
    return this.#file;
  }
}
