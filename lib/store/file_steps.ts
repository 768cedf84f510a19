import { basename } from "@std/path/posix/basename";
import { dirname } from "@std/path/posix/dirname";
import { errorCode } from "../core/errors.ts";
import type { Machine } from "../core/system/machine.ts";
import { removeIfThere, type Store, storeError } from "./store.ts";

/** With which a system says that a name, or a folder on the way to it, is not there (any more). */
const NOT_THERE: readonly string[] = ["ENOENT", "ESTALE", "ENOTDIR"];
/** Errors after which the same rename may work a little later. */
const PASSING: readonly string[] = ["EIO", "EAGAIN", "EBUSY", "ETIMEDOUT", "EINTR"];
/** Milliseconds to wait before it is tried again. */
const PAUSES_MS: readonly number[] = [20, 200];

/** Whether an error says that a name, or a folder on the way to it, is not there. */
export function isNotThere(error: unknown): boolean {
  return NOT_THERE.includes(errorCode(error) ?? "");
}

/**
 * Whether there is something of that name. The folder is listed, since a host may remember a missing name for
 * up to a minute, and a process always sees in a listing what it did itself.
 *
 * @returns `undefined` where the folder itself is gone.
 * @throws {StoreError} If the folder cannot be listed.
 */
export async function hasName(store: Store, path: string): Promise<boolean | undefined> {
  const dir = dirname(path);
  const name = basename(path);
  try {
    return (await store.machine.files.list(dir)).some((entry) => entry.name === name);
  } catch (error) {
    if (isNotThere(error)) return undefined;
    throw storeError("list", dir, error);
  }
}

/** The outcome of a move: done, or what there was not. */
export type Move = "moved" | "not there" | "no folder";

/**
 * Moves a file or a folder by one rename. The answer to a rename that worked can be lost: after an error the
 * new folder is listed.
 *
 * @returns `"moved"` when it is at `to` by our doing, as far as that can be told; `"not there"` when it was
 * not at `from`; `"no folder"` when the folder of `to` is gone.
 * @throws {StoreError} If it cannot be moved for any other reason. It may be moved all the same, as if by
 * somebody else.
 */
export async function tryMove(store: Store, from: string, to: string): Promise<Move> {
  return await renameOrLook(store, from, to, async (error) => {
    const there = await hasName(store, to);
    if (there !== false) return there ? "moved" : "no folder";
    return isNotThere(error) ? "not there" : undefined;
  });
}

/**
 * Renames a file under a private name over whatever is at `to`. After an error the private name tells whether
 * it was renamed, as nobody else ever removes it; somebody may have moved it on from `to` already.
 *
 * @throws {StoreError} If it was not renamed.
 */
export async function moveOver(store: Store, temporary: string, to: string): Promise<void> {
  await renameOrLook(
    store,
    temporary,
    to,
    async () => await hasName(store, temporary) === false ? "moved" : undefined,
  );
}

/**
 * Renames, and looks after an error. Where that look tells nothing, the error may pass, and it is tried
 * again.
 */
async function renameOrLook(
  store: Store,
  from: string,
  to: string,
  look: (error: unknown) => Promise<Move | undefined>,
): Promise<Move> {
  const { files, clock } = store.machine;
  for (let turn = 0;; turn++) {
    try {
      await files.rename(from, to);
      return "moved";
    } catch (error) {
      const move = await look(error);
      if (move !== undefined) return move;
      const pause = PAUSES_MS[turn];
      if (pause === undefined || !PASSING.includes(errorCode(error) ?? "")) {
        throw storeError("move", `${from} to ${to}`, error);
      }
      await clock.sleep(pause);
    }
  }
}

/** As {@link tryMove}, where it does not matter why it was not moved. */
export async function moveFile(store: Store, from: string, to: string): Promise<boolean> {
  return await tryMove(store, from, to) === "moved";
}

/**
 * Links a file of ours to a name that is to be taken once. The answer to a link that worked can be lost:
 * after an error the name's inode tells whether it is ours.
 *
 * @returns `false` when another was first, or the folder is gone.
 * @throws {StoreError} If that cannot be told.
 */
export async function linkOurs(store: Store, ours: string, name: string): Promise<boolean> {
  const { files } = store.machine;
  try {
    await files.link(ours, name);
    return true;
  } catch (error) {
    const [mine, there] = [await files.stat(ours), await files.stat(name)];
    if (mine && there) return mine.ino === there.ino;
    if (errorCode(error) === "ENOENT" || errorCode(error) === "EEXIST") return false;
    throw storeError("link", name, error);
  }
}

/**
 * Gives a file that was renamed its name back, unless that is taken meanwhile. A link cannot replace what is
 * there, but needs room in the folder's file system and the right to link somebody else's file
 * (protected_hardlinks): where it cannot be made the name is looked at, and given by a rename.
 */
export async function giveBack(machine: Machine, trash: string, name: string): Promise<void> {
  const { files } = machine;
  try {
    await files.link(trash, name);
  } catch (error) {
    if (errorCode(error) !== "EEXIST" && !await files.stat(name)) await files.rename(trash, name);
  }
  await removeIfThere(machine, trash);
}
