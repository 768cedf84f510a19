import { assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path/join";
import { describe, it } from "@std/testing/bdd";
import { StoreError } from "../../lib/core/errors.ts";
import { listOrNothing, listSurely } from "../../lib/store/store.ts";
import { Rig, testRuntime } from "../rig.ts";
import { ROOT, simRuntime } from "../sim/sim_runtime.ts";
import { World } from "../sim/world.ts";

describe("Store.isShared()", () => {
  it("asks again after the file server was away", async () => {
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
    assertEquals({ error: process.error, value: process.value }, { error: undefined, value: false });
  });

  it("goes by the folder that the root stands for, not by the bits of a link to it", async () => {
    await using rig = new Rig();
    Deno.mkdirSync(join(rig.folder, "folder"));
    Deno.symlinkSync(join(rig.folder, "folder"), join(rig.folder, "link"));
    for (const [mode, isShared] of [[0o755, false], [0o2775, true]] as const) {
      Deno.chmodSync(join(rig.folder, "folder"), mode);
      assertEquals(await testRuntime(join(rig.folder, "link")).store.isShared(), isShared);
    }
  });
});

describe("Store.makeDir()", () => {
  it("makes all folders above, and says so where one of them is a link to nothing", async () => {
    await using rig = new Rig();
    const { store } = testRuntime(join(rig.folder, "link"));
    Deno.symlinkSync(join(rig.folder, "purged"), store.root);
    const path = join(store.root, "artifacts/a/b");
    const error = await assertRejects(() => store.makeDir(path), StoreError, "a link to nothing");
    assertEquals(error.message.includes(`nothing can be made in ${store.root},`), true);
    Deno.mkdirSync(join(rig.folder, "purged"));
    assertEquals([await store.makeDir(path), await store.makeDir(path)], [true, false]);
  });
});

describe("listSurely()", () => {
  it("sees a folder that its host remembers as missing", async () => {
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
});
