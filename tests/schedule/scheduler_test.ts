import { assert, assertEquals, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { ValidationError } from "../../lib/core/errors.ts";
import { type Hash, hashText } from "../../lib/core/hash.ts";
import { makePlan, type Plan } from "../../lib/plan/graph.ts";
import { createScheduler } from "../../lib/schedule/scheduler.ts";
import { fakeArtifact, FakeSource, layeredGraph } from "../plan/fake_graph.ts";
import { Rig } from "./rig.ts";

const retry = { retryFailed: true, maxComputeRetries: 3, maxPreemptRetries: 5 };

/** a <- b <- root, c <- root */
function diamond() {
  const a = fakeArtifact("a"), b = fakeArtifact("b", [a]), c = fakeArtifact("c");
  return { a, b, c, root: fakeArtifact("root", [b, c]) };
}

describe("the scheduler", () => {
  it("the scheduler starts a node when all of its dependencies are done", async () => {
    const rig = await Rig.of([diamond().root]);
    assertEquals(rig.begin(), ["start a", "start c"]);
    assertEquals(rig.done("a"), ["node_done a", "start b"]);
    assertEquals(rig.done("b"), ["node_done b"]);
    assertEquals(rig.done("c", false), ["node_done c", "start root"]);
    assertEquals(rig.done("root"), ["node_done root", "finished"]);
    rig.ended(true);
    assertEquals(rig.done("root"), [], "nothing comes after the end");
  });

  it("the scheduler ends at once when there is nothing to do", async () => {
    const root = fakeArtifact("root");
    for (const roots of [[], [root]]) {
      const rig = await Rig.of(roots, {}, new FakeSource().done(root));
      assertEquals(rig.begin(), ["finished"]);
      rig.ended(true);
    }
  });

  it("the scheduler prefers the longest chain, then the hash", async () => {
    const long = fakeArtifact("long-3", [fakeArtifact("long-2", [fakeArtifact("long-1")])]);
    const short = ["x", "y", "z"].map((label) => fakeArtifact(label));
    const rig = await Rig.of([...short, long], { maxRunning: 1 });
    const order: string[] = [];
    for (let actions = rig.begin(); !rig.end; actions = rig.done(order.at(-1)!)) {
      order.push(actions.at(-1)!.replace("start ", ""));
    }
    const byHash = ["long-3", "x", "y", "z"].sort((a, b) => rig.hash(a) < rig.hash(b) ? -1 : 1);
    assertEquals(order, ["long-1", "long-2", ...byHash]);
  });

  it("the scheduler keeps the limit of each spec and of all together", async () => {
    const roots = [1, 2, 3].flatMap((i) =>
      ["gpu", "cpu"].map((spec) => fakeArtifact(`${spec}${i}`, [], { spec }))
    );
    const limited = await Rig.of(roots, { limit: (spec) => spec === "gpu" ? 1 : 2 });
    const specs = (actions: string[]) =>
      actions.filter((a) => a.startsWith("start")).map((a) => a.slice(6, 9)).sort();
    const first = limited.begin();
    assertEquals(specs(first), ["cpu", "cpu", "gpu"]);
    const gpu = first.find((a) => a.includes("gpu"))!.slice(6);
    assertEquals(specs(limited.done(gpu)), ["gpu"]);
    const total = await Rig.of(roots, { maxRunning: 4 });
    assertEquals(specs(total.begin()).length, 4);
  });

  it("createScheduler() refuses limits and windows that are none", async () => {
    const made = await makePlan([fakeArtifact("a", [], { spec: "gpu" })], new FakeSource());
    for (const limit of [0, -1, 1.5, NaN]) {
      assertThrows(
        () => createScheduler(made, { window: 1, retry, limit: () => limit }),
        ValidationError,
        "gpu",
      );
      assertThrows(() => createScheduler(made, { window: 1, retry, maxRunning: limit }), ValidationError);
    }
    assertThrows(() => createScheduler(made, { window: 0, retry }), ValidationError);
  });

  it("the window dfs works on one root after another", async () => {
    const shared = fakeArtifact("shared");
    const roots = ["1", "2", "3"].map((label) =>
      fakeArtifact(label, [shared, fakeArtifact(`below ${label}`)])
    );
    const rig = await Rig.of(roots, { window: "dfs" });
    assertEquals(rig.begin().sort(), ["start below 1", "start shared"]);
    rig.done("shared");
    assertEquals(rig.done("below 1"), ["node_done below 1", "start 1"]);
    assertEquals(rig.done("1"), ["node_done 1", "start below 2"]);
    rig.done("below 2");
    assertEquals(rig.done("2"), ["node_done 2", "start below 3"]);
  });

  it("a rolling window lets a root in when one is done or failed for good", async () => {
    const roots = ["1", "2", "3", "4"].map((label) => fakeArtifact(label));
    const rig = await Rig.of(roots, {
      window: 2,
      keepGoing: true,
      retry: { ...retry, maxComputeRetries: 1 },
    });
    assertEquals(rig.begin().sort(), ["start 1", "start 2"]);
    assertEquals(rig.failed("1"), ["retry 1 compute 1", "start 1"], "a retry keeps its place");
    assertEquals(rig.failed("1", 2), ["node_failed 1 compute: no", "start 3"]);
    assertEquals(rig.done("2"), ["node_done 2", "start 4"]);
  });

  it("a root that is blocked makes room in the window, and what it needs besides is still done", async () => {
    const bad = fakeArtifact("bad");
    const first = fakeArtifact("first", [bad, fakeArtifact("good", [fakeArtifact("deep")])]);
    const rig = await Rig.of([first, fakeArtifact("second")], {
      window: "dfs",
      keepGoing: true,
      retry: { ...retry, retryFailed: false },
    });
    assertEquals(rig.begin(), ["start deep", "start bad"]);
    assertEquals(rig.failed("bad"), ["node_failed bad compute: no", "start second"]);
    rig.done("second");
    assertEquals(rig.done("deep"), ["node_done deep", "start good"]);
    assertEquals(rig.done("good"), ["node_done good", "finished"]);
    rig.ended(false, ["bad"], ["first"]);
  });

  it("forced nodes below stored roots are run, and the roots are not", async () => {
    const data = fakeArtifact("data", [], { name: "data" });
    const roots = ["1", "2"].map((label) => fakeArtifact(label, [data]));
    const made = await makePlan(roots, new FakeSource().done(data, ...roots), {
      forced: { has: (artifact) => artifact.name === "data", done: () => false },
    });
    const rig = Rig.broken(made, { window: "dfs" });
    assertEquals(rig.begin(), ["start data"]);
    assertEquals(rig.done("data"), ["node_done data", "finished"]);
    rig.ended(true);
  });

  it("a run that cannot go on without any failure is stalled, naming up to three roots", async () => {
    const made = await makePlan(["1", "2", "3", "4"].map((label) => fakeArtifact(label)), new FakeSource());
    const nowhere = [hashText("nowhere")];
    const nodes = new Map([...made.nodes].map(([hash, node]) => [hash, { ...node, dependencies: nowhere }]));
    const rig = Rig.broken({ ...made, roots: made.roots, nodes } as Plan);
    assertEquals(rig.begin(), ["stalled 1 2 3", "finished"]);
    rig.ended(false, [], ["1", "2", "3", "4"]);
  });

  it("a whole run takes O(nodes + edges) operations, whatever the window and the size", async () => {
    for (const window of ["dfs", "bfs", 7] as const) {
      const each: number[] = [];
      for (const count of [1_000, 4_000]) {
        const { roots, all } = layeredGraph(count);
        const scheduler = createScheduler(await makePlan(roots, new FakeSource()), {
          window,
          retry,
          maxRunning: 8,
        });
        const running: Hash[] = [];
        let finished = false, done = 0;
        for (let actions = scheduler.step({ type: "begin" }); !finished;) {
          for (const action of actions) {
            if (action.type === "start") running.push(action.hash);
            if (action.type === "node_done") done++;
            if (action.type === "finished") finished = action.ok;
          }
          if (!finished) actions = scheduler.step({ type: "done", hash: running.pop()!, computed: true });
        }
        const edges = 3 * all.length;
        assertEquals(done, all.length);
        each.push(scheduler.operations / (done + edges));
      }
      assert(each.every((operations) => operations < 4), `${each} operations for each node and edge`);
      assert(Math.abs(each[0]! - each[1]!) < 0.2, `${each} is not linear`);
    }
  });

  it("a chain of 100,000 is planned and run, and fails, in as many steps; 150,000 depend on one", async () => {
    const count = 100_000;
    let last = fakeArtifact("0");
    const first = last;
    for (let i = 1; i < count; i++) last = fakeArtifact(`${i}`, [last]);
    const chain = await makePlan([last], new FakeSource());
    const scheduler = createScheduler(chain, { window: "bfs", retry });
    let actions = scheduler.step({ type: "begin" });
    let done = 0;
    while (actions[0]?.type === "start") {
      actions = scheduler.step({ type: "done", hash: actions[0].hash, computed: true });
      if (actions[0]?.type === "node_done") done++;
      actions = actions.filter(({ type }) => type === "start" || type === "finished");
    }
    assertEquals({ done, type: actions[0]?.type }, { done: count, type: "finished" });
    assert(scheduler.operations < 5 * count, `${scheduler.operations} operations`);

    const failing = createScheduler(chain, { window: "bfs", retry, keepGoing: true });
    failing.step({ type: "begin" });
    const end = failing.step({
      type: "failed",
      hash: first.hash,
      end: { outcome: "failed", blame: "compute", lasting: true, error: "no" },
      failedEnds: 1,
      lostEnds: 0,
    }).at(-1);
    assertEquals(end?.type === "finished" && end.notRun.length, count - 1);

    const wide = fakeArtifact("wide", Array.from({ length: 150_000 }, (_, i) => fakeArtifact(`below ${i}`)));
    const many = createScheduler(await makePlan([wide], new FakeSource()), { window: "bfs", retry });
    assertEquals(many.step({ type: "begin" }).length, 150_000);
  });
});
