import { assertEquals, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import type { Hash } from "../../../lib/core/hash.ts";
import type { DagNode } from "../../../lib/remote/run_record.ts";
import { SpecGates, SubmissionTurns } from "../../../lib/slurm/dag/submission_turns.ts";

const hashOf = (id: string): Hash => id.padEnd(32, "x") as Hash;

function node(id: string, needs: string[] = [], spec = "default"): DagNode {
  return {
    hash: hashOf(id),
    name: `t/${id}`,
    spec,
    dependencies: needs.map(hashOf),
    stored: [],
    jobName: id,
  };
}

const names = (turns: readonly { node: DagNode }[]): string[] => turns.map(({ node }) => node.jobName);

/** Turns in which nothing else of the run goes on. */
const idle = (now: number, patienceMs = 1000) => ({ now, patienceMs, isElsewhere: () => false });

describe("SubmissionTurns", () => {
  it("takes what depends on a node after that has a job", () => {
    const turns = new SubmissionTurns([node("a"), node("b", ["a"]), node("c", ["a", "b"])]);
    const [a] = turns.take(8, 0);
    assertEquals(names(turns.take(8, 0)), []);
    turns.ends(a!, "taken");
    const [b, ...others] = turns.take(8, 0);
    assertEquals([b?.node.jobName, others.length], ["b", 0]);
    turns.ends(b!, "taken");
    assertEquals(names(turns.take(8, 0)), ["c"]);
  });

  it("takes those that may go in the order of the run, whichever was free first", () => {
    const turns = new SubmissionTurns([node("a"), node("b"), node("urgent", ["a"]), node("late", ["b"])]);
    const [a, b] = turns.take(2, 0);
    turns.ends(b!, "taken");
    turns.ends(a!, "taken");
    assertEquals(names(turns.take(1, 0)), ["urgent"]);
    assertEquals(names(turns.take(1, 0)), ["late"]);
  });

  it("what can do without waits for jobs as ever, and is not blocked; what has none for good is not waited for", () => {
    const mean: DagNode = { ...node("mean", ["train", "good"]), tolerates: [hashOf("train")] };
    const nodes = () => [node("raw"), node("good"), node("train", ["raw"]), mean, node("strict", ["train"])];
    const begin = () => {
      const turns = new SubmissionTurns(nodes());
      const [raw, good] = turns.take(8, 0);
      turns.ends(good!, "taken");
      return { turns, raw: raw! };
    };
    // Its job fails, after that of what needs it was taken.
    const later = begin();
    later.turns.ends(later.raw, "taken");
    const [train] = later.turns.take(8, 0);
    assertEquals(names(later.turns.take(8, 0)), []);
    later.turns.ends(train!, "taken");
    later.turns.settles(hashOf("train"), "failed");
    assertEquals(names(later.turns.take(8, 0)), ["mean"]);
    assertEquals(later.turns.left, 1);
    // It fails before that: nothing of it comes, and the other goes on.
    const before = begin();
    before.turns.ends(before.raw, "taken");
    before.turns.settles(hashOf("raw"), "failed");
    assertEquals(names(before.turns.take(8, 0)), ["mean"]);
    assertEquals([before.turns.isLost(hashOf("train")), before.turns.isBlocked(mean)], [true, false]);
    // While its turn is being taken.
    const busy = begin();
    busy.turns.ends(busy.raw, "taken");
    const [turn] = busy.turns.take(8, 0);
    busy.turns.settles(hashOf("raw"), "failed");
    assertEquals(names(busy.turns.take(8, 0)), []);
    busy.turns.ends(turn!, "blocked");
    assertEquals(names(busy.turns.take(8, 0)), ["mean"]);
  });

  it("takes no more than it may, of each spec in turn", () => {
    const nodes = ["a", "b", "c"].flatMap((id) => [node(id), node(`${id}x`, [], "gpu")]);
    assertEquals(names(new SubmissionTurns(nodes).take(3, 0)), ["a", "ax", "b"]);
  });

  it("never holds other specs up when one is refused, and tries that one alone at growing pauses", () => {
    const turns = new SubmissionTurns([node("a", [], "gpu"), node("b", [], "gpu"), node("c")]);
    const [a, c, b] = turns.take(8, 0);
    for (const turn of [a!, b!]) {
      turns.gates.refuses("gpu", { kind: "limit", text: "full" }, 0);
      turns.again(turn);
    }
    turns.ends(c!, "taken");
    assertEquals(names(turns.take(8, 999)), []);
    const [again, ...others] = turns.take(8, 1000);
    assertEquals(others, []);
    turns.gates.refuses("gpu", { kind: "limit", text: "full" }, 1000);
    turns.again(again!);
    assertEquals(names(turns.take(8, 2999)), []);
    const [third] = turns.take(8, 3000);
    turns.gates.takes("gpu");
    turns.ends(third!, "taken");
    assertEquals(turns.take(8, 3000).length, 1);
  });

  it("gives a refused spec up only when the run has had nothing else to do for long, and blocks what needs it", () => {
    const turns = new SubmissionTurns([node("a", [], "gpu"), node("b", ["a"]), node("c")]);
    const [a, c] = turns.take(8, 0);
    turns.gates.refuses("gpu", { kind: "refused", text: "Invalid account" }, 0);
    turns.again(a!);
    assertEquals(turns.giveUp({ ...idle(50_000), isElsewhere: () => true }), []);
    turns.ends(c!, "taken");
    assertEquals(turns.giveUp(idle(60_000)), []);
    const [given, ...others] = turns.giveUp(idle(61_000));
    assertEquals([given?.node.jobName, others.length, turns.left], ["a", 0, 0]);
    assertStringIncludes(given!.error, "Invalid account");
  });

  it("looks again at what is not clear, and gives it up after ten minutes at the earliest", () => {
    const turns = new SubmissionTurns([node("a")]);
    const [a] = turns.take(8, 0);
    assertEquals(turns.later(a!, "who has it", 0), 0);
    assertEquals([turns.take(8, 49).length, turns.nextAt], [0, 50]);
    const [again] = turns.take(8, 50);
    turns.later(again!, "who has it", 50);
    assertEquals(turns.giveUp(idle(50, 0)), []);
    assertEquals(turns.giveUp(idle(500_000, 0)), []);
    const [given] = turns.giveUp(idle(600_050, 0));
    assertStringIncludes(given!.error, "it was not clear for 10m who has it");
  });

  it("blocks a chain of any length", () => {
    const nodes = Array.from({ length: 50_000 }, (_, i) => node(`n${i}`, i === 0 ? [] : [`n${i - 1}`]));
    const turns = new SubmissionTurns(nodes);
    turns.settles(hashOf("n0"), "failed");
    assertEquals(turns.left, 0);
  });
});

describe("SpecGates", () => {
  it("counts refusals that come together as one", () => {
    const gates = new SpecGates();
    const refusal = { kind: "refused", text: "no" } as const;
    assertEquals([0, 1, 2].map((now) => gates.refuses("s", refusal, now)), [true, false, false]);
    assertEquals(gates.nextAt, 1002);
    assertEquals(gates.takes("s")?.since, 0);
    assertEquals([gates.isClosed("s"), gates.nextAt], [false, Infinity]);
  });
});
