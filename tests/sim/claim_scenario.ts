import { errorCode } from "../../lib/core/errors.ts";
import { type ClaimModel, getByModel } from "./claim_protocol.ts";
import { mixedFaults } from "./faults.ts";
import type { Scenario } from "./scenario.ts";
import { Violation } from "./violation.ts";

/** Four processes on two hosts get one artifact by the model of the claim protocol. */
export function claimScenario(name: string, how: ClaimModel["how"]): Scenario {
  return {
    name,
    about:
      "4 processes, one artifact, the model of the claim protocol: one result, without faults one create",
    faults: (random) => random.chance(1 / 3) ? {} : mixedFaults(random),
    run: async (world, random) => {
      world.disk.mkdir("/s", world.host("a"), "/s");
      const faulty = world.faults.crash > 0 || random.chance(0.3);
      let creates = 0;
      const create: ClaimModel["create"] = async ({ clock }) => {
        creates++;
        await clock.sleep(random.scale(1, 100_000));
        if (faulty && random.chance(0.3)) throw new Deno.errors.InvalidData("the task failed");
      };
      let first: string | undefined;
      world.watch(() => {
        const record = world.disk.read("/s/record.json");
        first ??= record;
        if (record !== first) throw new Violation(`the record changed from ${first} to ${record}`);
      });
      for (const host of ["a", "a", "b", "b"]) {
        world.spawn("get", host, (machine) => getByModel(machine, { how, create }), { restart: true });
      }
      await world.run();
      const results = new Set<unknown>();
      for (const process of world.processes) {
        if (process.state === "crashed") continue;
        if (!process.failed) results.add(process.value);
        else if (!["EIO", "ENOSPC", "EEXIST", "ENOENT", "ESTALE"].includes(errorCode(process.error) ?? "")) {
          throw process.error;
        }
      }
      if (results.size > 1) throw new Violation(`different results were seen: ${[...results].join(", ")}`);
      if (world.leaks.length > 0) throw new Violation(`left behind: ${world.leaks.join("; ")}`);
      if (world.fates.total > 0) return;
      if (!faulty && creates !== 1) throw new Violation(`${creates} creates without any fault`);
      const left = world.disk.paths("/s/d").filter((path) => !path.startsWith("/s/d/end-"));
      if (!faulty && left.length > 0) throw new Violation(`left on the disk: ${left.join(", ")}`);
    },
  };
}
