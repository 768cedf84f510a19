import { SlurmError } from "../../lib/core/errors.ts";
import { artifactPaths } from "../../lib/store/layout.ts";
import { longFaults, NO_FAULTS } from "./faults.ts";
import { type PoolGraph, poolGraph } from "./pool_graph.ts";
import { isOutside, PoolPlay, RETRIES } from "./pool_play.ts";
import type { Scenario } from "./scenario.ts";
import { mixedSlurmFaults, type SlurmFaults } from "./sim_slurm_faults.ts";
import { ROOT } from "./sim_runtime.ts";
import { mixedSite } from "./sim_site.ts";
import { Violation } from "./violation.ts";
import type { World } from "./world.ts";

/** Most creates of an artifact by one run: each of its attempts, of any sort, has a name of its own in the queue. */
const MOST = 1 + RETRIES.maxComputeRetries + RETRIES.maxPreemptRetries;
/** A user who meets an error calls the run again after so long, in milliseconds. */
const AGAIN_MS = 5000;

/** A run of a diamond and a few artifacts beside it, whose controller, workers and Slurm may fail at any step. */
export const poolScenario: Scenario = scenario({
  name: "pool",
  about: "1 run over a simulated Slurm: ends, each root done or failed, creates within the bounds",
  begin: (world, play) => {
    const run = play("run-1");
    user(world, "login", run);
    return [run];
  },
});

/** The same with the real launcher, which asks Slurm's programs as they are on real sites. */
export const poolSiteScenario: Scenario = {
  name: "pool_site",
  about: "1 run over Slurm's programs with the moods of sites: right result, no foreign job touched",
  maxSteps: 200_000,
  faults: (random) => random.chance(2 / 3) ? {} : longFaults(random),
  run: async (world, random) => {
    world.disk.mkdir(ROOT, world.host("login"), ROOT);
    const graph = poolGraph(random, 3, random.chance(0.5));
    const suspended = random.chance(0.4) ? 0.5 : 0;
    const faults = random.chance(1 / 2) ? { suspended } : { ...mixedSlurmFaults(random), suspended };
    const run = new PoolPlay(world, graph, "run-1", faults, false, mixedSite(random));
    graph.onCreate = (hash, pid, creating) => run.noteCreate(hash, pid, creating);
    user(world, "login", run);
    await world.run();
    checkProcesses(world);
    if (run.programs?.violation !== undefined) throw new Violation(run.programs.violation);
    // With trouble of the disk a heartbeat may be late for longer than a lease.
    if (world.fates.total > 0) run.violation = undefined;
    checkEnd(world, graph, run);
    checkCreates(world, graph, [run]);
  },
};

/** Two controllers: of two runs over the same roots, or of the same run, which the second one takes up. */
export const poolTwoScenario: Scenario = scenario({
  name: "pool_two",
  about: "2 controllers over the same roots, or the same run: both end, each artifact once without faults",
  begin: (world, play) => {
    const first = play("run-1");
    const second = world.random.chance(0.5) ? first : play("run-2");
    user(world, "login", first);
    user(world, world.random.pick(["login", "other"]), second);
    return first === second ? [first] : [first, second];
  },
});

/** A run without a process of the user: the role passes between workers, whichever of them die. */
export const poolDetachedScenario: Scenario = scenario({
  name: "pool_detached",
  about: "1 detached run: workers hold the role, die, and an heir follows; ends by itself",
  begin: (world, play) => {
    const run = play("run-1", true);
    detacher(world, run);
    return [run];
  },
  after: async (world, [run]) => {
    if (run === undefined || run.ended() !== undefined) return;
    // One by one they may die; where two do, or the disk fails them, the user takes the run up.
    const { counts } = world.fates;
    const deaths = FATAL.reduce((sum, kind) => sum + (counts[kind] ?? 0) * (kind === "full" ? 2 : 1), 0);
    if (deaths <= 1) throw new Violation(`the run was left alone after ${deaths} deaths`);
    world.fates.happened("orphaned");
    user(world, "login", run);
    await world.run();
  },
});

/** What a worker, or the heir that is to follow it, may end by. */
const FATAL: readonly string[] = [
  ...["crash", "suspend", "eio", "lost", "full", "interrupt", "submitFails", "submitLost", "cancelFails"],
  ...["killed", "preempted", "walltime", "nodeFails", "cutOff", "bootFails", "neverBegins"],
];

/** What is said of two workers that died before their first beat, and of nothing else that can go wrong here. */
const EXCUSED = /never gave a sign of life, for the second time/;

interface Plot {
  name: string;
  about: string;
  /** Spawns users. */
  begin(world: World, play: (runId: string, detached?: boolean) => PoolPlay): PoolPlay[];
  /** When all processes are gone. */
  after?(world: World, runs: PoolPlay[]): Promise<void>;
}

function scenario({ name, about, begin, after }: Plot): Scenario {
  return {
    name,
    about,
    maxSteps: 100_000,
    faults: (random) => {
      if (random.chance(1 / 3)) return {};
      return { ...longFaults(random), ...(random.chance(0.15) ? { interrupt: 0.001 } : {}) };
    },
    run: async (world, random) => {
      world.disk.mkdir(ROOT, world.host("login"), ROOT);
      const graph = poolGraph(random, 3, random.chance(0.5));
      const faults: Partial<SlurmFaults> = random.chance(1 / 3) ? {} : mixedSlurmFaults(random);
      const runs = begin(world, (runId, detached) => new PoolPlay(world, graph, runId, faults, detached));
      graph.onCreate = (hash, pid, creating) => runs.forEach((run) => run.noteCreate(hash, pid, creating));
      await world.run();
      await after?.(world, runs);
      checkProcesses(world);
      for (const run of runs) checkEnd(world, graph, run);
      checkCreates(world, graph, runs);
    },
  };
}

/** Somebody who calls the run until it has ended. */
function user(world: World, host: string, run: PoolPlay, delayMs?: number): void {
  world.spawn("user", host, async (machine, signal) => {
    try {
      return await run.attend(machine, signal);
    } catch (error) {
      if (isOutside(error)) user(world, host, run, AGAIN_MS);
      throw error;
    }
  }, { restart: true, ...(delayMs === undefined ? {} : { delayMs }) });
}

/** Somebody who begins a detached run, until that has worked. */
function detacher(world: World, run: PoolPlay, delayMs?: number): void {
  world.spawn("user", "login", async (machine, signal) => {
    try {
      return await run.detach(machine, signal);
    } catch (error) {
      // Slurm has refused the first worker, which a person is told: they call again.
      if (error instanceof SlurmError) return detacher(world, run, AGAIN_MS);
      if (isOutside(error)) detacher(world, run, AGAIN_MS);
      throw error;
    }
  }, { restart: true, ...(delayMs === undefined ? {} : { delayMs }) });
}

function checkProcesses(world: World): void {
  for (const process of world.processes) {
    if (!process.gone) throw new Violation(`${process.label} is there for ever`);
    if (
      process.failed && process.state !== "crashed" && (world.fates.total === 0 || !isOutside(process.error))
    ) {
      throw process.error;
    }
  }
  if (world.leaks.length > 0) throw new Violation(`left behind: ${world.leaks.join("; ")}`);
}

function checkEnd(world: World, graph: PoolGraph, run: PoolPlay): void {
  const { runId } = run.paths;
  if (run.violation !== undefined) throw new Violation(run.violation);
  if (run.overLimit !== undefined) throw new Violation(run.overLimit);
  const ended = run.ended();
  if (ended === undefined) throw new Violation(`${runId} has not ended`);
  const alive = run.slurm.jobs.filter((job) => run.slurm.isAlive(job));
  if (alive.length > 0) throw new Violation(`jobs are left: ${alive.map(({ key }) => key).join(", ")}`);
  const { summary, error, stalled, interrupted } = ended;
  if (stalled !== undefined) throw new Violation(`${runId} stalled: ${stalled}`);
  const faulty = world.fates.total > 0;
  if (error !== undefined && !faulty) throw new Violation(`${runId} broke: ${error}`);
  const failures = summary?.failures ?? [];
  const odd = failures.find(({ kind, error }) =>
    faulty ? kind === "protocol" && !EXCUSED.test(error) : kind !== "compute" || !graph.failing
  );
  if (odd !== undefined) throw new Violation(`${runId}: a ${odd.kind} failure of ${odd.hash}: ${odd.error}`);
  if (interrupted && !faulty) throw new Violation(`${runId} says that it was interrupted`);
  if (error !== undefined || interrupted || failures.length > 0) return;
  if (summary === undefined || summary.notRun > 0) {
    throw new Violation(`${runId} left out ${summary?.notRun}`);
  }
  for (const artifact of graph.all) {
    if (world.disk.read(artifactPaths(ROOT, artifact).record) === undefined) {
      throw new Violation(`${runId} ended well without ${artifact}`);
    }
  }
  if (!faulty && !graph.failing && !graph.hungry && summary.retries > 0) {
    throw new Violation(`${runId} tried again`);
  }
  // A controller that was suspended may write once more into the queue of a run that has ended, where nobody reads it.
  if (Object.keys(world.fates.counts).some((kind) => kind in NO_FAULTS)) return;
  const left = world.disk.paths(run.paths.run).filter((path) => /\/(todo|waiting)\/.*\.json$/.test(path));
  if (left.length > 0) throw new Violation(`left in the queue: ${left.join(", ")}`);
  if (faulty) return;
  const more = world.disk.paths(run.paths.run).filter((path) =>
    /\/running\/.*\.json$|\/\.|\/controller\//.test(path)
  );
  if (more.length > 0) throw new Violation(`left on the disk: ${more.join(", ")}`);
}

function checkCreates(world: World, graph: PoolGraph, runs: PoolPlay[]): void {
  for (const run of runs) {
    if (mayRepeat(world, run)) continue;
    for (const [name, times] of run.starts) {
      if (times > 1) throw new Violation(`${name} of ${run.paths.runId} was started ${times} times`);
    }
  }
  const faulty = world.fates.total > 0;
  const most = runs.length * (faulty ? MOST : graph.failing ? 1 + RETRIES.maxComputeRetries : 1);
  for (const [hash, times] of graph.creates) {
    const right = (faulty || graph.failing ? most : 1) + (graph.hungry ? runs.length : 0);
    if (times > right) throw new Violation(`${hash} was created ${times} times, at most ${right} are right`);
  }
  if (faulty || graph.failing) return;
  const computed = runs.reduce((sum, run) => sum + (run.ended()?.summary?.computed ?? 0), 0);
  if (computed !== graph.all.length) {
    throw new Violation(`the runs say that they computed ${computed} of ${graph.all.length}`);
  }
}

/**
 * A task is begun again under the same name after a worker that never gave a sign of life, after one whose time was up,
 * where a failure could not be written down, and when its file was removed.
 */
function mayRepeat({ disk, fates }: World, { paths }: PoolPlay): boolean {
  if (["full", "eio", "vanish", "walltime"].some((kind) => kind in fates.counts)) return true;
  const ends = disk.paths(paths.workers).filter((path) => path.endsWith(".end.json"));
  return ends.some((path) => disk.read(path)?.includes('"silent"'));
}
