import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { fromFileUrl } from "@std/path/from-file-url";
import { join } from "@std/path/join";
import { FakeTerminal } from "../ui/fake_terminal.ts";
import { FIXTURES } from "./rig.ts";

const CLI = fromFileUrl(new URL("../../cli.ts", import.meta.url));
const COLUMNS = 70;

/** Is there util-linux's `script`, which gives a program a terminal? */
async function hasScript(): Promise<boolean> {
  try {
    const { stdout } = await new Deno.Command("script", { args: ["--version"] }).output();
    return new TextDecoder().decode(stdout).includes("util-linux");
  } catch {
    return false;
  }
}

/** All that a run writes to its terminal. */
async function runOnTerminal(root: string): Promise<{ code: number; text: string }> {
  const furu = `'${Deno.execPath()}' run -A -q --no-check '${CLI}' --root '${root}'`;
  const line =
    `stty cols ${COLUMNS} rows 20; ${furu} run steps.ts --isolation inline --retries 0 --keep-going`;
  const { code, stdout } = await new Deno.Command("script", {
    args: ["-qec", line, "/dev/null"],
    cwd: FIXTURES,
    env: { NO_COLOR: "1", SHELL: "/bin/sh" },
    stdin: "null",
  }).output();
  return { code, text: new TextDecoder().decode(stdout) };
}

Deno.test({
  name: "a run on a real terminal shows a block while it goes on, and leaves failures and the report behind",
  ignore: !(await hasScript()),
  async fn() {
    const root = await Deno.makeTempDir({ prefix: "furu-terminal-" });
    try {
      const { code, text } = await runOnTerminal(join(root, "store"));
      assertEquals(code, 1, text);
      assert(/█|░/.test(text), "a bar was drawn");
      assertStringIncludes(text, "50% · half 学習");
      const screen = new FakeTerminal(COLUMNS);
      screen.write(text);
      const lines = screen.lines();
      assert(
        !lines.some((line) => /█|░|half/.test(line)),
        `nothing of the block stays:\n${lines.join("\n")}`,
      );
      const failed = lines.findIndex((line) => /^failed clifix\/Step\([0-9a-f]{8}\).*no luck/.test(line));
      const report = lines.findIndex((line) => line === "1 of 3 artifacts failed");
      assert(failed >= 0 && report > failed, lines.join("\n"));
    } finally {
      await Deno.remove(root, { recursive: true });
    }
  },
});
