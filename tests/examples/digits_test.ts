import { assert, assertEquals, assertGreater, assertLess, assertMatch } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { makeRig } from "./example.ts";

describe("digits", () => {
  it("examples/digits.ts sweeps, chooses by validation, draws, and loads everything the second time", async () => {
    await using rig = await makeRig();
    const first = await rig.run("examples/digits.ts");
    assertEquals(first.code, 0, first.output);
    const [, share] = first.stdout.match(/([\d.]+) % are recognised/) ?? [];
    assertGreater(Number(share), 88, first.stdout);
    const validations = [...first.stdout.matchAll(/│ (0\.\d+) +│\s*$/gm)].map(([, value]) => Number(value));
    assertEquals(validations.length, 8, first.stdout);
    assertEquals(validations, validations.toSorted((a, b) => b - a));

    const [, chart = ""] = first.stdout.match(/over the sweep: (.+\.svg)$/m) ?? [];
    assert(chart.startsWith(rig.root), first.stdout);
    const svg = await Deno.readTextFile(chart);
    assertMatch(svg, /^<svg /);
    assertEquals(svg.match(/<circle /g)?.length, 30);

    const second = await rig.run("examples/digits.ts");
    assertEquals(
      { code: second.code, stdout: second.stdout },
      { code: 0, stdout: first.stdout },
      second.output,
    );
    assertLess(second.durationMs, first.durationMs / 3);
  });
});
