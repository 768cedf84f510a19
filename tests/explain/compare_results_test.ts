import { assertEquals } from "@std/assert";
import { dirname } from "@std/path/dirname";
import { join } from "@std/path/join";
import { describe, it } from "@std/testing/bdd";
import { compareResults, firstDifference } from "../../lib/explain/compare_results.ts";
import { systemMachine } from "../../lib/core/system/system_machine.ts";
import { attemptPaths } from "../../lib/store/layout.ts";
import type { SuccessRecord } from "../../lib/store/record.ts";
import { Store } from "../../lib/store/store.ts";
import { Rig } from "../rig.ts";

const KEY = { name: "toy/Train", hash: "a".repeat(32) };

/** A result with these files. */
function result(rig: Rig, id: string, value: unknown, files: Record<string, string>) {
  const store = new Store(systemMachine(), { root: rig.root, leaseSec: 60, heartbeatSec: 5 });
  const dir = attemptPaths(store.paths(KEY as never), { n: 1, id }).files;
  for (const [name, text] of Object.entries(files)) {
    Deno.mkdirSync(dirname(join(dir, name)), { recursive: true });
    Deno.writeTextFileSync(join(dir, name), text);
  }
  const sizes = Object.fromEntries(Object.entries(files).map(([name, text]) => [name, text.length]));
  return { store, record: { attempt: 1, id, value, sizes } as unknown as SuccessRecord };
}

describe("compareResults()", () => {
  it("finds the first place where two values differ", () => {
    const old = { loss: 1, rows: [{ x: 1 }, { x: 2 }], gone: null };
    assertEquals(firstDifference(old, structuredClone(old), "value"), undefined);
    assertEquals(firstDifference(old, { ...old, rows: [{ x: 1 }, { x: 3 }] }, "value"), {
      where: "value.rows[1].x",
      old: 2,
      new: 3,
    });
    assertEquals(firstDifference(old, { ...old, rows: [{ x: 1 }] }, "value"), {
      where: "value.rows[1]",
      old: { x: 2 },
    });
    assertEquals(firstDifference([1], { 0: 1 }, "value")?.where, "value");
  });

  it("compares files by name, size and content, whatever the attempts are called", async () => {
    await using rig = new Rig();
    const files = { "a.txt": "one", "deep/b.txt": "two" };
    const one = result(rig, "one", { dir: 1 }, files);
    assertEquals(await compareResults(KEY, one, result(rig, "same", { dir: 1 }, files)), undefined);
    const cases = [
      [{ "a.txt": "one" }, { where: "file deep/b.txt", old: "3 bytes" }],
      [{ ...files, "c.txt": "" }, { where: "file c.txt", new: "0 bytes" }],
      [{ ...files, "a.txt": "ones" }, { where: "file a.txt", old: "3 bytes", new: "4 bytes" }],
      [{ ...files, "deep/b.txt": "twx" }, {
        where: "file deep/b.txt",
        old: "byte 2 differs",
        new: "byte 2 differs",
      }],
    ] as const;
    for (const [i, [other, expected]] of cases.entries()) {
      assertEquals(await compareResults(KEY, one, result(rig, `x${i}`, { dir: 1 }, other)), expected);
    }
  });
});
