import { join } from "@std/path/posix/join";
import { moveFile, tryMove } from "../store/file_steps.ts";
import { listOrNothing, type Store, storeError } from "../store/store.ts";
import type { QueuePaths } from "./layout.ts";
import { errorFileName, formatTaskName, type TaskName } from "./task_file.ts";

/** The folders in which workers give tasks back. */
export type ResultPlace = "done" | "failed" | "waiting";

/** The folder, in one of the result folders, with what a controller has read: the shelf. */
const SHELF = "read";

/**
 * The folder for the file of a task that was read. The controller lists what is new again and again, so that
 * what it has read leaves that folder; by the first digits of the hash, so that no folder becomes large.
 */
export function shelfOf(paths: QueuePaths, place: ResultPlace, { hash }: Pick<TaskName, "hash">): string {
  return join(paths[place], SHELF, hash.slice(0, 2));
}

/**
 * Every folder of a place that may hold tasks: the one of the news, then its shelves. A task goes from there
 * to a shelf only, so that a look in this order does not miss it.
 *
 * @throws {StoreError} If a folder cannot be listed.
 */
export async function placeDirs(store: Store, paths: QueuePaths, place: ResultPlace): Promise<string[]> {
  const shelf = join(paths[place], SHELF);
  const shelves = (await store.list(shelf)).filter(({ isDirectory }) => isDirectory);
  return [paths[place], ...shelves.map(({ name }) => join(shelf, name))];
}

/**
 * Puts the file of a task that was read on the shelf, with what tells how it failed. Harmless when it is
 * there, or was moved on.
 *
 * @param stays Whether the task itself is still there: one that is tried again has left it.
 * @throws {StoreError} If it cannot be moved.
 */
export async function shelve(
  store: Store,
  paths: QueuePaths,
  place: ResultPlace,
  name: TaskName,
  stays: boolean,
): Promise<void> {
  const file = formatTaskName(name);
  // How it failed first: who finds the task's file on the shelf finds it there, too.
  if (place === "failed") await putOn(store, paths, place, name, errorFileName(file));
  if (stays) await putOn(store, paths, place, name, file);
}

async function putOn(
  store: Store,
  paths: QueuePaths,
  place: ResultPlace,
  name: TaskName,
  file: string,
): Promise<void> {
  const shelf = shelfOf(paths, place, name);
  const from = join(paths[place], file);
  for (let turn = 0; turn < 2; turn++) {
    if (await tryMove(store, from, join(shelf, file)) !== "no folder") return;
    try {
      await store.makeDir(shelf);
    } catch (error) {
      throw storeError("make", shelf, error);
    }
  }
}

/**
 * Moves the file of a task out of a place, whether it was read or not.
 *
 * @returns Whether it is at `to` now.
 * @throws {StoreError} If it cannot be moved.
 */
export async function moveOut(
  store: Store,
  paths: QueuePaths,
  place: ResultPlace,
  name: TaskName,
  to: string,
): Promise<boolean> {
  const file = formatTaskName(name);
  return await moveFile(store, join(paths[place], file), to) ||
    await moveFile(store, join(shelfOf(paths, place, name), file), to);
}

/**
 * Whether the file of a task is in a place, read or not.
 *
 * @throws {StoreError} If the folder cannot be listed.
 */
export async function isIn(
  store: Store,
  paths: QueuePaths,
  place: ResultPlace,
  name: TaskName,
): Promise<boolean> {
  const file = formatTaskName(name);
  for (const dir of [paths[place], shelfOf(paths, place, name)]) {
    if ((await listOrNothing(store.machine, dir)).some((entry) => entry.name === file)) return true;
  }
  return false;
}
