import { assertEquals, assertMatch } from "@std/assert";
import { join } from "@std/path/join";
import { describe, it } from "@std/testing/bdd";
import { importCycle } from "../../../lib/cli/roots/import_cycle.ts";
import { loadModule } from "../../../lib/cli/roots/load_roots.ts";
import { furu } from "../rig.ts";
import { Rig } from "../../rig.ts";

describe("a module that cannot be loaded", () => {
  it("is told once, by where it fails, without frames of furu", async () => {
    await using rig = new Rig();
    const cases: Record<string, { text: string; told: RegExp }> = {
      syntax: {
        text: "export default {{;",
        told:
          /^furu plan: Cannot load syntax\.ts: (SyntaxError|The module's source code could not be parsed): .*\n/,
      },
      missing: {
        text: 'import "./nope.ts";',
        told: /Cannot load missing\.ts: Module not found "file:.*nope\.ts"/,
      },
      throws: {
        text: "function f() { throw new Error('bad', { cause: new TypeError('worse') }); }\nf();",
        told:
          /Cannot load throws\.ts: bad\n {4}at f \(.*throws\.ts:1:\d+\)\n {4}at .*\ncaused by TypeError: worse/,
      },
      word: { text: 'throw "a word";', told: /Cannot load word\.ts: Thrown value: "a word"\n$/ },
      above: {
        text: "export const a = b;\nconst b = 1;",
        told: /'b' is used above the line that defines it/,
      },
    };
    for (const [name, { text, told }] of Object.entries(cases)) {
      Deno.writeTextFileSync(join(rig.folder, `${name}.ts`), text);
      const { code, out, err } = await furu(["plan", `${name}.ts`], { cwd: rig.folder });
      assertEquals({ code, out }, { code: 1, out: "" }, err);
      assertMatch(err, told);
      assertEquals(/lib\/cli|load_roots/.test(err), false, err);
      assertEquals(err.split(`Cannot load ${name}.ts`).length, 2, err);
    }
  });

  it("as it imports itself by others: the way is told, and what to do", async () => {
    await using rig = new Rig();
    const write = (name: string, text: string) => Deno.writeTextFileSync(join(rig.folder, name), text);
    write("a.ts", 'import { b } from "./b.ts";\nexport const a = b + 1;');
    write("b.ts", 'import {\n  type A,\n  a,\n} from "./a.ts";\nexport const b = a + 1;');
    const error = await loadModule("a.ts", rig.folder).then(() => undefined, (error: Error) => error);
    assertMatch(
      error!.message,
      /Cannot access 'a' before initialization\n.*circular import: b\.ts -> a\.ts -> b\.ts/,
    );
    assertMatch(error!.message, /move what both need into a third module/);
  });

  it("in a folder that was named: the modules in it are", async () => {
    await using rig = new Rig();
    for (const name of ["p.ts", "p_test.ts", "x.md"]) Deno.writeTextFileSync(join(rig.folder, name), "");
    const { code, err } = await furu(["run", "."], { cwd: rig.folder });
    assertEquals(code, 2);
    assertMatch(err, /it is a folder, a file is needed; in it are p\.ts\n/);
  });
});

describe("importCycle()", () => {
  const files: Record<string, string> = {
    "/x/a.ts":
      'import type { T } from "./types.ts";\nimport { b } from "./lib/b.ts";\nexport { z } from "zod";',
    "/x/lib/b.ts": 'export * from "../c.ts";',
    "/x/c.ts": 'import * as a from "./a.ts";',
    "/x/types.ts": 'import "./a.ts";',
    "/x/alone.ts": 'import { b } from "./lib/b.ts";\n// import "./alone.ts"',
  };
  const read = (path: string): string => {
    const text = files[path];
    if (text === undefined) throw new Deno.errors.NotFound();
    return text;
  };

  it("is the shortest way back, by imports and re-exports of values", () => {
    assertEquals(importCycle("/x/a.ts", read), ["/x/a.ts", "/x/lib/b.ts", "/x/c.ts"]);
  });

  it("is none for what only imports modules of a cycle, or is not there", () => {
    assertEquals(importCycle("/x/alone.ts", read), undefined);
    assertEquals(importCycle("/x/none.ts", read), undefined);
  });
});
