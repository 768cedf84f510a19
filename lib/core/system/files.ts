/** What `stat` tells. Ages are never derived from `mtimeMs`: it is only compared with itself. */
export interface FileInfo {
  /** Time of the last change in milliseconds, by the clock of the machine that changed it. */
  mtimeMs: number;
  /** Size in bytes. */
  size: number;
  /** How many names the file has: 0 for one that is open and unlinked. */
  nlink: number;
  /** The number that two names of one file share. */
  ino: number;
  /** Permission bits. */
  mode: number;
  /** Whether it is a folder. */
  isDirectory: boolean;
  /** Whether it is a regular file (no symbolic link, socket or pipe). */
  isFile: boolean;
}

/** One name in a folder. */
export interface FileEntry {
  /** The name, without its folder. */
  name: string;
  /** Whether it is a folder. */
  isDirectory: boolean;
}

/** An open file. Its operations reach the same file after it was renamed or unlinked. */
export interface OpenFile extends Disposable {
  /** What the file is now (through the handle, so that no cached attributes are seen). */
  stat(): Promise<FileInfo>;
  /** Sets the time of the last change to now. */
  touch(): Promise<void>;
  /** Closes the handle; harmless when closed. */
  close(): void;
}

/** How {@link Files.write} writes. */
export interface WriteOptions {
  /**
   * Fail with EEXIST when the name exists.
   *
   * @default {false}
   */
  exclusive?: boolean;
  /**
   * Add at the end instead of replacing.
   *
   * @default {false}
   */
  append?: boolean;
  /**
   * Return only when the contents have reached the disk (fsync).
   *
   * @default {false}
   */
  sync?: boolean;
}

/**
 * Every operation on the store's files, given in so that the protocols can be simulated. Each is one step
 * that either happens or not; errors carry the system's code (`error.code === "ENOENT"`).
 */
export interface Files {
  /** The whole file as UTF-8. */
  readText(path: string): Promise<string>;
  /** The whole file, or what comes after the first `from` bytes. */
  readBytes(path: string, from?: number): Promise<Uint8Array<ArrayBuffer>>;
  /** Creates or replaces a file. Not atomic: others may see a part of it. */
  write(path: string, data: string | Uint8Array, options?: WriteOptions): Promise<void>;
  /** Waits until the contents of an existing file have reached the disk. */
  sync(path: string): Promise<void>;
  /** Gives a file one more name; EEXIST when the name exists. The one exclusive step. */
  link(existing: string, name: string): Promise<void>;
  /** Makes another file with the same contents; not atomic. */
  copy(from: string, to: string): Promise<void>;
  /** Moves a file or a folder; an existing file of that name is replaced. */
  rename(from: string, to: string): Promise<void>;
  /** Removes a file or an empty folder (else ENOTEMPTY). */
  remove(path: string): Promise<void>;
  /** Removes a folder with all in it. */
  removeTree(path: string): Promise<void>;
  /** Makes a folder; EEXIST when there is one, unless `recursive`. */
  mkdir(path: string, options?: { recursive?: boolean }): Promise<void>;
  /** As `mkdir`, recursive, at once: for `ctx.dir`, which is made when it is first read. */
  mkdirNow(path: string): void;
  /**
   * Adds to the end of a file at once, which is made when it is not there: for logs of code that never waits.
   */
  appendNow(path: string, data: Uint8Array): void;
  /** As `chmod`, at once. */
  chmodNow(path: string, mode: number): void;
  /** The names in a folder, in no order. */
  list(path: string): Promise<FileEntry[]>;
  /** What a name stands for, not following a symbolic link; `undefined` where there is none. */
  stat(path: string): Promise<FileInfo | undefined>;
  /** Whether there is something of that name. */
  exists(path: string): Promise<boolean>;
  /** Where a path leads to when all symbolic links on it are followed. */
  realPath(path: string): Promise<string>;
  /** Opens a file for reading. */
  open(path: string): Promise<OpenFile>;
  /** Sets the permission bits. */
  chmod(path: string, mode: number): Promise<void>;
}
