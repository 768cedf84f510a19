import { assert } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { assertSeeds, runSeeds } from "./scenario.ts";
import { tidyScenario } from "./tidy_scenario.ts";

describe("removing and sweeping beside those who compute", () => {
  it("leaves no half result, and takes nothing that is loaded now, with 100 seeds", async () => {
    const { faults } = await assertSeeds(tidyScenario("tidy"), { count: 100 });
    for (const kind of ["crash", "slow", "lost", "suspend"]) {
      assert((faults[kind] ?? 0) > 0, `never happened: ${kind}`);
    }
  });

  it("is found to be wrong where nothing is known to be in use", async () => {
    const blind = tidyScenario("blind", {
      breaking: (inUse) => ({ ...inUse, reasons: new Map(), recheck: () => Promise.resolve(undefined) }),
    });
    const { failures } = await runSeeds(blind, { count: 60 });
    assert(`${failures[0]?.error}`.includes("what is loaded now was removed"), `${failures[0]?.error}`);
  });
});
