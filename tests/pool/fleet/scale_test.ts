import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import fc from "fast-check";
import { scale, type ScaleLimits, type SpecLoad } from "../../../lib/pool/fleet/scale.ts";

const load = (spec: string, tasks: number, alive = 0, pending = 0, leaving = 0): SpecLoad => ({
  spec,
  tasks,
  alive,
  leaving,
  pending,
});
const limits = (maxWorkers: ScaleLimits["maxWorkers"], tasksPerWorker = 1): ScaleLimits => ({
  maxWorkers,
  tasksPerWorker,
});
/** `+2 gpu -1 default !1 cpu`: to submit, to cancel, to tell to leave. */
const text = (loads: SpecLoad[], how: ScaleLimits): string => {
  const { submit, cancel, release } = scale(loads, how);
  return [
    ...submit.map(({ spec, count }) => `+${count} ${spec}`),
    ...cancel.map(({ spec, count }) => `-${count} ${spec}`),
    ...release.map(({ spec, count }) => `!${count} ${spec}`),
  ].join(" ");
};

const cases: [what: string, loads: SpecLoad[], how: ScaleLimits, expected: string][] = [
  ["submits one worker for each task", [load("a", 3)], limits(10), "+3 a"],
  ["submits no more than are allowed", [load("a", 30)], limits(10), "+10 a"],
  ["submits nothing without tasks", [load("a", 0)], limits(10), ""],
  ["counts those that live and those that are pending once each", [load("a", 7, 2, 3)], limits(10), "+2 a"],
  ["lets a worker do several tasks at once", [load("a", 7)], limits(10, 4), "+2 a"],
  ["cancels pending workers that nothing is left for", [load("a", 2, 1, 4)], limits(10), "-3 a"],
  ["never takes away a worker that runs", [load("a", 0, 5, 0)], limits(10), ""],
  ["never takes away one that runs beyond the limit", [load("a", 9, 5, 2)], limits(3), "-2 a"],
  ["begins with the largest backlog", [load("a", 5), load("b", 9)], limits(20), "+9 b +5 a"],
  ["gives each spec one worker before any gets more", [load("a", 1), load("b", 90)], limits(5), "+4 b +1 a"],
  ["shares equal backlogs equally", [load("a", 90), load("b", 90)], limits(6), "+3 a +3 b"],
  ["gives the only place to the largest backlog", [load("a", 3), load("b", 9)], limits(1), "+1 b"],
  ["lets idle workers make room for another spec", [load("a", 0, 4), load("b", 9)], limits(4), "!4 a"],
  ["lets no more of them leave than are needed", [load("a", 1, 4), load("b", 2)], limits(4), "!2 a"],
  ["lets idle workers stay where there is room", [load("a", 0, 4), load("b", 2)], limits(9), "+2 b"],
  ["waits for those that were told to leave", [load("a", 0, 1, 0, 3), load("b", 3)], limits(4), ""],
  ["counts on none that was told to leave", [load("a", 2, 0, 0, 1)], limits(4), "+2 a"],
  ["gives a spec that has none a place of a busy one", [load("a", 90, 4), load("b", 9)], limits(4), "!1 a"],
  ["takes no spec's only worker", [load("a", 9, 1), load("b", 9)], limits(1), ""],
  [
    "takes no busy worker from a spec for one that has some",
    [load("a", 90, 3), load("b", 9, 1)],
    limits(4),
    "",
  ],
  [
    "cancels pending workers for a spec that has none",
    [load("a", 9, 2, 2), load("b", 3)],
    limits(4),
    "+1 b -1 a",
  ],
  ["heeds a limit for each spec", [load("a", 9), load("b", 9)], limits({ a: 2, b: 3 }), "+2 a +3 b"],
  ["takes the default's limit for specs that are not named", [load("a", 9)], limits({ default: 4 }), "+4 a"],
  ["starts nothing of a spec whose limit is 0", [load("a", 9)], limits({ a: 0 }), ""],
];

describe("scale", () => {
  for (const [what, loads, how, expected] of cases) {
    it(`scale() ${what}`, () => assertEquals(text(loads, how), expected));
  }
});

describe("scale()", () => {
  it("never goes beyond the limit, and is content with what it asked for", () => {
    const count = fc.nat({ max: 40 });
    const loads = fc.array(fc.record({ tasks: count, alive: count, leaving: count, pending: count }), {
      maxLength: 4,
    });
    fc.assert(
      fc.property(
        loads,
        fc.integer({ min: 1, max: 60 }),
        fc.integer({ min: 1, max: 5 }),
        (given, max, per) => {
          const before = given.map((each, i) => ({ spec: `s${i}`, ...each }));
          const { submit, cancel, release } = scale(before, limits(max, per));
          const after = before.map((each) => {
            const more = submit.find(({ spec }) => spec === each.spec)?.count ?? 0;
            const fewer = cancel.find(({ spec }) => spec === each.spec)?.count ?? 0;
            const gone = release.find(({ spec }) => spec === each.spec)?.count ?? 0;
            return {
              ...each,
              pending: each.pending + more - fewer,
              alive: each.alive - gone,
              leaving: each.leaving + gone,
            };
          });
          if (after.some(({ pending, alive }) => pending < 0 || alive < 0)) return false;
          const alive = before.reduce((sum, each) => sum + each.alive + each.leaving, 0);
          const total = after.reduce((sum, each) => sum + each.alive + each.leaving + each.pending, 0);
          return total <= Math.max(max, alive) && text(after, limits(max, per)) === "";
        },
      ),
    );
  });
});
