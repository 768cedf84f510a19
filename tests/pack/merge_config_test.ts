import { assertEquals, assertThrows } from "@std/assert";
import { join } from "@std/path/join";
import { describe, it } from "@std/testing/bdd";
import { mergeConfigs, readConfig } from "../../lib/pack/merge_config.ts";
import { PackError } from "../../lib/pack/pack_error.ts";

function project(files: Record<string, string>): { dir: string } & Disposable {
  const dir = Deno.realPathSync(Deno.makeTempDirSync());
  for (const [name, text] of Object.entries(files)) Deno.writeTextFileSync(join(dir, name), text);
  return { dir, [Symbol.dispose]: () => Deno.removeSync(dir, { recursive: true }) };
}

const furu = {
  imports: { "@furu/furu": "file:///f/mod.ts", zod: "npm:zod@4.0.0", inner: "file:///f/inner.ts" },
  scopes: { "file:///f/": { other: "npm:other@1.0.0" } },
  links: ["/f"],
};

describe("readConfig()", () => {
  it("makes paths absolute, and leaves names and URLs", () => {
    using made = project({
      "deno.jsonc": `{
      // a comment
      "imports": { "a": "./a.ts", "b/": "../b/", "c": "npm:c@1", "./d.ts": "/d.ts" },
      "scopes": { "./below/": { "a": "./other.ts" } },
      "links": ["../linked"],
      "tasks": { "x": "y" }
    }`,
    });
    const base = `file://${made.dir}`;
    const above = base.slice(0, base.lastIndexOf("/"));
    assertEquals(readConfig(join(made.dir, "deno.jsonc")), {
      imports: { a: `${base}/a.ts`, "b/": `${above}/b/`, c: "npm:c@1", [`${base}/d.ts`]: "file:///d.ts" },
      scopes: { [`${base}/below/`]: { a: `${base}/other.ts` } },
      links: [join(made.dir, "../linked")],
    });
  });

  it("reads the import map that the file names", () => {
    using made = project({
      "deno.json": `{ "importMap": "./map.json" }`,
      "map.json": `{ "imports": { "a": "./a.ts" } }`,
    });
    assertEquals(readConfig(join(made.dir, "deno.json")).imports, { a: `file://${made.dir}/a.ts` });
  });

  it("names the file that cannot be read, and what is wrong with it", () => {
    using made = project({ "deno.json": `{ "imports": { "a": 1 } }`, "map.json": "{" });
    assertThrows(
      () => readConfig(join(made.dir, "deno.json")),
      PackError,
      `Cannot read ${made.dir}/deno.json`,
    );
    assertThrows(() => readConfig(join(made.dir, "map.json")), PackError, `Cannot read ${made.dir}/map.json`);
  });
});

describe("mergeConfigs()", () => {
  it("lets the user's names win, and shows furu's others only to furu", () => {
    const users = {
      imports: { zod: "npm:zod@^3", mine: "file:///u/mine.ts" },
      scopes: {},
      links: ["/u/linked"],
    };
    assertEquals(mergeConfigs(users, furu, "/f", ["@furu/furu", "zod"]), {
      imports: { "@furu/furu": "file:///f/mod.ts", zod: "npm:zod@^3", mine: "file:///u/mine.ts" },
      scopes: { "file:///f/": { ...furu.imports, other: "npm:other@1.0.0" } },
      links: ["/u/linked", "/f"],
    });
  });
});
