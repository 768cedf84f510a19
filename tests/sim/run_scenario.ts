import { z } from "zod";
import type { RunSummary } from "../../lib/core/event.ts";
import { makePlan } from "../../lib/plan/graph.ts";
import { currentContext } from "../../lib/run/context.ts";
import { getWith } from "../../lib/run/get/get.ts";
import { type Computer, InlineComputer } from "../../lib/run/computer.ts";
import type { Runtime } from "../../lib/run/runtime.ts";
import { AttemptBackend } from "../../lib/schedule/attempt_backend.ts";
import { drive } from "../../lib/schedule/drive.ts";
import { storeStatus } from "../../lib/schedule/status_source.ts";
import { artifactPaths } from "../../lib/store/layout.ts";
import type { Artifact } from "../../lib/task/artifact/artifact.ts";
import { defineTask } from "../../lib/task/define.ts";
import { AheadComputer } from "./ahead_computer.ts";
import { faultsWithCuts } from "./faults.ts";
import { checkEnds, runtimeNow } from "./get_scenario.ts";
import type { Random } from "./random.ts";
import type { Scenario } from "./scenario.ts";
import { ROOT, simRuntime } from "./sim_runtime.ts";
import { afterwards, keepClaims, keepEnds, keepRecords } from "./store_invariants.ts";
import { Violation } from "./violation.ts";
import type { World } from "./world.ts";

/** What `create` does in the world that is played now: tasks are defined once, worlds come and go. */
let creating: (name: string) => Promise<void> = () => Promise.reject(new Error("No world is played"));

const Base = defineTask({
  name: "sim/Base",
  params: z.object({}),
  create: async (): Promise<number> => {
    await creating("base");
    return 1;
  },
});

const Side = defineTask({
  name: "sim/Side",
  params: z.object({ base: Base.schema, left: z.boolean() }),
  retryDelaySec: 3,
  create: async ({ params }): Promise<number> => {
    await creating(params.left ? "left" : "right");
    return 1 + (await load(params.base) as number);
  },
});

const Top = defineTask({
  name: "sim/Top",
  params: z.object({ sides: z.array(Side.schema) }),
  create: async ({ params }): Promise<number> => {
    await creating("top");
    let sum = 0;
    for (const side of params.sides) sum += await load(side) as number;
    return sum;
  },
});

const MAX_RETRIES = 2;

/** Two runs of a diamond of four artifacts at the same time, by the real planner, scheduler and backend. */
export const runScenario: Scenario = scenarioOf(
  "run",
  "2 runs of a diamond: both end, each artifact once without faults, creates within the bounds",
  (_, runtime, runId) => new InlineComputer(runtime, runId),
);

/** The same, where first attempts are claimed and made by processes of their own, which may die. */
export const aheadScenario: Scenario = scenarioOf(
  "ahead",
  "2 runs of a diamond whose first attempts are claimed where they are computed, some not waited for",
  (world, runtime, runId, random) =>
    new AheadComputer(world, runtime.machine.self.host, runtime, runId, random),
);

type MakeComputer = (world: World, runtime: Runtime, runId: string, random: Random) => Computer;

function scenarioOf(name: string, about: string, computerOf: MakeComputer): Scenario {
  return {
    name,
    about,
    maxSteps: 40_000,
    faults: (random) => random.chance(1 / 3) ? {} : faultsWithCuts(random),
    run: async (world, random) => {
      world.disk.mkdir(ROOT, world.host("a"), ROOT);
      const base = Base();
      const sides = [Side({ base, left: true }), Side({ base, left: false })];
      const top = Top({ sides });
      let failing = random.chance(0.3);
      const creates = countCreates(random, () => failing);
      const paths = [base, ...sides, top].map((each) => artifactPaths(ROOT, each));
      keepRecords(world, paths.map(({ record }) => record));
      keepEnds(world, paths);
      // Ahead, a claim is made and given back by another process than its owner.
      if (name !== "ahead") keepClaims(world, paths);
      for (const host of ["a", "b"]) {
        world.spawn(
          "run",
          host,
          async (machine, signal) => {
            const runtime = simRuntime(machine, signal);
            return await runOf(runtime, top, signal, (runId) => computerOf(world, runtime, runId, random));
          },
          {
            restart: true,
          },
        );
      }
      await world.run();
      const summaries = checkEnds(world).filter((value) =>
        (value as RunSummary | undefined)?.failures !== undefined
      ) as RunSummary[];
      if (world.leaks.length > 0) throw new Violation(`left behind: ${world.leaks.join("; ")}`);
      for (const { failures } of summaries) {
        const odd = failures.find(({ kind }) => kind === "protocol");
        if (odd && world.fates.total === 0) throw new Violation(`a protocol failure: ${odd.error}`);
      }
      if (world.fates.total === 0) {
        const most = failing ? 2 * (1 + MAX_RETRIES) : 1;
        for (const [name, times] of Object.entries(creates)) {
          if (times > most) {
            throw new Violation(`${name} was created ${times} times, at most ${most} are right`);
          }
        }
        // One that is not waited for may be made by its process all the same: as if by somebody else.
        if (!failing) checkAllThere(world, [base, ...sides, top], name === "ahead" ? undefined : summaries);
      }
      failing = false;
      const { failures, notRun } = await afterwards(world, (machine, signal) => {
        const runtime = simRuntime(machine, signal);
        return runOf(runtime, top, signal, (runId) => new InlineComputer(runtime, runId));
      });
      if (failures.length + notRun > 0) {
        throw new Violation(
          `afterwards a run fails: ${failures.map(({ error }) => error)}, ${notRun} not run`,
        );
      }
      const sum = await afterwards(
        world,
        (machine, signal) => getWith(simRuntime(machine, signal), undefined, top),
      );
      if (sum !== 4) throw new Violation(`the result is ${sum}`);
    },
  };
}

/** Counts the creates of each name in the world that begins now. */
function countCreates(random: Random, failing: () => boolean): Record<string, number> {
  const creates: Record<string, number> = {};
  creating = async (name) => {
    creates[name] = (creates[name] ?? 0) + 1;
    await runtimeNow().machine.clock.sleep(random.scale(1, 100_000));
    if (failing() && random.chance(0.3)) throw new Error("the task failed");
  };
  return creates;
}

/** A run of an artifact, with the retries that scenarios have. */
export async function runOf(
  runtime: Runtime,
  top: Artifact,
  signal: AbortSignal,
  computerOf: (runId: string) => Computer,
): Promise<RunSummary> {
  const runId = `run-${runtime.machine.randomId()}`;
  const source = storeStatus(runtime, { run: runId });
  const { summary } = await drive(runtime, {
    runId,
    plan: await makePlan([top], source),
    window: "bfs",
    retry: { retryFailed: true, maxComputeRetries: MAX_RETRIES, maxPreemptRetries: 3 },
    maxRunning: 2,
    forced: undefined,
    replan: (artifact) => makePlan([artifact], source),
    onEvent: () => {},
    signal,
    backend: (report) =>
      new AttemptBackend(runtime, {
        name: "sim",
        runId,
        computer: computerOf(runId),
        forced: undefined,
        onEvent: () => {},
        report,
      }),
  });
  return summary;
}

function checkAllThere(world: World, all: Artifact[], summaries: RunSummary[] | undefined): void {
  for (const artifact of all) {
    const { record } = artifactPaths(ROOT, artifact);
    if (world.disk.read(record) === undefined) throw new Violation(`${artifact} is missing at the end`);
  }
  const computed = summaries?.reduce((sum, summary) => sum + summary.computed, 0);
  if (computed !== undefined && computed !== all.length) {
    throw new Violation(`the runs say that they computed ${computed} of ${all.length}`);
  }
  const failed = (summaries ?? []).flatMap(({ failures }) => failures);
  if (failed.length > 0) {
    throw new Violation(`failures without any fault: ${failed.map(({ error }) => error)}`);
  }
  const left = world.disk.paths(ROOT).filter((path) =>
    !/\/(?:[0-9a-f]{32}\.json|layout\.json|owners\/)$/.test(path)
  );
  if (left.length > 0) throw new Violation(`left on the disk: ${left.join(", ")}`);
}

async function load(artifact: Artifact): Promise<unknown> {
  return await getWith(runtimeNow(), currentContext(), artifact);
}
