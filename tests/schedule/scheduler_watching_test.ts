import { assert, assertEquals, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { ProtocolError } from "../../lib/core/errors.ts";
import type { Hash } from "../../lib/core/hash.ts";
import { makePlan } from "../../lib/plan/graph.ts";
import { fakeArtifact, FakeSource } from "../plan/fake_graph.ts";
import { Rig } from "./rig.ts";

const retry = { retryFailed: true, maxComputeRetries: 3, maxPreemptRetries: 5 };

/** a <- b <- root, c <- root */
function diamond() {
  const a = fakeArtifact("a"), b = fakeArtifact("b", [a]), c = fakeArtifact("c");
  return { a, b, c, root: fakeArtifact("root", [b, c]) };
}

describe("the scheduler, when others compute", () => {
  it("nodes in progress elsewhere are watched until they are done", async () => {
    const { a, root } = diamond();
    const rig = await Rig.of([root], {}, new FakeSource().set(a, { status: "IN_PROGRESS", owner: "pid 7" }));
    assertEquals(rig.begin(), ["watch a of pid 7", "start c"]);
    rig.done("c");
    assertEquals(rig.done("a", false), ["node_done a", "start b"]);
  });

  it("a started node that is busy elsewhere gives its place back, and comes back when released", async () => {
    const rig = await Rig.of([fakeArtifact("a"), fakeArtifact("b")], { maxRunning: 1 });
    const first = rig.begin()[0]!.slice(6), second = first === "a" ? "b" : "a";
    assertEquals(rig.busy(first), [`watch ${first} of stranger`, `start ${second}`]);
    assertEquals(rig.scheduler.running, 1);
    assertEquals(rig.released(first), []);
    assertEquals(rig.done(second), [`node_done ${second}`, `start ${first}`]);
    assertEquals(rig.done(first), [`node_done ${first}`, "finished"]);
  });

  it("a watched node past the stale limit fails as lost, naming the owner", async () => {
    const a = fakeArtifact("a");
    const rig = await Rig.of([a], {}, new FakeSource().set(a, { status: "IN_PROGRESS", owner: "pid 7" }));
    rig.begin();
    const actions = rig.step({ type: "stale", hash: a.hash, owner: "pid 7 on host h", afterMs: 1_800_000 });
    assert(actions[0]!.startsWith("node_failed a lost: Waited in vain for pid 7 on host h"), actions[0]);
    assert(actions[0]!.includes("nothing changed for 30m"), actions[0]);
    rig.ended(false, ["a"]);
  });

  it("a released node brings in what was hidden below it", async () => {
    const leaf = fakeArtifact("leaf"), shared = fakeArtifact("shared");
    const busy = fakeArtifact("busy", [leaf, shared]);
    const root = fakeArtifact("root", [busy, shared]);
    const rig = await Rig.of(
      [root],
      {},
      new FakeSource().set(busy, { status: "IN_PROGRESS", owner: "pid 7" }),
    );
    assertEquals(rig.begin(), ["watch busy of pid 7", "start shared"]);
    assertEquals(rig.released("busy", await makePlan([busy], new FakeSource())), ["start leaf"]);
    assertEquals(rig.done("leaf"), ["node_done leaf"]);
    assertEquals(rig.done("shared"), ["node_done shared", "start busy"]);
    assertEquals(rig.done("busy"), ["node_done busy", "start root"]);
    assertEquals(rig.done("root"), ["node_done root", "finished"]);
    rig.ended(true);
  });

  it("a later plan may say that the node is done, still in progress, failed, or cannot be had", async () => {
    const bad = fakeArtifact("bad"), busy = fakeArtifact("busy", [bad]), root = fakeArtifact("root", [busy]);
    const away = new FakeSource().set(busy, { status: "IN_PROGRESS", owner: "pid 7" });
    const released = async (source: FakeSource) => {
      const rig = await Rig.of([root], { keepGoing: true }, away);
      rig.begin();
      return { rig, actions: rig.released("busy", await makePlan([busy], source)) };
    };
    assertEquals((await released(new FakeSource().done(busy))).actions, ["node_done busy", "start root"]);
    assertEquals((await released(away)).actions, ["watch busy of pid 7"]);
    const failed = await released(new FakeSource().set(busy, { status: "FAILED", error: "no" }));
    assertEquals(failed.actions, ["node_failed busy compute: no", "finished"]);
    failed.rig.ended(false, ["busy"], ["root"]);
    const below = await released(new FakeSource().set(bad, { status: "FAILED", error: "no" }));
    assertEquals(below.actions, ["node_failed bad compute: no", "finished"]);
    below.rig.ended(false, ["bad"], ["busy", "root"]);
    const watched = await released(new FakeSource().set(bad, { status: "IN_PROGRESS", owner: "pid 8" }));
    assertEquals(watched.actions, ["watch bad of pid 8"]);
  });

  it("a released node that needs what failed meanwhile is blocked", async () => {
    const bad = fakeArtifact("bad"), busy = fakeArtifact("busy", [bad]);
    const rig = await Rig.of(
      [bad, busy],
      { keepGoing: true, retry: { ...retry, retryFailed: false } },
      new FakeSource().set(busy, { status: "IN_PROGRESS", owner: "pid 7" }),
    );
    rig.begin();
    rig.failed("bad");
    assertEquals(rig.released("busy", await makePlan([busy], new FakeSource())), ["finished"]);
    rig.ended(false, ["bad"], ["busy"]);
  });

  it("late events change nothing, and unknown hashes are protocol errors", async () => {
    const rig = await Rig.of([diamond().root]);
    rig.begin();
    rig.done("a");
    for (
      const late of [rig.failed("a"), rig.busy("a"), rig.released("a"), rig.done("a"), rig.failed("root")]
    ) {
      assertEquals(late, []);
    }
    assertEquals(rig.done("b"), ["node_done b"]);
    assertThrows(
      () => rig.scheduler.step({ type: "done", hash: "f".repeat(32) as Hash, computed: true }),
      ProtocolError,
      "ffffffff",
    );
  });

  it("a node that comes to be done elsewhere while it is queued is not started", async () => {
    const rig = await Rig.of([fakeArtifact("a"), fakeArtifact("b")], { maxRunning: 1 });
    const first = rig.begin()[0]!.slice(6), second = first === "a" ? "b" : "a";
    assertEquals(rig.done(second, false), [`node_done ${second}`]);
    assertEquals(rig.done(first), [`node_done ${first}`, "finished"]);
  });
});
