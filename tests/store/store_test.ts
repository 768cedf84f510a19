import { assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path/join";
import { describe, it } from "@std/testing/bdd";
import { StoreError } from "../../lib/core/errors.ts";
import { listOrNothing, listSurely } from "../../lib/store/store.ts";
import { Rig, testRuntime } from "../rig.ts";
import { ROOT, simRuntime } from "../sim/sim_runtime.ts";
import { World } from "../sim/world.ts";

describe("Store.listTask()", () => {
  /** A store whose folders are as large as it is told, and what was listed of it. */
  function storeOf(rig: Rig, size: number) {
    const listed: string[] = [];
    const { files } = testRuntime(rig.root).machine;
    const { store } = testRuntime(rig.root, {
      files: {
        open: async (path) => {
          const file = await files.open(path);
          return {
            ...file,
            stat: async () => ({ ...await file.stat(), size }),
            [Symbol.dispose]: () => file.close(),
          };
        },
        list: (path) => {
          listed.push(path);
          return files.list(path);
        },
      },
    });
    const at = (name: string) => join(rig.root, "artifacts/toy/Task", name);
    Deno.mkdirSync(at("c"), { recursive: true });
    for (const name of ["a.json", "b.claim", "e.json"]) Deno.writeTextFileSync(at(name), "");
    return { store, listed };
  }

  it("looks few names up in a folder of very many, and says nothing of others", async () => {
    await using rig = new Rig();
    const { store, listed } = storeOf(rig, 64_000_000);
    const { done, open, only } = await store.listTask("toy/Task", ["a", "b", "c", "d"]);
    assertEquals({ done: [...done], open: [...open].sort(), listed }, {
      done: ["a"],
      open: ["b", "c"],
      listed: [],
    });
    assertEquals([...only!], ["a", "b", "c", "d"]);
  });

  it("lists the folder where it is small, where many are asked for, and where all are", async () => {
    await using rig = new Rig();
    const many = Array.from({ length: 20_000 }, (_, i) => `${i}`);
    for (const [size, wanted] of [[4096, ["a"]], [64_000_000, many], [64_000_000, undefined]] as const) {
      const { store, listed } = storeOf(rig, size);
      const { done, open, only } = await store.listTask("toy/Task", wanted);
      assertEquals([[...done].sort(), [...open].sort(), only], [["a", "e"], ["b", "c"], undefined]);
      assertEquals(listed.length, 1);
    }
  });
});

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
