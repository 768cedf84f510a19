/**
 * `deno task sim`: plays scenarios with many seeds.
 *
 *     deno task sim [--scenario NAME]... [--seeds 10000] [--from 1] [--failures 1] [--trace]
 */
import { parseArgs } from "@std/cli/parse-args";
import { describeFailure, playSeed, runSeeds } from "./scenario.ts";
import { scenarios } from "./scenarios.ts";

const known = scenarios.map((scenario) => scenario.name);
const args = parseArgs(Deno.args, {
  string: ["scenario", "seeds", "from", "failures"],
  boolean: ["trace"],
  collect: ["scenario"],
  unknown: (arg) => usage(`Unknown argument ${arg}`),
});

function usage(message: string): never {
  console.error(
    `${message}. Allowed: --scenario (${known.join(", ")}), --seeds, --from, --failures, --trace`,
  );
  Deno.exit(2);
}

function count(name: "seeds" | "from" | "failures", otherwise: number): number {
  const value = Number(args[name] ?? otherwise);
  if (!Number.isSafeInteger(value) || value < 0) usage(`--${name} must be a whole number: ${args[name]}`);
  return value;
}

const asked = args.scenario.map((name) => `${name}`);
for (const name of asked) if (!known.includes(name)) usage(`Unknown scenario ${name}`);
const [seeds, from, maxFailures] = [count("seeds", 10_000), count("from", 1), count("failures", 1)];

let failed = false;
for (const scenario of scenarios.filter(({ name }) => asked.length === 0 || asked.includes(name))) {
  if (args.trace) {
    for (let seed = from; seed < from + seeds; seed++) {
      const trace: string[] = [];
      const result = await playSeed(scenario, seed, trace);
      console.log([`Scenario ${scenario.name}, seed ${seed}`, ...trace].join("\n"));
      failed ||= "error" in result;
      if ("error" in result) console.error(result.error);
    }
    continue;
  }
  const report = await runSeeds(scenario, { from, count: seeds, maxFailures });
  const rate = Math.round(report.seeds / report.ms * 1000);
  const cost = (report.ms * 1000 / report.steps).toFixed(1);
  const faults = Object.entries(report.faults).map(([kind, times]) => `${kind} ${times}`).join(", ") ||
    "none";
  console.log(`${report.scenario}: ${report.seeds} seeds, ${rate}/s, ${cost} us a step; faults: ${faults}`);
  for (const failure of report.failures) console.error(describeFailure(failure));
  failed ||= report.failures.length > 0;
}
Deno.exit(failed ? 1 : 0);
