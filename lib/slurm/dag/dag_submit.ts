import { pooledMap } from "@std/async/pool";
import { errorText, SlurmError } from "../../core/errors.ts";
import type { Hash } from "../../core/hash.ts";
import { removeQueued, writeQueuedId } from "../../store/claims/queued.ts";
import type { Artifact } from "../../task/artifact/artifact.ts";
import { cancelJobs } from "../client/client.ts";
import { type DagContext, tell } from "./dag_context.ts";
import { DagFinder, type Taken } from "./dag_finder.ts";
import { type DagJob, type DagNode, writeDagJobs } from "../run/dag_run.ts";
import { submitNode } from "./submit_node.ts";
import { untilCancelled } from "./until_cancelled.ts";

/** How many are submitted at the same time: each is a process here, and a request to Slurm's one controller. */
const CONCURRENCY = 8;

/**
 * Submits one job for each node, dependencies first; what others have submitted already is taken into account instead.
 *
 * @param artifacts The nodes' artifacts.
 * @param assumed Nodes that somebody computed when it was planned, so that nobody looked at what they need.
 * @returns The jobs. Nodes that are missing in it are done meanwhile, or stranded by a failure.
 * @throws {SlurmError} when sbatch refuses one, or a node is computed outside of Slurm; then what was submitted is
 * cancelled. The signal's reason when it aborts, likewise.
 */
export async function submitDag(
  context: DagContext,
  artifacts: ReadonlyMap<Hash, Artifact>,
  assumed: ReadonlySet<Hash>,
): Promise<Map<Hash, DagJob>> {
  return await untilCancelled(
    context,
    (watched, cancelled) =>
      new Submission(watched, new DagFinder(watched, artifacts, assumed), cancelled).run(),
  );
}

class Submission {
  readonly #context: DagContext;
  readonly #finder: DagFinder;
  readonly #taken = new Map<Hash, Promise<Taken>>();
  readonly #jobs = new Map<Hash, DagJob>();
  /** Names of jobs that sbatch was given and has not answered for. */
  readonly #submitting = new Set<string>();
  readonly #nodes: ReadonlyMap<Hash, DagNode>;
  /** Aborts when somebody else cancels the run. */
  readonly #cancelled: AbortSignal;
  /** Where its jobs go, as far as that is known. */
  #cluster: string | undefined;

  constructor(context: DagContext, finder: DagFinder, cancelled: AbortSignal) {
    this.#context = context;
    this.#finder = finder;
    this.#cancelled = cancelled;
    this.#cluster = context.run.cluster;
    this.#nodes = new Map(context.run.nodes.map((node) => [node.hash, node]));
  }

  async run(): Promise<Map<Hash, DagJob>> {
    const { run, signal } = this.#context;
    let failure: { error: unknown } | undefined;
    // Whatever a node waits for stands before it in the order, so it is under way already.
    const all = pooledMap(CONCURRENCY, run.nodes, async (node) => {
      if (failure) return;
      const taking = this.#take(node);
      this.#taken.set(node.hash, taking);
      try {
        await taking;
      } catch (error) {
        failure ??= { error };
      }
    });
    for await (const _ of all);
    // A stop while the last one was submitted stops nothing else. Who cancels a run that is whole finds its jobs.
    if (signal.aborted && signal.reason !== this.#cancelled.reason) failure ??= { error: signal.reason };
    if (!failure) return this.#jobs;
    try {
      await (failure.error === this.#cancelled.reason ? this.#handOver() : this.#takeBack());
    } catch (error) {
      const advice = `what was submitted already may go on, cancel it later: furu cancel ${run.runId}`;
      tell(this.#context, "error", `${errorText(error)}; ${advice}`);
    }
    throw failure.error;
  }

  /** Writes down what was submitted, for whoever cancels the run and waits for that. */
  async #handOver(): Promise<void> {
    const { runtime, dir } = this.#context;
    await this.#findUnanswered();
    await writeDagJobs(runtime, dir, this.#jobs);
  }

  /** Cancels what was submitted, also what sbatch may have taken just when it was told to stop. */
  async #takeBack(): Promise<void> {
    const { client, runtime, dir, run, signal } = this.#context;
    const unclear = await this.#findUnanswered();
    const own = [...this.#jobs].filter(([, job]) => job.own);
    // In this order: as long as a job may still run, it is to be seen that it is there.
    await cancelJobs(client, own.map(([, job]) => job));
    for (const [hash, { name }] of own) await this.#removeQueued(hash, name);
    // For whoever follows this run nevertheless.
    await writeDagJobs(runtime, dir, this.#jobs);
    const cancelled = own.length === 0
      ? "nothing had been submitted yet"
      : `cancelled ${
        own.length === 1 ? "the 1 job that was" : `the ${own.length} jobs that were`
      } submitted already`;
    const left = unclear.length === 0
      ? ""
      : `; ${unclear.join(", ")} may be in Slurm, which does not tell: furu cancel ${run.runId}`;
    const why = signal.aborted ? "was stopped while it was being submitted" : "could not be submitted whole";
    tell(this.#context, "warn", `run ${run.runId} ${why}: ${cancelled}${left}`);
  }

  /**
   * Takes up the jobs of which sbatch did not say whether it has taken them: one may arrive a moment later.
   *
   * @returns Names of those that Slurm does not tell of. They stay queued, since they may run.
   */
  async #findUnanswered(): Promise<string[]> {
    const { jobs, run } = this.#context;
    const open = run.nodes.filter(({ jobName }) => this.#submitting.has(jobName));
    const unclear: string[] = [];
    await Promise.all(open.map(async ({ hash, jobName: name }) => {
      const { status, jobId } = await jobs.state({ name, cluster: run.cluster }, { until: "sure" });
      if (status === "dead") await this.#removeQueued(hash, name);
      else if (jobId === undefined) unclear.push(name);
      else this.#jobs.set(hash, this.#ownJob(name, jobId));
    }));
    return unclear;
  }

  #ownJob(name: string, jobId: string, cluster = this.#context.run.cluster): DagJob {
    return { jobId, name, ...(cluster === undefined ? {} : { cluster }), own: true, foreign: false };
  }

  async #take(node: DagNode): Promise<Taken> {
    const { signal } = this.#context;
    const below = await Promise.all(node.dependencies.map((hash) => this.#taken.get(hash)));
    signal.throwIfAborted();
    if (below.some((taken) => taken?.kind === "stranded")) return { kind: "stranded" };
    const found = await this.#finder.find(node);
    if (found !== "ours") {
      if (found.kind === "job") this.#remember(node.hash, found.job);
      return found;
    }
    try {
      const after = await this.#dependencyIds(node);
      if (after === "failed") {
        await this.#removeQueued(node.hash, node.jobName);
        return { kind: "stranded" };
      }
      this.#submitting.add(node.jobName);
      const job = await this.#submit(node, after);
      this.#submitting.delete(node.jobName);
      this.#cluster = job.cluster;
      this.#remember(node.hash, job);
      const { runtime } = this.#context;
      await writeQueuedId(runtime.store, runtime.store.paths(node), job);
      return { kind: "job", job };
    } catch (error) {
      // What sbatch was given may be on its way: that is found out when all else has come to rest.
      const isClear = !this.#jobs.has(node.hash) && !this.#submitting.has(node.jobName);
      if (isClear) await this.#removeQueued(node.hash, node.jobName);
      throw error;
    }
  }

  #remember(hash: Hash, job: DagJob): void {
    this.#jobs.set(hash, job);
    this.#context.jobs.expect(job);
  }

  /**
   * The jobs that it has to wait for. Slurm takes an id that it has forgotten for a success, so each is looked at once
   * more: in the store, then in the listing.
   */
  async #dependencyIds(node: DagNode): Promise<string[] | "failed"> {
    const { jobs, signal } = this.#context;
    const ids: string[] = [];
    for (const hash of node.dependencies) {
      const taken = await this.#taken.get(hash);
      if (taken?.kind !== "job") continue;
      const below = this.#nodes.get(hash);
      if (below && await this.#finder.isDone(below)) continue;
      if ((await jobs.state(taken.job, { signal })).status === "dead") {
        if (below && await this.#finder.isDone(below)) continue;
        return "failed";
      }
      this.#checkCluster(node, below, taken.job);
      ids.push(taken.job.jobId);
    }
    return ids;
  }

  /** Slurm would take the id of another cluster's job for one that it has forgotten, and so for a success. */
  #checkCluster(node: DagNode, below: DagNode | undefined, { own, jobId, name, cluster }: DagJob): void {
    if (own || cluster === undefined || this.#cluster === undefined || cluster === this.#cluster) return;
    throw new SlurmError(
      `Cannot submit ${this.#finder.artifact(node)} as ${
        below ? this.#finder.artifact(below) : "a dependency"
      } is ` +
        `computed by Slurm job ${jobId} (${name}) on cluster ${cluster}, which no job on ${this.#cluster} can wait ` +
        `for: wait until that has ended, or cancel it, and run again`,
    );
  }

  async #submit(node: DagNode, afterOk: readonly string[]): Promise<DagJob> {
    const { jobId, cluster } = await submitNode(this.#context, node, this.#finder.artifact(node), afterOk);
    return this.#ownJob(node.jobName, jobId, cluster);
  }

  async #removeQueued(hash: Hash, name: string): Promise<void> {
    const { store } = this.#context.runtime;
    await removeQueued(store, store.paths(this.#nodes.get(hash)!), name);
  }
}
