import { basename } from "@std/path/posix/basename";
import { dirname } from "@std/path/posix/dirname";
import { errorCode, furuErrorName, StoreError } from "../core/errors.ts";
import type { Hash } from "../core/hash.ts";
import type { FileEntry } from "../core/system/files.ts";
import type { Machine } from "../core/system/machine.ts";
import { type ArtifactKey, type ArtifactPaths, artifactPaths, privateName, taskDir } from "./layout.ts";
import type { ClaimRecord } from "./record.ts";

/** What a scheduler says of a job that computes an artifact, or is to. */
export type JobWord =
  /** It has ended, or was never submitted, or the attempt in question is over. */
  | {
    readonly state: "gone";
    readonly why: string;
    /** When it was asked, by the monotonic clock: a heartbeat that was seen to change later overrules it. */
    readonly askedAt: number;
    /** Whether the scheduler only knows no such job, which proves nothing of one whose claim beats. */
    readonly vanished: boolean;
  }
  /** It lives. */
  | {
    readonly state: "alive";
    /** In the scheduler's own words: `SUSPENDED`, `PENDING (Priority)`. */
    readonly text: string;
    /** Whether its processes stand still, or are not there yet, so that nothing beats for it. */
    readonly still: boolean;
  }
  /** The scheduler does not answer. */
  | { readonly state: "silent" };

/**
 * What a scheduler knows of who holds a claim, as it is known now: it must not wait. Nothing where it cannot
 * tell.
 */
export type ClaimHint = (holder: ClaimRecord) => Promise<JobWord | undefined>;

/** Permission bits of files in a store that people share. */
export const SHARED_FILE = 0o664;
/** The same of folders: what is made in them belongs to their group. */
export const SHARED_FOLDER = 0o2775;

/** How often a folder is made again under one that others keep removing. */
const MAX_TURNS = 100;

/** How a {@link Store} is made. */
export interface StoreOptions {
  /** The store's folder, absolute. */
  root: string;
  /** Seconds that a claim stays good without a heartbeat. */
  leaseSec: number;
  /** Seconds between two heartbeats. */
  heartbeatSec: number;
  /**
   * What a scheduler says of claims, besides their heartbeats.
   *
   * @default {nothing}
   */
  claimHint?: ClaimHint;
}

/** One task's folder as it is listed. */
export interface TaskListing {
  /** Hashes of the artifacts that have a success record. */
  done: Set<string>;
  /** Hashes of the artifacts that have a claim or a folder: an attempt runs, failed, or left files. */
  open: Set<string>;
  /** The hashes that were looked up: it says nothing of others. Nothing where it is of the whole folder. */
  only?: Set<string>;
}

/** A folder with fewer names is listed, however few are asked for. */
const MANY_NAMES = 10_000;
/** To look up three names for an artifact takes about as long as to list so many. */
const LOOK_UP_COST = 100;
/** Bytes that a name of ours takes in a folder, on ext4, XFS and btrfs: about. */
const NAME_BYTES = 64;

/** A store on a machine: what everything in this folder works on. */
export class Store {
  /** The store's folder, absolute. */
  readonly root: string;
  /** What it runs on. */
  readonly machine: Machine;
  /** Seconds that a claim stays good without a heartbeat. */
  readonly leaseSec: number;
  /** Seconds between two heartbeats. */
  readonly heartbeatSec: number;
  /** What a scheduler says of claims. */
  readonly claimHint: ClaimHint | undefined;
  #groupWritable: Promise<boolean> | undefined;
  #realRoot: Promise<string> | undefined;

  /** Touches nothing yet: a store may be read that cannot be written. */
  constructor(machine: Machine, { root, leaseSec, heartbeatSec, claimHint }: StoreOptions) {
    this.machine = machine;
    this.root = root;
    this.leaseSec = leaseSec;
    this.heartbeatSec = heartbeatSec;
    this.claimHint = claimHint;
  }

  /** Where everything of an artifact is. */
  paths(key: ArtifactKey): ArtifactPaths {
    return artifactPaths(this.root, key);
  }

  /**
   * Lists a task's folder, once for all of its artifacts; where few are asked for in a folder of very many
   * names, these are looked up instead.
   *
   * @param wanted The hashes that are asked for; by default all.
   */
  async listTask(name: string, wanted?: readonly string[]): Promise<TaskListing> {
    const listing: TaskListing = { done: new Set(), open: new Set() };
    if (wanted && await this.#isHuge(taskDir(this.root, name), wanted.length)) {
      return await this.#lookUp(name, wanted);
    }
    for (const entry of await this.list(taskDir(this.root, name))) {
      // A folder in place of a record is no result either, which shows when it is opened.
      const { name } = entry;
      if (name.endsWith(".json")) listing.done.add(name.slice(0, -5));
      else if (name.endsWith(".claim")) listing.open.add(name.slice(0, -6));
      else if (entry.isDirectory && name[0] !== ".") listing.open.add(name);
    }
    return listing;
  }

  /** By the folder's size, asked through a handle: so this host forgets names that were missing before. */
  async #isHuge(dir: string, wanted: number): Promise<boolean> {
    try {
      using folder = await this.machine.files.open(dir);
      const names = (await folder.stat()).size / NAME_BYTES;
      return names > MANY_NAMES && names > wanted * LOOK_UP_COST;
    } catch {
      return false; // to list it tells why
    }
  }

  async #lookUp(name: string, wanted: readonly string[]): Promise<TaskListing> {
    const listing: TaskListing = { done: new Set(), open: new Set(), only: new Set(wanted) };
    const { files } = this.machine;
    await Promise.all(wanted.map(async (hash) => {
      const { record, claim, home } = artifactPaths(this.root, { name, hash: hash as Hash });
      try {
        if (await files.exists(record)) listing.done.add(hash);
        if (await files.exists(claim) || await files.exists(home)) listing.open.add(hash);
      } catch (error) {
        throw storeError("look up", record, error);
      }
    }));
    return listing;
  }

  /**
   * The names in a folder; none where there is no such folder.
   *
   * @throws {StoreError} If it cannot be listed, naming it.
   */
  async list(dir: string): Promise<FileEntry[]> {
    try {
      return await listOrNothing(this.machine, dir);
    } catch (error) {
      throw storeError("list", dir, error);
    }
  }

  /**
   * Removes a file or an empty folder that may be gone already, or not empty any more.
   *
   * @returns Whether nothing of that name is left.
   * @throws {StoreError} If it cannot be removed, naming it.
   */
  async remove(path: string): Promise<boolean> {
    try {
      return await removeIfThere(this.machine, path);
    } catch (error) {
      throw storeError("remove", path, error);
    }
  }

  /**
   * Reads a file of the store; `undefined` where there is none.
   *
   * @throws {StoreError} If it cannot be read for any other reason, naming it.
   */
  async read(path: string): Promise<string | undefined> {
    try {
      return await this.machine.files.readText(path);
    } catch (error) {
      if (errorCode(error) === "ENOENT") return undefined;
      throw storeError("read", path, error);
    }
  }

  /** Writes a file under a private name in a folder, and returns that name. */
  async writePrivate(dir: string, text: string, options: { sync?: boolean } = {}): Promise<string> {
    const path = privateName(dir, "tmp", this.machine);
    await this.writeOwn(path, text, options);
    return path;
  }

  /** Writes a file under a name that nobody else uses. */
  async writeOwn(path: string, text: string, options: { sync?: boolean } = {}): Promise<void> {
    try {
      await this.machine.files.write(path, text, options);
      if (await this.isShared()) await this.machine.files.chmod(path, SHARED_FILE);
    } catch (error) {
      // A part of it may be there: a full disk leaves an empty file, which would lie there while this process
      // lives.
      await removeIfThere(this.machine, path).catch(() => {/* swept by a later claimant */});
      throw error;
    }
  }

  /**
   * Whether the store's folder is group-writable. Then so is what furu makes in it, and people can share the
   * store.
   */
  async isShared(): Promise<boolean> {
    this.#groupWritable ??= this.#rootMode().then((mode) => (mode & 0o020) !== 0);
    try {
      return await this.#groupWritable;
    } catch (error) {
      this.#groupWritable = undefined; // the file server was away: it is asked again
      throw error;
    }
  }

  /**
   * The store's folder when all symbolic links on the way to it are followed; asked once, when it is there.
   */
  realRoot(): Promise<string> {
    return this.#realRoot ??= realPathOf(this.machine, this.root);
  }

  /**
   * Gives the group what the owner may do with a file or folder that was made in the store and with all in
   * it, where the store is shared: a task's code makes them as its user's umask says. Those of others stay as
   * they are.
   */
  async share(path: string): Promise<void> {
    if (!await this.isShared()) return;
    const { files } = this.machine;
    try {
      const info = await files.stat(path);
      if (info === undefined || !(info.isFile || info.isDirectory)) return;
      if (info.isDirectory) {
        for (const { name } of await files.list(path)) await this.share(`${path}/${name}`);
      }
      const mode = info.mode | ((info.mode & 0o700) >> 3) | (info.isDirectory ? 0o2000 : 0);
      if (mode !== info.mode) await files.chmod(path, mode);
    } catch (error) {
      if (errorCode(error) === undefined) throw error;
    }
  }

  /** Of the folder that the root stands for: a link's own bits say nothing. 0 where there is none. */
  async #rootMode(): Promise<number> {
    const { files } = this.machine;
    const info = await files.stat(this.root);
    const folder = info === undefined || info.isDirectory ? info : await files.stat(`${this.root}/.`);
    return folder?.mode ?? 0;
  }

  /**
   * Makes a folder (and those above it), group-writable where the store is. Returns whether it was made now.
   *
   * @throws {StoreError} where the folder above is there and yet is none, as a link to nothing. Errors of the
   * system.
   */
  async makeDir(path: string): Promise<boolean> {
    const { files } = this.machine;
    for (let turn = 1;; turn++) {
      try {
        await files.mkdir(path);
        break;
      } catch (error) {
        if (errorCode(error) === "EEXIST") return false;
        if (errorCode(error) !== "ENOENT" || dirname(path) === path) throw error;
        // Another process may have removed it just now, since it was empty: but not again and again.
        if (turn > MAX_TURNS) {
          throw new StoreError(
            `Cannot make folder ${path}: nothing can be made in ${
              dirname(path)
            }, which may be a link to nothing`,
            { cause: error },
          );
        }
        await this.makeDir(dirname(path));
      }
    }
    if (path.startsWith(`${this.root}/`) && await this.isShared()) await files.chmod(path, SHARED_FOLDER);
    return true;
  }
}

/** Where a path leads to when all symbolic links are followed; the path itself where that cannot be told. */
export async function realPathOf(machine: Machine, path: string): Promise<string> {
  try {
    return await machine.files.realPath(path);
  } catch {
    return path;
  }
}

/** The names in a folder; none where there is no such folder. */
export async function listOrNothing(
  machine: Machine,
  dir: string,
): Promise<FileEntry[]> {
  try {
    return await machine.files.list(dir);
  } catch (error) {
    if (errorCode(error) === "ENOENT") return [];
    throw error;
  }
}

/**
 * The names in a folder of the store; none where there is no such folder. That is believed only after the
 * folder above was listed, and so on up to the store's own: a host may remember for a minute that a folder is
 * missing which another host has made since, and to list the one above makes it look again.
 */
export async function listSurely(store: Store, dir: string): Promise<FileEntry[]> {
  try {
    return await store.machine.files.list(dir);
  } catch (error) {
    if (errorCode(error) !== "ENOENT") throw error;
  }
  if (!dir.startsWith(`${store.root}/`)) return [];
  const above = await listSurely(store, dirname(dir));
  return above.some(({ name }) => name === basename(dir)) ? await listOrNothing(store.machine, dir) : [];
}

/**
 * Removes a file or an empty folder that may be gone already, or not empty any more.
 *
 * @returns Whether nothing of that name is left.
 */
export async function removeIfThere(machine: Machine, path: string): Promise<boolean> {
  try {
    await machine.files.remove(path);
    return true;
  } catch (error) {
    const code = errorCode(error) ?? "";
    if (!["ENOENT", "ENOTEMPTY", "EEXIST"].includes(code)) throw error;
    return code === "ENOENT";
  }
}

const REASONS: Record<string, string> = {
  ENOSPC: "no space left on the device",
  EDQUOT: "the disk quota is used up",
  EACCES: "permission denied",
  EPERM: "not permitted",
  EROFS: "the filesystem is read-only",
};

/** Codes with which a system says that a hard link is not to be had here, or not to this file. */
export const NO_LINKS: readonly string[] = ["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS"];

/** What stops all that uses a store, whichever artifact it is for. */
const STORE_WIDE: readonly string[] = ["ENOSPC", "EDQUOT", "EROFS", ...NO_LINKS];

/**
 * Whether an error is about the files of one artifact: damaged, of a newer furu, or not to be read at the
 * moment. Then that one fails, and all else goes on.
 */
export function concernsOneArtifact(error: unknown): boolean {
  const code = errorCode(error) ?? errorCode((error as Error | null)?.cause);
  if (code !== undefined && STORE_WIDE.includes(code)) return false;
  const own = furuErrorName(error);
  return own === undefined ? code !== undefined : own === "StoreError";
}

/**
 * Codes of what stays as it is until somebody does something about it, as against a file server that is away.
 */
const LASTING: readonly string[] = ["EACCES", "EPERM", "ENOTDIR", "EISDIR", "ELOOP", "ENAMETOOLONG"];

/** Whether it is in vain to try again what the system refused. */
export function isRefusal(error: unknown): boolean {
  const code = errorCode(error) ?? errorCode((error as Error | null)?.cause);
  return code === undefined || LASTING.includes(code);
}

/** A system error that says which file and why, as a {@link StoreError}; any other error as it is. */
export function storeError(action: string, path: string, error: unknown): unknown {
  const code = errorCode(error);
  if (code === undefined || furuErrorName(error) !== undefined) return error;
  const reason = REASONS[code] ?? (error as Error).message;
  return new StoreError(`Cannot ${action} ${path}: ${reason} (${code})`, { cause: error });
}
