import { contendedScenario, cutsScenario } from "/work/wt/cuts/tests/sim/contended_scenario.ts";
import * as b from "/work/wt/cuts/tests/sim/broken_orders.ts";
import { runSeeds } from "/work/wt/cuts/tests/sim/scenario.ts";
for (const scenario of [contendedScenario, cutsScenario]) {
  for (const [n, breaking] of Object.entries(b)) {
    const s = scenario(breaking as any);
    const r = await runSeeds(s, { count: 1000, maxFailures: 3 });
    console.log(
      s.name,
      n,
      r.seeds,
      Math.round(r.seeds / r.ms * 1000) + "/s",
      r.failures.map((f) => f.seed + ": " + String((f.error as Error).message).slice(0, 150)),
    );
  }
}
