import { assert, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { claimScenario } from "./claim_scenario.ts";
import { assertSeeds, describeFailure, runSeeds } from "./scenario.ts";

describe("the model of the claim protocol", () => {
  it("holds with 10,000 seeds, in which every kind of fault that it can meet happened", async () => {
    const { faults } = await assertSeeds(claimScenario("claim", "link"), { count: 10_000 });
    for (const kind of ["crash", "suspend", "lost", "eio", "full", "slow", "staleNegative"] as const) {
      assert((faults[kind] ?? 0) > 0, `never happened: ${kind}`);
    }
  });

  it("is found broken within 100 seeds when it claims by looking and then writing", async () => {
    const report = await runSeeds(claimScenario("broken", "check-then-write"), { count: 100 });
    const [failure] = report.failures;
    assert(failure !== undefined);
    const text = describeFailure(failure);
    assertStringIncludes(text, "creates without any fault");
    assert(failure.trace.some((line) => line.includes("writefile '/s/d/running.json'")));
    assertStringIncludes(text, `deno task sim --scenario broken --from ${failure.seed} --seeds 1 --trace`);
  });
});
