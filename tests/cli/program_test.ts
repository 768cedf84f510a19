import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { fromFileUrl } from "@std/path/from-file-url";
import { join } from "@std/path/join";
import { FIXTURES } from "./rig.ts";
import { loadedWith } from "../loaded_modules.ts";

const CLI = fromFileUrl(new URL("../../cli.ts", import.meta.url));

async function start(module: string, ...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const command = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", module, ...args],
    cwd: FIXTURES,
    stdin: "null",
    env: { NO_COLOR: "1" },
  });
  const { code, stdout, stderr } = await command.output();
  return { code, out: new TextDecoder().decode(stdout), err: new TextDecoder().decode(stderr) };
}

Deno.test("the program's exit codes are 0 for help, 2 for wrong use, 1 for a module that throws", async () => {
  const help = await start(CLI, "run", "--help");
  assertEquals([help.code, help.err], [0, ""]);
  assertStringIncludes(help.out, "Usage: furu run MODULE[#export]");
  const wrong = await start(CLI, "run", "--nope");
  assertEquals([wrong.code, wrong.out], [2, ""]);
  const broken = await start(CLI, "run", "broken.ts");
  assertEquals([broken.code, broken.out], [1, ""]);
  assertStringIncludes(broken.err, "settings are missing");
  assertStringIncludes(broken.err, "readSettings");
  assertStringIncludes(broken.err, "broken.ts:2:");
});

Deno.test("the program's help loads neither zod nor anything else that only runs need", async () => {
  const { out } = await start(CLI, "--version");
  assertStringIncludes(out, "furu ");
  const loaded = await loadedWith([
    "cli.ts",
    "lib/cli/command_line.ts",
    "lib/cli/engine.ts",
    "lib/cli/io.ts",
    "lib/cli/program.ts",
  ]);
  assert(loaded.length > 10, "the graph was read");
  assertEquals(loaded.filter((url) => /zod|\/lib\/(run|store|local|worker)\//.test(url)), []);
});

Deno.test("a script with main() has the commands over its own roots, and is silent when it is imported", async () => {
  const script = join(FIXTURES, "script.ts");
  const help = await start(script, "--help");
  assertEquals(help.code, 0);
  assertStringIncludes(help.out, "Usage: script.ts COMMAND [options]");
  const wrong = await start(script, "get", "Nope");
  assertEquals(wrong.code, 2);
  assertStringIncludes(wrong.err, "defined are clifix/Data, clifix/Train");
  const imported = await start(join(FIXTURES, "imports_script.ts"));
  assertEquals(imported, { code: 0, out: "", err: "" });
});
