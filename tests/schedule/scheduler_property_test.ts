import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import fc from "fast-check";
import type { Hash } from "../../lib/core/hash.ts";
import { makePlan } from "../../lib/plan/graph.ts";
import { createScheduler, type Scheduler } from "../../lib/schedule/scheduler.ts";
import type { SchedulerAction, SchedulerEvent } from "../../lib/schedule/scheduler_event.ts";
import { windowSize } from "../../lib/schedule/check_run.ts";
import { limitsOf } from "../../lib/task/limits.ts";
import { ARTIFACT, type Artifact } from "../../lib/task/artifact/artifact.ts";
import { fakeArtifact, FakeSource } from "../plan/fake_graph.ts";

const scenario = fc.record({
  graph: fc.array(fc.array(fc.nat(), { maxLength: 4 }), { minLength: 1, maxLength: 20 }),
  /** Which of its dependencies each node tolerates, as bits. */
  tolerates: fc.array(fc.nat(15), { maxLength: 20 }),
  roots: fc.array(fc.nat(), { minLength: 1, maxLength: 5 }),
  stored: fc.array(fc.nat(), { maxLength: 5 }),
  strangers: fc.array(fc.nat(), { maxLength: 3 }),
  broken: fc.array(fc.nat(), { maxLength: 2 }),
  window: fc.constantFrom<"dfs" | "bfs" | number>("dfs", "bfs", 1, 2, 3),
  keepGoing: fc.boolean(),
  retryFailed: fc.boolean(),
  maxComputeRetries: fc.nat(2),
  maxPreemptRetries: fc.nat(2),
  limits: fc.record({ cpu: fc.integer({ min: 1, max: 4 }), gpu: fc.integer({ min: 1, max: 2 }) }),
  maxRunning: fc.integer({ min: 1, max: 5 }),
  units: fc.record({ x: fc.integer({ min: 2, max: 4 }), y: fc.integer({ min: 1, max: 2 }) }),
  /** What happens: picks a node and an outcome. When they are used up all goes well. */
  fate: fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 11 })), { maxLength: 60 }),
});

type Scenario = typeof scenario extends fc.Arbitrary<infer T> ? T : never;

/** The world around a scheduler, which checks each action by the artifacts themselves, not by the plan. */
class World {
  readonly all: Artifact[] = [];
  readonly roots: Artifact[];
  readonly done = new Set<Hash>();
  readonly failed = new Set<Hash>();
  readonly running = new Set<Hash>();
  readonly watched = new Set<Hash>();
  readonly starts = new Map<Hash, number>();
  readonly excused = new Map<Hash, number>();
  readonly computeEnds = new Map<Hash, number>();
  readonly lostEnds = new Map<Hash, number>();
  readonly byHash = new Map<Hash, Artifact>();
  stopped = false;
  end: Extract<SchedulerAction, { type: "finished" }> | undefined;

  constructor(readonly given: Scenario) {
    given.graph.forEach((below, i) => {
      const picked = i === 0 ? [] : [...new Set(below.map((n) => n % i))].map((n) => this.all[n]!);
      const spec = i % 3 === 0 ? "gpu" : "cpu";
      const limits = [[], ["x"], [{ x: 2 }], ["x", "y"], ["y"]][i % 5]!;
      const priority = i % 7 === 0 ? i % 3 - 1 : undefined;
      const bits = given.tolerates[i] ?? 0;
      const tolerated = picked.filter((_, n) => (bits & (1 << n)) !== 0);
      this.all.push(fakeArtifact(`${i}`, picked, { spec, limits, priority, tolerated }));
    });
    for (const artifact of this.all) this.byHash.set(artifact.hash, artifact);
    const pick = (n: number) => this.all[n % this.all.length]!;
    this.roots = [...new Set(given.roots.map(pick))];
    for (const n of given.stored) this.done.add(pick(n).hash);
  }

  /** What a planner would see now. */
  source(): FakeSource {
    const source = new FakeSource();
    for (const artifact of this.all) {
      if (this.done.has(artifact.hash)) source.done(artifact);
      else if (this.running.has(artifact.hash) || this.watched.has(artifact.hash)) {
        source.set(artifact, { status: "IN_PROGRESS", owner: "somebody" });
      }
    }
    return source;
  }

  take(action: SchedulerAction): void {
    assert(!this.end, "nothing comes after finished");
    switch (action.type) {
      case "start": {
        const { hash } = action;
        assert(!this.stopped, "starts nothing after a stop");
        assert(
          !this.running.has(hash) && !this.watched.has(hash) && !this.done.has(hash),
          "one start at a time",
        );
        for (const dependency of this.dependencies(hash)) {
          const isLost = this.tolerates(hash, dependency) && this.dependsOnFailure(dependency);
          assert(this.done.has(dependency) || isLost, "dependencies first");
        }
        this.running.add(hash);
        this.starts.set(hash, (this.starts.get(hash) ?? 0) + 1);
        const { retryFailed, maxComputeRetries, maxPreemptRetries } = this.given;
        const most = 1 + (retryFailed ? maxComputeRetries : 0) + maxPreemptRetries +
          (this.excused.get(hash) ?? 0);
        assert(this.starts.get(hash)! <= most, "starts are bounded");
        this.#checkLimits();
        assert(this.inWindow().has(hash), "starts only what the roots in the window need");
        return;
      }
      case "watch":
        this.watched.add(action.hash);
        return;
      case "node_done":
        this.done.add(action.hash);
        return;
      case "node_failed":
        this.failed.add(action.hash);
        return;
      case "stop":
        if (action.why === "failure") {
          const isLost = ({ hash }: Artifact) => this.dependsOnFailure(hash);
          assert(this.roots.some(isLost), "what all can do without stops no run");
        }
        this.stopped = true;
        return;
      case "finished":
        this.end = action;
        return;
      case "stalled":
        throw new Error("no run stalls in a world without bugs");
    }
  }

  dependencies(hash: Hash): Hash[] {
    return this.byHash.get(hash)![ARTIFACT].dependencies.map((dependency) => dependency.hash);
  }

  tolerates(hash: Hash, below: Hash): boolean {
    return this.byHash.get(hash)![ARTIFACT].tolerated!.has(below);
  }

  /** Whether it failed, or something that it cannot do without did. */
  dependsOnFailure(hash: Hash): boolean {
    if (this.done.has(hash)) return false;
    const needed = this.dependencies(hash).filter((below) => !this.tolerates(hash, below));
    return this.failed.has(hash) || needed.some((below) => this.dependsOnFailure(below));
  }

  /** All below these roots that is not done, stopping below what is and what failed: nobody needs that any more. */
  needed(roots: readonly Artifact[], all = false): Set<Hash> {
    const found = new Set<Hash>(), stack = roots.map((root) => root.hash);
    for (let hash = stack.pop(); hash; hash = stack.pop()) {
      if (found.has(hash) || (!all && this.done.has(hash))) continue;
      found.add(hash);
      if (all || !this.failed.has(hash)) stack.push(...this.dependencies(hash));
    }
    return found;
  }

  /** All that may be worked on: what is below the first roots of which as many as the window allows are open. */
  inWindow(): Set<Hash> {
    let room = windowSize(this.given.window), count = 0;
    for (const root of this.roots) {
      if (room === 0) break;
      if (!this.done.has(root.hash) && !this.dependsOnFailure(root.hash)) room--;
      count++;
    }
    return this.needed(this.roots.slice(0, count), true);
  }

  #checkLimits(): void {
    const { limits, maxRunning } = this.given;
    const count = { cpu: 0, gpu: 0 };
    for (const hash of this.running) count[this.byHash.get(hash)![ARTIFACT].task.spec as "cpu" | "gpu"]++;
    assert(count.cpu <= limits.cpu && count.gpu <= limits.gpu, "keeps the limit of each spec");
    assert(this.running.size <= maxRunning, "keeps the limit of all");
    for (const [name, units] of Object.entries(this.given.units)) {
      const taken = [...this.running].map((hash) => limitsOf(this.byHash.get(hash)!)[name] ?? 0);
      assert(taken.reduce((sum, each) => sum + each, 0) <= units, `takes no more of ${name} than there is`);
    }
  }
}

/** An event for one of the nodes that run or are watched. */
async function nextEvent(world: World, pick: number, outcome: number): Promise<SchedulerEvent> {
  const active = [...world.running, ...world.watched];
  const hash = active[pick % active.length]!;
  const count = (ends: Map<Hash, number>) => ends.set(hash, (ends.get(hash) ?? 0) + 1).get(hash)!;
  if (world.watched.delete(hash)) {
    if (outcome === 1) return { type: "stale", hash, owner: "somebody", afterMs: 9000 };
    if (outcome >= 6) return { type: "done", hash, computed: false };
    const again = await makePlan([world.byHash.get(hash)!], world.source());
    return { type: "released", hash, plan: again };
  }
  world.running.delete(hash);
  const failure = (blame: "compute" | "lost" | "protocol") => ({
    type: "failed" as const,
    hash,
    end: { outcome: "failed", blame, error: blame } as const,
    failedEnds: blame === "compute" ? count(world.computeEnds) : world.computeEnds.get(hash) ?? 0,
    lostEnds: blame === "lost" ? count(world.lostEnds) : world.lostEnds.get(hash) ?? 0,
  });
  if (outcome <= 2) return failure("compute");
  if (outcome === 3) return failure("lost");
  if (outcome === 4 && pick % 5 === 0) return failure("protocol");
  if (outcome === 5) {
    count(world.excused);
    return { type: "busy", hash, owner: "somebody" };
  }
  return { type: "done", hash, computed: true };
}

async function run(world: World, scheduler: Scheduler): Promise<void> {
  const { fate } = world.given;
  let event: SchedulerEvent = { type: "begin" };
  for (let i = 0; i < 1000; i++) {
    for (const action of scheduler.step(event)) world.take(action);
    assertEquals(scheduler.running, world.end ? scheduler.running : world.running.size);
    if (world.end) return;
    const [pick, outcome] = fate[i] ?? [0, 11];
    event = outcome === 0 && pick % 17 === 0 ? { type: "interrupt" } : await nextEvent(world, pick, outcome);
  }
  throw new Error("a run ends");
}

describe("the scheduler", () => {
  it("whatever happens: dependencies first, bounded starts, limits and window kept, and an end", async () => {
    await fc.assert(
      fc.asyncProperty(scenario, async (given) => {
        const world = new World(given);
        const source = world.source();
        for (const n of given.strangers) {
          const artifact = world.all[n % world.all.length]!;
          if (!world.done.has(artifact.hash)) {
            source.set(artifact, { status: "IN_PROGRESS", owner: "somebody" });
          }
        }
        for (const n of given.broken) {
          const artifact = world.all[n % world.all.length]!;
          if (!world.done.has(artifact.hash)) source.set(artifact, { status: "FAILED", error: "earlier" });
        }
        const { limits, units, window, keepGoing, maxRunning } = given;
        const made = await makePlan(world.roots, source);
        // In this order they enter the window.
        const priority = ({ hash }: Artifact) => made.nodes.get(hash)!.priority;
        world.roots.sort((a, b) => priority(b) - priority(a));
        const limit = (spec: string) => limits[spec as "cpu" | "gpu"];
        await run(
          world,
          createScheduler(made, { window, keepGoing, maxRunning, limit, limits: units, retry: given }),
        );

        const end = world.end!;
        assertEquals(new Set(end.failed), world.failed);
        assertEquals(end.failed.length, world.failed.size, "each failure once");
        assert(end.notRun.every((hash) => !world.done.has(hash) && !world.failed.has(hash)));
        const missing = world.needed(world.roots);
        if (end.ok) assertEquals(missing.size, 0);
        else {assert(
            world.stopped || world.failed.size > 0,
            "only a failure or a stop keeps a run from success",
          );}
        if (!world.stopped) {
          for (const hash of missing) assert(world.dependsOnFailure(hash), "all else is done first");
        }
      }),
      { numRuns: 2000 },
    );
  });
});
