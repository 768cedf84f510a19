import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { doneCount, initialProgress, pace, reduceProgress, waitingCount } from "../../lib/ui/progress.ts";
import {
  attemptFailed,
  attemptStarted,
  done,
  hashOf,
  nodeFailed,
  progressed,
  START,
  started,
  stateAfter,
} from "./events.ts";

describe("reduceProgress()", () => {
  it("counts done, running, waiting and failed nodes", () => {
    const state = stateAfter(
      started(10, 3),
      attemptStarted("a", START),
      attemptStarted("b", START),
      attemptStarted("c", START),
      done("a", START),
      attemptFailed("b"),
      nodeFailed("b"),
    );
    assertEquals(doneCount(state), 4);
    assertEquals(state.failed, 1);
    assertEquals([...state.running.keys()], [hashOf("c")]);
    assertEquals(waitingCount(state), 4);
  });

  it("leaves the state it was given as it was", () => {
    const before = stateAfter(started(2), attemptStarted("a", START));
    const copy = structuredClone(before);
    reduceProgress(before, progressed("a", 0.5, "half"));
    reduceProgress(before, done("a", START));
    assertEquals(before, copy);
    assertEquals(initialProgress.running.size, 0);
  });

  it("counts a node that others computed apart, and forgets that it was watched", () => {
    const watched = {
      type: "node_watched",
      hash: hashOf("a"),
      name: "toy/Train",
      owner: "pid 1 on h",
      at: START,
    } as const;
    const state = stateAfter(started(2), watched);
    assertEquals(state.watched.size, 1);
    assertEquals(waitingCount(state), 1);
    const after = reduceProgress(state, done("a", START, "elsewhere"));
    assertEquals({ watched: after.watched.size, elsewhere: after.elsewhere, computed: after.computed }, {
      watched: 0,
      elsewhere: 1,
      computed: 0,
    });
  });

  it("keeps fractions between 0 and 1, drops what is no number and attempts that are over", () => {
    const running = stateAfter(started(2), attemptStarted("a", START));
    const fraction = (value: number) =>
      reduceProgress(running, progressed("a", value)).running.get(hashOf("a"))?.fraction;
    assertEquals([-1, 0.4, 7, NaN].map(fraction), [0, 0.4, 1, undefined]);
    assertEquals(reduceProgress(running, progressed("b", 0.5)), running);
  });

  it("drops the last message when a task tells a fraction alone", () => {
    const state = stateAfter(
      started(1),
      attemptStarted("a", START),
      progressed("a", 0.1, "begin"),
      progressed("a", 0.2),
    );
    assertEquals(state.running.get(hashOf("a"))?.message, undefined);
  });
});

describe("pace()", () => {
  it("says nothing in the first second and nothing before anything was done", () => {
    assertEquals(pace(stateAfter(started(4), done("a", START + 10)), START + 500), { perSecond: 0 });
    assertEquals(pace(stateAfter(started(4)), START + 5000), { perSecond: 0 });
  });

  it("estimates the time left from what ended, not from what was stored before", () => {
    const state = stateAfter(started(110, 100), done("a", START + 2000), done("b", START + 4000));
    assertEquals(pace(state, START + 4000), { perSecond: 0.5, leftMs: 16_000 });
  });

  it("counts the parts that running tasks told of", () => {
    const state = stateAfter(started(2), attemptStarted("a", START), progressed("a", 0.5));
    assertEquals(pace(state, START + 10_000), { perSecond: 0.05, leftMs: 30_000 });
  });

  it("follows a run that becomes slower", () => {
    let state = stateAfter(started(10_000));
    for (let i = 0; i < 200; i++) state = reduceProgress(state, done(`${i}`, START + i * 1000));
    const fast = pace(state, START + 200_000).perSecond;
    for (let i = 0; i < 60; i++) state = reduceProgress(state, done(`x${i}`, START + 200_000 + i * 10_000));
    const slow = pace(state, START + 800_000).perSecond;
    assert(fast > 0.9 && fast < 1.1, `${fast}`);
    assert(slow > 0.09 && slow < 0.11, `${slow}`);
  });
});
