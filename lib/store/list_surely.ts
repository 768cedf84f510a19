import { basename } from "@std/path/posix/basename";
import { dirname } from "@std/path/posix/dirname";
import { errorCode } from "../core/errors.ts";
import type { FileEntry } from "../core/system/files.ts";
import { listOrNothing, type Store } from "./store.ts";

/**
 * The names in a folder of the store; none where there is no such folder. That is believed only after the folder above was
 * listed, and so on up to the store's own: a host may remember for a minute that a folder is missing which another host has
 * made since, and to list the one above makes it look again.
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
