import { assertEquals, assertNotEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { Candidates, PollBackoff } from "../../../lib/pool/worker/candidates.ts";
import { hashText } from "../../../lib/core/hash.ts";
import { formatTaskName, parseTaskName } from "../../../lib/queue/task_file.ts";
import { listingPause } from "../../../lib/pool/pacing.ts";

const FILES = Array.from({ length: 100 }, (_, n) => `${n}`);

function all(candidates: Candidates): string[] {
  const files: string[] = [];
  for (let file; (file = candidates.next()) !== undefined;) files.push(file);
  return files;
}

describe("Candidates", () => {
  it("gives every file of a listing once, to different workers in a different order", () => {
    const orders = ["0123456789ab", "ba9876543210"].map((id) => {
      const candidates = new Candidates(() => id);
      assertEquals(candidates.fill(FILES), true);
      return all(candidates);
    });
    for (const order of orders) assertEquals(order.toSorted(), FILES.toSorted());
    assertNotEquals(orders[0], orders[1]);
  });

  it("gives files of a higher turn first, and these in a random order", () => {
    const files = Array.from({ length: 40 }, (_, n) => {
      const turn = [0, 3, -2, 1][n % 4]!;
      return formatTaskName({ hash: hashText(`${n}`), attempt: 1, lost: 0, turn });
    });
    const orders = ["1", "2"].map((id) => {
      const candidates = new Candidates(() => id);
      candidates.fill(files);
      return all(candidates);
    });
    for (const order of orders) {
      const turns = order.map((file) => parseTaskName(file)!.turn ?? 0);
      assertEquals(turns, turns.toSorted((a, b) => b - a));
    }
    assertNotEquals(orders[0], orders[1]);
  });

  it("gives no file again that was refused", () => {
    const candidates = new Candidates(() => "1");
    candidates.refuse("3");
    assertEquals(candidates.fill(["3"]), false);
    candidates.fill(FILES);
    assertEquals(all(candidates).includes("3"), false);
  });

  it("gives a list up when others are always faster: a short one soon, a long one later", () => {
    const tries = [100, 2000, 10_000].map((length) => {
      const candidates = new Candidates(() => "1");
      candidates.fill(Array.from({ length }, (_, n) => `${n}`));
      let tried = 0;
      for (; candidates.next() !== undefined; tried++) candidates.tried(tried === 0);
      return tried;
    });
    assertEquals(tries, [3, 9, 17]);
  });
});

/** A backoff by a clock that only the test moves on. */
function scene(pollIntervalSec: number): { backoff: PollBackoff; pass: (ms: number) => void } {
  let ms = 0;
  const clock = { now: () => ms, monotonic: () => ms, sleep: () => Promise.resolve() };
  return { backoff: new PollBackoff(clock, pollIntervalSec), pass: (more) => void (ms += more) };
}

describe("listingPause()", () => {
  it("is in proportion to what the listing took, and half a minute at most", () => {
    assertEquals([0, 100, 3_600_000].map((ms) => listingPause(ms, 9)), [0, 900, 30_000]);
  });
});

describe("PollBackoff", () => {
  it("does not pause for hours after one listing that took an hour", async () => {
    const { backoff, pass } = scene(2);
    await backoff.list(() => Promise.resolve(pass(3_600_000)));
    backoff.news();
    assertEquals(backoff.dueIn, 30_000);
    pass(30_000);
    await backoff.list(() => Promise.resolve(pass(1)));
    backoff.news();
    assertEquals(backoff.dueIn, 10);
  });

  it("is slower the longer nothing happens, within the poll interval", async () => {
    const { backoff, pass } = scene(2);
    assertEquals({ begun: backoff.begun, dueIn: backoff.dueIn }, { begun: false, dueIn: 0 });
    await backoff.list(() => Promise.resolve());
    assertEquals({ begun: backoff.begun, dueIn: backoff.dueIn }, { begun: true, dueIn: 10 });
    pass(1000);
    await backoff.list(() => Promise.resolve());
    assertEquals(backoff.dueIn, 100);
    pass(100_000);
    await backoff.list(() => Promise.resolve());
    assertEquals(backoff.dueIn, 2000);
  });
});
