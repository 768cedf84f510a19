import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { walk } from "@std/fs/walk";
import { describe, it } from "@std/testing/bdd";
import { makeRig } from "./example.ts";

describe("examples/program.ts", () => {
  it("runs its programs, and is a command-line program itself", async () => {
    await using rig = await makeRig();
    const run = await rig.run("examples/program.ts", "run");
    assertEquals(run.code, 0, run.output);
    const sorted = await Array.fromAsync(walk(rig.root, { match: [/sorted\.txt$/] }));
    assertEquals(sorted.length, 2);
    for (const { path } of sorted) {
      const rolls = (await Deno.readTextFile(path)).trim().split("\n");
      assertEquals(rolls.length, 600);
      assertEquals(rolls, rolls.toSorted());
      assertMatch(rolls.join(""), /^1+2+3+4+5+6+$/);
    }
    const plan = await rig.run("examples/program.ts", "plan");
    assertEquals(plan.code, 0, plan.output);
    assertStringIncludes(plan.stdout, "program/Faces");
  });

  it("tells what a failing program said, its exit code and where the log is", async () => {
    await using rig = await makeRig();
    const { code, output } = await rig.run("cli.ts", "run", "examples/program.ts#broken");
    assertEquals(code, 1, output);
    assertStringIncludes(output, "program/Broken");
    assertStringIncludes(output, "the dice fell off the table");
    assertMatch(output, /exit(ed with)?( code)? 3/);
    const log = output.match(/\S+\.log\b/)?.[0] ?? "";
    assertStringIncludes(await Deno.readTextFile(log), "the dice fell off the table");
  });
});
