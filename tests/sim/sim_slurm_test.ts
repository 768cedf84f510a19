import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import type { Machine } from "../../lib/core/system/machine.ts";
import type { WorkerJob } from "../../lib/pool/launcher.ts";
import { SimLauncher } from "./sim_launcher.ts";
import { SimSlurm } from "./sim_slurm.ts";
import type { SlurmFaults } from "./sim_slurm_faults.ts";
import { World } from "./world.ts";

const never = new AbortController().signal;

/** What was seen of one job that works for a minute, at each look of somebody who looks every second. */
async function watchOne(
  seed: number,
  faults: Partial<SlurmFaults>,
  act?: (launcher: SimLauncher) => Promise<void>,
): Promise<{ states: string[]; truth: string[]; ended: string[]; late: WorkerJob | undefined }> {
  const world = new World(seed);
  const ended: string[] = [];
  const slurm = new SimSlurm(world, {
    faults,
    nodes: ["n1", "n2"],
    work: async (job, { clock }, signal) => {
      await clock.sleep(60_000, signal).catch(() => {});
      ended.push(job.key);
    },
  });
  const states: string[] = [];
  let late: WorkerJob | undefined;
  world.spawn("user", "login", async (machine: Machine) => {
    const launcher = new SimLauncher(slurm, world, machine);
    const { refusal } = await launcher.submit({ spec: "gpu", count: 1, exclude: [] }, never);
    if (refusal) states.push(`${refusal.error}`);
    for (let i = 0; i < 100; i++) {
      for (const job of (await launcher.jobs(never).catch(() => undefined))?.jobs ?? []) {
        const { status, text } = job.state;
        const loss = job.state.status === "dead" ? job.state.loss : undefined;
        const state = `${status} ${loss ?? text}`;
        if (states.at(-1) !== state) states.push(state);
        late = job;
      }
      if (i === 20) await act?.(launcher);
      await machine.clock.sleep(1000);
    }
  });
  await world.run();
  assertEquals(world.processes.filter(({ gone }) => !gone), []);
  const truth = slurm.jobs.flatMap(({ history }) => history.map(({ state }) => state.status));
  return { states, truth, ended, late };
}

describe("SimSlurm", () => {
  it("begins a job late, runs it on a node and says when it is dead", async () => {
    const { states, ended, late } = await watchOne(1, {});
    assertEquals(states, ["pending PENDING", "running RUNNING", "dead FAILED"]);
    assertEquals({ spec: late?.spec, node0: late?.node?.[0] }, { spec: "gpu", node0: "n" });
    assertEquals(ended, ["job-0"]);
  });

  it("ends jobs as they end on a cluster, with the evidence that there is", async () => {
    const fates: [keyof SlurmFaults, string, string[]][] = [
      ["killed", "dead FAILED", []],
      ["preempted", "dead preempted", ["job-0"]],
      ["walltime", "dead timeout", ["job-0"]],
      ["nodeFails", "dead node-failure", []],
      ["bootFails", "dead boot-failure", []],
      ["cutOff", "dead node-failure", ["job-0"]],
      ["neverBegins", "dead cancelled", []],
    ];
    for (const [fault, last, ended] of fates) {
      const seen = await watchOne(3, { [fault]: 1 });
      assertEquals({ fault, statesLast: seen.states.at(-1), ended: seen.ended }, {
        fault,
        statesLast: last,
        ended,
      });
    }
  });

  it("puts a killed job back and begins it again under the same key", async () => {
    const { truth, ended } = await watchOne(3, { killed: 1, requeued: 1, max: 2 });
    assertEquals(truth, ["pending", "running", "pending", "running", "dead"]);
    assertEquals(ended, ["job-0"]);
  });

  it("submits and says that it failed, or fails, or answers with what was a while ago", async () => {
    assertEquals((await watchOne(1, { submitLost: 1 })).ended, ["job-0"]);
    const { states, ended } = await watchOne(1, { submitFails: 1 });
    assertEquals({ statesCount: states.length, ended }, { statesCount: 1, ended: [] });
    const seeds = [1, 2, 3, 4, 5, 6, 7, 8];
    const worlds = await Promise.all(seeds.map((seed) => watchOne(seed, { stale: 1, late: 1 })));
    assert(worlds.some((seen) => seen.states.filter((state) => state === "running RUNNING").length > 1));
  });

  it("ends everything on request, what runs after a grace", async () => {
    const { states, ended } = await watchOne(1, {}, (launcher) => launcher.cancelAll());
    assertEquals(states.at(-1), "dead cancelled");
    assertEquals(ended, ["job-0"]);
  });

  it("lets an heir begin when those it inherits from are dead, and not before", async () => {
    const begun: string[] = [];
    const world = new World(2);
    const slurm = new SimSlurm(world, {
      faults: {},
      nodes: ["n1"],
      work: async (job, { clock }) => {
        begun.push(job.key);
        await clock.sleep(10_000);
      },
    });
    world.spawn("user", "login", async (machine) => {
      const launcher = new SimLauncher(slurm, world, machine);
      await launcher.submit({ spec: "default", count: 2, exclude: [] }, never);
      await launcher.keepStandby(["job-0"], never);
      await launcher.keepStandby(["job-0", "job-1"], never);
      await machine.clock.sleep(5000);
      assertEquals(begun.includes("job-2"), false);
    });
    await world.run();
    assertEquals(begun.sort(), ["job-0", "job-1", "job-2"]);
  });
});
