import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import {
  Durations,
  type Fit,
  hadWholeJob,
  judgeFit,
  type TaskTime,
  type WorkerSpan,
} from "../../../lib/pool/worker/fits.ts";

const MIN = 60_000;
const HOUR: WorkerSpan = { beganAt: 0, endsAt: 60 * MIN, readyAt: 0, leadMs: 2 * MIN, ownJob: true };

describe("judgeFit()", () => {
  const cases: [why: string, span: WorkerSpan | undefined, nowMin: number, task: TaskTime, fit: Fit][] = [
    ["what has a limit fits before the earliest warning", HOUR, 20, { limitMs: 37 * MIN }, "fits"],
    ["what has a limit is never begun to be cut off", HOUR, 20, { limitMs: 38 * MIN }, "later"],
    [
      "the limit that was just allowed fits a worker that has just begun",
      HOUR,
      0.4,
      { limitMs: 57 * MIN },
      "fits",
    ],
    ["its setup is not the task's", { ...HOUR, readyAt: 2 * MIN }, 2.1, { limitMs: 57 * MIN }, "fits"],
    [
      "a limit that no job leaves is said",
      { ...HOUR, readyAt: 10 * MIN },
      10,
      { limitMs: 57 * MIN },
      "never",
    ],
    ["a step says nothing of other jobs", { ...HOUR, ownJob: false }, 0, { limitMs: 70 * MIN }, "later"],
    ["a kind of 40 minutes fits a fresh job", HOUR, 1, { seenMs: 40 * MIN }, "fits"],
    ["a kind of 40 minutes does not fit 20", HOUR, 40, { seenMs: 40 * MIN }, "later"],
    ["a kind of 10 minutes fits 20", HOUR, 40, { seenMs: 10 * MIN }, "fits"],
    ["a kind that was never seen fits", HOUR, 40, {}, "fits"],
    ["what was cut off after 18 minutes needs more", HOUR, 40, { cutMs: 18 * MIN }, "later"],
    ["what was cut off is begun where there is more", HOUR, 20, { cutMs: 18 * MIN }, "fits"],
    ["even what takes longer than any job is begun in a fresh one", HOUR, 1, { cutMs: 57 * MIN }, "fits"],
    ["nothing is too long without an end", undefined, 1, { limitMs: 9e9 }, "fits"],
  ];
  for (const [why, span, nowMin, task, fit] of cases) {
    it(why, () => assertEquals(judgeFit(span, nowMin * MIN, task), fit));
  }
});

describe("hadWholeJob()", () => {
  it("counts from when the worker was ready, and only in a job of its own", () => {
    assert(hadWholeJob(HOUR, 1 * MIN, 57 * MIN));
    assert(!hadWholeJob(HOUR, 20 * MIN, 57 * MIN));
    assert(hadWholeJob({ ...HOUR, readyAt: 10 * MIN }, 11 * MIN, 57 * MIN));
    assert(!hadWholeJob({ ...HOUR, ownJob: false }, 0, 57 * MIN));
    assert(!hadWholeJob(undefined, 0, 57 * MIN));
  });
});

describe("Durations", () => {
  it("take what nine of ten take, of each kind by itself", () => {
    const durations = new Durations();
    for (let ms = 1; ms <= 10; ms++) durations.note("a", ms);
    durations.note("b", 70);
    assertEquals([durations.typical("a"), durations.typical("b"), durations.typical("c")], [
      9,
      70,
      undefined,
    ]);
  });
});

/** How often tasks are cut off when workers in jobs of an hour compute them, by the rule above. */
function cuts(tasks: number[], workers: number, slots: number): number[] {
  const cut = tasks.map(() => 0);
  const longestCut = tasks.map(() => 0);
  const todo = tasks.map((_, i) => i);
  // The warning comes up to a minute earlier than it was asked for.
  const warnedAt = (at: number): number => at + 57.2 * MIN;
  const machines = Array.from(
    { length: workers },
    () => ({ began: 0, free: new Array(slots).fill(0), seen: new Durations() }),
  );
  for (let step = 0; todo.length > 0; step++) {
    assert(step < 1_000_000, `${todo.length} tasks are never done`);
    const machine = machines.toSorted((a, b) => Math.min(...a.free) - Math.min(...b.free))[0]!;
    const slot = machine.free.indexOf(Math.min(...machine.free));
    const now = machine.free[slot]!;
    const span = {
      ...HOUR,
      beganAt: machine.began,
      readyAt: machine.began,
      endsAt: machine.began + 60 * MIN,
    };
    const at = now >= warnedAt(machine.began)
      ? -1
      : todo.findIndex((i) =>
        judgeFit(span, now, { seenMs: machine.seen.typical("x"), cutMs: longestCut[i]! }) === "fits"
      );
    if (at < 0) {
      // It leaves; another one comes when all that it computes has ended.
      const end = Math.max(...machine.free);
      Object.assign(machine, { began: end, free: new Array(slots).fill(end), seen: new Durations() });
      continue;
    }
    const [i] = todo.splice(at, 1);
    const end = now + tasks[i!]!;
    machine.free[slot] = Math.min(end, warnedAt(machine.began));
    if (end <= warnedAt(machine.began)) machine.seen.note("x", tasks[i!]!);
    else {
      cut[i!]!++;
      longestCut[i!] = warnedAt(machine.began) - now;
      todo.push(i!);
    }
  }
  return cut;
}

describe("the rule by which workers begin tasks", () => {
  it("cuts off none of 1,000 tasks of 40 minutes on 50 workers in jobs of an hour", () => {
    for (const slots of [1, 4]) {
      assertEquals(Math.max(...cuts(new Array(1000).fill(40 * MIN), 50, slots)), 0);
    }
  });

  it("cuts off no task more often than the default budget where some take ten times as long", () => {
    let state = 7;
    const random = (): number => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
    for (let round = 0; round < 8; round++) {
      const tasks = Array.from({ length: 1000 }, () => random() < 0.05 ? 50 * MIN : (1 + 8 * random()) * MIN);
      assert(Math.max(...cuts(tasks, 50, 1)) <= 5);
    }
  });
});
