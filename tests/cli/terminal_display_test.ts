import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { fromFileUrl } from "@std/path/from-file-url";
import { join } from "@std/path/join";
import { describe, it } from "@std/testing/bdd";
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

const canRecord = await hasScript();

describe("the display of a run", () => {
  it({
    name:
      "a run on a real terminal shows a block while it goes on, and leaves failures and the report behind",
    ignore: !canRecord,
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

  it({
    name: "what the main script prints while a run goes on stays, above the block; TERM=dumb has no block",
    ignore: !canRecord,
    async fn() {
      const folder = await Deno.makeTempDir({ prefix: "furu-terminal-" });
      const config = fromFileUrl(new URL("../../deno.json", import.meta.url));
      try {
        await Deno.writeTextFile(join(folder, "prints.ts"), PRINTS);
        const run = async (term: string) => {
          const line =
            `stty cols ${COLUMNS} rows 20; '${Deno.execPath()}' run -A -q --no-check --config '${config}' prints.ts`;
          const { code, stdout } = await new Deno.Command("script", {
            args: ["-qec", line, "/dev/null"],
            cwd: folder,
            env: { NO_COLOR: "1", SHELL: "/bin/sh", TERM: term, FURU_PATH: join(folder, term) },
            stdin: "null",
          }).output();
          const text = new TextDecoder().decode(stdout);
          assertEquals(code, 0, text);
          return text;
        };
        const text = await run("xterm");
        assert(/█|░/.test(text), "a block was drawn");
        const screen = new FakeTerminal(COLUMNS);
        screen.write(text);
        const shown = screen.lines().map((line) => line.trim());
        assertEquals(shown.filter((line) => /printed|█|░|stayed/.test(line)), ALL_PRINTED, shown.join("\n"));
        const dumb = await run("dumb");
        // deno-lint-ignore no-control-regex
        assert(!/\x1b|█|░/.test(dumb), JSON.stringify(dumb));
        assertEquals(dumb.split(/\r?\n/).filter((line) => /printed/.test(line)), ALL_PRINTED);
      } finally {
        await Deno.remove(folder, { recursive: true });
      }
    },
  });
});

const ALL_PRINTED = Array.from({ length: 12 }, (_, i) => `printed ${i}`);

/** A script that prints in many ways while its run goes on, and afterwards. */
const PRINTS = `
import process from "node:process";
import { defineTask, runLocal, z } from ${JSON.stringify(new URL("../../mod.ts", import.meta.url).href)};
const Wait = defineTask({
  name: "prints/Wait",
  params: z.object({}),
  create: async () => {
    for (let i = 0; i < 600 && !done; i++) await new Promise((resolve) => setTimeout(resolve, 10));
    return 1;
  },
});
let done = false;
const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const write = (text: string) => Deno.stdout.writeSync(new TextEncoder().encode(text));
const before = [console.log, Deno.stdout.writeSync, Deno.stderr.write, globalThis.prompt];
const run = runLocal([Wait()], { isolation: "inline" });
await wait(400);
console.log("printed 0");
console.error("printed 1");
await wait(250);
write("printed 2\\nprin");
await wait(250);
write("ted 3\\n");
await Deno.stderr.write(new TextEncoder().encode("printed 4\\n"));
await wait(250);
process.stdout.write("printed 5\\n");
await new Blob(["printed 6\\n"]).stream().pipeTo(Deno.stdout.writable, { preventClose: true });
console.info("printed 7");
console.warn("printed 8");
await wait(250);
done = true;
await run;
console.log("printed 9");
write("printed 10\\n");
const after = [console.log, Deno.stdout.writeSync, Deno.stderr.write, globalThis.prompt];
console.log(before.every((each, i) => each === after[i]) ? "printed 11" : "something stayed changed");
`;
