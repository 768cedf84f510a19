import { errorCode, FuruError } from "../../lib/core/errors.ts";
import type { Machine } from "../../lib/core/system/machine.ts";
import { FURU_VERSION } from "../../lib/core/version.ts";
import { POOL_TIMING } from "../../lib/pool/controller/context.ts";
import { controlPool } from "../../lib/pool/controller/control_pool.ts";
import { readEnded, type RunEnded } from "../../lib/pool/ended.ts";
import { poolNodes } from "../../lib/remote/run_nodes.ts";
import { type PoolRun, readRun, writeRun } from "../../lib/remote/run_record.ts";
import { runPoolWorker } from "../../lib/pool/worker/pool_worker.ts";
import { remoteArtifacts } from "../../lib/remote/remote_artifact.ts";
import { acquireLeadership, LeadershipLostError, watchLeadership } from "../../lib/pool/leadership.ts";
import { type QueuePaths, queuePaths } from "../../lib/queue/layout.ts";
import { makeQueue } from "../../lib/queue/queue.ts";
import { InlineComputer } from "../../lib/run/computer.ts";
import type { Runtime } from "../../lib/run/runtime.ts";
import type { Claim } from "../../lib/store/claims/claim.ts";
import { artifactPaths } from "../../lib/store/layout.ts";
import type { PoolGraph } from "./pool_graph.ts";
import { checkQueue } from "./queue_invariants.ts";
import { SimLauncher } from "./sim_launcher.ts";
import { ROOT, SIM_CONFIG, simRuntime } from "./sim_runtime.ts";
import { type SimJob, SimSlurm } from "./sim_slurm.ts";
import type { SlurmFaults } from "./sim_slurm_faults.ts";
import { SimPrograms } from "./sim_programs.ts";
import type { SiteMoods } from "./sim_site.ts";
import { SlurmClient } from "../../lib/slurm/client/client.ts";
import { slurmSpecSchema } from "../../lib/slurm/client/spec.ts";
import { SbatchLauncher } from "../../lib/slurm/pool/sbatch_launcher.ts";
import type { WorkerLauncher } from "../../lib/pool/launcher.ts";
import { Violation } from "./violation.ts";
import type { World } from "./world.ts";

/** Retries of the runs that are simulated. */
export const RETRIES = { maxComputeRetries: 2, maxPreemptRetries: 3 };
const TASK_FILE = /\/([0-9a-f]{32})\.\d+\.\d+(?:\.[mt]+)?(?:\.-?\d+)?\.json$/;
const NODES = ["n1", "n2", "n3"];
/** Whoever is told of a listing, a submission or a cancellation after losing the role may have been on its way. */
const LATE_ACTS = 1;

/** A create that goes on, until it is done. */
type Creating = { readonly done: boolean; readonly signal: AbortSignal };

/** A run, with a Slurm of its own, in a world that is played now. */
export class PoolPlay {
  /** Where everything of the run is. */
  readonly paths: QueuePaths;
  /** Who runs its workers. */
  readonly slurm: SimSlurm;
  /** What the run is. */
  readonly run: PoolRun;
  /** What did not hold when nobody could be told. */
  violation: string | undefined;
  /** What ran at once and took more units of the limit than there are. */
  overLimit: string | undefined;
  /** How often there was a create under each name that a task had in the queue. */
  readonly starts: Map<string, number> = new Map();
  /** Slurm's programs, where the run has the real launcher. */
  readonly programs: SimPrograms | undefined;
  readonly #world: World;
  readonly #graph: PoolGraph;
  readonly #ends = new Set<string>();
  /** Creates that took a unit of the limit, and by which process. */
  readonly #taking: { hash: string; pid: number; creating: Creating }[] = [];

  /**
   * Prepares a run that nobody has begun.
   *
   * @param site What Slurm's programs do, where the run has the real launcher, which asks them.
   */
  constructor(
    world: World,
    graph: PoolGraph,
    runId: string,
    faults: Partial<SlurmFaults>,
    detached = false,
    site?: SiteMoods,
  ) {
    this.#world = world;
    this.#graph = graph;
    this.paths = queuePaths(ROOT, runId);
    this.run = poolRun(world, graph, runId, detached);
    const late = new Map<number, number>();
    this.slurm = new SimSlurm(world, {
      faults,
      nodes: NODES,
      work: (job, machine, signal, endsAt) => this.#work(job, machine, signal, endsAt),
      onAct: (machine) => {
        if (this.holder() === machine.self.pid) return;
        const times = (late.get(machine.self.pid) ?? 0) + 1;
        late.set(machine.self.pid, times);
        // Whoever is thrown at would take it for Slurm's word.
        if (times > LATE_ACTS) this.violation ??= `pid ${machine.self.pid} acts on and on without the role`;
      },
    });
    const { maxWorkers } = this.run.options;
    const most = typeof maxWorkers === "number"
      ? maxWorkers
      : Object.values(maxWorkers).reduce((sum, each) => sum + each, 0);
    this.programs = site && new SimPrograms(this.slurm, world, site, most);
    const vanished = new Set<string>();
    const recordOf = (hash: string): string => {
      const artifact = graph.all.find((each) => each.hash === hash);
      if (artifact === undefined) throw new Violation(`a task of nobody is in the queue: ${hash}`);
      return artifactPaths(ROOT, artifact).record;
    };
    world.watch(checkQueue(world, this.paths, recordOf, new Set(), vanished));
    if (world.faults.crash > 0 && world.random.chance(0.2)) {
      world.spawn("hand", "other", () => this.#remove(vanished), {
        delayMs: world.random.scale(100, 30_000),
      });
    }
    world.watch(once(world, this.paths.ended));
    if (site) world.watch(() => this.#checkFences());
  }

  /** The process that holds the role now. */
  holder(): number | undefined {
    const text = this.#world.disk.read(this.paths.role.claim);
    return text === undefined ? undefined : JSON.parse(text).owner.pid;
  }

  /** A process creates an artifact: if it is a worker of this run, under which name does the queue have it? */
  noteCreate(hash: string, pid: number, creating: Creating): void {
    const file = this.#world.disk.paths(this.paths.running).find((path) =>
      path.includes(`-${pid}-`) && path.includes(`/${hash}.`)
    );
    const name = file?.slice(file.lastIndexOf("/") + 1);
    if (name === undefined) return;
    this.starts.set(name, (this.starts.get(name) ?? 0) + 1);
    const isLimited = this.run.nodes.some((node) => node.hash === hash && node.limits !== undefined);
    if (!isLimited || this.#graph.units === undefined) return;
    this.#taking.push({ hash, pid, creating });
    // What Slurm has given up may go on, on a node that is cut off; what was told to end has a grace for that.
    const isThere = (pid: number): boolean =>
      this.slurm.jobs.some(({ process }) => process?.owner.pid === pid && !process.gone);
    const now = this.#taking.filter(({ pid, creating: { done, signal } }) =>
      !done && !signal.aborted && isThere(pid)
    );
    if (now.length <= this.#graph.units) return;
    const names = now.map(({ hash, pid }) => `${hash.slice(0, 8)} (pid ${pid})`);
    this.overLimit ??= `${names.join(", ")} run at once, of a limit of ${this.#graph.units}`;
  }

  /** How the run ended. */
  ended(): RunEnded | undefined {
    const text = this.#world.disk.read(this.paths.ended);
    return text === undefined ? undefined : JSON.parse(text);
  }

  /** What a user's process does: begins the run, or takes it up, or waits for whoever is its controller. */
  async attend(machine: Machine, signal: AbortSignal): Promise<RunEnded> {
    const runtime = simRuntime(machine, signal, RETRIES);
    const { paths } = this;
    await this.#begin(runtime);
    const run = await readRun(runtime, paths, "pool");
    for (const watch = watchLeadership(runtime, paths);;) {
      const claim = await acquireLeadership(runtime, paths, { runId: this.run.runId, watch });
      if (claim === "ended") return await readEnded(runtime.store, paths) as RunEnded;
      if (claim === "held") await machine.clock.sleep(watch.longestPauseMs);
      else await this.#control(runtime, run, claim, signal).catch(unlessLost);
    }
  }

  /** What the user's process does in a detached run: begins it, has the first workers started, and leaves. */
  async detach(machine: Machine, signal: AbortSignal): Promise<void> {
    const runtime = simRuntime(machine, signal, RETRIES);
    await this.#begin(runtime);
    const launcher = new SimLauncher(this.slurm, this.#world, machine);
    const count = 1 + this.#world.random.int(2);
    const { refusal } = await launcher.submit({ spec: "default", count, exclude: [] }, signal);
    if (refusal) throw refusal.error;
    // Whoever leaves a run to its workers waits for sbatch's answer.
    while (launcher.isSubmitting) await machine.clock.sleep(1000, signal);
    const { jobs, refused = [] } = await launcher.jobs(signal);
    if (refused[0]) throw refused[0].refusal.error;
    await launcher.keepStandby(jobs.map(({ key }) => key), signal);
  }

  /** A worker that lives is never declared dead, whatever Slurm's programs say. */
  #checkFences(): void {
    const { disk, processes } = this.#world;
    const ends = disk.find(this.paths.workers)?.entries?.keys() ?? [];
    for (const name of ends) {
      if (!name.endsWith(".end.json") || this.#ends.has(name)) continue;
      this.#ends.add(name);
      const record = disk.read(`${this.paths.workers}/${name.replace(".end.json", ".json")}`);
      const { why } = JSON.parse(disk.read(`${this.paths.workers}/${name}`) ?? "{}");
      const pid = record === undefined ? undefined : JSON.parse(record).owner.pid;
      const job = this.slurm.jobs.find(({ process }) => process?.owner.pid === pid);
      const process = processes.find(({ owner }) => owner.pid === pid);
      if (!job || process?.state !== "running" || /^no task can start/.test(why)) continue;
      this.violation ??= `${job.key} lives (${this.slurm.stateOf(job)?.text}) and was declared dead: ${why}`;
    }
  }

  /** Somebody removes a task's file. */
  #remove(vanished: Set<string>): Promise<void> {
    const { disk, fates, random } = this.#world;
    const files = disk.paths(`${this.paths.run}/queue`).filter((path) => TASK_FILE.test(path));
    if (files.length === 0) return Promise.resolve();
    const file = random.pick(files);
    fates.happened("vanish");
    vanished.add(TASK_FILE.exec(file)?.[1] ?? "");
    disk.remove(file, this.#world.host("other"), file);
    return Promise.resolve();
  }

  async #begin(runtime: Runtime): Promise<void> {
    const { paths, run } = this;
    if (await runtime.store.read(paths.record) !== undefined) return;
    await makeQueue(runtime.store, paths, ["default", "gpu"]);
    await writeRun(runtime, paths, run);
  }

  async #control(
    runtime: Runtime,
    run: PoolRun,
    claim: Claim,
    signal: AbortSignal,
    handOver?: AbortSignal,
  ): Promise<void> {
    await controlPool(runtime, {
      paths: this.paths,
      run,
      claim,
      launcher: this.#launcher(runtime, claim.attempt.n),
      artifactOf: remoteArtifacts(run),
      onEvent: () => {},
      signal,
      timing: { ...POOL_TIMING, mostQueued: 2, mostRead: 1 },
      ...(handOver === undefined ? {} : { handOver }),
    });
  }

  /** Starts workers: the real launcher over simulated programs, or a simulated one. */
  #launcher(runtime: Runtime, term: number): WorkerLauncher {
    const { machine } = runtime;
    if (!this.programs) return new SimLauncher(this.slurm, this.#world, machine, true);
    const client = new SlurmClient({ env: {}, clock: machine.clock, run: this.programs.runner(machine) });
    const spec = slurmSpecSchema.parse({});
    return new SbatchLauncher(runtime, {
      paths: this.paths,
      run: this.run,
      specs: { default: spec, gpu: spec, big: spec },
      client,
      term,
      log: { info() {}, warn() {}, error() {} },
    });
  }

  async #work(
    { key, spec }: SimJob,
    machine: Machine,
    signal: AbortSignal,
    endsAt: number | undefined,
  ): Promise<unknown> {
    const runtime = simRuntime(machine, signal, RETRIES);
    const run = await readRun(runtime, this.paths, "pool");
    const slurm = this.programs?.slurmJobOf(key);
    const never = new AbortController().signal;
    const artifacts = new Map(this.#graph.all.map((artifact) => [artifact.hash, artifact]));
    return await runPoolWorker(runtime, {
      paths: this.paths,
      run,
      spec,
      slots: run.options.tasksPerWorker,
      node: machine.self.host,
      job: key,
      ...(slurm === undefined ? {} : { slurm }),
      computer: new InlineComputer(runtime, run.runId),
      artifactOf: ({ hash }) => artifacts.get(hash)!,
      signal,
      ...(endsAt === undefined ? {} : { span: { beganAt: machine.clock.monotonic(), endsAt } }),
      onEvent: () => {},
      control: (claim: Claim, handOver: AbortSignal) =>
        this.#control(runtime, run, claim, never, handOver).catch(unlessLost),
    });
  }
}

function poolRun(
  { random }: World,
  { roots, all, units }: PoolGraph,
  runId: string,
  detached: boolean,
): PoolRun {
  return {
    schema: 1,
    runId,
    mode: "pool",
    createdAt: "2026-01-01T00:00:00.000Z",
    submitter: { host: "login", pid: 1 },
    versions: { furu: FURU_VERSION, deno: Deno.version.deno },
    entry: "file:///pipeline.ts",
    roots: roots.map(({ hash }) => hash),
    specs: { default: {}, gpu: {}, big: {} },
    config: { ...SIM_CONFIG, ...RETRIES, ...(units === undefined ? {} : { limits: { license: units } }) },
    force: [],
    git: null,
    detached,
    options: {
      maxWorkers: random.pick([1, 2, 4, { default: 2, gpu: 1 }]),
      window: random.pick(["bfs", "dfs", 2] as const),
      idleTimeoutSec: random.pick([1, 10, 60]),
      keepGoing: random.chance(0.5),
      tasksPerWorker: random.pick([1, 1, 3]),
      ...(units === undefined ? {} : { turns: true }),
    },
    counts: { nodes: all.length, cached: 0 },
    invalid: [],
    nodes: poolNodes(roots),
  };
}

/** A file that is there once never goes or changes. */
function once(world: World, path: string): () => void {
  let first: string | undefined;
  return () => {
    const now = world.disk.read(path);
    first ??= now;
    if (now !== first) throw new Violation(`${path} changed from ${first} to ${now}`);
  };
}

function unlessLost(error: unknown): void {
  if (!(error instanceof LeadershipLostError)) throw error;
}

/** Did something of the system go wrong, or Slurm, or was it told to stop? Then the one who met it may end with it. */
export function isOutside(error: unknown): boolean {
  if ((error as Error).name === "AbortError") return true;
  for (let at = error; at instanceof Error; at = at.cause) {
    if (errorCode(at) !== undefined || (at instanceof FuruError && at.name === "SlurmError")) return true;
  }
  return false;
}
