import { assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "@std/path/join";
import { afterAll, beforeAll, describe, it } from "@std/testing/bdd";
import { describeOnSlurm } from "../slurm/suite.ts";
import { CAN_COMPILE } from "./old_deno.ts";
import { itIsFuru, itIsThePipelinesProgram, itRunsOnSlurm } from "./program_suite.ts";
import { ProgramRig } from "./rig.ts";

let rig: ProgramRig;
const getRig = () => rig;

describe("a compiled program", { ignore: !CAN_COMPILE }, () => {
  beforeAll(async () => {
    rig = await ProgramRig.compiled();
  });
  afterAll(async () => await rig[Symbol.asyncDispose]());

  itIsFuru(getRig);
  itIsThePipelinesProgram(getRig);

  it("names all that is not in it, with the modules that import it", async () => {
    rig.write(
      "lacks/deno.json",
      JSON.stringify({ imports: { old: "npm:zod@^3", "later/": "npm:/later@1/" } }),
    );
    rig.write("lacks/one.ts", 'export { b } from "jsr:@some/lib@1";');
    const path = rig.write(
      "lacks/pipeline.ts",
      'import { c } from "./one.ts"; import x from "later/x"; export default [c, x];',
    );
    const { code, stderr } = await rig.run(["plan", path]);
    assertEquals(code, 1);
    assertStringIncludes(stderr, `lacks/one.ts imports "jsr:@some/lib@1"`);
    assertStringIncludes(stderr, `lacks/pipeline.ts imports "later/x"`);
    const other = rig.write(
      "lacks/other.ts",
      'import { z } from "old"; const y: unknown = z; export default [y];',
    );
    const version = await rig.run(["plan", other]);
    assertEquals(version.code, 1);
    assertStringIncludes(version.stderr, "zod@^3");
    assertStringIncludes(version.stderr, "'furu pack PIPELINE' has");
  });

  it("cannot be packed, and says what can", async () => {
    const { code, stderr } = await rig.run(["pack", "-o", join(rig.folder, "packed")]);
    assertEquals(code, 1);
    assertStringIncludes(stderr, "was compiled and has no whole Deno in it");
  });

  it("says that its heap is what it was compiled with", async () => {
    const options = { file: rig.pipeline, env: { FURU_PATH: join(rig.folder, "store with a heap") } };
    const { code, output } = await rig.run(["run", "--max-heap", "200"], options);
    assertEquals(code, 0, output);
    assertStringIncludes(output, "Workers have the heap that this program was compiled with, not 200 MB");
  });

  describeOnSlurm("a compiled program, on Slurm", (suite) => {
    itRunsOnSlurm(suite, ["dag", "pool", "detached"], getRig);
  });
});
