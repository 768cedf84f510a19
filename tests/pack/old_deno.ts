import { assert, assertEquals } from "@std/assert";
import { fromFileUrl } from "@std/path/from-file-url";
import { join } from "@std/path/join";

/**
 * A folder in which npm has installed `deno@2.4.2` and `@vltpkg/cli-linux-x64@0.0.0-18`, a program that this very Deno has
 * compiled: its beginning is Deno's runtime image, which nothing else brings where Deno's own server is out of reach. CI
 * sets it.
 */
const VARIABLE = "FURU_TEST_OLD_DENO";
const FOLDER = Deno.env.get(VARIABLE);

/** What is in programs that are compiled here. */
export const OLD_DENO_VERSION = "2.4.2";

/** Whether programs can be compiled here; where CI says so, it is a failure when they cannot. */
export const CAN_COMPILE: boolean = FOLDER !== undefined;
if (!CAN_COMPILE) console.log(`${VARIABLE} names no folder: left out are the tests of compiled programs`);

const repository = fromFileUrl(new URL("../../", import.meta.url));

/** What `deno task compile` does. */
export async function makeFuru(output: string): Promise<void> {
  const said = await oldDeno(["run", "-A", "lib/pack/compile.ts", "-o", output]);
  // Not what it does instead where there is no image.
  assert(said.includes(`Compiled ${output}`), said);
}

/** What a user does. */
export async function compileScript(script: string, output: string, include: string[]): Promise<void> {
  const included = include.flatMap((path) => ["--include", path]);
  await oldDeno(["compile", "-A", "--no-check", "--no-lock", ...included, "--output", output, script]);
}

async function oldDeno(args: string[]): Promise<string> {
  assert(FOLDER !== undefined, `${VARIABLE} names no folder`);
  const { code, stderr } = await new Deno.Command(join(FOLDER, "node_modules/deno/deno"), {
    args,
    cwd: repository,
    env: {
      DENORT_BIN: join(FOLDER, "node_modules/@vltpkg/cli-linux-x64/vlt"),
      // As newer ones do anyway.
      DENO_TLS_CA_STORE: "system",
      NO_COLOR: "1",
    },
    stdout: "null",
    stderr: "piped",
  }).output();
  const text = new TextDecoder().decode(stderr);
  assertEquals(code, 0, `deno ${args.join(" ")}: ${text}`);
  return text;
}
