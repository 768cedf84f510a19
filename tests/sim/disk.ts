import type { Host } from "./host.ts";
import { type Folder, type Handle, Inode } from "./inode.ts";
import { NameJournal } from "./name_journal.ts";
import { osError } from "./os_error.ts";

/** How long folders remember their changes, in milliseconds of world time. */
const REMEMBERED_MS = 60_000;

/** Where a path leads. */
interface Place {
  folder: Folder;
  name: string;
  inode: Inode | undefined;
}

/** A tree of files with the rules of POSIX, as one file server sees it. Each method is one atomic step. */
export class Disk {
  /** Counts changes of names and contents. */
  version = 0;
  readonly #root: Inode;
  #lastIno = 1;
  readonly #sillyRename: boolean;
  readonly #journal: NameJournal | undefined;

  /**
   * @param by Who makes the root folder. @param sillyRename See `Faults.sillyRename`.
   * @param journal Whether names can be lost: see {@link Disk.loseNames}. @default false
   */
  constructor(by: Host, sillyRename: boolean, journal = false) {
    this.#root = new Inode(1, by, true);
    this.#sillyRename = sillyRename;
    this.#journal = journal ? new NameJournal() : undefined;
  }

  /** All names are on the disk, as those of a world that was prepared. */
  syncNames(): void {
    this.#journal?.sync();
  }

  /** The last names that came and went have not reached the disk. @param keep See `NameJournal.undo`. */
  loseNames(by: Host, keep: (count: number) => number): number {
    const lost = this.#journal?.undo(by.time(), keep) ?? 0;
    if (lost > 0) this.version++;
    return lost;
  }

  /** The file or folder of that name, or undefined; ENOTDIR below a file. */
  find(path: string, what = path): Inode | undefined {
    if (path === "/") return this.#root;
    return this.#locate(path, what)?.inode;
  }

  /** The shortest part of a path that is missing, or undefined when nothing is. */
  missing(path: string): string | undefined {
    let inode: Inode | undefined = this.#root;
    for (let end = path.indexOf("/", 1), begin = 1;; begin = end + 1, end = path.indexOf("/", begin)) {
      inode = inode.entries?.get(path.slice(begin, end < 0 ? undefined : end));
      if (inode === undefined) return end < 0 ? path : path.slice(0, end);
      if (end < 0) return undefined;
    }
  }

  /** The file or folder of that name. @throws ENOENT, ENOTDIR */
  get(path: string, what: string): Inode {
    const inode = this.find(path, what);
    if (inode === undefined) throw osError("ENOENT", what);
    return inode;
  }

  /** The file of that name. @throws ENOENT, ENOTDIR, EISDIR */
  file(path: string, what: string): Inode {
    const inode = this.get(path, what);
    if (inode.entries !== undefined) throw osError("EISDIR", what);
    return inode;
  }

  /** The names in a folder. @throws ENOENT, ENOTDIR */
  folder(path: string, what: string): Folder {
    const inode = this.get(path, what);
    if (inode.entries === undefined) throw osError("ENOTDIR", what);
    return inode as Folder;
  }

  /** Opens for writing: makes the file, or empties it unless `append`. @throws EEXIST if `exclusive` */
  create(path: string, by: Host, options: { exclusive?: boolean; append?: boolean }, what: string): Inode {
    this.#journal?.begin();
    const place = this.#place(path, what);
    if (place.inode !== undefined) {
      if (options.exclusive) throw osError("EEXIST", what);
      if (place.inode.entries !== undefined) throw osError("EISDIR", what);
      if (!options.append) this.setData(place.inode, "", by);
      return place.inode;
    }
    const inode = new Inode(++this.#lastIno, by, false);
    this.#add(place, inode, by);
    return inode;
  }

  /** Replaces the contents of a file, whether it still has a name or not. */
  setData(inode: Inode, data: string | Uint8Array, by: Host): void {
    inode.data = data;
    inode.mtimeMs = by.wall();
    inode.unsynced = { by, at: by.time() };
    this.version++;
  }

  /** Makes a folder. @throws EEXIST, ENOENT */
  mkdir(path: string, by: Host, what: string): void {
    this.#journal?.begin();
    const place = this.#place(path, what);
    if (place.inode !== undefined) throw osError("EEXIST", what);
    this.#add(place, new Inode(++this.#lastIno, by, true), by);
  }

  /** One more name for a file. @throws EEXIST, ENOENT, EPERM for folders */
  link(existing: string, name: string, by: Host, what: string): void {
    this.#journal?.begin();
    const inode = this.get(existing, what);
    if (inode.entries !== undefined) throw osError("EPERM", what);
    const place = this.#place(name, what);
    if (place.inode !== undefined) throw osError("EEXIST", what);
    inode.nlink++;
    this.#add(place, inode, by);
  }

  /** Moves; does nothing where both are names of one file, as POSIX has it. */
  rename(from: string, to: string, by: Host, what: string): void {
    this.#journal?.begin();
    const source = this.#place(from, what);
    const inode = source.inode;
    if (inode === undefined) throw osError("ENOENT", what);
    if (to.startsWith(`${from}/`)) throw osError("EINVAL", what);
    const target = this.#place(to, what);
    if (target.inode === inode) return;
    if (target.inode !== undefined) {
      if (inode.entries === undefined && target.inode.entries !== undefined) throw osError("EISDIR", what);
      if (inode.entries !== undefined && target.inode.entries === undefined) throw osError("ENOTDIR", what);
      if (target.inode.entries !== undefined && target.inode.entries.size > 0) {
        throw osError("ENOTEMPTY", what);
      }
      this.#drop(target, target.inode, by);
    }
    this.#forget(source, inode, by);
    this.#add(target, inode, by);
    for (const handle of inode.handles) {
      if (handle.host !== by || handle.folder !== source.folder || handle.name !== source.name) continue;
      handle.folder = target.folder;
      handle.name = target.name;
    }
  }

  /** Removes a name of a file, or an empty folder. @throws ENOENT, ENOTEMPTY */
  remove(path: string, by: Host, what: string): void {
    this.#journal?.begin();
    const place = this.#place(path, what);
    if (place.inode === undefined) throw osError("ENOENT", what);
    if (place.inode.entries !== undefined && place.inode.entries.size > 0) throw osError("ENOTEMPTY", what);
    this.#drop(place, place.inode, by);
  }

  /** Opens a file for reading. */
  open(path: string, host: Host, what: string): { inode: Inode; handle: Handle } {
    const { folder, name, inode } = this.#place(path, what);
    if (inode === undefined) throw osError("ENOENT", what);
    const handle = { host, folder, name, silly: false };
    inode.handles.add(handle);
    return { inode, handle };
  }

  /** Closes a handle; the last one on a silly name removes it, unless its host is gone. */
  close(inode: Inode, handle: Handle): void {
    if (!inode.handles.delete(handle) || !handle.silly) return;
    this.#journal?.begin();
    for (const other of inode.handles) if (other.silly && other.name === handle.name) return;
    const place = { folder: handle.folder as Folder, name: handle.name, inode };
    if (place.folder.entries.get(handle.name) === inode) this.#drop(place, inode, handle.host);
  }

  /** Paths of all files and, ending in `/`, of all empty folders, below a folder, sorted. */
  paths(below = "/"): string[] {
    const found: string[] = [];
    const visit = (inode: Inode, path: string) => {
      if (inode.entries === undefined) found.push(path);
      else if (inode.entries.size === 0) found.push(`${path}/`);
      else {for (const [name, child] of inode.entries) {
          visit(child, path === "/" ? `/${name}` : `${path}/${name}`);
        }}
    };
    const start = this.find(below);
    if (start !== undefined) visit(start, below);
    return found.sort();
  }

  /** The text of a file, or undefined where there is none. */
  read(path: string): string | undefined {
    const inode = this.find(path);
    return inode?.entries === undefined ? inode?.text() : undefined;
  }

  /** Puts a whole file there, with the folders on the way: for preparing a world. */
  put(path: string, data: string | Uint8Array, by: Host): void {
    for (
      let missing = this.missing(path);
      missing !== undefined && missing !== path;
      missing = this.missing(path)
    ) {
      this.mkdir(missing, by, missing);
    }
    const inode = this.create(path, by, {}, path);
    this.setData(inode, data, by);
    inode.unsynced = undefined;
  }

  #place(path: string, what: string): Place {
    const place = this.#locate(path, what);
    if (place === undefined) throw osError("ENOENT", what);
    return place;
  }

  #locate(path: string, what: string): Place | undefined {
    const parts = path.split("/");
    let folder = this.#root;
    let name = "";
    for (let i = 0; i < parts.length; i++) {
      const part = parts[i] as string;
      if (part === "" || part === ".") continue;
      if (name !== "") {
        const next = folder.entries?.get(name);
        if (next === undefined) return undefined;
        if (next.entries === undefined) throw osError("ENOTDIR", what);
        folder = next;
      }
      name = part;
    }
    return { folder: folder as Folder, name, inode: folder.entries?.get(name) };
  }

  #changed(place: Place, inode: Inode, added: boolean, by: Host): void {
    const { folder, name } = place;
    this.version++;
    folder.mtimeMs = by.wall();
    const at = by.time();
    folder.changes.push({ name, inode, added, by, at });
    this.#journal?.note(folder, name, inode, added, at);
    while ((folder.changes[0]?.at ?? at) < at - REMEMBERED_MS) folder.changes.shift();
  }

  #add(place: Place, inode: Inode, by: Host): void {
    place.folder.entries.set(place.name, inode);
    this.#changed(place, inode, true, by);
  }

  #forget(place: Place, inode: Inode, by: Host): void {
    place.folder.entries.delete(place.name);
    this.#changed(place, inode, false, by);
  }

  #drop(place: Place, inode: Inode, by: Host): void {
    this.#forget(place, inode, by);
    const users = [...inode.handles].filter((handle) =>
      handle.host === by && handle.folder === place.folder && handle.name === place.name
    );
    if (this.#sillyRename && users.length > 0 && !users.some((handle) => handle.silly)) {
      const name = `.nfs${inode.ino.toString(16).padStart(16, "0")}${
        this.version.toString(16).padStart(8, "0")
      }`;
      for (const handle of users) Object.assign(handle, { name, silly: true });
      this.#add({ ...place, name }, inode, by);
      return;
    }
    if (--inode.nlink === 0) inode.unlinkedBy = by;
  }
}
