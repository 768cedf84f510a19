import { errorText, FuruError } from "../errors.ts";
import { packed, PACKED_REGISTRY } from "../packed.ts";

/**
 * What Deno itself says, run by the same program and with the same cache as this process.
 *
 * @param what What is being done, for errors.
 * @param args Its arguments.
 * @param cwd The folder that it works in.
 * @default {that of this process}
 * @returns What it printed.
 * @throws {FuruError} with Deno's own words when it fails, and in a compiled program, which holds no whole
 * Deno.
 */
export async function runDeno(what: string, args: readonly string[], cwd?: string): Promise<string> {
  if (Deno.build.standalone) {
    throw new FuruError(
      `Cannot ${what} as this program was compiled and has no whole Deno in it: use 'deno run'`,
    );
  }
  const denoDir = packed()?.denoDir;
  let output: Deno.CommandOutput;
  try {
    output = await new Deno.Command(Deno.execPath(), {
      args: [...args],
      env: {
        NO_COLOR: "1",
        // What came with a packed program is all that there is.
        ...(denoDir === undefined
          ? {}
          : { DENO_DIR: denoDir, NPM_CONFIG_REGISTRY: `https://${PACKED_REGISTRY}/` }),
      },
      ...(cwd === undefined ? {} : { cwd }),
      stdin: "null",
    }).output();
  } catch (cause) {
    throw new FuruError(`Cannot ${what} as Deno cannot be started: ${errorText(cause)}`, { cause });
  }
  if (output.success) return new TextDecoder().decode(output.stdout);
  const text = new TextDecoder().decode(output.stderr).trim().replace(/\n+Stack backtrace:[^]*$/, "");
  throw new FuruError(`Cannot ${what} as Deno says:\n${text}`);
}
