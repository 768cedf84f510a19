import { errorCode, StoreError } from "../core/errors.ts";
import { permissionError } from "../core/permissions.ts";
import { ownersDir } from "./layout.ts";
import { type Store, storeError } from "./store.ts";

/**
 * Makes sure that a store can be written, before a run begins that would fail at each of its artifacts: makes
 * the folder that every claim needs, and a file in it that is removed at once.
 *
 * @throws {StoreError} If it cannot be written: says why.
 */
export async function checkWritable(store: Store): Promise<void> {
  const dir = ownersDir(store.root);
  try {
    await store.makeDir(dir);
    await store.remove(await store.writePrivate(dir, "x".repeat(4096)));
  } catch (error) {
    // Somebody tidies up: the folder is made again when it is needed.
    if (errorCode(error) === "ENOENT") return;
    if (error instanceof Deno.errors.NotCapable) throw permissionError("use the store", error);
    const told = storeError("use the store", store.root, error);
    if (!(told instanceof StoreError) || errorCode(told.cause) === undefined) throw told;
    throw new StoreError(`${told.message}; another one is named by --root or FURU_PATH`, {
      cause: told.cause,
    });
  }
}
