import { assertEquals, assertThrows } from "@std/assert";
import { ValidationError } from "../../lib/core/errors.ts";
import { windowSize } from "../../lib/schedule/window.ts";

Deno.test("windowSize() knows dfs, bfs and positive integers", () => {
  assertEquals(windowSize("dfs"), 1);
  assertEquals(windowSize("bfs"), Infinity);
  assertEquals([1, 2, 1000].map((window) => windowSize(window)), [1, 2, 1000]);
});

Deno.test("windowSize() refuses all else, saying what is allowed and what it got", () => {
  for (const bad of [0, -1, 1.5, NaN, Infinity, "DFS", "3", "", null, undefined, true, [1], {}]) {
    const error = assertThrows(() => windowSize(bad), ValidationError, '"dfs"');
    assertEquals(error.message.endsWith(`current value is ${Deno.inspect(bad)}`), true, error.message);
  }
});
