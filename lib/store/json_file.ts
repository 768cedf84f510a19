import { dirname } from "@std/path/posix/dirname";
import type { z } from "zod";
import { linkOurs, moveOver } from "./file_steps.ts";
import { type Parsed, parseJson } from "./record.ts";
import { removeIfThere, type Store, storeError } from "./store.ts";

/**
 * Reads a JSON file of the store.
 *
 * @returns `undefined` where there is none.
 * @throws {StoreError} If the system cannot read it.
 */
export async function readJson<T>(
  store: Pick<Store, "read">,
  path: string,
  form: z.ZodType<T>,
): Promise<Parsed<T> | undefined> {
  const text = await store.read(path);
  return text === undefined ? undefined : parseJson(text, form);
}

/** How {@link writeJson} writes. */
export interface WriteJsonOptions {
  /**
   * Folder of the private name.
   *
   * @default {dirname(path)}
   */
  privateDir?: string | undefined;
  /**
   * Whether the file has to outlive a power cut, which costs a wait for the disk.
   *
   * @default {true}
   */
  sync?: boolean | undefined;
}

/**
 * Writes a JSON file, or replaces it, so that readers see it whole or not at all: under a private name,
 * synced, then renamed over whatever is there.
 *
 * @throws {StoreError} If it cannot be written.
 */
export async function writeJson(
  store: Store,
  path: string,
  value: unknown,
  options: WriteJsonOptions = {},
): Promise<void> {
  await writeJsonText(store, path, JSON.stringify(value), options);
}

/**
 * As {@link writeJson}, of JSON that is there as a text.
 *
 * @throws {StoreError} If it cannot be written.
 */
export async function writeJsonText(
  store: Store,
  path: string,
  text: string,
  { privateDir = dirname(path), sync = true }: WriteJsonOptions = {},
): Promise<void> {
  let temporary: string | undefined;
  try {
    temporary = await store.writePrivate(privateDir, text, { sync });
    await moveOver(store, temporary, path);
  } catch (error) {
    if (temporary !== undefined) {
      await removeIfThere(store.machine, temporary).catch(() => {/* swept by gc */});
    }
    throw storeError("write", path, error);
  }
}

/**
 * Writes a JSON file that is to be written once: the first to do so is right.
 *
 * @returns `false` when another was first.
 * @throws {StoreError} If it cannot be written.
 */
export async function linkJson(store: Store, path: string, value: unknown): Promise<boolean> {
  try {
    const temporary = await store.writePrivate(dirname(path), JSON.stringify(value), { sync: true });
    try {
      return await linkOurs(store, temporary, path);
    } finally {
      await removeIfThere(store.machine, temporary);
    }
  } catch (error) {
    throw storeError("write", path, error);
  }
}
