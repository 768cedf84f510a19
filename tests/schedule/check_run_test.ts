import { assertEquals, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { ValidationError } from "../../lib/core/errors.ts";
import { checkImportable, windowSize } from "../../lib/schedule/check_run.ts";
import type { PlanNode } from "../../lib/plan/node.ts";
import { ARTIFACT } from "../../lib/task/artifact/artifact.ts";

const STDIN = "file:///home/me/$deno$stdin.mts";

const FILE = "file:///home/me/tasks.ts";

function node(module: string | undefined, status = "TODO"): PlanNode {
  return { status, artifact: { [ARTIFACT]: { task: { module } }, toString: () => "t/A(1234)" } } as never;
}

describe("checkImportable()", () => {
  it("refuses tasks that no file defines when the entry is no file either", () => {
    for (const module of [STDIN, "file:///home/me/$deno$eval.mts", undefined]) {
      assertThrows(() => checkImportable([node(FILE), node(module)], STDIN), ValidationError, "t/A(1234)");
    }
  });

  it("accepts what some file defines, or what is stored", () => {
    checkImportable([node(FILE), node(STDIN, "DONE")], STDIN);
    checkImportable([node(STDIN), node(undefined)], FILE);
    assertThrows(() => checkImportable([node(STDIN)], STDIN), ValidationError, 'isolation: "inline"');
  });
});

describe("windowSize()", () => {
  it("knows dfs, bfs and positive integers", () => {
    assertEquals(windowSize("dfs"), 1);
    assertEquals(windowSize("bfs"), Infinity);
    assertEquals([1, 2, 1000].map((window) => windowSize(window)), [1, 2, 1000]);
  });

  it("refuses all else, saying what is allowed and what it got", () => {
    for (const bad of [0, -1, 1.5, NaN, Infinity, "DFS", "3", "", null, undefined, true, [1], {}]) {
      const error = assertThrows(() => windowSize(bad), ValidationError, '"dfs"');
      assertEquals(error.message.endsWith(`current value is ${Deno.inspect(bad)}`), true, error.message);
    }
  });
});
