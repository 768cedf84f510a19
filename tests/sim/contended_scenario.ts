import type { Breaking } from "./broken_orders.ts";
import { getScenario } from "./get_scenario.ts";
import type { Scenario } from "./scenario.ts";

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
    ...(breaking ? { breaking } : {}),
  });
}
