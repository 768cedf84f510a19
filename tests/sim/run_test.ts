import { assert } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { partialScenario } from "./partial_scenario.ts";
import { aheadScenario, runScenario } from "./run_scenario.ts";
import { assertSeeds } from "./scenario.ts";

describe("run", () => {
  it("two runs of a diamond at once hold with 1,500 seeds", async () => {
    const { faults } = await assertSeeds(runScenario, { count: 1500 });
    for (const kind of ["crash", "suspend", "lost", "eio", "full", "powerCut", "siteCut", "serverCut"]) {
      assert((faults[kind] ?? 0) > 0, `never happened: ${kind}`);
    }
  });

  it("results that are partial count no longer than what they lack, with 150 seeds", async () => {
    const { faults } = await assertSeeds(partialScenario, { count: 150 });
    for (const kind of ["crash", "suspend", "lost", "eio", "full"]) {
      assert((faults[kind] ?? 0) > 0, `never happened: ${kind}`);
    }
  });

  it("first attempts in processes of their own hold with 1,000 seeds", async () => {
    const { faults } = await assertSeeds(aheadScenario, { count: 1000 });
    for (const kind of ["crash", "suspend", "lost", "eio", "full", "powerCut", "siteCut", "serverCut"]) {
      assert((faults[kind] ?? 0) > 0, `never happened: ${kind}`);
    }
  });
});
