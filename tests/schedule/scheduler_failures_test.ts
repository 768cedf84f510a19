import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { makePlan } from "../../lib/plan/graph.ts";
import { createScheduler } from "../../lib/schedule/scheduler.ts";
import { fakeArtifact, FakeSource } from "../plan/fake_graph.ts";
import { Rig } from "./rig.ts";

const retry = { retryFailed: true, maxComputeRetries: 3, maxPreemptRetries: 5 };

/** a <- b <- root, c <- root */
function diamond() {
  const a = fakeArtifact("a"), b = fakeArtifact("b", [a]), c = fakeArtifact("c");
  return { a, b, c, root: fakeArtifact("root", [b, c]) };
}

describe("the scheduler, when nodes fail that are tolerated", () => {
  /** raw <- train <- mean (which tolerates train) <- report; other <- mean */
  function pipeline() {
    const raw = fakeArtifact("raw"), train = fakeArtifact("train", [raw]), other = fakeArtifact("other");
    const mean = fakeArtifact("mean", [train, other], { tolerated: [train] });
    return { raw, train, other, mean, report: fakeArtifact("report", [mean]) };
  }
  const once = { retry: { ...retry, maxComputeRetries: 0 } };

  it("one that can do without runs when all has ended, however that was, and no failure stops it", async () => {
    const rig = await Rig.of([pipeline().report], once);
    assertEquals(rig.begin().toSorted(), ["start other", "start raw"]);
    assertEquals(rig.failed("raw"), ["node_failed raw compute: no"]);
    assertEquals(rig.done("other"), ["node_done other", "start mean"]);
    assertEquals(rig.done("mean"), ["node_done mean partial", "start report"]);
    assertEquals(rig.done("report"), ["node_done report partial", "finished"]);
    rig.ended(false, ["raw"], ["train"]);
  });

  it("it waits until retries are used up, and for what is watched", async () => {
    const rig = await Rig.of([pipeline().report], { retry: { ...retry, maxComputeRetries: 1 } });
    rig.begin();
    rig.done("raw");
    rig.done("other");
    assertEquals(rig.failed("train", 1), ["retry train compute 1", "start train"]);
    assertEquals(rig.busy("train"), ["watch train of stranger"]);
    assertEquals(rig.released("train"), ["start train"]);
    assertEquals(rig.failed("train", 2), ["node_failed train compute: no", "start mean"]);
  });

  it("what is asked for itself, or needed elsewhere, stops a run as ever; a protocol failure does always", async () => {
    const { report, train, raw } = pipeline();
    const asRoot = await Rig.of([report, train], once);
    asRoot.begin();
    assertEquals(asRoot.failed("raw"), ["node_failed raw compute: no", "stop failure"]);
    const elsewhere = await Rig.of([report, fakeArtifact("strict", [raw])], once);
    elsewhere.begin();
    assertEquals(elsewhere.failed("raw"), ["node_failed raw compute: no", "stop failure"]);
    const protocol = await Rig.of([report], once);
    protocol.begin();
    assertEquals(protocol.protocol("raw"), ["node_failed raw protocol: bug", "stop protocol"]);
  });

  it("a failure that a plan tells, and one that comes with a later plan, are tolerated, too", async () => {
    const { raw, mean, report, train } = pipeline();
    const failed = { status: "FAILED", error: "earlier" } as const;
    const planned = await Rig.of([report], once, new FakeSource().set(raw, failed));
    assertEquals(planned.begin(), ["node_failed raw compute: earlier", "start other"]);
    assertEquals(planned.done("other"), ["node_done other", "start mean"]);
    const busy = new FakeSource().set(mean, { status: "IN_PROGRESS", owner: "stranger" });
    const later = await Rig.of([report], once, busy);
    assertEquals(later.begin(), ["watch mean of stranger"]);
    const again = await makePlan([mean], new FakeSource().set(train, failed));
    assertEquals(later.released("mean", again), ["node_failed train compute: earlier", "start other"]);
    assertEquals(later.done("other"), ["node_done other", "start mean"]);
  });
});

describe("the scheduler, when nodes fail", () => {
  it("N compute retries mean N + 1 starts, by the ends in the files", async () => {
    for (const maxComputeRetries of [0, 1, 3]) {
      const rig = await Rig.of([fakeArtifact("a")], { retry: { ...retry, maxComputeRetries } });
      let starts = 0;
      for (let actions = rig.begin(); !rig.end; actions = rig.failed("a", starts)) {
        starts += actions.filter((action) => action === "start a").length;
      }
      assertEquals(starts, maxComputeRetries + 1);
      rig.ended(false, ["a"]);
    }
    const resumed = await Rig.of([fakeArtifact("a")]);
    resumed.begin();
    assertEquals(
      resumed.failed("a", 4)[0],
      "node_failed a compute: no",
      "three ends are of an earlier controller",
    );
  });

  it("retries end even when the ends of attempts cannot be written", async () => {
    const rig = await Rig.of([fakeArtifact("a"), fakeArtifact("b")], { keepGoing: true });
    rig.begin();
    for (let i = 0; i < 20; i++) {
      rig.failed("a", 0);
      rig.lost("b", 0);
    }
    rig.ended(false, ["a", "b"]);
  });

  it("after too little a node needs the next spec, whatever its retries and however final it is otherwise", async () => {
    const starts: string[] = [];
    const rig = await Rig.of([fakeArtifact("a")], {
      retry: { ...retry, maxComputeRetries: 0, noRetries: true },
      limit: (spec) => {
        starts.push(spec);
        return 1;
      },
    });
    rig.begin();
    assertEquals(rig.failed("a", 0, { lasting: true }, { spec: "big", left: 2 }), [
      "retry a compute 2",
      "start a",
    ]);
    assertEquals(rig.failed("a", 0, {}, { spec: "huge", left: 1 }), ["retry a compute 1", "start a"]);
    assertEquals(starts, ["default", "big", "huge"]);
    rig.failed("a", 1);
    rig.ended(false, ["a"]);
  });

  it("what is tried again after a delay takes up no place meanwhile, and holds the run's end", async () => {
    const [a, b] = [fakeArtifact("a"), fakeArtifact("b")];
    const rig = await Rig.of([fakeArtifact("top", [a]), b], {
      limit: () => 1,
      retriesOf: (hash) => hash === a.hash ? { retries: 1, retryDelaySec: [5] } : {},
    });
    assertEquals(rig.begin(), ["start a"]);
    assertEquals(rig.failed("a", 1), ["retry a compute 1 after 5000 ms", "start b"]);
    assertEquals(rig.rested("b"), [], "only what rests is woken");
    assertEquals(rig.done("b"), ["node_done b"]);
    assertEquals(rig.end, undefined);
    assertEquals(rig.rested("a"), ["start a"]);
    assertEquals(rig.rested("a"), []);
    assertEquals(rig.failed("a", 2), ["node_failed a compute: no", "stop failure", "finished"]);
    rig.ended(false, ["a"], ["top"]);
  });

  it("a result that somebody else stores meanwhile counts, and a stop does not wait for a delay", async () => {
    const retriesOf = () => ({ retryDelaySec: [5] });
    const rig = await Rig.of([fakeArtifact("a")], { retriesOf });
    rig.begin();
    rig.failed("a", 1);
    assertEquals(rig.done("a", false), ["node_done a", "finished"]);
    const stopped = await Rig.of([fakeArtifact("a"), fakeArtifact("b")], { retriesOf });
    stopped.begin();
    stopped.failed("a", 1);
    assertEquals(stopped.failed("b", 1, { lasting: true }), [
      "node_failed b compute: no",
      "stop failure",
      "finished",
    ]);
    stopped.ended(false, ["b"], ["a"]);
    const interrupted = await Rig.of([fakeArtifact("a")], { retriesOf });
    interrupted.begin();
    interrupted.failed("a", 1);
    assertEquals(interrupted.step({ type: "interrupt" }), ["stop interrupt", "finished"]);
  });

  it("a lost attempt spends no compute retry", async () => {
    const rig = await Rig.of([fakeArtifact("a")], {
      retry: { ...retry, maxComputeRetries: 0, maxPreemptRetries: 2 },
    });
    rig.begin();
    assertEquals(rig.lost("a", 1), ["retry a lost 2", "start a"]);
    assertEquals(rig.lost("a", 2), ["retry a lost 1", "start a"]);
    assertEquals(rig.lost("a", 3), ["node_failed a lost: gone", "stop failure", "finished"]);
  });

  it("without keepGoing the first final failure stops the run, and what runs may finish", async () => {
    const roots = ["a", "b", "c"].map((label) => fakeArtifact(label));
    const rig = await Rig.of(roots, { limit: () => 2, retry: { ...retry, retryFailed: false } });
    const [first, second] = rig.begin().map((action) => action.slice(6)) as [string, string];
    const third = ["a", "b", "c"].find((label) => label !== first && label !== second)!;
    assertEquals(rig.failed(first), [`node_failed ${first} compute: no`, "stop failure"]);
    assertEquals(rig.done(second), [`node_done ${second}`, "finished"]);
    rig.ended(false, [first], [third]);
  });

  it("after a stop nothing is retried: failures are reported, lost attempts count as not run", async () => {
    const roots = ["a", "b", "c"].map((label) => fakeArtifact(label));
    const rig = await Rig.of(roots);
    rig.begin();
    assertEquals(rig.step({ type: "interrupt" }), ["stop interrupt"]);
    assertEquals(rig.step({ type: "interrupt" }), []);
    assertEquals(rig.lost("a"), []);
    assertEquals(rig.failed("b"), ["node_failed b compute: no"]);
    assertEquals(rig.done("c"), ["node_done c", "finished"]);
    rig.ended(false, ["b"], ["a"]);
  });

  it("a protocol failure stops the run at once, also with keepGoing", async () => {
    const rig = await Rig.of([fakeArtifact("a"), fakeArtifact("b")], { maxRunning: 1, keepGoing: true });
    const first = rig.begin()[0]!.slice(6);
    assertEquals(rig.protocol(first), [`node_failed ${first} protocol: bug`, "stop protocol", "finished"]);
  });

  it("a node that cannot begin a task stops the run, where there is no other one", async () => {
    const rig = await Rig.of([fakeArtifact("a"), fakeArtifact("b")], { maxRunning: 1, keepGoing: true });
    const first = rig.begin()[0]!.slice(6);
    assertEquals(rig.protocol(first, "node"), [
      `node_failed ${first} node: bug`,
      "stop protocol",
      "finished",
    ]);
  });

  it("interrupt before anything runs, and halted while something runs, end the run", async () => {
    const early = await Rig.of([diamond().root]);
    assertEquals(early.step({ type: "interrupt" }), ["stop interrupt", "finished"]);
    early.ended(false, [], ["a", "b", "c", "root"]);
    const late = await Rig.of([diamond().root]);
    late.begin();
    late.done("c");
    assertEquals(late.step({ type: "halted" }), ["stop interrupt", "finished"]);
    late.ended(false, [], ["a", "b", "root"]);
  });

  it("FAILED nodes are final at once, and nothing starts without keepGoing", async () => {
    const { a, root } = diamond();
    const source = new FakeSource().set(a, { status: "FAILED", error: "earlier", log: "/a.log" });
    const strict = await Rig.of([root], {}, source);
    assertEquals(strict.begin(), ["node_failed a compute: earlier", "stop failure", "finished"]);
    strict.ended(false, ["a"], ["b", "c", "root"]);
    const going = await Rig.of([root], { keepGoing: true }, source);
    assertEquals(going.begin(), ["node_failed a compute: earlier", "start c"]);
    assertEquals(going.done("c"), ["node_done c", "finished"]);
    going.ended(false, ["a"], ["b", "root"]);
  });

  it("a failure keeps its stack and its log", async () => {
    const a = fakeArtifact("a");
    const scheduler = createScheduler(await makePlan([a], new FakeSource()), { window: "bfs", retry });
    scheduler.step({ type: "begin" });
    const end = { outcome: "failed", blame: "protocol", error: "no", stack: "at x", log: "/x.log" } as const;
    const [failed] = scheduler.step({ type: "failed", hash: a.hash, end, failedEnds: 0, lostEnds: 0 });
    assertEquals(failed, { type: "node_failed", hash: a.hash, end });
  });

  it("what is withdrawn after a stop counts as not run", async () => {
    const rig = await Rig.of(["a", "b", "c"].map((label) => fakeArtifact(label)), {
      retry: { ...retry, retryFailed: false },
    });
    rig.begin();
    assertEquals(rig.failed("a"), ["node_failed a compute: no", "stop failure"]);
    assertEquals(rig.withdrawn("b"), []);
    assertEquals(rig.withdrawn("c"), ["finished"]);
    rig.ended(false, ["a"], ["b", "c"]);
  });

  it("what is withdrawn while the run goes on is started again", async () => {
    const rig = await Rig.of([fakeArtifact("a")]);
    rig.begin();
    assertEquals(rig.withdrawn("a"), ["start a"]);
    assertEquals(rig.done("a"), ["node_done a", "finished"]);
    assertEquals(rig.withdrawn("a"), []);
  });

  it("a failure that trying again cannot help is final at once, and stops no more than another one", async () => {
    const roots = ["a", "b"].map((label) => fakeArtifact(label));
    const rig = await Rig.of(roots, { keepGoing: true, limit: () => 1 });
    const [first] = rig.begin().map((action) => action.slice(6)) as [string];
    const second = first === "a" ? "b" : "a";
    assertEquals(rig.failed(first, 1, { lasting: true }), [
      `node_failed ${first} compute: no`,
      `start ${second}`,
    ]);
    rig.done(second);
    rig.ended(false, [first]);
  });
});
