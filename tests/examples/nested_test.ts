import { assertEquals, assertFalse, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { makeRig } from "./example.ts";

describe("nested", () => {
  it("examples/nested.ts computes the inner task once and loads it ever after", async () => {
    await using rig = await makeRig();
    const first = await rig.run("examples/nested.ts");
    assertEquals(first.code, 0, first.output);
    assertStringIncludes(first.stdout, "is 285\n");
    assertStringIncludes(first.output, "computing 10 squares");

    const second = await rig.run("examples/nested.ts");
    assertEquals(
      { code: second.code, stdout: second.stdout },
      { code: 0, stdout: first.stdout },
      second.output,
    );
    assertFalse(second.output.includes("computing"), second.output);
  });
});
