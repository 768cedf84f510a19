import type { Faults } from "./faults.ts";
import { Random } from "./random.ts";
import { World } from "./world.ts";

/** A situation that is played with many seeds. */
export interface Scenario {
  /** What it is called on the command line. */
  name: string;
  /** One line for people: who does what, and what must hold. */
  about: string;
  /** What may go wrong with this seed. */
  faults(random: Random): Partial<Faults>;
  /** More steps than these are "stuck". @default 20_000 */
  maxSteps?: number;
  /** Spawns processes, runs the world and checks; throws (a `Violation`, usually) when something does not hold. */
  run(world: World, random: Random): Promise<void>;
}

/** A seed with which something did not hold. */
export interface SeedFailure {
  /** The scenario's name. */
  scenario: string;
  /** The seed. */
  seed: number;
  /** What did not hold. */
  error: unknown;
  /** All that happened, a line for each step. */
  trace: string[];
}

/** What came of many seeds. */
export interface SeedReport {
  /** The scenario's name. */
  scenario: string;
  /** How many seeds were played. */
  seeds: number;
  /** Steps in all of them. */
  steps: number;
  /** Real time in milliseconds. */
  ms: number;
  /** How often each fault happened. */
  faults: Record<string, number>;
  /** Seeds that failed. */
  failures: SeedFailure[];
}

/** Plays one seed. @throws What the scenario throws; `world` in the answer tells what happened else. */
export async function playSeed(
  scenario: Scenario,
  seed: number,
  trace?: string[],
): Promise<{ world: World; error?: unknown }> {
  const random = new Random(seed ^ 0x2545f491);
  const world = new World(seed, scenario.faults(random), {
    ...(scenario.maxSteps === undefined ? {} : { maxSteps: scenario.maxSteps }),
    ...(trace === undefined ? {} : { trace }),
  });
  try {
    await scenario.run(world, random);
    return { world };
  } catch (error) {
    return { world, error };
  }
}

/** Plays the seeds `from`, `from + 1`, ... and again, for its trace, each that failed. Ends early after `maxFailures`. */
export async function runSeeds(
  scenario: Scenario,
  options: { from?: number; count: number; maxFailures?: number },
): Promise<SeedReport> {
  const { from = 1, count, maxFailures = 1 } = options;
  const report: SeedReport = { scenario: scenario.name, seeds: 0, steps: 0, ms: 0, faults: {}, failures: [] };
  const began = performance.now();
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0; // simulated processes meet many errors, and stacks are most of what those cost
  try {
    for (let seed = from; seed < from + count && report.failures.length < maxFailures; seed++) {
      const { world, ...result } = await playSeed(scenario, seed);
      report.seeds++;
      report.steps += world.steps;
      for (const [kind, times] of Object.entries(world.fates.counts)) {
        report.faults[kind] = (report.faults[kind] ?? 0) + times;
      }
      if ("error" in result) report.failures.push(await replay(scenario, seed, stackTraceLimit));
    }
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
  report.ms = performance.now() - began;
  return report;
}

/** The failed seed once more, with its trace and with stacks. */
async function replay(scenario: Scenario, seed: number, stackTraceLimit: number): Promise<SeedFailure> {
  Error.stackTraceLimit = stackTraceLimit;
  const trace: string[] = [];
  const { error } = await playSeed(scenario, seed, trace);
  Error.stackTraceLimit = 0;
  const passed = new Error(
    "The seed failed, and passed when it was played again: something is not simulated",
  );
  return { scenario: scenario.name, seed, error: error ?? passed, trace };
}

/** What people need of a failed seed: what did not hold, the last steps, and how to see it again. */
export function describeFailure(failure: SeedFailure, lines = 60): string {
  const { scenario, seed, error, trace } = failure;
  const shown = trace.slice(-lines);
  return [
    `Scenario ${scenario}, seed ${seed}: ${error instanceof Error ? error.stack ?? error.message : error}`,
    `The last ${shown.length} of ${trace.length} lines of what happened:`,
    ...shown,
    `To play it again: deno task sim --scenario ${scenario} --from ${seed} --seeds 1 --trace`,
  ].join("\n");
}

/** Plays seeds in a test. @throws {Error} A seed failed; the message tells how to play it again. */
export async function assertSeeds(
  scenario: Scenario,
  options: { from?: number; count: number },
): Promise<SeedReport> {
  const report = await runSeeds(scenario, options);
  if (report.failures[0] !== undefined) throw new Error(describeFailure(report.failures[0]));
  return report;
}
