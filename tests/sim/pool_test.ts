import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { poolDetachedScenario, poolScenario, poolTwoScenario } from "./pool_scenario.ts";
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
  it("loses no task, and none is done without its record, with 20,000 seeds", async () => {
    await holds(queueScenario, 20_000, FILE_FAULTS);
  });
});

describe("the pool over a simulated Slurm", () => {
  it("ends its run within the bounds with 1,500 seeds", async () => {
    await holds(poolScenario, 1500, [...FILE_FAULTS, ...JOB_FAULTS, "staleNegative", "interrupt"]);
  });

  it("ends with two controllers, of two runs or of one, with 800 seeds", async () => {
    await holds(poolTwoScenario, 800, [...FILE_FAULTS, ...JOB_FAULTS]);
  });

  it("passes the role on between the workers of a detached run with 800 seeds", async () => {
    await holds(poolDetachedScenario, 800, [...FILE_FAULTS, ...JOB_FAULTS]);
  });

  it("holds with the seeds that found faults", async () => {
    const seeds: [Scenario, number, string][] = [
      [
        queueScenario,
        3568,
        "a folder that could not be looked at once stayed unknown for the process's life",
      ],
      [poolScenario, 66, "a role was kept, with a heartbeat, by a process that had failed to look further"],
      [poolScenario, 304, "one slow listing was followed by a pause of an hour and a half"],
      [poolDetachedScenario, 7, "the worker that held the role took the place of workers of other specs"],
      [
        poolDetachedScenario,
        142,
        "an idle worker left before the lease of a dead holder of the role was over",
      ],
      [
        poolDetachedScenario,
        1076,
        "a controller that had nothing to do never knew that it was none any more",
      ],
      [poolDetachedScenario, 4559, "one EIO while a run was taken up ended the run"],
      [poolTwoScenario, 2250, "tasks went round and round while a host remembered a folder as missing"],
    ];
    for (const [scenario, from, about] of seeds) {
      const { seeds: played } = await assertSeeds(scenario, { from, count: 1 });
      assertEquals(played, 1, about);
    }
  });
});
