import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { lastLines, logEnd } from "../../lib/page/log_end.ts";
import { Rig, testRuntime } from "../rig.ts";

describe("lastLines()", () => {
  it("leaves out colours, control characters and what was drawn over", () => {
    assertEquals(lastLines("a\x1b[31mred\x1b[0m\n 10 %\r 20 %\r\n\x1b]8;;x\x07link\x07\n", false), [
      "ared",
      " 20 %",
      "link",
    ]);
  });

  it("has the last lines, without one that is cut", () => {
    const text = Array.from({ length: 100 }, (_, i) => `line ${i}`).join("\n");
    assertEquals(lastLines(text, true).length, 40);
    assertEquals(lastLines("ne 1\nline 2\n", true), ["line 2"]);
    assertEquals(lastLines("one long line", true), ["one long line"]);
    assertEquals(lastLines("", false), [""]);
  });
});

describe("logEnd()", () => {
  it("reads the end of a large log, and nothing of one that is not there", async () => {
    await using rig = new Rig();
    const { store } = testRuntime(rig.root);
    const path = `${rig.folder}/a.log`;
    await Deno.writeTextFile(path, `${"x".repeat(1_000_000)}\nlast\n`);
    assertEquals(await logEnd(store, path), ["last"]);
    assertEquals(await logEnd(store, `${path}.none`), []);
  });
});
