import { assert, assertEquals } from "@std/assert";
import { walk } from "@std/fs/walk";
import { dirname } from "@std/path/dirname";
import { fromFileUrl } from "@std/path/from-file-url";
import { join } from "@std/path/join";
import { relative } from "@std/path/relative";
import { describe, it } from "@std/testing/bdd";

const repository = fromFileUrl(new URL("..", import.meta.url));
const page = await Deno.readTextFile(join(repository, "ARCHITECTURE.md"));

async function sources(folder: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { path } of walk(join(repository, folder), { exts: [".ts"], includeDirs: false })) {
    found.push(relative(repository, path));
  }
  return found.sort();
}

describe("ARCHITECTURE.md", () => {
  it("names only files and folders that there are", async () => {
    const named = [...page.matchAll(/\b(?:lib|tests|bench)\/[\w/]+(?:\.ts)?\b/g)].map(([path]) => path);
    assert(named.length > 20, "hardly any path was found in the page");
    const missing: string[] = [];
    for (const path of new Set(named)) {
      await Deno.stat(join(repository, path)).catch(() => missing.push(path));
    }
    assertEquals(missing, []);
  });

  it("has each folder of lib/ in its map", async () => {
    const [, map = ""] = page.split("## The map of the code");
    const rows = [...map.split("\n## ")[0]!.matchAll(/^\| `([\w/]+)\/` +\|/gm)].map(([, folder]) => folder!);
    const folders = new Set((await sources("lib")).map((path) => dirname(path).slice("lib/".length)));
    assertEquals(rows.toSorted(), [...folders].sort());
  });

  it("has each section that a comment refers to", async () => {
    const titles = new Set([...page.matchAll(/^#+ (.+)$/gm)].map(([, title]) => title));
    const references: string[] = [];
    for (const path of [...await sources("lib"), ...await sources("tests"), ...await sources("bench")]) {
      if (path.endsWith("architecture_page_test.ts")) continue;
      const text = await Deno.readTextFile(join(repository, path));
      for (const [, title] of text.matchAll(/ARCHITECTURE, "([^"]+)"/g)) references.push(title!);
      assert(!/\bDESIGN(?:\.md)? (?:section )?\d/.test(text), `${path} refers to another page`);
    }
    assert(references.length > 5, "hardly any comment refers to the page");
    assertEquals(references.filter((title) => !titles.has(title)), []);
  });
});
