import { dirname } from "@std/path/posix/dirname";
import { isNotThere } from "./has_name.ts";
import { removeIfThere, type Store, storeError } from "../store/store.ts";
import { moveTask } from "./move_task.ts";

/**
 * Writes a small file so that readers see it whole or not at all, also after a power cut: under a private name, synced, then
 * renamed over whatever is there.
 *
 * @param privateDir Folder of the private name. @default the file's own
 * @throws {StoreError} when it cannot be written.
 */
export async function replaceFile(
  store: Store,
  path: string,
  text: string,
  privateDir: string = dirname(path),
): Promise<void> {
  let temporary: string | undefined;
  try {
    temporary = await store.writePrivate(privateDir, text, { sync: true });
    if (await moveTask(store, temporary, path)) return;
    throw new Deno.errors.NotFound(`its folder ${dirname(path)} is gone`);
  } catch (error) {
    if (temporary !== undefined) {
      // Neither here nor there: it was there, and somebody has moved it on already.
      if (!await isThere(store, temporary)) return;
      await removeIfThere(store.machine, temporary).catch(() => {/* swept by gc */});
    }
    throw storeError("write", path, error);
  }
}

/** Is a private name of ours still there? Nobody else ever removes it, so that this tells whether it was renamed. */
async function isThere(store: Store, temporary: string): Promise<boolean> {
  try {
    using _file = await store.machine.files.open(temporary);
    return true;
  } catch (error) {
    return !isNotThere(error);
  }
}
