import { queuePaths } from "../../lib/queue/layout.ts";
import { makePlan } from "../../lib/plan/graph.ts";
import { type DagRun, writeRun } from "../../lib/remote/run_record.ts";
import { InlineComputer } from "../../lib/run/computer.ts";
import type { Runtime } from "../../lib/run/runtime.ts";
import { AttemptBackend } from "../../lib/schedule/attempt_backend.ts";
import { drive } from "../../lib/schedule/drive.ts";
import { SlurmClient } from "../../lib/slurm/client/client.ts";
import { slurmSpecSchema } from "../../lib/slurm/client/spec.ts";
import type { DagContext } from "../../lib/slurm/dag/dag_context.ts";
import { followDag, followDagRun } from "../../lib/slurm/dag/follow_dag.ts";
import { DagSubmission } from "../../lib/slurm/dag/submit_dag.ts";
import { readDagJobs } from "../../lib/slurm/jobs/dag_jobs.ts";
import { JobWatch } from "../../lib/slurm/jobs/job_watch.ts";
import type { RunSummary } from "../../lib/core/event.ts";
import { FURU_VERSION } from "../../lib/core/version.ts";
import { removeQueued } from "../../lib/store/claims/queued.ts";
import { readRecord } from "../../lib/store/read_record.ts";
import { artifactPaths } from "../../lib/store/layout.ts";
import { ARTIFACT, type Artifact } from "../../lib/task/artifact/artifact.ts";
import { specOf } from "../../lib/task/requirements.ts";
import { type PoolGraph, poolGraph } from "./pool_graph.ts";
import { isOutside } from "./pool_play.ts";
import type { Scenario } from "./scenario.ts";
import { SimPrograms } from "./sim_programs.ts";
import { ROOT, SIM_CONFIG, simRuntime } from "./sim_runtime.ts";
import { mixedSite } from "./sim_site.ts";
import { type SimJob, SimSlurm } from "./sim_slurm.ts";
import { mixedSlurmFaults } from "./sim_slurm_faults.ts";
import { Violation } from "./violation.ts";
import type { World } from "./world.ts";
import type { Machine } from "../../lib/core/system/machine.ts";

const RETRIES = { maxComputeRetries: 2, maxPreemptRetries: 3 };
const RUN_ID = "run-1";

/** A run in DAG mode, submitted and followed by the real code, which asks Slurm's programs as they are on real sites. */
export const dagSiteScenario: Scenario = {
  name: "dag_site",
  about:
    "1 run in DAG mode over Slurm's programs with the moods of sites: right result, no foreign job touched",
  maxSteps: 200_000,
  // The submitter is one process, whose death is another test's business.
  faults: () => ({}),
  run: async (world, random) => {
    world.disk.mkdir(ROOT, world.host("login"), ROOT);
    const graph = poolGraph(random, 3);
    // A job keeps its spec.
    graph.hungry = false;
    const suspended = random.chance(0.4) ? 0.5 : 0;
    const faults = random.chance(2 / 3) ? { suspended } : { ...mixedSlurmFaults(random), suspended };
    // A job that a site cancels is a failure of its node here: nobody submits it again.
    const play = new DagPlay(world, graph, faults, { ...mixedSite(random), cancels: 0 });
    world.spawn("user", "login", (machine, signal) => play.attend(machine, signal));
    await world.run();
    play.check();
  },
};

class DagPlay {
  readonly #world: World;
  readonly #graph: PoolGraph;
  readonly #run: DagRun;
  readonly #slurm: SimSlurm;
  readonly #programs: SimPrograms;
  #summary: RunSummary | undefined;

  constructor(
    world: World,
    graph: PoolGraph,
    faults: ConstructorParameters<typeof SimSlurm>[1]["faults"],
    moods: ReturnType<typeof mixedSite>,
  ) {
    this.#world = world;
    this.#graph = graph;
    this.#run = dagRun(world, graph);
    this.#slurm = new SimSlurm(world, {
      faults,
      nodes: ["n1", "n2", "n3"],
      work: (job, machine, signal) => this.#work(job, machine, signal),
    });
    this.#programs = new SimPrograms(this.#slurm, world, moods, graph.all.length);
  }

  /** What the user's process does: submits, and follows. */
  async attend(machine: Machine, signal: AbortSignal): Promise<RunSummary | undefined> {
    const runtime = simRuntime(machine, signal, RETRIES);
    const run = this.#run;
    const paths = queuePaths(ROOT, RUN_ID);
    const client = new SlurmClient({ env: {}, clock: machine.clock, run: this.#programs.runner(machine) });
    const spec = slurmSpecSchema.parse({});
    const context: DagContext = {
      runtime,
      client,
      watch: new JobWatch(machine, client),
      run,
      specs: { default: spec, gpu: spec },
      paths,
      onEvent: () => {},
      log: { info() {}, warn() {}, error() {} },
      signal,
    };
    if (await readDagJobs(runtime, paths, run)) {
      return this.#summary = await followDagRun(runtime, { ...context, run });
    }
    await runtime.store.makeDir(paths.run);
    await writeRun(runtime, paths, run);
    const artifacts = new Map(this.#graph.all.map((artifact) => [artifact.hash, artifact]));
    const submission = new DagSubmission(context, artifacts, new Set());
    const [summary] = await Promise.all([followDag(context, submission), submission.run()]);
    return this.#summary = summary;
  }

  /** What a job does: the supervisor of one artifact. */
  async #work({ key }: SimJob, machine: Machine, signal: AbortSignal): Promise<boolean> {
    const runtime = simRuntime(machine, signal, RETRIES);
    const node = this.#run.nodes.find(({ jobName }) => jobName === key)!;
    const artifact = this.#graph.all.find(({ hash }) => hash === node.hash)!;
    const { store } = runtime;
    for (const below of artifact[ARTIFACT].dependencies) {
      if (await readRecord(store, store.paths(below))) continue;
      await removeQueued(store, store.paths(node), key);
      return false;
    }
    const done = await compute(runtime, artifact, this.#programs.slurmJobOf(key), signal);
    await removeQueued(store, store.paths(node), key);
    return done;
  }

  check(): void {
    const { violation } = this.#programs;
    if (violation !== undefined) throw new Violation(violation);
    const faulty = this.#world.fates.total > 0;
    for (const process of this.#world.processes) {
      if (!process.gone) throw new Violation(`${process.label} is there for ever`);
      const isUsers = process.name === "user";
      if (process.failed && isUsers && (!faulty || !isOutside(process.error))) throw process.error;
    }
    const alive = this.#slurm.jobs.filter((job) => this.#slurm.isAlive(job));
    if (alive.length > 0) throw new Violation(`jobs are left: ${alive.map(({ key }) => key).join(", ")}`);
    const failures = this.#summary?.failures ?? [];
    if (faulty) return;
    const odd = failures.find(({ kind }) => kind !== "compute" || !this.#graph.failing);
    if (odd) throw new Violation(`a ${odd.kind} failure of ${odd.hash}: ${odd.error}`);
    if (this.#graph.failing) return;
    if (this.#summary?.notRun !== 0) throw new Violation(`left out ${this.#summary?.notRun}`);
    for (const artifact of this.#graph.all) {
      if (this.#world.disk.read(artifactPaths(ROOT, artifact).record) === undefined) {
        throw new Violation(`ended well without ${artifact}`);
      }
      const times = this.#graph.creates.get(artifact.hash) ?? 0;
      if (times !== 1) throw new Violation(`${artifact} was created ${times} times`);
    }
  }
}

async function compute(
  runtime: Runtime,
  artifact: Artifact,
  slurm: { jobId: string; name: string; restarts: number; cluster: string },
  signal: AbortSignal,
): Promise<boolean> {
  const source = {
    listTask: () =>
      Promise.resolve({
        done: new Set(artifact[ARTIFACT].dependencies.map(({ hash }) => hash)),
        open: new Set<Artifact["hash"]>(),
      }),
    needsValidation: () => false,
    inspect: () => Promise.resolve({ status: "DONE" } as const),
  };
  const { summary, interrupted } = await drive(runtime, {
    runId: RUN_ID,
    plan: await makePlan([artifact], source),
    window: "bfs",
    keepGoing: false,
    retry: { retryFailed: true, ...RETRIES },
    forced: undefined,
    replan: (one) => makePlan([one], source),
    onEvent: () => {},
    signal,
    backend: (report) =>
      new AttemptBackend(runtime, {
        name: "slurm-dag",
        runId: RUN_ID,
        computer: new InlineComputer(runtime, RUN_ID),
        forced: undefined,
        slurm,
        signal,
        onEvent: () => {},
        report,
      }),
  });
  return !interrupted && summary.failures.length === 0 && summary.notRun === 0;
}

function dagRun({ random }: World, { roots, all }: PoolGraph): DagRun {
  return {
    schema: 1,
    runId: RUN_ID,
    mode: "dag",
    createdAt: "2026-01-01T00:00:00.000Z",
    submitter: { host: "login", pid: 1, uid: 1000 },
    cluster: "sim",
    versions: { furu: FURU_VERSION, deno: Deno.version.deno },
    entry: "file:///pipeline.ts",
    roots: roots.map(({ hash }) => hash),
    specs: { default: {}, gpu: {} },
    config: { ...SIM_CONFIG, ...RETRIES },
    force: [],
    git: null,
    counts: { nodes: all.length, cached: 0 },
    invalid: [],
    // Dependencies first.
    nodes: all.map((artifact) => ({
      hash: artifact.hash,
      name: artifact.name,
      spec: specOf(artifact),
      dependencies: artifact[ARTIFACT].dependencies.map(({ hash }) => hash),
      stored: [],
      jobName: `furu-${artifact.hash.slice(0, 8)}-${random.hex(12)}`,
    })),
  };
}
