import { assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { SlurmError } from "../../../lib/core/errors.ts";
import type { Computer } from "../../../lib/run/computer.ts";
import type { AttemptEnd } from "../../../lib/core/attempt_end.ts";
import { artifact, PoolRig } from "../rig.ts";
import { WorkerRig } from "../worker_rig.ts";

function many(count: number): ReturnType<typeof artifact>[] {
  return Array.from({ length: count }, () => artifact(() => 1));
}

/** Lines of a run about nodes that are excluded. */
function excluded(rig: PoolRig): string[] {
  return rig.messages.filter((text) => text.includes("is not used any more"));
}

describe("nodes of a pool where nothing can start", () => {
  it("are told from a module that cannot be imported anywhere, however many workers they take at once", async () => {
    await using rig = new PoolRig();
    await rig.begin(many(6), { maxWorkers: 3 });
    rig.launcher.nodeOf = (order) => order < 3 ? "broken" : "good";
    rig.launcher.planOf = (order) => ({ unstartable: order < 3 });
    const { summary } = (await rig.control())!;
    assertEquals({ computed: summary.computed, failures: summary.failures, excluded: excluded(rig).length }, {
      computed: 6,
      failures: [],
      excluded: 1,
    });
  });

  it("are told from jobs that never begin anywhere, however many they take at once", async () => {
    await using rig = new PoolRig();
    await rig.begin(many(6), { maxWorkers: 4 });
    rig.launcher.nodeOf = (order) => order < 4 ? "broken" : "good";
    rig.launcher.planOf = (order) => order < 4 ? { never: "FAILED exit 97" } : {};
    const { summary } = (await rig.control())!;
    assertEquals({ computed: summary.computed, failures: summary.failures, excluded: excluded(rig).length }, {
      computed: 6,
      failures: [],
      excluded: 1,
    });
    assertEquals(rig.launcher.submitted.at(-1)?.exclude, ["broken"]);
  });

  it("are not thought of when a node crashes with all its jobs", async () => {
    await using rig = new PoolRig();
    await rig.begin(many(6), { maxWorkers: 4 });
    rig.launcher.nodeOf = () => "crashed";
    rig.launcher.planOf = (order) => order < 4 ? { never: "NODE_FAIL", loss: "node-failure" } : {};
    const { summary } = (await rig.control())!;
    assertEquals({ computed: summary.computed, failures: summary.failures, excluded: excluded(rig) }, {
      computed: 6,
      failures: [],
      excluded: [],
    });
  });

  it("are named in the end, when there is no other one", async () => {
    await using rig = new PoolRig();
    await rig.begin(many(2), { maxWorkers: 2 });
    rig.launcher.nodeOf = () => "broken";
    rig.launcher.planOf = (order) =>
      order < 2 ? { refuses: "node" } : { never: "FAILED (BadConstraints)", loss: "deadline" };
    const error = await assertRejects(() => rig.control(), SlurmError);
    assertStringIncludes(error.message, "BadConstraints");
    assertMatch(error.message, /broken: .*no room/);
  });

  it("are left by a worker after the first task that cannot start there", async () => {
    await using rig = new WorkerRig();
    const files = await rig.queued(many(4), { idleTimeoutSec: 5 });
    const end: AttemptEnd = { outcome: "failed", blame: "node", error: "no library", logTail: [] };
    const nothing = () => Promise.resolve();
    const computer: Computer = {
      inProcess: true,
      compute: () => Promise.resolve(end),
      kill: nothing,
      close: nothing,
    };
    const { why, computed } = await rig.worker({ computer }).ended;
    assertEquals(computed, 0);
    assertStringIncludes(why, "a task could not begin here");
    assertEquals(rig.files("failed").length, 1);
    assertEquals(rig.files("todo").length, files.length - 1);
  });
});
