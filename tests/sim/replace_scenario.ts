import { z } from "zod";
import { getWith } from "../../lib/run/get/get.ts";
import { artifactPaths } from "../../lib/store/layout.ts";
import { ARTIFACT } from "../../lib/task/artifact/artifact.ts";
import { defineTask } from "../../lib/task/define.ts";
import { faultsWithCuts } from "./faults.ts";
import { checkEnds, runtimeNow } from "./get_scenario.ts";
import type { Scenario } from "./scenario.ts";
import { ROOT, simRuntime } from "./sim_runtime.ts";
import { afterwards, keepClaims, keepEnds, keepRecords, type KeptRecords } from "./store_invariants.ts";
import { Violation } from "./violation.ts";
import type { World } from "./world.ts";

/** What `create` does in the world that is played now: tasks are defined once, worlds come and go. */
let creating: () => Promise<string> = () => Promise.reject(new Error("No world is played"));
/** Values that `validate` refuses in the world that is played now. */
let refused = new Set<string>();

const Replaced = defineTask({
  name: "sim/Replaced",
  params: z.object({}),
  create: (): Promise<string> => creating(),
  validate: ({ value }): boolean => !refused.has(value),
});

/**
 * Two processes force an artifact that is stored (or meet one that `validate` refuses) while two others read it: a
 * reader finds a record at every moment, nobody who forced it gets what was there before, and a failed replacement
 * leaves the old result.
 */
export function replaceScenario(name: string, why: "forced" | "invalid"): Scenario {
  return {
    name,
    about:
      `4 processes, a stored result that is ${why}: never a moment without a record, no old value for who forced`,
    faults: (random) => random.chance(1 / 3) ? {} : faultsWithCuts(random),
    run: async (world, random) => {
      const artifact = Replaced();
      const paths = artifactPaths(ROOT, artifact);
      const { record } = paths;
      world.disk.mkdir(ROOT, world.host("a"), ROOT);
      for (const dir of ["artifacts", "artifacts/sim", "artifacts/sim/Replaced"]) {
        world.disk.mkdir(`${ROOT}/${dir}`, world.host("a"), ROOT);
      }
      world.disk.put(record, oldRecord(artifact[ARTIFACT].identity), world.host("a"));
      refused = new Set(why === "invalid" ? ["old"] : []);
      let failing = random.chance(0.3);
      let creates = 0;
      creating = async () => {
        const made = `new ${++creates}`;
        await runtimeNow().machine.clock.sleep(random.scale(1, 100_000));
        if (failing && random.chance(0.3)) throw new Error("the task failed");
        return made;
      };
      const records = keepRecords(world, [record], true);
      keepEnds(world, [paths]);
      keepClaims(world, [paths]);
      world.watch(() => {
        if (world.disk.read(record) === undefined) throw new Violation("a moment without a record");
      });
      ["a", "a", "b", "b"].forEach((host, index) =>
        spawn(world, host, why === "forced" && index % 2 === 0, records)
      );
      await world.run();
      checkEnds(world, why === "invalid" ? ["old"] : []);
      if (world.leaks.length > 0) throw new Violation(`left behind: ${world.leaks.join("; ")}`);
      const fine = world.fates.total === 0 && !failing;
      if (fine && why === "invalid" && creates !== 1) {
        throw new Violation(`creates without any fault: ${creates}`);
      }
      if (fine && creates === 0) throw new Violation("nothing was created");
      failing = false;
      const value = await afterwards(
        world,
        (machine, signal) => getWith(simRuntime(machine, signal), undefined, artifact),
      );
      if (why === "invalid" && value === "old") {
        throw new Violation("afterwards somebody got what is invalid");
      }
    },
  };

  function spawn(world: World, host: string, force: boolean, records: KeptRecords): void {
    world.spawn(force ? "force" : "read", host, async (machine, signal) => {
      const runtime = simRuntime(machine, signal);
      for (;;) {
        try {
          const value = await getWith(runtime, undefined, Replaced(), { signal, force });
          // The file server may have forgotten that there was another one, which was to be replaced.
          if (force && value === "old" && records.undone === 0) {
            throw new Violation("got the value that was to be replaced");
          }
          return value;
        } catch (error) {
          if ((error as Error).name !== "ComputeError") throw error;
        }
      }
    }, { restart: true });
  }
}

/** As an earlier run left it. */
function oldRecord(identity: string): string {
  return `{"schema":1,"identity":${identity},"attempt":1,"id":"00000000000a","files":false,"value":"old",` +
    `"createdAt":"2026-01-01T00:00:00.000Z","durationMs":1,"provenance":{}}`;
}
