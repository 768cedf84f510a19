import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { z } from "zod";
import { getWith } from "../../lib/run/get/get.ts";
import { artifactPaths } from "../../lib/store/layout.ts";
import { defineTask } from "../../lib/task/define.ts";
import { contendedScenario, cutsScenario } from "./contended_scenario.ts";
import { getScenario } from "./get_scenario.ts";
import { replaceScenario } from "./replace_scenario.ts";
import { assertSeeds } from "./scenario.ts";
import { ROOT, simRuntime } from "./sim_runtime.ts";
import { World } from "./world.ts";

describe("get, by 4 processes on 2 hosts at once", () => {
  it("holds for one artifact with 1,500 seeds", async () => {
    const { faults } = await assertSeeds(getScenario("get"), { count: 1500 });
    const kinds = ["crash", "suspend", "lost", "eio", "full", "staleList", "staleNegative"];
    for (const kind of [...kinds, "powerCut", "siteCut", "serverCut"]) {
      assert((faults[kind] ?? 0) > 0, `never happened: ${kind}`);
    }
  });

  it("holds for an artifact inside another one with 1,000 seeds", async () => {
    const { seeds } = await assertSeeds(getScenario("nested", { nested: true }), { count: 1000 });
    assert(seeds === 1000);
  });

  it("holds for 8 on 4 hosts that stand still and are declared dead with 300 seeds", async () => {
    const { faults } = await assertSeeds(contendedScenario(), { count: 300 });
    assert((faults.suspend ?? 0) > 300 && (faults.slow ?? 0) > 300);
  });

  it("holds while the power fails again and again with 400 seeds", async () => {
    const { faults } = await assertSeeds(cutsScenario(), { count: 400 });
    for (const kind of ["powerCut", "siteCut", "serverCut"]) assert((faults[kind] ?? 0) > 100, kind);
  });
});

describe("a result with files", () => {
  it("is whole for a host that remembers a folder as missing", async () => {
    const WithFile = defineTask({
      name: "sim/WithFile",
      params: z.object({}),
      create: () => Promise.resolve(new Uint8Array(5000)),
    });
    const world = new World(1, { staleNegative: 1, staleMs: 1e300 });
    world.disk.mkdir(ROOT, world.host("a"), ROOT);
    const { home, taskDir } = artifactPaths(ROOT, WithFile());
    world.disk.put(`${taskDir}/.made`, "", world.host("a"));
    const reader = world.spawn("reader", "b", async (machine, signal) => {
      const seen = [await machine.files.exists(home)];
      await machine.clock.sleep(60_000);
      seen.push(await machine.files.exists(home)); // it still believes so
      const value = await getWith(simRuntime(machine, signal), undefined, WithFile());
      return [...seen, (value as Uint8Array).length];
    });
    world.spawn("maker", "a", async (machine, signal) => {
      await machine.clock.sleep(1000);
      await getWith(simRuntime(machine, signal), undefined, WithFile());
    });
    await world.run();
    if (reader.failed) throw reader.error;
    assertEquals(reader.value, [false, false, 5000]);
  });
});

describe("replacing a stored result, by 4 processes on 2 hosts", () => {
  it("never leaves a moment without a record when it is forced, with 1,000 seeds", async () => {
    const { faults } = await assertSeeds(replaceScenario("forced", "forced"), { count: 1000 });
    assert((faults.crash ?? 0) > 0 && (faults.lost ?? 0) > 0);
  });

  it("replaces an invalid one once, with 1,000 seeds", async () => {
    const { faults } = await assertSeeds(replaceScenario("invalid", "invalid"), { count: 1000 });
    assert((faults.crash ?? 0) > 0 && (faults.lost ?? 0) > 0);
  });
});
