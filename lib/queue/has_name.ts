import { basename } from "@std/path/posix/basename";
import { dirname } from "@std/path/posix/dirname";
import { errorCode } from "../core/errors.ts";
import { type Store, storeError } from "../store/store.ts";

/** With which a system says that a name, or a folder on the way to it, is not there (any more). */
const NOT_THERE: readonly string[] = ["ENOENT", "ESTALE", "ENOTDIR"];

/** Does an error say that a name, or a folder on the way to it, is not there? */
export function isNotThere(error: unknown): boolean {
  return NOT_THERE.includes(errorCode(error) ?? "");
}

/**
 * Is there something of that name? Its folder is listed, since a missing name may be remembered for up to a minute,
 * and a process always sees in a listing what it did itself.
 *
 * @returns `undefined` where the folder itself is gone.
 * @throws {StoreError} when the folder cannot be listed.
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
