import { z } from "zod";
import { currentContext } from "../../lib/run/context.ts";
import { InlineComputer } from "../../lib/run/computer.ts";
import { getWith } from "../../lib/run/get/get.ts";
import { settleArtifact } from "../../lib/run/get/settle.ts";
import { findCounting } from "../../lib/run/partial/counts.ts";
import { artifactPaths } from "../../lib/store/layout.ts";
import type { SuccessRecord } from "../../lib/store/record.ts";
import type { Artifact } from "../../lib/task/artifact/artifact.ts";
import { defineTask } from "../../lib/task/define.ts";
import { faultsWithCuts } from "./faults.ts";
import { checkEnds, runtimeNow } from "./get_scenario.ts";
import { runOf } from "./run_scenario.ts";
import type { Scenario } from "./scenario.ts";
import { ROOT, simRuntime } from "./sim_runtime.ts";
import { afterwards, keepEnds, keepRecords } from "./store_invariants.ts";
import { Violation } from "./violation.ts";
import type { World } from "./world.ts";

/** What `create` does in the world that is played now: tasks are defined once, worlds come and go. */
let creating: (name: string) => Promise<void> = () => Promise.reject(new Error("No world is played"));

const Part = defineTask({
  name: "sim/Part",
  params: z.object({ name: z.enum(["good", "bad"]) }),
  create: async ({ params }): Promise<number> => {
    await creating(params.name);
    return params.name === "good" ? 1 : 10;
  },
});

const Sum = defineTask({
  name: "sim/Sum",
  params: z.object({ parts: z.array(Part.schema) }),
  tolerate: ["parts"],
  create: async ({ params }): Promise<number> => {
    await creating("sum");
    let sum = 0;
    for (const part of params.parts) {
      const settled = await settleArtifact(part);
      if (settled.status === "fulfilled") sum += settled.value;
    }
    return sum;
  },
});

const Text = defineTask({
  name: "sim/Text",
  params: z.object({ sum: Sum.schema }),
  create: async ({ params }): Promise<string> => {
    await creating("text");
    return `sum ${await getWith(runtimeNow(), currentContext(), params.sum)}`;
  },
});

const good = Part({ name: "good" }), bad = Part({ name: "bad" });
const sum = Sum({ parts: [good, bad] }), text = Text({ sum });

/** Two runs that go without what fails, while somebody mends that: what each record says of itself is true. */
export const partialScenario: Scenario = {
  name: "partial",
  about: "2 runs without a part that fails, which somebody mends: partial results say so, and never stay",
  maxSteps: 40_000,
  faults: (random) => random.chance(1 / 3) ? {} : faultsWithCuts(random),
  run: async (world, random) => {
    world.disk.mkdir(ROOT, world.host("a"), ROOT);
    let failing = true;
    creating = async (name) => {
      await runtimeNow().machine.clock.sleep(random.scale(1, 100_000));
      if (failing && name === "bad") throw new Error("it is bad");
    };
    const all = [good, bad, sum, text].map((each) => artifactPaths(ROOT, each));
    keepRecords(world, all.slice(0, 2).map(({ record }) => record));
    keepRecords(world, all.slice(2).map(({ record }) => record), true);
    keepEnds(world, all);
    world.watch(() => {
      for (const artifact of [sum, text]) checkTrue(world, artifact);
    });
    for (const host of ["a", "b"]) {
      world.spawn("run", host, async (machine, signal) => {
        const runtime = simRuntime(machine, signal);
        return await runOf(runtime, text, signal, (runId) => new InlineComputer(runtime, runId));
      }, { restart: true });
    }
    if (random.chance(0.7)) {
      world.spawn("mend", "b", async (machine, signal) => {
        await machine.clock.sleep(random.scale(1, 400_000), signal);
        failing = false;
        return await getWith(simRuntime(machine, signal), undefined, bad, { signal });
      }, { restart: true });
    }
    await world.run();
    checkEnds(world);
    if (world.leaks.length > 0) throw new Violation(`left behind: ${world.leaks.join("; ")}`);
    await afterwards(world, async (machine, signal) => {
      const runtime = simRuntime(machine, signal);
      const isMended = await findCounting(runtime, bad, { tolerant: true });
      for (const artifact of [sum, text]) {
        const found = await findCounting(runtime, artifact, { tolerant: true });
        if (found.state !== "valid" || isMended.state !== "valid") continue;
        if (found.result.record.partial?.some(({ hash }) => hash === bad.hash)) {
          throw new Violation(`${artifact} counts without what is there`);
        }
      }
    });
    failing = false;
    const { failures, notRun } = await afterwards(world, async (machine, signal) => {
      const runtime = simRuntime(machine, signal);
      return await runOf(runtime, text, signal, (runId) => new InlineComputer(runtime, runId));
    });
    if (failures.length + notRun > 0) throw new Violation(`afterwards a run fails: ${failures[0]?.error}`);
    const value = await afterwards(
      world,
      (machine, signal) => getWith(simRuntime(machine, signal), undefined, text),
    );
    if (value !== "sum 11") throw new Violation(`the result is ${value}`);
  },
};

/** A value is made of the parts that its record does not lack. */
function checkTrue(world: World, artifact: Artifact): void {
  const json = world.disk.read(artifactPaths(ROOT, artifact).record);
  if (json === undefined) return;
  const { value, partial = [] } = JSON.parse(json) as SuccessRecord;
  const lacks = new Set(partial.map(({ hash }) => hash));
  const right = (lacks.has(good.hash) ? 0 : 1) + (lacks.has(bad.hash) ? 0 : 10);
  if (`${value}`.replace("sum ", "") === `${right}`) return;
  throw new Violation(`${artifact} is ${value}, and says that it lacks '${[...lacks]}'`);
}
