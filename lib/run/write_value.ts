import { removeIfThere, storeError } from "../store/store.ts";
import type { EncodedValue } from "../store/value.ts";
import type { Runtime } from "./runtime.ts";

/** Values whose JSON has more characters are files of their own. */
const MAX_INLINE = 256 * 1024;

/** How a value is written in its record. */
export interface WrittenValue {
  /** The record's member that holds the value, or names its file, as JSON text. */
  member: string;
  /** Does the attempt's folder belong to the result? */
  files: boolean;
}

/**
 * Writes the files of a value into the attempt's folder, which is made when it is needed and removed when `create`
 * read `ctx.dir` and left it empty.
 *
 * @throws {StoreError} naming the file that cannot be written, and why.
 */
export async function writeValue(
  runtime: Runtime,
  dir: string,
  { json, files }: EncodedValue,
  usedDir: boolean,
): Promise<WrittenValue> {
  const inline = json.length <= MAX_INLINE;
  const name = inline ? undefined : await freeName(runtime, dir, usedDir);
  const all = name === undefined ? files : [...files, { name, bytes: new TextEncoder().encode(json) }];
  if (all.length > 0) await runtime.store.makeDir(dir);
  for (const file of all) await write(runtime, `${dir}/${file.name}`, file.bytes);
  return {
    member: name === undefined ? `"value":${json}` : `"valueFile":${JSON.stringify(name)}`,
    files: all.length > 0 || (usedDir && !await removedEmpty(runtime, dir, json)),
  };
}

async function write(runtime: Runtime, path: string, bytes: Uint8Array): Promise<void> {
  try {
    await runtime.machine.files.write(path, bytes);
  } catch (error) {
    throw storeError("write", path, error);
  }
}

/** `value.json`, unless the task has made a file of that name itself. */
async function freeName(runtime: Runtime, dir: string, usedDir: boolean): Promise<string> {
  const taken = usedDir && await runtime.machine.files.stat(`${dir}/value.json`) !== undefined;
  return taken ? ".furu-value.json" : "value.json";
}

/** A folder that was made and left empty is no file of the result, unless the value names it. */
async function removedEmpty(runtime: Runtime, dir: string, json: string): Promise<boolean> {
  if (json.includes('{"$path":')) return false;
  await removeIfThere(runtime.machine, dir);
  return await runtime.machine.files.stat(dir) === undefined;
}
