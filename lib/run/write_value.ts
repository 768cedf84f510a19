import { removeIfThere, storeError } from "../store/store.ts";
import type { EncodedValue } from "../store/results/value.ts";
import type { Runtime } from "./runtime.ts";

/** Values whose JSON has more characters are files of their own; so is what else would make the record longer. */
const MAX_INLINE = 256 * 1024;

/** How a value is written in its record. */
export interface WrittenValue {
  /** The record's members that hold the value and what belongs to it, or name their files, as JSON text. */
  members: string[];
  /** Does the attempt's folder belong to the result? */
  files: boolean;
}

/**
 * Writes the files of a value into the attempt's folder, which is made when it is needed and removed when `create`
 * read `ctx.dir` and left it empty.
 *
 * @param artifacts What is kept of the artifacts in it, as JSON text.
 * @throws {StoreError} naming the file that cannot be written, and why.
 */
export async function writeValue(
  runtime: Runtime,
  dir: string,
  { json, files, namesDir, uses }: EncodedValue,
  artifacts: string | undefined,
  usedDir: boolean,
): Promise<WrittenValue> {
  const all = [...files];
  const members: string[] = [];
  let left = MAX_INLINE;
  const add = async (member: string, text: string): Promise<void> => {
    if (text.length <= left) {
      left -= text.length;
      members.push(`"${member}":${text}`);
      return;
    }
    const name = await freeName(runtime, dir, member, usedDir);
    members.push(`"${member}File":${JSON.stringify(name)}`);
    all.push({ name, bytes: new TextEncoder().encode(text) });
  };
  await add("value", json);
  if (artifacts !== undefined) await add("artifacts", artifacts);
  if (uses.length > 0) members.push(`"uses":${JSON.stringify(uses)}`);
  if (all.length > 0) await runtime.store.makeDir(dir);
  for (const file of all) await write(runtime, `${dir}/${file.name}`, file.bytes);
  return {
    members,
    // A folder that was made and left empty is no file of the result, unless the value names it.
    files: all.length > 0 || (usedDir && (namesDir || !await removedEmpty(runtime, dir))),
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
async function freeName(runtime: Runtime, dir: string, member: string, usedDir: boolean): Promise<string> {
  const taken = usedDir && await runtime.machine.files.stat(`${dir}/${member}.json`) !== undefined;
  return taken ? `.furu-${member}.json` : `${member}.json`;
}

async function removedEmpty(runtime: Runtime, dir: string): Promise<boolean> {
  await removeIfThere(runtime.machine, dir);
  return await runtime.machine.files.stat(dir) === undefined;
}
