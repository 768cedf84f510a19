import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { errorCode } from "../../lib/core/errors.ts";
import { acquireLeadership } from "../../lib/pool/leadership.ts";
import { queuePaths } from "../../lib/queue/layout.ts";
import { makeQueue } from "../../lib/queue/queue.ts";
import { ROOT, simRuntime } from "../sim/sim_runtime.ts";
import { World } from "../sim/world.ts";

describe("acquireLeadership()", () => {
  it("gives the role back when it cannot be told whether the run has ended", async () => {
    const world = new World(1);
    const paths = queuePaths(ROOT, "run-1");
    world.disk.mkdir(ROOT, world.host("a"), ROOT);
    // It looks twice: before it claims the role, and under the claim.
    let looks = 0;
    world.refuse = (_process, kind, what) =>
      kind === "read" && what.includes("ended.json") && ++looks === 2 ? "EIO" : undefined;
    const process = world.spawn("p", "a", async (machine, signal) => {
      const runtime = simRuntime(machine, signal);
      await makeQueue(runtime.store, paths, ["default"]);
      return await acquireLeadership(runtime, paths, { runId: "run-1" }).catch((error) =>
        errorCode(error.cause)
      );
    });
    await world.run();
    assertEquals({ error: process.error, value: process.value }, { error: undefined, value: "EIO" });
    assertEquals(world.leaks, []);
    assertEquals(world.disk.read(paths.role.claim), undefined);
  });
});
