import { assert } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { assertSeeds } from "../sim/scenario.ts";
import { queueScenario } from "./queue_scenario.ts";

const FAULTS = ["crash", "suspend", "lost", "eio", "full", "slow", "staleList", "staleNegative"] as const;

describe("queue sim", () => {
  it("the queue loses no task with any of 500 seeds, in which every kind of fault happened", async () => {
    const { faults } = await assertSeeds(queueScenario("queue", 1), { count: 500 });
    for (const kind of FAULTS) assert((faults[kind] ?? 0) > 0, `never happened: ${kind}`);
  });

  it("the queue loses no task when two controllers move its files, with any of 200 seeds", async () => {
    await assertSeeds(queueScenario("queue-2", 2), { count: 200 });
  });
});
