import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { errorCode } from "../../lib/core/errors.ts";
import type { Owner } from "../../lib/core/system/machine.ts";
import { claimScenario } from "./claim_scenario.ts";
import { playSeed } from "./scenario.ts";
import { Violation } from "./violation.ts";
import { World } from "./world.ts";

/** What a promise is rejected with, as its code; "ok" when it resolves. */
async function code(promise: Promise<unknown>): Promise<string> {
  return await promise.then(() => "ok", (error) => errorCode(error) ?? `${error}`);
}

describe("World", () => {
  it("plays the same seed the same way, and another seed another way", async () => {
    const traces = [];
    for (const seed of [7, 7, 8]) {
      const trace: string[] = [];
      await playSeed(claimScenario("claim", "link"), seed, trace);
      traces.push(trace.join("\n"));
    }
    assert(traces[0]?.includes("link '/s/d/.own-"));
    assertEquals(traces[0], traces[1]);
    assert(traces[0] !== traces[2]);
  });

  it("lets exactly one of many processes link a name", async () => {
    for (let seed = 1; seed <= 50; seed++) {
      const world = new World(seed);
      const won: string[] = [];
      for (const name of ["a", "b", "c", "d"]) {
        world.spawn(name, `host-${name}`, async ({ files }) => {
          await files.write(`/${name}`, name);
          if (await code(files.link(`/${name}`, "/claim")) === "ok") won.push(name);
        });
      }
      await world.run();
      assertEquals(won, [world.disk.read("/claim")]);
    }
  });

  it("shows others a file that is written only in part", async () => {
    const seen = new Set<string>();
    for (let seed = 1; seed <= 50; seed++) {
      const world = new World(seed);
      world.spawn("writer", "a", ({ files }) => files.write("/file", "whole"));
      world.spawn("reader", "b", async ({ files }) => {
        for (let i = 0; i < 10; i++) seen.add(await files.readText("/file").catch(() => "missing"));
      });
      await world.run();
    }
    for (const state of ["missing", "", "whole"]) assert(seen.has(state), `never seen: ${state}`);
    assert([...seen].some((text) => text !== "" && text !== "whole" && "whole".startsWith(text)));
  });

  it("crashes a process before or after the step that was asked for, and starts it again", async () => {
    for (const when of ["before", "after"] as const) {
      const world = new World(1);
      let runs = 0;
      world.spawn("p", "a", async ({ files }) => {
        runs++;
        await files.mkdir(`/run-${runs}`);
        await files.mkdir(`/after-${runs}`);
      }, { crashAt: { step: 2, when }, restart: true });
      await world.run();
      assertEquals(world.processes.map((process) => process.state), ["crashed", "ended"]);
      const made = ["/after-2/", "/run-2/"];
      assertEquals(world.disk.paths(), when === "after" ? [...made.slice(0, 1), "/run-1/", "/run-2/"] : made);
    }
  });

  it("tells a dead process from a living one only on the same host", async () => {
    const world = new World(1);
    const dead = world.spawn("dead", "a", ({ clock }) => clock.sleep(1000), {
      crashAt: { step: 2, when: "before" },
    });
    const living = world.spawn("living", "a", ({ clock }) => clock.sleep(10_000));
    const seen: Record<string, boolean[]> = {};
    for (const host of ["a", "b"]) {
      world.spawn(host, host, async ({ clock, isGone }) => {
        await clock.sleep(2000);
        seen[host] = [
          isGone(dead.owner),
          isGone(living.owner),
          isGone({ ...living.owner, start: "0" } as Owner),
        ];
      });
    }
    await world.run();
    assertEquals(seen, { a: [true, false, true], b: [false, false, false] });
  });

  it("jumps to the next wake-up when everybody sleeps, on clocks that differ between hosts", async () => {
    const world = new World(1);
    const clocks: number[][] = [];
    for (const host of ["a", "b"]) {
      world.spawn(host, host, async ({ clock }) => {
        const before = clock.monotonic();
        await clock.sleep(3_600_000);
        clocks.push([clock.monotonic() - before, clock.now()]);
      });
    }
    await world.run();
    assert(world.steps < 10);
    assertEquals(clocks.map(([slept]) => Math.round((slept as number) / 1000)), [3600, 3600]);
    assert(Math.abs((clocks[0]?.[1] ?? 0) - (clocks[1]?.[1] ?? 0)) > 1000);
  });

  it("ends a sleep with the signal's reason", async () => {
    const world = new World(1);
    const process = world.spawn("p", "a", async ({ clock, files }) => {
      const controller = new AbortController();
      const sleeping = clock.sleep(1e9, controller.signal);
      await files.mkdir("/d");
      controller.abort("enough");
      return await sleeping.catch((reason) => reason);
    });
    await world.run();
    assertEquals(process.value, "enough");
    assert(world.time < 1000);
  });

  it("beats while the process waits, not while it is suspended, and says when the file has no name left", async () => {
    const world = new World(1);
    const lost: string[] = [];
    const beating = world.spawn("beating", "a", async ({ files, clock, beat }) => {
      await files.write("/own", "x");
      await files.link("/own", "/claim");
      const heartbeat = beat({
        path: "/own",
        unlink: true,
        intervalMs: 1000,
        onLost: (reason) => lost.push(reason),
      });
      await clock.sleep(100_000);
      await heartbeat.stop();
    });
    const seen: number[] = [];
    world.spawn("observer", "b", async ({ files, clock }) => {
      const look = async () => seen.push((await files.stat("/claim"))?.mtimeMs ?? 0);
      await clock.sleep(5000);
      for (let i = 0; i < 2; i++) await look().then(() => clock.sleep(5000));
      beating.suspendedUntil = world.time + 20_000;
      for (let i = 0; i < 2; i++) await look().then(() => clock.sleep(5000));
      assertEquals(await files.stat("/own"), undefined);
      await files.remove("/claim");
      assertEquals(lost, []);
    });
    await world.run();
    assertEquals(world.processes.map((process) => process.error), [undefined, undefined]);
    const [first = 0, second = 0, third = 0, fourth = 0] = seen;
    assert(second - first >= 4000 && third > second);
    assertEquals(fourth, third);
    assertEquals(lost, ["ENOENT"]);
    assertEquals(world.leaks, []);
  });

  it("names what an ended process left behind", async () => {
    const world = new World(1);
    world.spawn("p", "a", async ({ files, beat }) => {
      await files.write("/own", "x");
      await files.open("/own");
      beat({ path: "/own", intervalMs: 1000, onLost: () => {} });
    });
    await world.run();
    assertEquals(world.leaks, ["p#100@a: open file /own", "p#100@a: heartbeat of /own"]);
  });

  it("says that a process is stuck, or waits for something that is not simulated", async () => {
    const stuck = new World(1, {}, { maxSteps: 100 });
    stuck.spawn("p", "a", async ({ clock }) => {
      for (;;) await clock.sleep(1);
    });
    await assertRejects(() => stuck.run(), Violation, "stuck: more than 100 steps");
    const outside = new World(1);
    outside.spawn("p", "a", () => new Promise(() => {}));
    const error = await assertRejects(() => outside.run(), Error);
    assertStringIncludes(error.message, "waits outside the simulation");
  });

  it("waits for code that is busy outside for a moment, as a dynamic import", async () => {
    const world = new World(1);
    const process = world.spawn("p", "a", async ({ files }) => {
      const { Random } = await import("./random.ts");
      await files.mkdir("/d");
      return typeof Random;
    });
    await world.run();
    assertEquals(process.value, "function");
  });
});
