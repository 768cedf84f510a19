import { assertThrows } from "@std/assert";
import { ValidationError } from "../../lib/core/errors.ts";
import { checkImportable } from "../../lib/schedule/importable.ts";
import type { PlanNode } from "../../lib/plan/node.ts";
import { ARTIFACT } from "../../lib/task/artifact/artifact.ts";

const STDIN = "file:///home/me/$deno$stdin.mts";
const FILE = "file:///home/me/tasks.ts";

function node(module: string | undefined, status = "TODO"): PlanNode {
  return { status, artifact: { [ARTIFACT]: { task: { module } }, toString: () => "t/A(1234)" } } as never;
}

Deno.test("checkImportable() refuses tasks that no file defines when the entry is no file either", () => {
  for (const module of [STDIN, "file:///home/me/$deno$eval.mts", undefined]) {
    assertThrows(() => checkImportable([node(FILE), node(module)], STDIN), ValidationError, "t/A(1234)");
  }
});

Deno.test("checkImportable() accepts what some file defines, or what is stored", () => {
  checkImportable([node(FILE), node(STDIN, "DONE")], STDIN);
  checkImportable([node(STDIN), node(undefined)], FILE);
  assertThrows(() => checkImportable([node(STDIN)], STDIN), ValidationError, 'isolation: "inline"');
});
