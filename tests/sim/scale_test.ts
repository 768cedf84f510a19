import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import type { Counts } from "./scale/counts.ts";
import { playScale } from "./scale/scale_run.ts";

/** What a worker looks at although nothing happened: requests to it. */
function looks(counts: Counts): number {
  return counts.sum((kind, place) => kind !== "handle" && (place === "orders" || place === "stop"));
}

function beats(counts: Counts): number {
  return counts.sum((kind) => kind === "beat");
}

describe("a pool's operations on files", () => {
  it("of 50 workers and 2,000 tasks grow with the tasks, and hardly with time", async () => {
    const { whole, parts, mostWorkers, busySec } = await playScale({
      workers: 50,
      tasks: 2000,
      chain: 10,
      taskSec: 20,
    });
    assertEquals(mostWorkers, 50);
    assert(busySec / 50 / whole.seconds > 0.9, "the workers had nothing to do");
    const worker = whole.workers.sum() / whole.tasks - looks(whole.workers) / whole.tasks;
    assert(worker <= 40, `a task takes its worker ${worker} operations: ${whole.workers.text(whole.tasks)}`);
    const minutes = whole.seconds / 60 * 50;
    const look = looks(whole.workers) / minutes, beat = beats(whole.workers) / minutes;
    assert(look <= 20, `${look} looks in a worker's minute`);
    assert(beat <= 60 / 40 * 2, `${beat} heartbeats in a worker's minute`);
    // Reading results costs three listings at growing pauses, and what workers say 32 reads a second.
    const controller = whole.controller.sum((kind, place) => kind !== "handle" && place !== "workers");
    assert(controller / whole.tasks <= 60, `a task takes ${whole.controller.text(whole.tasks)}`);
    const [, second] = parts, ninth = parts[8];
    assert(second !== undefined && ninth !== undefined);
    assert(
      ninth.controller.sum() <= second.controller.sum() * 1.25,
      "what is done costs the controller more",
    );
    assert(ninth.workers.sum() <= second.workers.sum() * 1.25, "what is done costs workers more");
    assert(
      ninth.readAfterMs <= Math.max(2 * second.readAfterMs, 50),
      `${ninth.readAfterMs} ms to read a result`,
    );
  });

  it("of a controller are few while nothing happens, and hardly more with more workers", async () => {
    const perSecond: number[] = [];
    for (const workers of [25, 100]) {
      // All of them take as long.
      const { whole } = await playScale({
        workers,
        tasks: workers,
        chain: 1,
        taskSec: 300,
        spread: [1, 1],
      });
      perSecond.push(whole.controller.sum() / whole.seconds);
    }
    const [few = 0, many = 0] = perSecond;
    assert(few <= 40, `${few} operations a second for 25 workers`);
    // A heartbeat is looked at about every half a minute, and at most 32 workers a second say what they compute.
    assert(many <= few + 75 / 20 + 32, `${many} operations a second for 100 workers, ${few} for 25`);
  });
});
