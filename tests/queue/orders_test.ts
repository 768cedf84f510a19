import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { OrderReader } from "../../lib/queue/orders.ts";
import { askToLeave, askToStop } from "../../lib/queue/requests.ts";
import { QueueRig } from "./rig.ts";

describe("OrderReader", () => {
  it("looks for requests first, then when there is an order for it, and now and then without one", async () => {
    await using rig = new QueueRig();
    await rig.fill(0);
    const store = rig.store();
    let time = 0;
    Object.assign(store.machine.clock, { monotonic: () => time });
    const one = new OrderReader(store, rig.paths);
    const other = new OrderReader(store, rig.paths);
    const news = async () => [await one.hasNews("w1"), await other.hasNews("w2")];
    assertEquals(await news(), [true, true], "there may have been some before");
    assertEquals(await news(), [false, false]);
    await askToLeave(store, rig.paths, "w2", "too many");
    assertEquals(await news(), [false, true]);
    assertEquals(await news(), [false, false]);
    await askToStop(store, rig.paths, "drain", "it is late");
    assertEquals(await news(), [true, true]);
    time += 60_000;
    assertEquals(await news(), [true, true], "an order can be lost");
  });

  it("makes one file operation a look while nothing is asked for", async () => {
    await using rig = new QueueRig();
    await rig.fill(0);
    const store = rig.store();
    const { files } = store.machine;
    const calls: string[] = [];
    for (const kind of ["open", "list", "readText", "readBytes", "stat"] as const) {
      const real = files[kind] as (...args: unknown[]) => unknown;
      Object.assign(files, { [kind]: (...args: unknown[]) => (calls.push(kind), real.apply(files, args)) });
    }
    const reader = new OrderReader(store, rig.paths);
    await reader.hasNews("w1");
    calls.length = 0;
    await reader.hasNews("w1");
    assertEquals(calls, ["open"]);
  });
});
