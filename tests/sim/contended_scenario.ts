import type { Breaking } from "./broken_orders.ts";
import type { ArtifactPaths } from "../../lib/store/layout.ts";
import { getScenario } from "./get_scenario.ts";
import type { Random } from "./random.ts";
import type { Scenario } from "./scenario.ts";
import { ROOT } from "./sim_runtime.ts";
import type { World } from "./world.ts";

/** Many processes on four hosts, of which some stand still for longer than a lease, and live on when declared dead. */
export function contendedScenario(breaking?: Breaking): Scenario {
  return getScenario("contended", {
    hosts: ["a", "a", "b", "b", "c", "c", "d", "d"],
    // What hinders nobody in putting a claim back: see `keepClaims`.
    faults: (random) => ({
      suspend: 0.01,
      slow: 0.01,
      crash: random.pick([0, 0.003]),
      staleList: random.pick([0, 0.3]),
      staleNegative: random.pick([0, 0.3]),
      staleStat: random.pick([0, 0.3]),
      estale: 0.5,
      longestMs: 200_000,
      max: 8,
    }),
    ...(breaking ? { breaking } : {}),
  });
}

/** Some of what furu does not sync, or an older one did not, as an earlier power cut has left it. */
function tornBefore(world: World, random: Random, all: readonly ArtifactPaths[]): boolean {
  const { claim, home } = all[0]!;
  const there = {
    [`${ROOT}/layout.json`]: '{"layout":2}',
    [claim]: '{"schema":1,"id":"00000000000a","dir":"owners/00000000000a","owner":{"host":"a"',
    [`${home}/end-00000000000b.json`]: '{"schema":1,"id":"00000000000b","attempt":1,"kind":"failed"',
    [`${home}/1-00000000000c.json`]: '{"schema":1,"id":"00000000000c","attempt":1,"kind":"failed"',
    [`${home}/running.json`]: '{"schema":1,"id":"00000000000d"',
    [`${ROOT}/owners/00000000000e/owner.json`]: '{"schema":1,"id":"00000000000e"',
    [`${ROOT}/owners/00000000000e/dead.json`]: '{"schema":1,"kind"',
    [`${ROOT}/owners/00000000000f/.tmp-00000000-1-1-000000000000`]: "x",
  };
  const chosen = Object.entries(there).filter(() => random.chance(0.2));
  for (const [path, text] of chosen) {
    world.disk.put(path, text.slice(0, random.chance(0.5) ? 0 : random.int(text.length)), world.host("a"));
  }
  return chosen.length > 0;
}

/** One artifact in another, and the power fails again and again. */
export function cutsScenario(breaking?: Breaking): Scenario {
  return getScenario("cuts", {
    nested: true,
    hosts: ["a", "b"],
    faults: (random) => ({
      powerCut: random.pick([0, 0.005, 0.02]),
      siteCut: random.pick([0, 0.005, 0.02]),
      serverCut: random.pick([0, 0.01]),
      slow: random.pick([0, 0.02]),
      staleNegative: random.pick([0, 0.3]),
      longestMs: 100_000,
      max: 1 + random.int(8),
    }),
    prepare: tornBefore,
    ...(breaking ? { breaking } : {}),
  });
}
