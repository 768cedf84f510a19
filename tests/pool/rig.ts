import { delay } from "@std/async/delay";
import { join } from "@std/path/join";
import { z } from "zod";
import type { Config } from "../../lib/core/config.ts";
import type { TaskLimits } from "../../lib/core/settings/limits.ts";
import type { RunEvent } from "../../lib/core/event.ts";
import type { Hash } from "../../lib/core/hash.ts";
import { makePlan } from "../../lib/plan/graph.ts";
import { controlPool, type ControlPoolOptions } from "../../lib/pool/controller/control_pool.ts";
import type { PoolTiming } from "../../lib/pool/controller/context.ts";
import { poolNodes } from "../../lib/remote/run_nodes.ts";
import { type PoolRun, writeRun } from "../../lib/remote/run_record.ts";
import { remoteArtifacts } from "../../lib/remote/remote_artifact.ts";
import { acquireLeadership } from "../../lib/pool/leadership.ts";
import { enqueue, makeQueue } from "../../lib/queue/queue.ts";
import { type QueuePaths, queuePaths } from "../../lib/queue/layout.ts";
import type { Runtime } from "../../lib/run/runtime.ts";
import type { DriveResult } from "../../lib/schedule/drive.ts";
import { storeStatus } from "../../lib/schedule/status_source.ts";
import type { Claim } from "../../lib/store/claims/claim.ts";
import type { Artifact, CreateContext } from "../../lib/task/artifact/artifact.ts";
import { defineTask } from "../../lib/task/define.ts";
import { exists, Rig, testMachine, testRuntime } from "../rig.ts";
import { FakeLauncher } from "./fake_launcher.ts";

let tasks = 0;

/** An artifact of a task of its own, over others. */
export function artifact(
  create: (ctx: CreateContext) => unknown,
  below: readonly Artifact[] = [],
  options: {
    spec?: string | string[];
    timeLimit?: number;
    retries?: number;
    retryDelaySec?: number;
    limits?: TaskLimits;
    priority?: number;
  } = {},
): Artifact {
  const task = defineTask({
    name: `pool/Task${++tasks}`,
    params: z.object({}),
    create,
    dependencies: () => below,
    ...options,
  });
  return task({});
}

/** Short times, so that tests wait for nothing. */
export const TIMING: PoolTiming = {
  auditMs: 150,
  evidenceMs: 150,
  excessMs: 50,
  roundMs: 20,
  mostQueued: 10_000,
  mostRead: 256,
};

/** What a test's run is made with. */
export interface RunInit extends Partial<PoolRun["options"]> {
  force?: PoolRun["force"];
}

/** A run of a pool over a folder of its own. */
export class PoolRig implements AsyncDisposable {
  readonly rig = new Rig();
  readonly events: RunEvent[] = [];
  readonly #config: Partial<Config>;
  readonly #dead = new Set<number>();
  readonly #ending = new AbortController();
  readonly #controllers: Promise<unknown>[] = [];
  #pid = 1_000_000;
  run!: PoolRun;
  paths!: QueuePaths;
  /** The real artifacts, as the workers know them. */
  readonly artifacts = new Map<Hash, Artifact>();
  launcher!: FakeLauncher;

  constructor(config: Partial<Config> = {}) {
    this.#config = { pollIntervalSec: 0.2, ...config };
  }

  /** A runtime of a process of its own, which can be killed by its pid. */
  process(): Runtime & { pid: number } {
    const pid = ++this.#pid;
    const real = testMachine();
    const runtime = testRuntime(this.rig.root, {
      config: this.#config,
      machine: {
        self: { ...real.self, pid, start: `${pid}` },
        isGone: (owner) => this.#dead.has(owner.pid),
      },
    });
    return Object.assign(runtime, { pid });
  }

  /** From now on the process is provably gone. */
  kill(pid: number): void {
    this.#dead.add(pid);
  }

  /** Writes the run's folder, as whoever starts a run does. */
  async begin(roots: readonly Artifact[], { force = [], ...options }: RunInit = {}): Promise<void> {
    const runtime = this.process();
    const found = await makePlan(roots, storeStatus(runtime));
    const nodes = poolNodes(roots);
    const reach = (each: Artifact): void => {
      this.artifacts.set(each.hash, each);
    };
    for (const { artifact } of found.nodes.values()) reach(artifact);
    const runId = `pool-${runtime.machine.randomId()}`;
    this.paths = queuePaths(this.rig.root, runId);
    this.run = {
      schema: 1,
      runId,
      mode: "pool",
      createdAt: new Date().toISOString(),
      submitter: runtime.machine.self,
      versions: { furu: "0.0.0", deno: "2" },
      entry: "file:///none.ts",
      roots: roots.map(({ hash }) => hash),
      specs: {},
      config: runtime.config,
      force,
      git: null,
      detached: false,
      options: {
        maxWorkers: 4,
        window: "bfs",
        idleTimeoutSec: 60,
        keepGoing: false,
        tasksPerWorker: 1,
        ...options,
      },
      counts: { nodes: found.nodes.size, cached: found.counts.done },
      invalid: [],
      nodes,
    };
    await makeQueue(runtime.store, this.paths, [...new Set(nodes.map(({ spec }) => spec))]);
    await writeRun(runtime, this.paths, this.run);
    this.launcher = new FakeLauncher(this, this.#ending.signal);
  }

  /** Takes the role; fails the test when somebody has it. */
  async role(runtime: Runtime): Promise<Claim> {
    const taken = await acquireLeadership(runtime, this.paths, { runId: this.run.runId });
    if (typeof taken === "string") throw new Error(`the role is ${taken}`);
    return taken;
  }

  /** Controls the run until its end, within 20 s. */
  async control(
    options: Partial<ControlPoolOptions> & { runtime?: Runtime } = {},
  ): Promise<DriveResult | undefined> {
    const runtime = options.runtime ?? this.process();
    const ended = controlPool(runtime, {
      paths: this.paths,
      run: this.run,
      claim: options.claim ?? await this.role(runtime),
      launcher: this.launcher,
      artifactOf: remoteArtifacts(this.run),
      onEvent: (event) => this.events.push(event),
      signal: this.#ending.signal,
      timing: TIMING,
      ...options,
    });
    this.#controllers.push(ended);
    ended.catch(() => {});
    return await within(ended, "the controller ends");
  }

  /** Puts a task into the queue as if the controller had. */
  async queue(artifact: Artifact, counters: { attempt?: number; lost?: number } = {}): Promise<string> {
    const { hash, name } = artifact;
    const node = this.run.nodes.find((each) => each.hash === hash)!;
    const task = { hash, attempt: 1, lost: 0, ...counters };
    await enqueue(this.process().store, this.paths, { schema: 1, hash, name, spec: node.spec }, task);
    return `${hash}.${task.attempt}.${task.lost}.json`;
  }

  /** Names of task files in a folder of the queue, those of workers and specs included, sorted. */
  files(folder: "todo" | "running" | "waiting" | "done" | "failed" | "withdrawn"): string[] {
    const names: string[] = [];
    const walk = (dir: string): void => {
      for (const entry of Deno.readDirSync(dir)) {
        if (entry.isDirectory) walk(join(dir, entry.name));
        else if (!entry.name.endsWith(".error.json")) names.push(entry.name);
      }
    };
    if (exists(this.paths[folder])) walk(this.paths[folder]);
    return names.sort();
  }

  /** What was told to people. */
  get messages(): string[] {
    return this.events.flatMap((event) => event.type === "message" ? [event.text] : []);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending.abort(new Error("the test has ended"));
    await Promise.allSettled(this.#controllers);
    await this.launcher?.ended();
    await this.rig[Symbol.asyncDispose]();
  }
}

/** Fails the test when something takes longer than 20 s. */
export async function within<T>(promise: Promise<T>, what: string): Promise<T> {
  const timer = new AbortController();
  const late = delay(20_000, { signal: timer.signal }).then(() => {
    throw new Error(`Timed out waiting until ${what}`);
  });
  late.catch(() => {});
  try {
    return await Promise.race([promise, late]);
  } finally {
    timer.abort();
  }
}
