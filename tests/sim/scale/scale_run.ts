import { z } from "zod";
import type { Hash } from "../../../lib/core/hash.ts";
import { FURU_VERSION } from "../../../lib/core/version.ts";
import { controlPool } from "../../../lib/pool/controller/control_pool.ts";
import { acquireLeadership } from "../../../lib/pool/leadership.ts";
import { runPoolWorker } from "../../../lib/pool/worker/pool_worker.ts";
import { queuePaths } from "../../../lib/queue/layout.ts";
import { makeQueue } from "../../../lib/queue/queue.ts";
import { remoteArtifacts, taskArtifact } from "../../../lib/remote/remote_artifact.ts";
import {
  type PoolNode,
  type PoolRun,
  readPoolHead,
  readRun,
  writeRun,
} from "../../../lib/remote/run_record.ts";
import { type ClaimedAttempt, type Computer, InlineComputer } from "../../../lib/run/computer.ts";
import type { Runtime } from "../../../lib/run/runtime.ts";
import { withSum } from "../../../lib/store/record.ts";
import { ARTIFACT, type Artifact } from "../../../lib/task/artifact/artifact.ts";
import { defineTask } from "../../../lib/task/define.ts";
import { Random } from "../random.ts";
import { ROOT, SIM_CONFIG, simRuntime } from "../sim_runtime.ts";
import { Counts } from "./counts.ts";
import { LightDisk } from "./light_disk.ts";
import type { LightWorld } from "./light_files.ts";
import { lightMachine } from "./light_machine.ts";
import { ScaleLauncher } from "./scale_launcher.ts";
import { TurningClock } from "./turning_clock.ts";

const Step = defineTask({
  name: "scale/Step",
  params: z.object({ n: z.int() }),
  create: ({ params }): number => params.n,
});

/** How large a run is. */
export interface ScaleSize {
  /** Workers at the same time, at most. */
  readonly workers: number;
  /** Tasks in all. */
  readonly tasks: number;
  /** So many of them were done before the run: only what they are asked for is played. */
  readonly stored?: number;
  /** Of so many tasks each one needs the one before. */
  readonly chain: number;
  /** How long a task takes, in seconds, on average. */
  readonly taskSec: number;
  /** How long all of them take at least and at most, as parts of that. */
  readonly spread?: readonly [number, number];
  /** A tenth of the tasks is done. */
  readonly onPart?: (part: ScalePart) => void;
}

/** What a part of a run took. */
export interface ScalePart {
  /** How many tasks ended in it. */
  readonly tasks: number;
  /** Simulated time, in seconds. */
  readonly seconds: number;
  /** Real time, in milliseconds: what the code of all processes costs. */
  readonly wallMs: number;
  /** Milliseconds from a worker's rename into `done` until the controller told of the result, on average. */
  readonly readAfterMs: number;
  /** What the controller did with files. */
  readonly controller: Counts;
  /** What all workers did. */
  readonly workers: Counts;
}

/** What a run took. */
export interface ScaleReport {
  /** The whole of it. */
  readonly whole: ScalePart;
  /** Its tenths. */
  readonly parts: readonly ScalePart[];
  /** Seconds that workers computed, all together. */
  readonly busySec: number;
  /** Most workers at the same time. */
  readonly mostWorkers: number;
  /** Milliseconds that reading the run's record took the controller, and a worker. */
  readonly readMs: readonly [whole: number, head: number];
  /** Milliseconds from then until the first task was done. */
  readonly firstMs: number;
}

/**
 * Plays a run over files in memory: the real controller, the real workers, and time that jumps. Nothing fails, so that
 * what it takes is what it always takes.
 */
export async function playScale(size: ScaleSize): Promise<ScaleReport> {
  const play = new ScalePlay(size);
  return await play.run();
}

/** What has happened until some moment. */
interface State {
  readonly wall: number;
  readonly time: number;
  readonly done: number;
  readonly reading: number;
  readonly controller: Counts;
  readonly workers: Counts;
}

class ScalePlay {
  readonly #size: ScaleSize;
  readonly #time = new TurningClock();
  readonly #disk = new LightDisk();
  readonly #paths = queuePaths(ROOT, "scale-run");
  readonly #random = new Random(1);
  readonly #numbers = new Map<Hash, number>();
  readonly #nodes: PoolNode[] = [];
  readonly #doneAt: Float64Array;
  readonly #controller = new Counts();
  readonly #workers: Counts[] = [];
  readonly #parts: ScalePart[] = [];
  readonly #world: LightWorld;
  #busyMs = 0;
  #working = 0;
  #most = 0;
  #done = 0;
  #reading = 0;
  #firstMs = 0;
  #begun: State;

  constructor(size: ScaleSize) {
    this.#size = size;
    this.#doneAt = new Float64Array(size.tasks);
    const done = `${this.#paths.done}/`;
    const shelf = `${this.#paths.done}/read/`;
    this.#world = {
      disk: this.#disk,
      time: this.#time,
      run: `${this.#paths.run}/`,
      onRename: (_from, to) => {
        if (!to.startsWith(done) || to.startsWith(shelf)) return;
        this.#doneAt[this.#numbers.get(to.slice(done.length, done.length + 32) as Hash)!] = this.#time.time;
      },
    };
    this.#begun = this.#state();
  }

  /** How many are to be computed. */
  get #tasks(): number {
    return this.#size.tasks - (this.#size.stored ?? 0);
  }

  async run(): Promise<ScaleReport> {
    this.#disk.mkdir(ROOT);
    const { tasks, chain, stored = 0 } = this.#size;
    this.#disk.mkdir(`${ROOT}/artifacts`);
    this.#disk.mkdir(`${ROOT}/artifacts/scale`);
    this.#disk.mkdir(`${ROOT}/artifacts/scale/Step`);
    for (let n = 0; n < tasks; n++) {
      const artifact = Step({ n });
      const { hash, name } = artifact;
      const before = n % chain > 0 ? [this.#nodes[n - 1]!.hash] : [];
      this.#numbers.set(hash, n);
      this.#nodes.push({ hash, name, spec: "default", dependencies: before });
      if (n < stored) this.#store(artifact, n);
    }
    const ended = this.#control();
    return await this.#time.turnUntil(ended);
  }

  #store({ name, hash, [ARTIFACT]: { identity } }: Artifact, n: number): void {
    const members = [
      `"schema":1,"identity":${identity},"attempt":1,"id":"0123456789ab","files":false,"value":${n}`,
      `"createdAt":"2026-01-01T00:00:00.000Z","durationMs":1,"provenance":{}`,
    ];
    this.#disk.write(`${ROOT}/artifacts/${name}/${hash}.json`, withSum(`{${members.join()}}`), 0);
  }

  async #control(): Promise<ScaleReport> {
    const never = new AbortController().signal;
    const runtime = this.#runtime(1, this.#controller);
    const paths = this.#paths;
    await makeQueue(runtime.store, paths, ["default"]);
    await writeRun(runtime, paths, this.#record());
    this.#nodes.length = 0;
    const before = performance.now();
    const run = await readRun(runtime, paths, "pool");
    const between = performance.now();
    await readPoolHead(runtime, paths);
    const readMs = [between - before, performance.now() - between] as const;
    const claim = await acquireLeadership(runtime, paths, { runId: run.runId });
    if (typeof claim === "string") throw new Error(`the role is ${claim}`);
    const launcher = new ScaleLauncher(
      this.#time,
      (key, order, signal) => this.#work(run, key, order, signal),
    );
    this.#begun = this.#state();
    const first = this.#begun;
    const result = await controlPool(runtime, {
      paths,
      run,
      claim,
      launcher,
      artifactOf: remoteArtifacts(run),
      onEvent: (event) => {
        if (event.type === "node_done") this.#noteDone(event.hash);
        if (event.type === "message" && event.level !== "info") {
          throw new Error(`nothing goes wrong here, but: ${event.text}`);
        }
      },
      signal: never,
    });
    const whole = this.#part(first);
    await launcher.ended();
    const { computed = 0, failures = [] } = result?.summary ?? {};
    if (computed !== this.#tasks) {
      throw new Error(`${computed} of ${this.#tasks} were computed: ${failures[0]?.error}`);
    }
    return {
      whole,
      parts: this.#parts,
      busySec: this.#busyMs / 1000,
      mostWorkers: this.#most,
      readMs,
      firstMs: this.#firstMs,
    };
  }

  async #work(run: PoolRun, key: string, order: number, signal: AbortSignal): Promise<void> {
    const counts = new Counts();
    this.#workers.push(counts);
    const runtime = this.#runtime(1 + order, counts);
    this.#most = Math.max(this.#most, ++this.#working);
    await runPoolWorker(runtime, {
      paths: this.#paths,
      run: await readPoolHead(runtime, this.#paths),
      spec: "default",
      slots: 1,
      node: runtime.machine.self.host,
      job: key,
      computer: this.#computer(runtime, run.runId),
      artifactOf: taskArtifact,
      signal,
      onEvent: () => {},
    });
    this.#working--;
  }

  /** Computes as another process does, which takes its time. */
  #computer(runtime: Runtime, runId: string): Computer {
    const inline = new InlineComputer(runtime, runId);
    const { taskSec, spread: [least, most] = [0.5, 1.5] } = this.#size;
    return {
      inProcess: false,
      compute: async (attempt: ClaimedAttempt) => {
        const ms = taskSec * 1000 * (least + (most - least) * this.#random.next());
        await this.#time.clock.sleep(ms, attempt.signal);
        this.#busyMs += ms;
        const artifact: Artifact = Step({ n: this.#numbers.get(attempt.artifact.hash)! });
        return await inline.compute({ ...attempt, artifact });
      },
      kill: () => inline.kill(),
      close: () => inline.close(),
    };
  }

  #runtime(pid: number, counts: Counts): Runtime {
    const machine = lightMachine(this.#world, pid, counts);
    return simRuntime(machine, new AbortController().signal, { leaseSec: 120, heartbeatSec: 40 });
  }

  #noteDone(hash: Hash): void {
    this.#reading += this.#time.time - this.#doneAt[this.#numbers.get(hash)!]!;
    if (++this.#done === 1) this.#firstMs = performance.now() - this.#begun.wall;
    if (this.#done % Math.ceil(this.#tasks / 10) !== 0) return;
    const part = this.#part(this.#begun);
    this.#parts.push(part);
    this.#begun = this.#state();
    this.#size.onPart?.(part);
  }

  #part(begun: State): ScalePart {
    const now = this.#state();
    const tasks = now.done - begun.done;
    return {
      tasks,
      seconds: (now.time - begun.time) / 1000,
      wallMs: now.wall - begun.wall,
      readAfterMs: (now.reading - begun.reading) / tasks,
      controller: now.controller.since(begun.controller),
      workers: now.workers.since(begun.workers),
    };
  }

  #state(): State {
    const controller = new Counts();
    controller.addAll(this.#controller);
    const workers = new Counts();
    for (const each of this.#workers) workers.addAll(each);
    const { time } = this.#time;
    return { wall: performance.now(), time, done: this.#done, reading: this.#reading, controller, workers };
  }

  #record(): PoolRun {
    const { workers, tasks, chain } = this.#size;
    return {
      schema: 1,
      runId: this.#paths.runId,
      mode: "pool",
      createdAt: "2026-01-01T00:00:00.000Z",
      submitter: { host: "n1", pid: 1 },
      versions: { furu: FURU_VERSION, deno: Deno.version.deno },
      entry: "file:///pipeline.ts",
      roots: this.#nodes.filter((_, n) => n % chain === chain - 1 || n === tasks - 1).map(({ hash }) => hash),
      specs: { default: {} },
      config: SIM_CONFIG,
      force: [],
      git: null,
      detached: false,
      options: {
        maxWorkers: workers,
        window: "bfs",
        idleTimeoutSec: 60,
        keepGoing: false,
        tasksPerWorker: 1,
      },
      counts: { nodes: tasks, cached: this.#size.stored ?? 0 },
      invalid: [],
      nodes: this.#nodes,
    };
  }
}
