import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { dirname } from "@std/path/dirname";
import { join } from "@std/path/join";
import { toFileUrl } from "@std/path/to-file-url";
import { describe, it } from "@std/testing/bdd";
import { importedBy, taskCode } from "../../../lib/store/results/task_code.ts";

/** A folder with these files. */
async function project(files: Record<string, string>) {
  const folder = await Deno.realPath(await Deno.makeTempDir({ prefix: "furu-test-" }));
  const write = (name: string, text: string) => {
    Deno.mkdirSync(dirname(join(folder, name)), { recursive: true });
    Deno.writeTextFileSync(join(folder, name), text);
  };
  for (const [name, text] of Object.entries(files)) write(name, text);
  return {
    folder,
    write,
    url: (name: string) => toFileUrl(join(folder, name)).href,
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
}

describe("importedBy()", () => {
  it("finds static imports, types, re-exports and dynamic ones, over lines", () => {
    const text = [
      'import "./a.ts";',
      "import b, {\n  type B,\n  c,\n} from './b.ts';",
      'export * from "./c.ts"; export type { D } from"./d.ts";',
      "const e = await import(\n  `./e.ts`\n);",
      'import data from "./f.json" with { type: "json" };',
    ].join("\n");
    assertEquals(importedBy(text), ["./a.ts", "./b.ts", "./c.ts", "./d.ts", "./e.ts", "./f.json"]);
  });

  it("passes over comments and names that are computed, and loses nothing behind odd texts", () => {
    const text = [
      '// import "./no.ts";',
      '/**\n * import "./no.ts";\n */',
      "const pattern = `${folder}/*.ts`; const quote = /[\"'`]/; const url = 'https://x';",
      "await import(`./${name}.ts`);",
      'import { a } from "./yes.ts";',
    ].join("\n");
    assertEquals(importedBy(text), ["./yes.ts"]);
  });
});

describe("taskCode()", () => {
  it("covers what the module imports, directly or not, and nothing else", async () => {
    await using code = await project({
      "tasks/train.ts": 'import { b } from "../lib/b.ts";\nimport "npm:zod";\n',
      "lib/b.ts": 'export { c as b } from "./c.ts";\n',
      "lib/c.ts": 'import "../tasks/train.ts";\nexport const c = 1;\n',
      "lib/other.ts": "export {};\n",
    });
    const digest = async () => (await taskCode(code.url("tasks/train.ts")))?.digest;
    const before = await digest();
    assert(before);
    assertEquals(
      (await taskCode(code.url("tasks/train.ts")))?.paths.map((path) => path.slice(code.folder.length))
        .sort(),
      ["/lib/b.ts", "/lib/c.ts", "/tasks/train.ts"],
    );
    code.write("lib/other.ts", "export const changed = true;\n");
    assertEquals(await digest(), before);
    code.write("lib/c.ts", 'import "../tasks/train.ts";\nexport const c = 22;\n');
    assertNotEquals(await digest(), before);
  });

  it("is the same wherever the folder is", async () => {
    const files = { "a.ts": 'import "./lib/b.ts";\n', "lib/b.ts": "export {};\n" };
    await using one = await project(files);
    await using other = await project(files);
    const digests = await Promise.all(
      [one, other].map(async ({ url }) => (await taskCode(url("a.ts")))?.digest),
    );
    assert(digests[0]);
    assertEquals(digests[0], digests[1]);
  });

  it("resolves names of the configuration, and of a workspace around it, and tells the lock file apart", async () => {
    await using code = await project({
      "deno.jsonc": '{ // all\n "workspace": ["./app", "./kit"], "imports": { "shared/": "./shared/", }, }',
      "deno.lock": "{}",
      "app/deno.json": '{ "imports": { "@/": "./src/", "exact": "./src/exact.ts" } }',
      "app/src/a.ts":
        'import "@/b.ts";\nimport "exact";\nimport "shared/s.ts";\nimport "@me/kit";\nimport "@me/kit/sub";\n',
      ...{ "app/src/b.ts": "1", "app/src/exact.ts": "2", "shared/s.ts": "3" },
      "kit/deno.json": '{ "name": "@me/kit", "exports": { ".": "./mod.ts", "./sub": "./deep/sub.ts" } }',
      ...{ "kit/mod.ts": "4", "kit/deep/sub.ts": "5" },
    });
    const found = await taskCode(code.url("app/src/a.ts"));
    assertEquals(found?.paths.map((path) => path.slice(code.folder.length)).sort(), [
      ...["/app/src/a.ts", "/app/src/b.ts", "/app/src/exact.ts"],
      ...["/kit/deep/sub.ts", "/kit/mod.ts", "/shared/s.ts"],
    ]);
    code.write("deno.lock", '{ "version": "5" }');
    const later = await taskCode(code.url("app/src/a.ts"));
    assert(found?.lock && later?.lock);
    assertNotEquals(found.lock, later.lock);
    assertEquals(found.digest, later.digest);
  });

  it("is not known of what is gone or remote, or was written after a process has loaded it", async () => {
    await using code = await project({ "a.ts": 'import "./b.ts";\n', "b.ts": "export {};\n" });
    assertEquals(await taskCode("https://example.com/a.ts"), undefined);
    assertEquals(await taskCode(code.url("gone.ts")), undefined);
    assert(await taskCode(code.url("a.ts"), Date.now() + 60_000));
    Deno.utimeSync(join(code.folder, "b.ts"), new Date(), new Date(Date.now() + 120_000));
    assertEquals(await taskCode(code.url("a.ts"), Date.now() + 60_000), undefined);
  });
});
