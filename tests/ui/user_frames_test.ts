import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { userFrames } from "../../lib/ui/user_frames.ts";

const furu = new URL("../../lib/run/get/get.ts", import.meta.url).href;

describe("userFrames()", () => {
  it("keeps the user's own frames only", () => {
    const stack = [
      "Error: at first sight",
      `    at computeOne (${furu}:1:1)`,
      "    at create (file:///x/pipeline.ts:12:9)",
      "    at async file:///x/other.ts:1:1",
      "    at eventLoopTick (ext:core/01_core.js:183:7)",
    ].join("\n");
    assertEquals(userFrames(stack, 3), [
      "create (file:///x/pipeline.ts:12:9)",
      "async file:///x/other.ts:1:1",
    ]);
    assertEquals(userFrames(stack, 1), ["create (file:///x/pipeline.ts:12:9)"]);
  });

  it("keeps what was typed in, which has no name, and not what the language itself calls", () => {
    const stack = [
      "Error: x",
      "    at helper (<anonymous>:3:21)",
      "    at Array.map (<anonymous>)",
      "    at async Promise.all (index 0)",
      "    at async <anonymous>:1:22",
    ].join("\n");
    assertEquals(userFrames(stack, 9), ["helper (<anonymous>:3:21)", "async <anonymous>:1:22"]);
  });

  it("falls back to what there is, unless only the user's own are wanted", () => {
    const stack = `Error: x\n    at get (${furu}:1:1)`;
    assertEquals(userFrames(stack, 3), [`get (${furu}:1:1)`]);
    assertEquals(userFrames(stack, 3, { onlyOwn: true }), []);
    assertEquals(userFrames("", 3), []);
  });
});
