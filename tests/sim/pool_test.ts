import { assert } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { dagSiteScenario } from "./dag_scenario.ts";
import { poolDetachedScenario, poolScenario, poolSiteScenario, poolTwoScenario } from "./pool_scenario.ts";
import { queueScenario } from "./queue_scenario.ts";
import { assertSeeds, type Scenario } from "./scenario.ts";

/** Plays seeds, in which each of these kinds of fault has to happen. */
async function holds(scenario: Scenario, count: number, kinds: readonly string[]): Promise<void> {
  const { faults } = await assertSeeds(scenario, { count });
  for (const kind of kinds) assert((faults[kind] ?? 0) > 0, `never happened: ${kind}`);
}

const FILE_FAULTS = [
  "crash",
  "suspend",
  "lost",
  "eio",
  "full",
  "slow",
  "clockJump",
  "staleList",
  "staleStat",
];
const JOB_FAULTS = [
  ...[
    "late",
    "neverBegins",
    "bootFails",
    "killed",
    "preempted",
    "walltime",
    "nodeFails",
    "cutOff",
    "requeued",
  ],
  ...["unnoticed", "submitFails", "submitLost", "out", "hangs", "unknown", "stale", "cancelFails"],
];

describe("the queue", () => {
  it("loses no task, and none is done without its record, with 3,000 seeds", async () => {
    await holds(queueScenario, 3000, FILE_FAULTS);
  });
});

describe("the pool over a simulated Slurm", () => {
  it("ends its run within the bounds with 500 seeds", async () => {
    await holds(poolScenario, 500, [...FILE_FAULTS, ...JOB_FAULTS, "staleNegative", "interrupt", "vanish"]);
  });

  it("ends with two controllers, of two runs or of one, with 250 seeds", async () => {
    await holds(poolTwoScenario, 250, [...FILE_FAULTS, ...JOB_FAULTS]);
  });

  it("passes the role on between the workers of a detached run with 400 seeds", async () => {
    await holds(poolDetachedScenario, 400, [...FILE_FAULTS, ...JOB_FAULTS]);
  });
});

describe("real sites, by the real code over simulated programs of Slurm", () => {
  it("do a pool's run no harm, which does nobody else's jobs any, with 200 seeds", async () => {
    await holds(poolSiteScenario, 200, ["crash", "slow", "preempted", "walltime", "nodeFails"]);
  });

  it("do a run in DAG mode no harm, which does nobody else's jobs any, with 150 seeds", async () => {
    await holds(dagSiteScenario, 150, ["preempted", "nodeFails", "killed"]);
  });
});
