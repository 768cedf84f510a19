import { dirname } from "@std/path/posix/dirname";
import { z } from "zod";
import { linkOurs, moveOver } from "./file_steps.ts";
import { removeIfThere, type Store, storeError } from "./store.ts";

/** Version of all records; a change of their form is a new number, and old records stay readable. */
export const RECORD_SCHEMA = 1;

/** What was read, or why it cannot be used. */
export type Parsed<T> =
  | { readonly value: T }
  | Fault;

/** Why a file cannot be used. */
export interface Fault {
  /** In words for people, with "it" for the file. */
  readonly fault: string;
  /** Its version, where a newer furu made it. */
  readonly newer?: number | undefined;
  /** The error behind it. */
  readonly cause?: unknown;
}

/** Reads a text as JSON of a form. */
export function parseJson<T>(text: string, form: z.ZodType<T>): Parsed<T> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    return { fault: text === "" ? "it is empty" : "it is truncated or not JSON", cause };
  }
  const version = (json as { schema?: unknown } | null)?.schema;
  if (typeof version === "number" && version !== RECORD_SCHEMA) {
    const newer = version > RECORD_SCHEMA ? version : undefined;
    return { fault: `it has schema version ${version}, this furu reads ${RECORD_SCHEMA}`, newer };
  }
  const parsed = form.safeParse(json);
  if (parsed.success) return { value: parsed.data };
  const { error: cause } = parsed;
  return { fault: `it is not one: ${z.prettifyError(cause).replaceAll("\n", " ")}`, cause };
}

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
  { privateDir = dirname(path), sync = true }: WriteJsonOptions = {},
): Promise<void> {
  let temporary: string | undefined;
  try {
    temporary = await store.writePrivate(privateDir, JSON.stringify(value), { sync });
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
