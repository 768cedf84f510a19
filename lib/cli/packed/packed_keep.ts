import { walk } from "@std/fs/walk";
import { dirname } from "@std/path/posix/dirname";

/**
 * Gives all files of an unpacked program the time of now. First those that say it is complete: so they are always the
 * oldest, and whatever removes old files removes them before any other.
 *
 * @param folder Of the code, with a slash at its end.
 */
export async function keep(folder: string): Promise<void> {
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
