import type { FileInfo } from "../../../lib/core/system/files.ts";
import { osError } from "../os_error.ts";

/** A file. */
export interface LightFile {
  /** What is in it. */
  data: string;
  /** When it was changed last. */
  mtimeMs: number;
  /** How many names it has. */
  nlink: number;
  /** The number that its names share. */
  readonly ino: number;
}

/** What is in a folder, by name: `undefined` stands for a folder. */
export type LightFolder = Map<string, LightFile | undefined>;

/** A tree of files that keeps little of each, so that millions of them fit: nothing is stale or fails. */
export class LightDisk {
  readonly #folders = new Map<string, LightFolder>([["/", new Map()]]);
  #lastIno = 0;

  /** The names in a folder. @throws ENOENT, ENOTDIR */
  folder(path: string): LightFolder {
    return this.#folders.get(path) ?? this.#noFolder(path, path);
  }

  /** A file or folder; nothing where there is none. */
  find(path: string): LightFile | "folder" | undefined {
    const { dir, name } = split(path);
    const folder = this.#folders.get(dir);
    if (!folder?.has(name)) return path === "/" ? "folder" : undefined;
    return folder.get(name) ?? "folder";
  }

  /** A file. @throws ENOENT, EISDIR */
  file(path: string): LightFile {
    const found = this.find(path);
    if (found === undefined) throw osError("ENOENT", path);
    if (found === "folder") throw osError("EISDIR", path);
    return found;
  }

  /** Makes or replaces what is in a file. @throws ENOENT, EISDIR, EEXIST */
  write(path: string, data: string, at: number, { exclusive = false, append = false } = {}): void {
    const { folder, name } = this.#place(path);
    const file = folder.get(name);
    if (!file && folder.has(name)) throw osError("EISDIR", path);
    if (!file) return void folder.set(name, { data, mtimeMs: at, nlink: 1, ino: ++this.#lastIno });
    if (exclusive) throw osError("EEXIST", path);
    file.data = append ? file.data + data : data;
    file.mtimeMs = at;
  }

  /** Gives a file one more name. @throws ENOENT, EEXIST */
  link(existing: string, path: string): void {
    const file = this.file(existing);
    const { folder, name } = this.#place(path);
    if (folder.has(name)) throw osError("EEXIST", path);
    file.nlink++;
    folder.set(name, file);
  }

  /** Moves a file, or a folder with all in it. @throws ENOENT, ENOTEMPTY */
  rename(from: string, to: string): void {
    const source = this.#place(from);
    if (!source.folder.has(source.name)) throw osError("ENOENT", from);
    const file = source.folder.get(source.name);
    const target = this.#place(to);
    const before = target.folder.get(target.name);
    if (file !== undefined && before === file) return;
    if (target.folder.has(target.name)) this.remove(to);
    source.folder.delete(source.name);
    target.folder.set(target.name, file);
    if (file) return;
    for (const [path, folder] of [...this.#folders]) {
      if (path !== from && !path.startsWith(`${from}/`)) continue;
      this.#folders.delete(path);
      this.#folders.set(to + path.slice(from.length), folder);
    }
  }

  /** Removes a file or an empty folder. @throws ENOENT, ENOTEMPTY */
  remove(path: string): void {
    const { folder, name } = this.#place(path);
    if (!folder.has(name)) throw osError("ENOENT", path);
    const file = folder.get(name);
    if (file) file.nlink--;
    else if (this.folder(path).size > 0) throw osError("ENOTEMPTY", path);
    else this.#folders.delete(path);
    folder.delete(name);
  }

  /** Makes a folder. @throws ENOENT, EEXIST */
  mkdir(path: string): void {
    const { folder, name } = this.#place(path);
    if (folder.has(name)) throw osError("EEXIST", path);
    folder.set(name, undefined);
    this.#folders.set(path, new Map());
  }

  #place(path: string): { folder: LightFolder; name: string } {
    const { dir, name } = split(path);
    return { folder: this.#folders.get(dir) ?? this.#noFolder(dir, path), name };
  }

  #noFolder(dir: string, what: string): never {
    throw osError(this.find(dir) === undefined ? "ENOENT" : "ENOTDIR", what);
  }
}

/** What `stat` tells of a file, or of a folder. */
export function infoOf(found: LightFile | "folder"): FileInfo {
  if (found === "folder") {
    return { mtimeMs: 0, size: 0, nlink: 2, ino: 0, mode: 0o755, isFile: false, isDirectory: true };
  }
  const { data, mtimeMs, nlink, ino } = found;
  return { mtimeMs, size: data.length, nlink, ino, mode: 0o644, isFile: true, isDirectory: false };
}

function split(path: string): { dir: string; name: string } {
  const at = path.lastIndexOf("/");
  return { dir: at === 0 ? "/" : path.slice(0, at), name: path.slice(at + 1) };
}
