import { assert, assertEquals, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { ValidationError } from "../../lib/core/errors.ts";
import type { LimitUse } from "../../lib/core/event.ts";
import { makePlan } from "../../lib/plan/graph.ts";
import { createScheduler } from "../../lib/schedule/scheduler.ts";
import { LimitNotice } from "../../lib/schedule/start/limit_notice.ts";
import { turnOf } from "../../lib/schedule/start/start_queue.ts";
import { NO_UNITS } from "../../lib/core/settings/limits.ts";
import { fakeArtifact, FakeSource } from "../plan/fake_graph.ts";
import { Rig } from "./rig.ts";

const retry = { retryFailed: true, maxComputeRetries: 3, maxPreemptRetries: 5 };

/** Artifacts in this order, by their priorities. */
function queueOf(...needs: [label: string, limits?: Record<string, number>, spec?: string][]) {
  return needs.map(([label, limits, spec = "default"], i) =>
    fakeArtifact(label, [], { limits, priority: -i, spec })
  );
}

describe("limits of the scheduler", () => {
  it("start no more than there are units, and the next one when some come back", async () => {
    const rig = await Rig.of(queueOf(["a", { x: 1 }], ["b", { x: 1 }], ["c", { x: 1 }]), {
      limits: { x: 2 },
    });
    assertEquals(rig.begin(), ["start a", "start b"]);
    assertEquals(rig.done("b"), ["node_done b", "start c"]);
    rig.done("a");
    rig.done("c");
    rig.ended(true);
  });

  it("keep nobody waiting who needs none, or another one", async () => {
    const rig = await Rig.of(queueOf(["a", { x: 1 }], ["b", { x: 1 }], ["c", { y: 1 }], ["d"]), {
      limits: { x: 1, y: 1 },
    });
    assertEquals(rig.begin(), ["start a", "start c", "start d"]);
  });

  it("keep one that needs many units from being passed by small ones for ever", async () => {
    const rig = await Rig.of(
      queueOf(["small 1", { x: 1 }], ["big", { x: 3 }], ["small 2", { x: 1 }], ["small 3", { x: 1, y: 1 }], [
        "other",
        { y: 1 },
      ]),
      { limits: { x: 3, y: 1 } },
    );
    assertEquals(rig.begin(), ["start small 1"].concat("start other"));
    assertEquals(rig.done("other"), ["node_done other"], "two units stay free for the big one");
    assertEquals(rig.done("small 1"), ["node_done small 1", "start big"]);
    assertEquals(rig.done("big"), ["node_done big", "start small 2", "start small 3"]);
  });

  it("leave to others what one that waits for several limits does not wait for", async () => {
    const rig = await Rig.of(
      queueOf(["first", { x: 1 }], ["both", { x: 1, y: 1 }], ["y 1", { y: 1 }], ["y 2", { y: 1 }]),
      { limits: { x: 1, y: 1 } },
    );
    assertEquals(rig.begin(), ["start first", "start y 1"]);
    assertEquals(rig.done("y 1"), ["node_done y 1", "start y 2"]);
    assertEquals(rig.done("first"), ["node_done first"]);
    assertEquals(rig.done("y 2"), ["node_done y 2", "start both"]);
  });

  it("keep for one what came free, until all that it needs has", async () => {
    const rig = await Rig.of(
      queueOf(["x 1", { x: 1 }], ["y 1", { y: 1 }], ["both", { x: 1, y: 1 }], ["x 2", { x: 1 }], ["y 2", {
        y: 1,
      }]),
      { limits: { x: 1, y: 1 } },
    );
    assertEquals(rig.begin(), ["start x 1", "start y 1"]);
    assertEquals(rig.done("x 1"), ["node_done x 1"], "else it would never have both");
    assertEquals(rig.done("y 1"), ["node_done y 1", "start both"]);
    assertEquals(rig.done("both"), ["node_done both", "start x 2", "start y 2"]);
  });

  it("are given back by whatever ends an attempt, and taken again by a retry", async () => {
    const rig = await Rig.of(queueOf(["a", { x: 1 }], ["b", { x: 1 }]), { limits: { x: 1 } });
    assertEquals(rig.begin(), ["start a"]);
    assertEquals(rig.failed("a"), ["retry a compute 3", "start a"]);
    assertEquals(rig.lost("a"), ["retry a lost 5", "start a"]);
    assertEquals(
      rig.busy("a"),
      ["watch a of stranger", "start b"],
      "a stranger takes none of this run's units",
    );
    assertEquals(rig.released("a"), []);
    assertEquals(rig.scheduler.limitUse(), [{ name: "x", units: 1, used: 1, waiting: 1 }]);
    assertEquals(rig.done("b"), ["node_done b", "start a"]);
  });

  it("go with the limits of specs and of all", async () => {
    const rig = await Rig.of(
      queueOf(["gpu 1", { x: 1 }, "gpu"], ["gpu 2", { x: 1 }, "gpu"], ["cpu 1", { x: 1 }], ["cpu 2", {
        x: 1,
      }], [
        "cpu 3",
      ]),
      { limits: { x: 2 }, limit: (spec) => spec === "gpu" ? 1 : 9, maxRunning: 3 },
    );
    // What waits for its spec takes no units meanwhile.
    assertEquals(rig.begin(), ["start gpu 1", "start cpu 1", "start cpu 3"]);
    assertEquals(rig.done("gpu 1"), ["node_done gpu 1", "start gpu 2"]);
  });

  it("count what an earlier controller has begun, which goes on whatever there is room for", async () => {
    const all = queueOf(["a", { x: 1 }], ["b", { x: 1 }], ["c", { x: 1 }], ["d", { x: 1 }]);
    const begun = [all[2]!.hash, all[3]!.hash];
    const rig = await Rig.of(all, { limits: { x: 1 }, window: 1, begun });
    assertEquals(rig.begin(), ["start c", "start d"]);
    assertEquals(rig.done("c"), ["node_done c"]);
    assertEquals(rig.failed("d"), ["retry d compute 3", "start a"], "a retry has its turn");
  });

  it("are refused where something would wait for ever", async () => {
    const made = await makePlan(queueOf(["a", { x: 2 }]), new FakeSource());
    for (const limits of [undefined, {}, { y: 2 }, { x: 1 }]) {
      assertThrows(
        () => createScheduler(made, { window: "bfs", retry, limits }),
        ValidationError,
        "limit 'x'",
      );
    }
    for (const x of [0, -1, 1.5, NaN]) {
      assertThrows(
        () => createScheduler(made, { window: "bfs", retry, limits: { x } }),
        ValidationError,
        "'x'",
      );
    }
  });

  it("fail what turns out to be needed, and can never begin by them", async () => {
    const busy = fakeArtifact("busy", [fakeArtifact("below busy", [], { limits: { x: 2 } })]);
    const source = new FakeSource().set(busy, { status: "IN_PROGRESS", owner: "pid 1" });
    const rig = await Rig.of([busy], { limits: { x: 1 } }, source);
    rig.begin();
    const actions = rig.released("busy", await makePlan([busy], new FakeSource()));
    assertEquals(actions, [
      "node_failed below busy compute: It can never begin as it takes 2 of limit 'x', which has 1",
      "stop failure",
      "finished",
    ]);
  });

  it("are told of as far as anything needs them", async () => {
    const rig = await Rig.of(queueOf(["a", { x: 2 }], ["b", { x: 2 }], ["c", { x: 1, y: 1 }], ["d"]), {
      limits: { x: 3, y: 1, unused: 1 },
    });
    rig.begin();
    assertEquals(rig.scheduler.limitUse(), [
      { name: "x", units: 3, used: 2, waiting: 2 },
      { name: "y", units: 1, used: 0, waiting: 0 },
    ]);
  });

  it("cost as much for each event as there are kinds of needs, whatever the number of nodes", async () => {
    const count = 5000;
    const all = Array.from(
      { length: count },
      (_, i) => fakeArtifact(`${i}`, [], { limits: { x: 1 + i % 3 } }),
    );
    const made = await makePlan(all, new FakeSource());
    const scheduler = createScheduler(made, { window: "bfs", retry, limits: { x: 5 } });
    const running = scheduler.step({ type: "begin" });
    let ended = 0;
    for (let action = running.pop(); action; action = running.pop()) {
      if (action.type !== "start") continue;
      ended++;
      running.push(...scheduler.step({ type: "done", hash: action.hash, computed: true }));
    }
    assertEquals(ended, count);
    assert(scheduler.operations < 5 * count);
  });
});

describe("priority in the scheduler", () => {
  it("comes before the longest chain, and brings what is needed along", async () => {
    const urgent = fakeArtifact("urgent", [fakeArtifact("below urgent")], { priority: 1 });
    const long = fakeArtifact("long", [fakeArtifact("middle", [fakeArtifact("deep")])]);
    const rig = await Rig.of([long, urgent], { maxRunning: 1 });
    assertEquals(rig.begin(), ["start below urgent"]);
    assertEquals(rig.done("below urgent"), ["node_done below urgent", "start urgent"]);
    assertEquals(rig.done("urgent"), ["node_done urgent", "start deep"]);
  });

  it("lets roots into the window, of equal ones the first given first", async () => {
    const roots = [["1", 0], ["2", 5], ["3", 0], ["4", 5]] as const;
    const rig = await Rig.of(roots.map(([label, priority]) => fakeArtifact(label, [], { priority })), {
      window: 1,
    });
    const order = rig.begin();
    while (!rig.end) order.push(...rig.done(order.at(-1)!.slice(6)));
    assertEquals(order.filter((each) => each.startsWith("start")), [
      "start 2",
      "start 4",
      "start 1",
      "start 3",
    ]);
  });

  it("gives those a part of a later plan that were unknown so far", async () => {
    const busy = fakeArtifact("busy", [fakeArtifact("below busy")], { priority: 3 });
    const other = fakeArtifact("other", [], { priority: 1 });
    const rig = await Rig.of(
      [busy, other, fakeArtifact("first", [], { priority: 2 })],
      { maxRunning: 1 },
      new FakeSource()
        .set(busy, { status: "IN_PROGRESS", owner: "pid 1" }),
    );
    assertEquals(rig.begin(), ["watch busy of pid 1", "start first"]);
    rig.released("busy", await makePlan([busy], new FakeSource()));
    assertEquals(rig.done("first"), ["node_done first", "start below busy"]);
  });

  it("has what takes units of limits go first among equal ones in a queue", () => {
    const turns = [[1, NO_UNITS], [0, { x: 1 }], [0, NO_UNITS], [-1, { x: 1 }], [-1, NO_UNITS]] as const;
    assertEquals(turns.map(([priority, limits]) => turnOf({ priority, limits })), [2, 1, 0, -1, -2]);
  });
});

describe("LimitNotice", () => {
  it("tells a change at once, further ones of the same second at its end, and none twice", async () => {
    let now = 0;
    const sleeps: (() => void)[] = [];
    const clock = {
      now: () => now,
      monotonic: () => now,
      sleep: () => new Promise<void>((resolve) => sleeps.push(resolve)),
    };
    const told: number[] = [];
    const notice = new LimitNotice(clock, ([first]) => told.push(first!.used));
    const use = (used: number) => (): LimitUse[] => [{ name: "x", units: 3, used, waiting: 0 }];
    notice.look(use(1));
    for (const used of [2, 3, 1, 2]) notice.look(use(used));
    assertEquals(told, [1]);
    assertEquals(sleeps.length, 1);
    now = 1000;
    sleeps.pop()!();
    await Promise.resolve();
    assertEquals(told, [1, 2]);
    now = 5000;
    notice.look(use(2));
    assertEquals(told, [1, 2]);
  });
});
