import { packed } from "../core/packed.ts";
import { REGISTRY } from "./layout.ts";
import { PackError } from "./pack_error.ts";

/**
 * What Deno itself says, run by the same program and with the same cache as this process.
 *
 * @param what What is being done, for errors.
 * @param args Its arguments.
 * @param cwd The folder that it works in. @default that of this process
 * @returns What it printed.
 * @throws {PackError} with Deno's own words when it fails, and in a compiled program, which holds no whole Deno.
 */
export async function runDeno(what: string, args: readonly string[], cwd?: string): Promise<string> {
  if (Deno.build.standalone) {
    throw new PackError(
      `Cannot ${what} as this program was compiled and has no whole Deno in it: use 'deno run'`,
    );
  }
  const denoDir = packed()?.denoDir;
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [...args],
    env: {
      NO_COLOR: "1",
      // What came with a packed program is all that there is.
      ...(denoDir === undefined ? {} : { DENO_DIR: denoDir, NPM_CONFIG_REGISTRY: `https://${REGISTRY}/` }),
    },
    ...(cwd === undefined ? {} : { cwd }),
    stdin: "null",
  }).output();
  if (success) return new TextDecoder().decode(stdout);
  const text = new TextDecoder().decode(stderr).trim().replace(/\n+Stack backtrace:[^]*$/, "");
  throw new PackError(`Cannot ${what} as Deno says:\n${text}`);
}
