import { basename } from "@std/path/posix/basename";
import { join } from "@std/path/posix/join";
import { errorCode } from "../core/errors.ts";
import { tryMove } from "../store/file_steps.ts";
import { privateName } from "../store/layout.ts";
import { listOrNothing, type Store } from "../store/store.ts";

/** Something that could not be removed. */
export interface Left {
  /** Where it is. */
  readonly path: string;
  /** The system's code. */
  readonly code: string;
}

/** Codes that say that somebody has it open: it goes when it is closed (NFS keeps it as `.nfs...`). */
const OPEN: readonly string[] = ["EBUSY", "ETXTBSY"];
const REFUSED: readonly string[] = ["EACCES", "EPERM"];

/** Whether somebody has that open, so that it goes by itself, or with the next `furu gc`. */
export function isOpen({ code }: Left): boolean {
  return OPEN.includes(code);
}

/** How often a folder is listed again into which somebody still writes. */
const MAX_TURNS = 5;

/**
 * Moves something away under a private name and removes it: from then on nobody finds a half of it. Where it
 * cannot be moved to another folder (a filesystem of its own) it is renamed where it is.
 *
 * @param folders Where the private name may be, the best first.
 * @returns What could not be removed.
 * @throws {StoreError} If it could not be moved: then nothing was changed.
 */
export async function throwAway(store: Store, path: string, folders: readonly string[]): Promise<Left[]> {
  const trash = await moveAway(store, path, folders);
  return trash === undefined ? [] : await removeTree(store, trash);
}

/**
 * Moves something away under a private name.
 *
 * @param folders Where the private name may be, the best first.
 * @returns The private name; nothing where there was nothing of that name.
 * @throws {StoreError} If it could not be moved.
 */
export async function moveAway(
  store: Store,
  path: string,
  folders: readonly string[],
): Promise<string | undefined> {
  for (const [i, folder] of folders.entries()) {
    const trash = privateName(folder, "trash", store.machine);
    try {
      const move = await tryMove(store, path, trash);
      if (move === "moved") return trash;
      if (move === "not there") return undefined;
    } catch (error) {
      const code = errorCode(error) ?? errorCode((error as Error).cause);
      if (code !== "EXDEV" || i === folders.length - 1) throw error;
    }
  }
  return undefined;
}

/**
 * Removes a file, or a folder with all in it, as far as that can be done. What cannot be removed stays, with
 * the folders that it is in; all else goes.
 */
export async function removeTree(store: Store, path: string): Promise<Left[]> {
  const { files } = store.machine;
  let isDirectory: boolean;
  try {
    const info = await files.stat(path);
    if (info === undefined) return [];
    isDirectory = info.isDirectory;
  } catch (error) {
    return [leftBy(error, path)];
  }
  return isDirectory ? await removeFolder(store, path) : await removeFile(store, path);
}

async function removeFolder(store: Store, dir: string): Promise<Left[]> {
  const { files } = store.machine;
  for (let turn = 1;; turn++) {
    const left: Left[] = [];
    try {
      for (const { name, isDirectory } of await listOrNothing(store.machine, dir)) {
        const path = join(dir, name);
        const more = isDirectory ? await removeFolder(store, path) : await removeFile(store, path);
        left.push(...more.map((each) => name.startsWith(".nfs") ? { ...each, code: "EBUSY" } : each));
      }
      if (left.length === 0) {
        await files.remove(dir);
        return [];
      }
    } catch (error) {
      const code = errorCode(error);
      if (code === "ENOENT") return [];
      // Somebody still writes into it, or NFS has kept an open file under another name.
      const isFilling = code === "ENOTEMPTY" || code === "EEXIST";
      if (isFilling && turn < MAX_TURNS) continue;
      left.push(isFilling ? { path: dir, code: "EBUSY" } : leftBy(error, dir));
    }
    // A task may have made its own folder read-only.
    if (turn === 1 && left.some(({ code }) => REFUSED.includes(code)) && await makeWritable(store, dir)) {
      continue;
    }
    return left;
  }
}

async function removeFile(store: Store, path: string): Promise<Left[]> {
  try {
    await store.machine.files.remove(path);
    return [];
  } catch (error) {
    return errorCode(error) === "ENOENT" ? [] : [leftBy(error, path)];
  }
}

/**
 * Gives a folder of ours back the permissions that are needed to empty it. Returns whether they had lacked.
 */
export async function makeWritable(store: Store, dir: string): Promise<boolean> {
  const { files } = store.machine;
  try {
    const info = await files.stat(dir);
    if (info === undefined || (info.mode & 0o700) === 0o700) return false;
    await files.chmod(dir, info.mode | 0o700);
    return true;
  } catch {
    return false; // somebody else's
  }
}

function leftBy(error: unknown, path: string): Left {
  const code = errorCode(error);
  if (code === undefined) throw error;
  return { path, code: basename(path).startsWith(".nfs") ? "EBUSY" : code };
}
