import { assertEquals } from "@std/assert";
import { afterAll, beforeAll, describe, it } from "@std/testing/bdd";
import { startsLinked } from "../this_deno.ts";
import { readPages } from "./page.ts";
import { difference, PageProject } from "./run_page.ts";

const pages = (await readPages()).filter(({ fences }) => fences.some(({ marks }) => marks.has("run")));
// furu is linked there, and started by its name.
describe("pages", { ignore: !startsLinked }, () => {
  let folder: string;
  beforeAll(async () => {
    folder = await Deno.realPath(await Deno.makeTempDir({ prefix: "furu-docs-" }));
  });
  afterAll(async () => {
    await Deno.remove(folder, { recursive: true });
  });

  // With DOCS_PAGE only one of them, as while it is written.
  for (const page of pages.filter(({ path }) => path.includes(Deno.env.get("DOCS_PAGE") ?? ""))) {
    it(`print what ${page.path} says`, async () => {
      await new PageProject(folder, page).run();
    });
  }
});

describe("difference()", () => {
  it("passes over times, sizes, runs, columns and the order of lines", () => {
    const page = "toy/A(4f0c12ab)  done in 12 ms\nrun local-2026-11-29T101112123Z-abc123\n";
    const printed = "run local-2026-11-30T101112123Z-ffffff\ntoy/A(4f0c12ab) done   in 3.1 s\n";
    assertEquals(difference(page, printed), undefined);
  });

  it("names lines that are missing, and those that are too many", () => {
    assertEquals(difference("a\nb 1\n", "a\nb 2\n"), "- b 1\n+ b 2");
    assertEquals(difference("a\na\n", "a\n"), "- a");
  });

  it("takes '...' for any lines", () => {
    assertEquals(difference("a\n...\n", "a\nb\nc\n"), undefined);
    assertEquals(difference("a\n...\n", "b\nc\n"), "- a");
  });
});
