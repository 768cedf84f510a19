import { assertEquals, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { z } from "zod";
import type { FailedAttempt } from "../../lib/core/attempt_end.ts";
import { ValidationError } from "../../lib/core/errors.ts";
import type { SpecOption } from "../../lib/task/artifact/artifact.ts";
import { defineTask } from "../../lib/task/define.ts";
import {
  afterTooLittle,
  lackedBefore,
  ladderOf,
  nextSpec,
  specAfter,
  type SpecNeeds,
  specsOn,
  stepsLeft,
  wayTo,
} from "../../lib/task/ladder.ts";
import { learnUsage, specNeeds, UsageWanted } from "../../lib/task/requirements.ts";

type Params = { n: number };

let tasks = 0;
function artifact(spec: SpecOption<Params>) {
  return defineTask({ name: `ladder/T${++tasks}`, params: z.object({ n: z.int() }), spec, create: () => 1 })({
    n: 1,
  });
}

const needsOf = (spec: SpecOption<Params>): SpecNeeds => specNeeds(artifact(spec), new Map());

/** small; then big after memory, long after time; then both. */
const tree: SpecNeeds = {
  spec: "small",
  ladder: {
    small: { memory: "big", time: "long" },
    big: { time: "both" },
    long: { memory: "both" },
  },
};
const line: SpecNeeds = { spec: "a", ladder: ladderOf(["a", "b", "c"])! };
const failed: FailedAttempt = { outcome: "failed", blame: "compute", error: "no" };

describe("a ladder of specs", () => {
  it("leads on by what there was too little of, and ends", () => {
    for (
      const [needs, lacked, spec] of [
        [tree, "", "small"],
        [tree, "m", "big"],
        [tree, "t", "long"],
        [tree, "mt", "both"],
        [tree, "tm", "both"],
        [tree, "mm", "big"],
        [line, "mt", "c"],
        [line, "mtm", "c"],
        [{ spec: "only" }, "mt", "only"],
      ] as const
    ) assertEquals(specAfter(needs, lacked), spec, lacked);
    assertEquals(specsOn(tree), ["small", "big", "long", "both"]);
    assertEquals(specsOn({ ...tree, spec: "big" }), ["big", "both"]);
    assertEquals([tree, line, { spec: "only" }].map(stepsLeft), [2, 2, 0]);
    assertEquals(wayTo(tree, "both"), ["small", "big", "both"]);
    assertEquals(ladderOf(["a"]), undefined);
    // A spec may have any name.
    assertEquals(nextSpec(line.ladder, "constructor", "memory"), undefined);
  });

  it("begins above what earlier attempts found too little, whatever came after", () => {
    const memory = (spec: string) => ({ spec, lack: "memory" as const });
    for (
      const [ends, lacked] of [
        [[], ""],
        [[{ spec: "a" }], ""],
        [[memory("a")], "m"],
        [[memory("b")], ""],
        [[memory("b"), { spec: "b" }, { spec: "a", lack: "time" as const }], "tm"],
        [[memory("a"), memory("b"), memory("c")], "mm"],
        [[memory("elsewhere")], ""],
      ] as const
    ) assertEquals(lackedBefore(line, ends), lacked, JSON.stringify(ends));
  });

  it("says what follows from an end: another spec, nothing more, or nothing at all", () => {
    assertEquals(afterTooLittle(line, "a", { ...failed, lack: "memory" }).raise, { spec: "b", left: 2 });
    assertEquals(afterTooLittle(line, "b", { ...failed, lack: "time" }).raise, { spec: "c", left: 1 });
    assertEquals(afterTooLittle(line, "c", { ...failed, lack: "time" }), {
      end: {
        ...failed,
        lack: "time",
        lasting: true,
        error: "no; it had too little time, and after specs 'a', 'b' and 'c' there is none to go on with",
      },
    });
    assertEquals(afterTooLittle(line, "a", failed), { end: failed });
    const lacking = { ...failed, lack: "memory" } as const;
    assertEquals(afterTooLittle({ spec: "a" }, "a", lacking), { end: lacking }, "the ordinary rule");
    const kept = { spec: "a", later: { memory: "b" } };
    assertEquals(afterTooLittle(kept, "a", lacking), {
      end: {
        ...lacking,
        lasting: true,
        error: "no; it had too little memory, and this run keeps spec 'a': the next one goes on with 'b'",
      },
    });
    assertEquals(afterTooLittle(kept, "a", { ...failed, lack: "time" }).end.lasting, undefined);
  });
});

describe("spec of a task", () => {
  it("may be several, or what a function says for each attempt", () => {
    assertEquals(needsOf("a"), { spec: "a" });
    assertEquals(needsOf(["a"]), { spec: "a" });
    assertEquals(needsOf(["a", "b", "c"]), line);
    assertEquals(needsOf(() => ["a", "b", "c"]), line);
    assertEquals(needsOf((_, { attempt }) => ["a", "b", "c"][attempt - 1]), line);
    assertEquals(
      needsOf((_, { lastEnd }) => {
        if (lastEnd === undefined) return "small";
        if (lastEnd.spec !== "small") return "both";
        return lastEnd.lack === "memory" ? "big" : "long";
      }),
      { ...tree, ladder: { ...tree.ladder, big: both, long: both } },
    );
  });

  it("asks a function for the first attempt only, unless what it says depends on the attempt", () => {
    let calls = 0;
    assertEquals(needsOf(() => `s${++calls}`), { spec: "s1" });
    assertEquals(calls, 1);
  });

  it("never comes back to a spec, and ends after five more", () => {
    assertEquals(needsOf((_, { attempt }) => attempt % 2 === 1 ? "a" : "b"), {
      spec: "a",
      ladder: ladderOf(["a", "b"])!,
    });
    assertEquals(specsOn(needsOf((_, { attempt }) => `s${attempt}`)).length, 6);
  });

  it("is told what earlier artifacts took only where it asks, and asks again when it is there", () => {
    const wants = artifact((_, { usage }) => usage().count > 3 ? "big" : "small");
    assertThrows(() => specNeeds(wants, new Map()), UsageWanted);
    assertEquals(specNeeds(wants, new Map([[wants.name, { count: 4 }]])).spec, "big");
    assertEquals(specNeeds(wants).spec, "small", "outside of a plan nothing is known");
    learnUsage(wants, { count: 4 });
    assertEquals(specNeeds(wants).spec, "big", "but what the latest one read");
    // Whatever it makes of the first answer, which is none.
    const careful = artifact((_, { usage }) => {
      try {
        return `s${usage().count}`;
      } catch {
        return "none";
      }
    });
    assertThrows(() => specNeeds(careful, new Map()), UsageWanted);
  });

  it("is refused where it names none, twice the same, or what can be no folder", () => {
    for (const spec of [[], ["a", "a"], ["a", "../b"], 1, [1]] as never[]) {
      assertThrows(() => artifact(spec), ValidationError, "spec of task", JSON.stringify(spec));
    }
    for (
      const [spec, words] of [
        [() => undefined, "must return a name, or several: it returned undefined"],
        [() => 1 as never, "must return a name, or several: it returned 1"],
        [() => [], "must name one spec at least"],
        [(_: unknown, { attempt }: { attempt: number }) => attempt === 1 ? "a" : ["b"], "one name for each"],
        [() => {
          throw new Error("no idea");
        }, "'spec' of its task threw: no idea"],
      ] as const
    ) assertThrows(() => needsOf(spec as never), ValidationError, words);
  });
});

const both = { memory: "both", time: "both" };
