import { pooledMap } from "@std/async/pool";
import { errorText, SlurmError } from "../../core/errors.ts";
import type { Hash } from "../../core/hash.ts";
import { readStop } from "../../queue/requests.ts";
import type { DagNode } from "../../remote/run_record.ts";
import { removeQueued, writeQueuedId } from "../../store/claims/queued.ts";
import type { Artifact } from "../../task/artifact/artifact.ts";
import { cancelOurs, leftAlone } from "../jobs/cancel_jobs.ts";
import { jobCommand } from "../client/job_command.ts";
import { submitRecorded } from "../jobs/submissions.ts";
import type { DagContext } from "./dag_context.ts";
import { type DagJob, nodeLogDir, writeDagJobs } from "./dag_jobs.ts";
import { OwnerFinder, type Taken } from "./find_owner.ts";

/**
 * Jobs that are submitted at the same time: each is a process here, and a request to Slurm's one controller.
 */
const CONCURRENCY = 8;
/** Milliseconds between two looks for somebody who cancels the run. */
const CANCEL_PAUSE_MS = 1000;

/**
 * Submits one job for each node, dependencies first. What others have submitted already is taken into account
 * instead.
 *
 * @param context The run.
 * @param artifacts The nodes' artifacts.
 * @param assumed Nodes that somebody computed when the run was planned, so that nobody looked at their
 * dependencies.
 * @returns The jobs. A node without one is done meanwhile, or blocked by a failure.
 * @throws {SlurmError} If sbatch refuses one, or a node is computed outside of Slurm; then what was submitted
 * is cancelled.
 * @throws The signal's reason when it aborts, likewise.
 */
export async function submitDag(
  context: DagContext,
  artifacts: ReadonlyMap<Hash, Artifact>,
  assumed: ReadonlySet<Hash>,
): Promise<Map<Hash, DagJob>> {
  return await untilCancelled(
    context,
    (watched, cancelled) =>
      new Submission(watched, new OwnerFinder(watched, artifacts, assumed), cancelled).run(),
  );
}

/**
 * The submission of one run. Each node takes this way, after the nodes that it depends on:
 *
 *                  a result counts
 *       .--------------------------------> DONE
 *       |
 *       |          a job of another run, or one of ours that an earlier look submitted
 *     LOOK <----.------------------------> JOB, followed
 *       |        | not clear yet: look again
 *       |--------'
 *       | nobody has it: queued.json is linked, which is exclusive
 *       v          a dependency failed
 *     QUEUED ----------------------------> BLOCKED     (queued.json is removed)
 *       | sbatch is called
 *       v          sbatch refuses
 *     SUBMITTING ------------------------> the run ends (queued.json is removed)
 *       |     \    sbatch does not answer, or is stopped
 *       |      '-------------------------> the run ends (Slurm is asked by the job's name: it is cancelled,
 *       | sbatch answers                                 or queued.json is removed)
 *       v
 *     JOB          (its id is written to queued.id.json)
 */
class Submission {
  readonly #context: DagContext;
  readonly #finder: OwnerFinder;
  readonly #taken = new Map<Hash, Promise<Taken>>();
  readonly #jobs = new Map<Hash, DagJob>();
  /** Names of jobs that sbatch was given and has not answered for. */
  readonly #submitting = new Set<string>();
  readonly #nodes: ReadonlyMap<Hash, DagNode>;
  /** Aborts when somebody else cancels the run. */
  readonly #cancelled: AbortSignal;
  /** The cluster that its jobs go to, as far as that is known. */
  #cluster: string | undefined;

  constructor(context: DagContext, finder: OwnerFinder, cancelled: AbortSignal) {
    this.#context = context;
    this.#finder = finder;
    this.#cancelled = cancelled;
    this.#cluster = context.run.cluster;
    this.#nodes = new Map(context.run.nodes.map((node) => [node.hash, node]));
  }

  async run(): Promise<Map<Hash, DagJob>> {
    const { run, signal } = this.#context;
    let failure: { error: unknown } | undefined;
    // The dependencies of a node stand before it in the order, so they are under way already.
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
    // A stop while the last job was submitted stops nothing else. A run that is whole is cancelled by its
    // jobs.
    if (signal.aborted && signal.reason !== this.#cancelled.reason) failure ??= { error: signal.reason };
    if (!failure) return this.#jobs;
    try {
      await (failure.error === this.#cancelled.reason ? this.#handOver() : this.#takeBack());
    } catch (error) {
      const advice = `what was submitted already may go on, cancel it later: furu cancel ${run.runId}`;
      this.#context.log.error(`${errorText(error)}; ${advice}`);
    }
    throw failure.error;
  }

  /** Writes down what was submitted: the process that cancels the run waits for that. */
  async #handOver(): Promise<void> {
    const { runtime, paths } = this.#context;
    await this.#findUnanswered();
    await writeDagJobs(runtime, paths, this.#jobs);
  }

  /** Cancels what was submitted, also what sbatch may have taken just when it was told to stop. */
  async #takeBack(): Promise<void> {
    const { client, watch, runtime, paths, run, log, signal } = this.#context;
    const unclear = await this.#findUnanswered();
    const own = [...this.#jobs].filter(([, job]) => job.own);
    // Jobs are cancelled first: as long as one may still run, queued.json has to name it.
    const refs = own.map(([, job]) => ({ ...job, submitter: run.submitter }));
    const alone = leftAlone(await cancelOurs(client, watch, refs));
    if (alone !== undefined) log.warn(alone);
    for (const [hash, { name }] of own) await this.#removeQueued(hash, name);
    // A follower of this run reads it.
    await writeDagJobs(runtime, paths, this.#jobs);
    const cancelled = own.length === 0
      ? "nothing had been submitted yet"
      : `cancelled ${
        own.length === 1 ? "the 1 job that was" : `the ${own.length} jobs that were`
      } submitted already`;
    const left = unclear.length === 0
      ? ""
      : `; ${unclear.join(", ")} may be in Slurm, which does not tell: furu cancel ${run.runId}`;
    const why = signal.aborted ? "was stopped while it was being submitted" : "could not be submitted whole";
    log.warn(`run ${run.runId} ${why}: ${cancelled}${left}`);
  }

  /**
   * Takes up the jobs of which sbatch did not say whether it has taken them: one may arrive a moment later.
   *
   * @returns Names of those that Slurm does not answer for. They stay queued, since they may run.
   */
  async #findUnanswered(): Promise<string[]> {
    const { watch, run } = this.#context;
    const open = run.nodes.filter(({ jobName }) => this.#submitting.has(jobName));
    const unclear: string[] = [];
    await Promise.all(open.map(async ({ hash, jobName: name }) => {
      const { status, jobId } = await watch.state({ name, cluster: run.cluster }, { until: "sure" });
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
    if (below.some((taken) => taken?.kind === "blocked")) return { kind: "blocked" };
    const found = await this.#finder.find(node);
    if (found !== "ours") {
      if (found.kind === "job") this.#remember(node.hash, found.job);
      return found;
    }
    try {
      const after = await this.#dependencyIds(node);
      if (after === "failed") {
        await this.#removeQueued(node.hash, node.jobName);
        return { kind: "blocked" };
      }
      return { kind: "job", job: await this.#submit(node, after) };
    } catch (error) {
      // A job that sbatch was given may be on its way: that is found out when all else has come to rest.
      const isClear = !this.#jobs.has(node.hash) && !this.#submitting.has(node.jobName);
      if (isClear) await this.#removeQueued(node.hash, node.jobName);
      throw error;
    }
  }

  #remember(hash: Hash, job: DagJob): void {
    this.#jobs.set(hash, job);
    this.#context.watch.expect(job);
  }

  /**
   * The jobs that a node has to wait for. Slurm takes an id that it has forgotten for a success, so each is
   * looked at once more: in the store, then in the listing.
   */
  async #dependencyIds(node: DagNode): Promise<string[] | "failed"> {
    const { watch, signal } = this.#context;
    const ids: string[] = [];
    for (const hash of node.dependencies) {
      const taken = await this.#taken.get(hash);
      if (taken?.kind !== "job") continue;
      const below = this.#nodes.get(hash);
      if (below && await this.#finder.isDone(below)) continue;
      if ((await watch.state(taken.job, { signal })).status === "dead") {
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
        `computed by Slurm job ${jobId} (${name}) on cluster ${cluster}, which no job on ` +
        `${this.#cluster} can wait for: wait until that has ended, or cancel it, and run again`,
    );
  }

  /**
   * Submits the job of a node. Its id is written down, and its name is taken back if sbatch surely did not
   * take it.
   */
  async #submit(node: DagNode, afterOk: readonly string[]): Promise<DagJob> {
    const { run, specs, runtime, client, signal, paths, log } = this.#context;
    const { hash, jobName: name } = node;
    const artifact = this.#finder.artifact(node);
    this.#submitting.add(name);
    await submitRecorded(runtime, client, {
      title: `furu: ${artifact} of run ${run.runId}`,
      command: jobCommand(run, { run: paths.run, hash, name }),
      folder: nodeLogDir(run, node.spec),
      name,
      spec: specs[node.spec]!,
      afterOk,
      requeue: true,
      signal,
      onWait: ({ text, waitMs }) => log.warn(`${artifact} is submitted again in ${waitMs / 1000} s: ${text}`),
    }, {
      confirm: async ({ jobId, cluster }) => {
        this.#submitting.delete(name);
        const job = this.#ownJob(name, jobId, cluster);
        this.#cluster = job.cluster;
        this.#remember(hash, job);
        await writeQueuedId(runtime.store, runtime.store.paths(node), job);
      },
      retract: async () => {
        this.#submitting.delete(name);
        await this.#removeQueued(hash, name);
      },
    });
    return this.#jobs.get(hash)!;
  }

  async #removeQueued(hash: Hash, name: string): Promise<void> {
    const { store } = this.#context.runtime;
    await removeQueued(store, store.paths(this.#nodes.get(hash)!), name);
  }
}

/**
 * Does something for a run that another process may cancel meanwhile.
 *
 * @param work Is given the context, whose signal aborts then, too, and a signal that aborts only then.
 * @returns The result of the work.
 */
async function untilCancelled<T>(
  context: DagContext,
  work: (context: DagContext, cancelled: AbortSignal) => Promise<T>,
): Promise<T> {
  const { signal, runtime: { machine: { clock } } } = context;
  const done = new AbortController();
  const cancelled = new AbortController();
  const watching = (async () => {
    for (; !done.signal.aborted; await clock.sleep(CANCEL_PAUSE_MS, done.signal)) {
      const why = await whyStopped(context);
      if (why !== undefined) return cancelled.abort(why);
    }
  })().catch(() => {/* it is done */});
  try {
    const both = AbortSignal.any([signal, cancelled.signal]);
    return await work({ ...context, signal: both }, cancelled.signal);
  } finally {
    done.abort();
    await watching;
  }
}

/** A file server that does not answer says nothing of a stop. */
async function whyStopped(
  { runtime: { store }, run: { runId }, paths }: DagContext,
): Promise<Error | undefined> {
  const stop = await readStop(store, paths).catch(() => undefined);
  return stop && new SlurmError(`Cannot submit the rest of run ${runId} as it was cancelled: ${stop.why}`);
}
