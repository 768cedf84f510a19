/**
 * What the shell part of a packed program runs for a pipeline with a configuration of its own: writes one file with
 * that and what is embedded. Arguments: the user's file, the file to write, the file of the embedded code.
 *
 * @module
 */
import { dirname } from "@std/path/posix/dirname";
import { errorText } from "../core/errors.ts";
import { configText, mergeConfigs, readConfig } from "./merge_config.ts";
import { OFFERED } from "./offered.ts";

const [users, merged, own] = Deno.args;
try {
  await mergeTo(users!, merged!, own!);
} catch (error) {
  console.error(`furu: ${errorText(error)}`);
  Deno.exit(1);
}

async function mergeTo(users: string, merged: string, own: string): Promise<void> {
  const text = configText(mergeConfigs(readConfig(users), readConfig(own), dirname(own), OFFERED));
  await Deno.mkdir(dirname(merged), { recursive: true });
  // Many processes may be about it: each reads a whole one.
  const temporary = await Deno.makeTempFile({ dir: dirname(merged), prefix: ".deno-" });
  await Deno.writeTextFile(temporary, text);
  // What depends on more files than the user's own is never taken for new.
  if (/"importMap"/.test(await Deno.readTextFile(users))) await Deno.utime(temporary, 1, 1);
  await Deno.rename(temporary, merged);
}
