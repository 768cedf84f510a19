/**
 * The shell part of a packed program runs this for a pipeline with a configuration of its own: it writes one
 * file with that and what is embedded. Arguments: the user's file, the file to write, the file of the
 * embedded code.
 *
 * @module
 */
import { dirname } from "@std/path/posix/dirname";
import { errorText } from "../core/errors.ts";
import { configText, mergeConfigs, OFFERED, readConfig } from "./merge_config.ts";
import { PackError } from "./pack_error.ts";

const [users, merged, own] = Deno.args;
try {
  await mergeTo(users!, merged!, own!);
} catch (error) {
  console.error(`furu: ${errorText(error)}`);
  Deno.exit(1);
}

async function mergeTo(users: string, merged: string, own: string): Promise<void> {
  const begun = new Date();
  const text = configText(mergeConfigs(readConfig(users), readConfig(own), dirname(own), OFFERED));
  try {
    await write(users, merged, text, begun);
  } catch (cause) {
    const instead = "FURU_CACHE_DIR may name another folder";
    throw new PackError(`Cannot keep what ${users} says in ${merged}: ${errorText(cause)}; ${instead}`, {
      cause,
    });
  }
}

async function write(users: string, merged: string, text: string, begun: Date): Promise<void> {
  await Deno.mkdir(dirname(merged), { recursive: true });
  // Many processes may be about it: each reads a whole one.
  const temporary = await Deno.makeTempFile({ dir: dirname(merged), prefix: ".deno-" });
  await Deno.writeTextFile(temporary, text);
  // What was changed since it was read is newer than this. What depends on more files is never taken for new.
  const time = /"importMap"/.test(await Deno.readTextFile(users)) ? 1 : begun;
  await Deno.utime(temporary, time, time);
  await Deno.rename(temporary, merged);
}
