import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { fromFileUrl } from "@std/path/from-file-url";
import { join } from "@std/path/join";
import { describe, it } from "@std/testing/bdd";
import { FIXTURES } from "../rig.ts";
import { loadedWith } from "../../loaded_modules.ts";

const CLI = fromFileUrl(new URL("../../../cli.ts", import.meta.url));

interface Ended {
  code: number;
  out: string;
  err: string;
}

function start(module: string, ...args: string[]): Promise<Ended> {
  return startWith({}, module, ...args);
}

async function startWith(env: Record<string, string>, module: string, ...args: string[]): Promise<Ended> {
  const command = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", module, ...args],
    cwd: FIXTURES,
    stdin: "null",
    env: { NO_COLOR: "1", ...env },
  });
  const { code, stdout, stderr } = await command.output();
  return { code, out: new TextDecoder().decode(stdout), err: new TextDecoder().decode(stderr) };
}

describe("the program", () => {
  it("ends with 0 for help, 2 for wrong use, 1 for a module that throws", async () => {
    const help = await start(CLI, "run", "--help");
    assertEquals({ code: help.code, err: help.err }, { code: 0, err: "" });
    assertStringIncludes(help.out, "Usage: furu run MODULE[#export]");
    const wrong = await start(CLI, "run", "--nope");
    assertEquals({ code: wrong.code, out: wrong.out }, { code: 2, out: "" });
    const broken = await start(CLI, "run", "broken.ts");
    assertEquals({ code: broken.code, out: broken.out }, { code: 1, out: "" });
    assertStringIncludes(broken.err, "settings are missing");
    assertStringIncludes(broken.err, "readSettings");
    assertStringIncludes(broken.err, "broken.ts:2:");
  });

  it("says in a Deno that is too old which one it needs, wherever it begins; its doctor begins", async () => {
    const { out, err } = await start("old_deno.ts");
    const words = "Cannot go on as furu needs Deno 2.4 or later, this is Deno 2.3.7 (";
    const [mod, testing, ls, ...rest] = out.trimEnd().split("\n");
    assert(mod!.startsWith(words) && testing!.startsWith(words), out);
    const [first, second] = err.split("\n");
    assert(first!.startsWith(`furu ls: ${words}`) && first!.includes("'deno upgrade'"), err);
    assertStringIncludes(rest[0]!, "furu doctor");
    // A worker goes on to look for its run, which has to be told.
    assertStringIncludes(second!, "/nowhere");
    assertEquals([ls, ...rest.slice(-2)], ["2", "0", "2"]);
  });

  it("loads for its help neither zod nor anything else that only runs need", async () => {
    const { out } = await start(CLI, "--version");
    assertStringIncludes(out, "furu ");
    const loaded = await loadedWith([
      "cli.ts",
      "lib/cli/command_line.ts",
      "lib/cli/program/engine.ts",
      "lib/cli/program/io.ts",
      "lib/cli/program/program.ts",
    ]);
    assert(loaded.length > 10, "the graph was read");
    assertEquals(loaded.filter((url) => /zod|\/lib\/(run|store|local|worker)\//.test(url)), []);
  });

  it("a script with main() has the commands over its own roots, and is silent when it is imported", async () => {
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

  it("dates that are set are the same in every time zone", async () => {
    const dir = await Deno.makeTempDir();
    try {
      const set = [
        "--set",
        "at=2026-01-31T08:30",
        "--set",
        'days=["2026-01-31","2026-07-01T12:00:00-05:00"]',
      ];
      const ends = await Promise.all(
        ["UTC", "America/New_York", "Asia/Kolkata"].map((TZ) =>
          startWith({ TZ, FURU_PATH: dir }, join(FIXTURES, "forms.ts"), "get", "Forms", ...set)
        ),
      );
      for (const { code, out, err } of ends) {
        assertEquals(code, 0, err);
        const { at, days } = JSON.parse(out);
        assertEquals({ at, days }, {
          at: "2026-01-31T08:30:00.000Z",
          days: [
            "2026-01-31T00:00:00.000Z",
            "2026-07-01T17:00:00.000Z",
          ],
        });
      }
      // One artifact in the store, so it was one hash.
      const stored = [...Deno.readDirSync(join(dir, "artifacts", "clifix", "Forms"))];
      assertEquals(stored.filter(({ name }) => name.endsWith(".json")).length, 1);
    } finally {
      await Deno.remove(dir, { recursive: true });
    }
  });

  it("the help of a script says how each of its tasks' parameters is set", async () => {
    const { out } = await start(join(FIXTURES, "forms.ts"), "--help");
    for (
      const line of [
        'at: date (2026-01-31T08:30Z) (default "1970-01-01T00:00:00.000Z")',
        "days: array of date",
        'level: "Low" | "High" (default 1)',
        'tags: set (a JSON list) (default Set(1) { "a" })',
        "limits: map (a JSON object) (optional)",
        "key: Uint8Array (base64:... or hex:...) (optional)",
        "big: bigint (default 5n)",
        "pair: list of integer, string (optional)",
        "model: object (default {})",
        "model.depth: integer (default 2)",
        "number of layers",
        "model.head: object (optional)",
        "model.head.width: integer",
      ]
    ) assertStringIncludes(out, line);
  });
});
