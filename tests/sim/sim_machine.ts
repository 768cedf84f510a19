import type { Machine } from "../../lib/core/system/machine.ts";
import type { SimProcess } from "./process.ts";
import type { Random } from "./random.ts";
import { SimBeat } from "./sim_beat.ts";
import { simClock } from "./sim_clock.ts";
import { SimFiles } from "./sim_files.ts";
import type { World } from "./world.ts";

/** The machine that a simulated process is given. Another host's processes can be asked after, but not seen. */
export function simMachine(world: World, process: SimProcess, ids: Random): Machine {
  return {
    files: new SimFiles(world, process),
    clock: simClock(world, process),
    self: process.owner,
    isGone: (owner) => {
      if (owner.host !== process.owner.host || owner.boot !== process.owner.boot) return false;
      if (owner.pidNamespace !== process.owner.pidNamespace) return false;
      const found = world.processes.find((one) =>
        one.owner.pid === owner.pid && one.owner.start === owner.start
      );
      return found === undefined || found.gone;
    },
    beat: (options) => new SimBeat(world, process, options),
    randomId: () => ids.hex(12),
    simulated: true,
  };
}
