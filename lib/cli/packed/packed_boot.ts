/**
 * Runs before anything else in a packed program: takes over what its shell part says in the environment, and
 * puts the environment back as it was, since tasks may start programs (Deno among them) that it is not meant
 * for.
 *
 * @module
 */
import { dirname } from "@std/path/posix/dirname";
import { fromFileUrl } from "@std/path/posix/from-file-url";
import { furuGlobals } from "../../core/globals.ts";
import type { Packed } from "../../core/packed.ts";

const DAY_MS = 86_400_000;

const file = take("FURU_PACKED");
if (file !== undefined) {
  const folder = new URL("../../../../../", import.meta.url).href;
  const pipeline = take("FURU_PACKED_PIPELINE");
  const denoDir = Deno.env.get("DENO_DIR")!;
  furuGlobals().packed = {
    file,
    folder,
    config: `${fromFileUrl(folder)}deno.json`,
    denoDir,
    ...(pipeline === undefined ? {} : { pipeline: new URL(encodePath(pipeline), folder).href }),
  } satisfies Packed;
  await keepFresh(fromFileUrl(folder));
  putBack("HOME", "FURU_PACKED_HOME");
  putBack("DENO_DIR", "FURU_PACKED_DENO_DIR");
  putBack("NPM_CONFIG_REGISTRY", "FURU_PACKED_REGISTRY");
}

/**
 * Programs that clean up temporary folders remove old files one by one: all of them are made younger now and
 * then.
 */
async function keepFresh(folder: string): Promise<void> {
  try {
    const { mtime } = await Deno.stat(`${folder}complete`);
    if (Date.now() - (mtime?.getTime() ?? 0) > DAY_MS) await touchAll(folder);
  } catch {
    // Somebody removes it, or it may not be written: what runs has been read already.
  }
}

/**
 * Gives all files of an unpacked program the time of now. First those that say it is complete: so they are
 * always the oldest, and whatever removes old files removes them before any other.
 *
 * @param folder Of the code, with a slash at its end.
 */
async function touchAll(folder: string): Promise<void> {
  const { walk } = await import("@std/fs/walk");
  const deno = dirname(Deno.execPath());
  for (const path of [`${folder}complete`, `${deno}/complete`, Deno.execPath()]) await touch(path);
  for await (const { path } of walk(folder, { includeDirs: false })) {
    if (path !== `${folder}complete`) await touch(path);
  }
}

async function touch(path: string): Promise<void> {
  const now = new Date();
  await Deno.utime(path, now, now);
}

function take(name: string): string | undefined {
  const value = Deno.env.get(name);
  Deno.env.delete(name);
  return value;
}

function putBack(name: string, saved: string): void {
  const value = take(saved);
  if (value === undefined) Deno.env.delete(name);
  else Deno.env.set(name, value);
}

function encodePath(path: string): string {
  return path.split("/").map(encodeURIComponent).join("/");
}
