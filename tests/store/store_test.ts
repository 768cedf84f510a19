import { assertEquals, assertRejects } from "@std/assert";
import { it } from "@std/testing/bdd";
import { ROOT, simRuntime } from "../sim/sim_runtime.ts";
import { World } from "../sim/world.ts";

it("Store.isShared() asks again after the file server was away", async () => {
  const world = new World(1);
  world.disk.mkdir(ROOT, world.host("a"), ROOT);
  let refusals = 1;
  world.refuse = (_process, kind) => kind === "stat" && refusals-- > 0 ? "EIO" : undefined;
  const process = world.spawn("p", "a", async (machine, signal) => {
    const { store } = simRuntime(machine, signal);
    await assertRejects(() => store.isShared(), Error, "Input/output error");
    return await store.isShared();
  });
  await world.run();
  assertEquals([process.error, process.value], [undefined, false]);
});
