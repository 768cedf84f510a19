import { errorCode } from "../../lib/core/errors.ts";
import { currentContext } from "../../lib/run/context.ts";
import { getWith } from "../../lib/run/get/get.ts";
import type { Runtime } from "../../lib/run/runtime.ts";
import { type ArtifactPaths, artifactPaths } from "../../lib/store/layout.ts";
import { defineTask } from "../../lib/task/define.ts";
import { z } from "zod";
import type { Breaking } from "./broken_orders.ts";
import { type Faults, faultsWithCuts } from "./faults.ts";
import type { Random } from "./random.ts";
import type { Scenario } from "./scenario.ts";
import { ROOT, simRuntime } from "./sim_runtime.ts";
import { afterwards, keepClaims, keepEnds, keepRecords } from "./store_invariants.ts";
import { Violation } from "./violation.ts";
import type { World } from "./world.ts";

/** What `create` makes: a text, sometimes with a typed array, which becomes a file. */
type Made = string | { text: string; array: Uint8Array };

/** What `create` does in the world that is played now: tasks are defined once, worlds come and go. */
let creating: (name: string) => Promise<Made> = () => Promise.reject(new Error("No world is played"));

const Inner = defineTask({
  name: "sim/Inner",
  params: z.object({ seed: z.int() }),
  create: (): Promise<Made> => creating("inner"),
});

const Outer = defineTask({
  name: "sim/Outer",
  params: z.object({ inner: Inner.schema }),
  create: async ({ params }): Promise<string> => {
    const outer = textOf(await creating("outer"));
    return `${outer} of ${textOf(await getWith(runtimeNow(), currentContext(), params.inner))}`;
  },
});

const ARRAY_BYTES = 5000;

function withArray(text: string): Made {
  return { text, array: new Uint8Array(ARRAY_BYTES).fill(text.length) };
}

/** The text of what was made, which is whole. */
function textOf(value: unknown): string {
  const made = value as Made;
  if (typeof made === "string") return made;
  const { text, array } = made;
  if (array.length !== ARRAY_BYTES || array.some((byte) => byte !== text.length)) {
    throw new Violation(`the array of ${text} is not what was made`);
  }
  return text;
}

/** Errors that a process may end with when something went wrong with the disk. */
const DISK_ERRORS = ["EIO", "ENOSPC", "ESTALE", "ENOENT", "EEXIST"];

/** The runtime of the process whose `create` runs now. */
export function runtimeNow(): Runtime {
  const context = currentContext();
  if (context === undefined) throw new Error("create was called without its context");
  return context.runtime;
}

/** What {@link getScenario} plays. */
export interface GetScenarioOptions {
  /** Whether the artifact has another one nested in it. @default false */
  nested?: boolean;
  /** The host of each process. @default two on each of two hosts */
  hosts?: readonly string[];
  /** What may go wrong. @default in one of three seeds nothing, else a mixture, with power cuts in one of three */
  faults?: (random: Random) => Partial<Faults>;
  /** What is there before, of the artifacts: says whether anything is. @default nothing */
  prepare?: (world: World, random: Random, all: readonly ArtifactPaths[]) => boolean;
  /** Breaks a rule, which is to be found. @default none */
  breaking?: Breaking;
}

/** Processes on several hosts get an artifact, alone or with one nested in it, by the real code. */
export function getScenario(
  name: string,
  {
    nested = false,
    hosts = ["a", "a", "b", "b"],
    faults = (random) => random.chance(1 / 3) ? {} : faultsWithCuts(random),
    prepare = () => false,
    breaking = (machine) => machine,
  }: GetScenarioOptions = {},
): Scenario {
  return {
    name,
    about:
      `${hosts.length} processes get one artifact: one result, never gone, no claim taken from one that ` +
      "lives, afterwards to be had; without faults one create and no litter",
    faults,
    // Those who wait look every two seconds, and one slow answer may take ten minutes.
    maxSteps: 60_000,
    run: async (world, random) => {
      world.disk.mkdir(ROOT, world.host("a"), ROOT);
      const inner = Inner({ seed: 1 });
      const artifact = nested ? Outer({ inner }) : inner;
      let failing = random.chance(0.3);
      const withArrays = random.chance(0.3);
      const creates: Record<string, number> = {};
      creating = async (what) => {
        creates[what] = (creates[what] ?? 0) + 1;
        const made = `${what} ${creates[what]}`;
        await runtimeNow().machine.clock.sleep(random.scale(1, 100_000));
        if (failing && random.chance(0.3)) throw new Error("the task failed");
        return withArrays ? withArray(made) : made;
      };
      const all = [inner, artifact].map((each) => artifactPaths(ROOT, each));
      const isPrepared = prepare(world, random, all);
      const records = keepRecords(world, all.map(({ record }) => record));
      keepEnds(world, all);
      keepClaims(world, nested ? all : [all[0]!]);
      for (const host of hosts) {
        world.spawn("get", host, async (machine, signal) => {
          const runtime = simRuntime(breaking(machine), signal);
          for (;;) {
            try {
              return textOf(await getWith(runtime, undefined, artifact, { signal }));
            } catch (error) {
              if ((error as Error).name !== "ComputeError" || !failing && world.fates.total === 0) {
                throw error;
              }
            }
          }
        }, { restart: true });
      }
      await world.run();
      const seen = checkEnds(world);
      if (world.leaks.length > 0) throw new Violation(`left behind: ${world.leaks.join("; ")}`);
      if (world.fates.total === 0 && !failing && !isPrepared) checkFine(world, creates);
      failing = false;
      seen.push(
        await afterwards(
          world,
          async (machine, signal) => textOf(await getWith(simRuntime(machine, signal), undefined, artifact)),
        ),
      );
      // What was committed just before a power cut may be made again.
      if (records.undone === 0 && new Set(seen).size > 1) {
        throw new Violation(`different results were seen: ${seen.join(", ")}`);
      }
    },
  };
}

/** Nothing went wrong: each was created once, and nothing but results is left. */
function checkFine(world: World, creates: Readonly<Record<string, number>>): void {
  if (Object.values(creates).some((times) => times !== 1)) {
    throw new Violation(`creates without any fault: ${JSON.stringify(creates)}`);
  }
  const left = world.disk.paths(ROOT).filter((path) =>
    !/\/(?:[0-9a-f]{32}\.json|layout\.json|owners\/|\.furu-value-0\.bin)$/.test(path)
  );
  if (left.length > 0) throw new Violation(`left on the disk: ${left.join(", ")}`);
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
