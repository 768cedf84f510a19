import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { PollBackoff } from "../../lib/pool/worker/candidates.ts";
import { listingPause } from "../../lib/pool/pacing.ts";

/** A pace by a clock that only the test moves on. */
function scene(pollIntervalSec: number): { pace: PollBackoff; pass: (ms: number) => void } {
  let ms = 0;
  const clock = { now: () => ms, monotonic: () => ms, sleep: () => Promise.resolve() };
  return { pace: new PollBackoff(clock, pollIntervalSec), pass: (more) => void (ms += more) };
}

describe("a listing's pause", () => {
  it("is in proportion to what the listing took, and half a minute at most", () => {
    assertEquals([0, 100, 3_600_000].map((ms) => listingPause(ms, 9)), [0, 900, 30_000]);
  });
});

describe("a worker's pace of listing", () => {
  it("does not pause for hours after one listing that took an hour", async () => {
    const { pace, pass } = scene(2);
    await pace.list(() => Promise.resolve(pass(3_600_000)));
    pace.news();
    assertEquals(pace.dueIn, 30_000);
    pass(30_000);
    await pace.list(() => Promise.resolve(pass(1)));
    pace.news();
    assertEquals(pace.dueIn, 10);
  });

  it("is slower the longer nothing happens, within the poll interval", async () => {
    const { pace, pass } = scene(2);
    assertEquals([pace.begun, pace.dueIn], [false, 0]);
    await pace.list(() => Promise.resolve());
    assertEquals([pace.begun, pace.dueIn], [true, 10]);
    pass(1000);
    await pace.list(() => Promise.resolve());
    assertEquals(pace.dueIn, 100);
    pass(100_000);
    await pace.list(() => Promise.resolve());
    assertEquals(pace.dueIn, 2000);
  });
});
