import { assertEquals } from "@std/assert";
import { it } from "@std/testing/bdd";
import { listOrNothing, listSurely } from "../../lib/store/store.ts";
import { ROOT, simRuntime } from "../sim/sim_runtime.ts";
import { World } from "../sim/world.ts";

it("listSurely() sees a folder that its host remembers as missing", async () => {
  const world = new World(1, { staleNegative: 1, staleMs: 1e9 });
  world.disk.mkdir(ROOT, world.host("a"), ROOT);
  const seen: string[][] = [];
  world.spawn("a", "a", async (machine, signal) => {
    const { store } = simRuntime(machine, signal);
    const look = async (names: Promise<{ name: string }[]>): Promise<void> => {
      seen.push((await names).map(({ name }) => name));
    };
    await look(listOrNothing(machine, `${ROOT}/artifacts/task`));
    await machine.clock.sleep(10);
    world.disk.put(`${ROOT}/artifacts/task/file`, "", world.host("b"));
    await look(listOrNothing(machine, `${ROOT}/artifacts/task`));
    await look(listSurely(store, `${ROOT}/artifacts/task`));
  });
  await world.run();
  assertEquals(seen, [[], [], ["file"]]);
});
