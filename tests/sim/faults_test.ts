import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { errorCode } from "../../lib/core/errors.ts";
import type { Machine } from "../../lib/core/system/machine.ts";
import type { Faults } from "./faults.ts";
import { powerCut } from "./power_cut.ts";
import type { SimProcess } from "./process.ts";
import { World } from "./world.ts";

/** What a promise is rejected with, as its code; "ok" when it resolves. */
async function code(promise: Promise<unknown>): Promise<string> {
  return await promise.then(() => "ok", (error) => errorCode(error) ?? `${error}`);
}

/** Runs one process on host "a" alone in a world. */
async function alone<T>(
  seed: number,
  faults: Partial<Faults>,
  main: (machine: Machine, world: World) => Promise<T>,
): Promise<SimProcess<T>> {
  const world = new World(seed, faults);
  const process = world.spawn("p", "a", (machine) => main(machine, world));
  await world.run();
  if (process.failed) throw process.error;
  return process;
}

describe("faults", () => {
  it("lost answers: the change was made, and EIO or what a repeated request says comes back", async () => {
    const seen: Record<string, Set<string>> = {
      link: new Set(),
      rename: new Set(),
      mkdir: new Set(),
      remove: new Set(),
    };
    for (let seed = 1; seed <= 40; seed++) {
      await alone(seed, { lost: 1, max: 100 }, async ({ files }, world) => {
        world.disk.put("/file", "x", world.host("a"));
        seen.link?.add(await code(files.link("/file", "/name")));
        assertEquals(world.disk.read("/name"), "x");
        seen.rename?.add(await code(files.rename("/name", "/moved")));
        assertEquals(world.disk.paths(), ["/file", "/moved"]);
        seen.mkdir?.add(await code(files.mkdir("/d")));
        seen.remove?.add(await code(files.remove("/moved")));
        assertEquals(world.disk.paths(), ["/d/", "/file"]);
      });
    }
    const lost = Object.fromEntries(Object.entries(seen).map(([kind, codes]) => [kind, [...codes].sort()]));
    assertEquals(lost, {
      link: ["EEXIST", "EIO"],
      rename: ["EIO", "ENOENT"],
      mkdir: ["EEXIST", "EIO"],
      remove: ["EIO", "ENOENT"],
    });
  });

  it("EIO: nothing is done", async () => {
    await alone(1, { eio: 1, max: 1 }, async ({ files }, world) => {
      assertEquals(await code(files.mkdir("/d")), "EIO");
      assertEquals(world.disk.paths(), ["//"]);
      assertEquals(await code(files.mkdir("/d")), "ok");
    });
  });

  it("a full disk leaves an empty file or none, and has room again after a while", async () => {
    const process = await alone(
      3,
      { full: 1, max: 1, longestMs: 60_000 },
      async ({ files, clock }, world) => {
        const failed = await code(files.write("/file", "text"));
        const left = world.disk.read("/file") ?? "";
        await clock.sleep(60_000);
        return [failed, left, await code(files.write("/file", "text"))];
      },
    );
    assertEquals(process.value, ["ENOSPC", "", "ok"]);
  });

  it("slow operations take time, and the number of other faults is bounded", async () => {
    const world = new World(1, { slow: 0.5, suspend: 0.5, max: 3, longestMs: 60_000 });
    world.spawn("p", "a", async ({ files }) => {
      for (let i = 0; i < 50; i++) await files.mkdir(`/${i}`);
    });
    await world.run();
    assertEquals(world.fates.counts.suspend, 3);
    assert((world.fates.counts.slow ?? 0) > 10);
    assert(world.time > 1000);
  });

  it("a name once missing stays missing for its host until the folder is listed", async () => {
    const world = new World(1, { staleNegative: 1, staleMs: 1e300 });
    world.disk.put("/d/other", "", world.host("b"));
    const looker = world.spawn("looker", "a", async ({ files, clock }) => {
      const seen = [await code(files.readText("/d/new/x"))];
      await clock.sleep(1000);
      seen.push(await code(files.readText("/d/new/x")), await code(files.readText("/d/new")));
      await files.list("/d");
      seen.push(await code(files.readText("/d/new/x")));
      return seen;
    });
    world.spawn("maker", "b", async ({ files, clock }) => {
      await clock.sleep(500);
      await files.mkdir("/d/new");
      await files.write("/d/new/x", "1");
    });
    await world.run();
    assertEquals(looker.value, ["ENOENT", "ENOENT", "ENOENT", "ok"]);
    assertEquals(world.fates.counts.staleNegative, 2);
  });

  it("a stale listing misses what another host just made, and shows what it just removed", async () => {
    const seen = new Set<string>();
    for (let seed = 1; seed <= 40; seed++) {
      const world = new World(seed, { staleList: 0.5 });
      world.disk.put("/d/old", "", world.host("b"));
      world.spawn("changer", "b", async ({ files, clock }) => {
        await clock.sleep(100_000); // the making of "old" is no longer in doubt
        await files.write("/d/new", "");
        await files.remove("/d/old");
        seen.add(`own view ${(await files.list("/d")).map((entry) => entry.name)}`);
      });
      world.spawn("lister", "a", async ({ files, clock }) => {
        await clock.sleep(100_500);
        seen.add(`stale view ${(await files.list("/d")).map((entry) => entry.name).sort()}`);
        await clock.sleep(100_000);
        seen.add(`later ${(await files.list("/d")).map((entry) => entry.name)}`);
      });
      await world.run();
    }
    assertEquals([...seen].sort(), ["later new", "own view new", "stale view new", "stale view old"]);
  });

  it("attributes by path may be old until the file is opened", async () => {
    const world = new World(1, { staleStat: 1, staleMs: 1e300 });
    world.disk.put("/f", "1", world.host("b"));
    const process = world.spawn("p", "a", async ({ files, clock }) => {
      const sizes = [(await files.stat("/f"))?.size];
      await clock.sleep(1000);
      sizes.push((await files.stat("/f"))?.size);
      using file = await files.open("/f");
      sizes.push((await file.stat()).size, (await files.stat("/f"))?.size);
      return sizes;
    });
    world.spawn("writer", "b", ({ files, clock }) => clock.sleep(500).then(() => files.write("/f", "12345")));
    await world.run();
    assertEquals(process.value, [1, 1, 5, 5]);
  });

  it("a handle says ESTALE when another host took the last name, and works when its own did", async () => {
    for (const remover of ["a", "b"]) {
      const world = new World(1, { estale: 1 });
      world.disk.put("/f", "1", world.host("b"));
      const process = world.spawn("p", "a", async ({ files, clock }) => {
        using file = await files.open("/f");
        await clock.sleep(1000);
        return await code(file.stat());
      });
      world.spawn("remover", remover, ({ files, clock }) => clock.sleep(500).then(() => files.remove("/f")));
      await world.run();
      assertEquals(process.value, remover === "a" ? "ok" : "ESTALE");
    }
  });

  it("silly renames: a name that its host has open keeps the folder until it is closed", async () => {
    const process = await alone(1, { sillyRename: true }, async ({ files }, world) => {
      await files.mkdir("/d");
      await files.write("/d/f", "x");
      const file = await files.open("/d/f");
      await files.remove("/d/f");
      const names = (await files.list("/d")).map((entry) => entry.name.slice(0, 4));
      const { nlink } = await file.stat();
      const first = await code(files.remove("/d"));
      file.close();
      return [names, nlink, first, await code(files.remove("/d")), world.disk.paths()];
    });
    assertEquals(process.value, [[".nfs"], 1, "ENOTEMPTY", "ok", ["//"]]);
  });

  it("a power cut ends the host's processes and cuts short what was not synced", async () => {
    const world = new World(5);
    for (const host of ["a", "b"]) {
      world.spawn("p", host, async ({ files, clock }) => {
        await files.write(`/${host}-synced`, "0123456789", { sync: true });
        await files.write(`/${host}-loose`, "0123456789");
        await clock.sleep(10_000);
      });
    }
    world.spawn("cutter", "c", async ({ clock }) => {
      await clock.sleep(5000);
      powerCut(world, world.host("a"));
    });
    await world.run();
    assertEquals(world.processes.map((process) => process.state), ["crashed", "ended", "ended"]);
    const sizes = ["/a-synced", "/a-loose", "/b-loose"].map((path) => world.disk.read(path)?.length ?? -1);
    assertEquals({ sizes0: sizes[0], sizes2: sizes[2] }, { sizes0: 10, sizes2: 10 });
    assert((sizes[1] as number) < 10);
  });

  it("a cut of all power undoes the last names in their order, each operation whole", async () => {
    const seen = new Set<string>();
    for (let seed = 1; seed <= 100; seed++) {
      const world = new World(seed, { siteCut: 1e-300 });
      world.disk.put("/prepared", "x", world.host("a"));
      const main = async ({ files, clock }: Machine) => {
        await files.mkdir("/old");
        await clock.sleep(10_000);
        await files.mkdir("/d");
        await files.write("/d/f", "", { sync: true });
        await files.rename("/d/f", "/moved");
        await files.link("/moved", "/d/again");
        await files.remove("/moved");
        world.cut("siteCut", world.host("a"));
        const names = world.disk.paths().filter((path) => path !== "/prepared" && path !== "/old/");
        assertEquals(world.disk.paths().length - names.length, 2);
        seen.add(
          names.map((path) => `${path} ${world.disk.find(path.replace(/\/$/, ""))?.nlink}`).join(", "),
        );
      };
      for (const host of ["a", "b"]) {
        world.spawn(
          host,
          host,
          host === "a" ? main : ({ clock }) => clock.sleep(1e6),
        );
      }
      await world.run();
      assertEquals(world.processes.map(({ state }) => state), ["crashed", "crashed"]);
    }
    const states = ["", "/d/ 1", "/d/f 1", "/d/ 1, /moved 1", "/d/again 2, /moved 2", "/d/again 1"];
    assertEquals([...seen].sort(), states.sort());
  });

  it("a cut of the file server undoes names, and all processes live on", async () => {
    const seen = new Set<number>();
    for (let seed = 1; seed <= 40; seed++) {
      await alone(seed, { serverCut: 1e-300 }, async ({ files }, world) => {
        await files.write("/f", "text");
        world.cut("serverCut", world.host("a"));
        seen.add(world.disk.paths().filter((path) => path === "/f").length);
        if (world.disk.find("/f")) assertEquals(await files.readText("/f"), "text");
      });
    }
    assertEquals([...seen].sort(), [0, 1]);
  });

  it("a scenario's own rule refuses operations", async () => {
    const process = await alone(1, {}, async ({ files }, world) => {
      world.refuse = (_process, kind) => kind === "link" ? "EPERM" : undefined;
      await files.write("/f", "x");
      return await code(files.link("/f", "/g"));
    });
    assertEquals(process.value, "EPERM");
  });
});
