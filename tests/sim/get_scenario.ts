import { errorCode } from "../../lib/core/errors.ts";
import { currentContext } from "../../lib/run/context.ts";
import { getWith } from "../../lib/run/get/get.ts";
import type { Runtime } from "../../lib/run/runtime.ts";
import { artifactPaths } from "../../lib/store/layout.ts";
import { defineTask } from "../../lib/task/define.ts";
import { z } from "zod";
import { mixedFaults } from "./faults.ts";
import type { Scenario } from "./scenario.ts";
import { ROOT, simRuntime } from "./sim_runtime.ts";
import { Violation } from "./violation.ts";
import type { World } from "./world.ts";

/** What `create` does in the world that is played now: tasks are defined once, worlds come and go. */
let creating: (name: string) => Promise<string> = () => Promise.reject(new Error("No world is played"));

const Inner = defineTask({
  name: "sim/Inner",
  params: z.object({ seed: z.int() }),
  create: (): Promise<string> => creating("inner"),
});

const Outer = defineTask({
  name: "sim/Outer",
  params: z.object({ inner: Inner.schema }),
  create: async ({ params }): Promise<string> => {
    return `${await creating("outer")} of ${await getWith(runtimeNow(), currentContext(), params.inner)}`;
  },
});

/** Errors that a process may end with when something went wrong with the disk. */
const DISK_ERRORS = ["EIO", "ENOSPC", "ESTALE", "ENOENT", "EEXIST"];

/** The runtime of the process whose `create` runs now. */
export function runtimeNow(): Runtime {
  const context = currentContext();
  if (context === undefined) throw new Error("create was called without its context");
  return context.runtime;
}

/** Four processes on two hosts get an artifact, alone or with one nested in it, by the real code. */
export function getScenario(name: string, nested: boolean): Scenario {
  return {
    name,
    about: "4 processes get one artifact: one result, never gone, without faults one create and no litter",
    faults: (random) => random.chance(1 / 3) ? {} : mixedFaults(random),
    run: async (world, random) => {
      world.disk.mkdir(ROOT, world.host("a"), ROOT);
      const inner = Inner({ seed: 1 });
      const artifact = nested ? Outer({ inner }) : inner;
      const failing = random.chance(0.3);
      const creates: Record<string, number> = {};
      creating = async (what) => {
        creates[what] = (creates[what] ?? 0) + 1;
        const made = `${what} ${creates[what]}`;
        await runtimeNow().machine.clock.sleep(random.scale(1, 100_000));
        if (failing && random.chance(0.3)) throw new Error("the task failed");
        return made;
      };
      keepRecords(world, [inner, artifact].map((each) => artifactPaths(ROOT, each).record));
      for (const host of ["a", "a", "b", "b"]) {
        world.spawn("get", host, async (machine, signal) => {
          const runtime = simRuntime(machine, signal);
          for (;;) {
            try {
              return await getWith(runtime, undefined, artifact, { signal });
            } catch (error) {
              if ((error as Error).name !== "ComputeError" || !failing && world.fates.total === 0) {
                throw error;
              }
            }
          }
        }, { restart: true });
      }
      await world.run();
      checkSame(world);
      if (world.leaks.length > 0) throw new Violation(`left behind: ${world.leaks.join("; ")}`);
      if (world.fates.total > 0 || failing) return;
      if (Object.values(creates).some((times) => times !== 1)) {
        throw new Violation(`creates without any fault: ${JSON.stringify(creates)}`);
      }
      const left = world.disk.paths(ROOT).filter((path) =>
        !/\/(?:[0-9a-f]{32}\.json|layout\.json|owners\/)$/.test(path)
      );
      if (left.length > 0) throw new Violation(`left on the disk: ${left.join(", ")}`);
    },
  };
}

/** A success record that was once there never goes or changes. */
function keepRecords(world: World, records: string[]): void {
  const kept = new Map<string, string>();
  world.watch(() => {
    for (const path of records) {
      const now = world.disk.read(path);
      const before = kept.get(path);
      if (before === undefined && now !== undefined) kept.set(path, now);
      if (before !== undefined && now !== before) {
        throw new Violation(`the record ${path} changed from ${before} to ${now}`);
      }
    }
  });
}

/** All that got a value got the same one, and nobody ended with an error but for the disk's. */
function checkSame(world: World): void {
  const values = new Set(checkEnds(world));
  if (values.size > 1) throw new Violation(`different results were seen: ${[...values].join(", ")}`);
}

/** Nobody ended with an error but for the disk's, and nobody with a value that nobody may get. Returns the values. */
export function checkEnds(world: World, never: readonly unknown[] = []): unknown[] {
  const values: unknown[] = [];
  for (const process of world.processes) {
    if (process.state === "crashed") continue;
    if (!process.failed) values.push(process.value);
    else if (!isDiskError(process.error)) throw process.error;
  }
  const wrong = values.find((value) => never.includes(value));
  if (wrong !== undefined) throw new Violation(`somebody got ${wrong}`);
  return values;
}

function isDiskError(error: unknown): boolean {
  for (let at = error; at instanceof Error; at = at.cause) {
    if (DISK_ERRORS.includes(errorCode(at) ?? "")) return true;
  }
  return false;
}
