import { pooledMap } from "@std/async/pool";
import { errorText } from "../core/errors.ts";
import type { Hash } from "../core/hash.ts";
import { removeQueued, writeQueuedId } from "../store/queued.ts";
import type { Artifact } from "../task/artifact.ts";
import { type DagContext, tell } from "./dag_context.ts";
import { DagFinder, type Taken } from "./dag_finder.ts";
import type { DagJob, DagNode } from "./dag_run.ts";
import { jobCommand } from "./job_command.ts";
import { jobOptions } from "./job_options.ts";
import { logPattern, scriptPath } from "./log_path.ts";
import { nodeLogDir } from "./node_log_dir.ts";
import { batchScript } from "./script.ts";

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
  return await new Submission(context, artifacts, assumed).run();
}

class Submission {
  readonly #context: DagContext;
  readonly #artifacts: ReadonlyMap<Hash, Artifact>;
  readonly #finder: DagFinder;
  readonly #taken = new Map<Hash, Promise<Taken>>();
  readonly #jobs = new Map<Hash, DagJob>();
  /** Names of jobs that sbatch was given and has not answered for. */
  readonly #submitting = new Set<string>();
  readonly #nodes: ReadonlyMap<Hash, DagNode>;

  constructor(
    context: DagContext,
    artifacts: ReadonlyMap<Hash, Artifact>,
    assumed: ReadonlySet<Hash>,
  ) {
    this.#context = context;
    this.#artifacts = artifacts;
    this.#nodes = new Map(context.run.nodes.map((node) => [node.hash, node]));
    this.#finder = new DagFinder(context, artifacts, assumed);
  }

  async run(): Promise<Map<Hash, DagJob>> {
    const { run } = this.#context;
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
    if (!failure) return this.#jobs;
    try {
      await this.#takeBack();
    } catch (error) {
      tell(this.#context, "error", errorText(error));
    }
    throw failure.error;
  }

  /** Cancels what was submitted, also what sbatch may have taken just when it was told to stop. */
  async #takeBack(): Promise<void> {
    const { client } = this.#context;
    const ids: string[] = [];
    for (const name of this.#submitting) {
      for (const { jobId } of await client.lookup(name) ?? []) ids.push(jobId);
    }
    for (const [hash, { own, jobId, name }] of this.#jobs) {
      if (!own) continue;
      ids.push(jobId);
      await this.#removeQueued(hash, name);
    }
    if (ids.length === 0) return;
    await client.cancel(ids);
    const what = ids.length === 1 ? "the 1 job that was" : `the ${ids.length} jobs that were`;
    tell(this.#context, "warn", `cancelled ${what} submitted already`);
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
      this.#remember(node.hash, job);
      const { runtime } = this.#context;
      await writeQueuedId(runtime.store, runtime.store.paths(node), job);
      return { kind: "job", job };
    } catch (error) {
      if (!this.#jobs.has(node.hash)) await this.#removeQueued(node.hash, node.jobName);
      throw error;
    }
  }

  #remember(hash: Hash, job: DagJob): void {
    this.#jobs.set(hash, job);
    this.#context.tracker.follow(job);
  }

  /**
   * The jobs that it has to wait for. Slurm takes an id that it has forgotten for a success, so each is looked at once
   * more: in the store, then in the listing.
   */
  async #dependencyIds(node: DagNode): Promise<string[] | "failed"> {
    const { tracker, signal } = this.#context;
    const ids: string[] = [];
    for (const hash of node.dependencies) {
      const taken = await this.#taken.get(hash);
      if (taken?.kind !== "job") continue;
      const below = this.#nodes.get(hash);
      if (below && await this.#finder.isDone(below)) continue;
      await tracker.poll(signal);
      if (tracker.get(taken.job).state.status === "dead") {
        if (below && await this.#finder.isDone(below)) continue;
        return "failed";
      }
      ids.push(taken.job.jobId);
    }
    return ids;
  }

  async #submit(node: DagNode, afterOk: readonly string[]): Promise<DagJob> {
    const { run, runtime, client, signal, dir } = this.#context;
    const spec = run.specs[node.spec]!;
    const folder = nodeLogDir(run, node.spec);
    const script = scriptPath(folder, node.jobName);
    // Slurm says nothing of a missing folder: the job fails.
    await runtime.store.makeDir(folder);
    await runtime.machine.files.write(
      script,
      batchScript({
        title: `furu: ${this.#artifact(node)} of run ${run.runId}`,
        setup: spec.setup,
        command: jobCommand(run.entry, { run: dir, hash: node.hash, name: node.jobName }),
      }),
    );
    const { jobId } = await client.submit({
      script,
      name: node.jobName,
      options: jobOptions({ spec, log: logPattern(folder, node.jobName), afterOk, requeue: true }),
      signal,
      onWait: ({ text, waitMs }) =>
        tell(
          this.#context,
          "warn",
          `${this.#artifact(node)} is submitted again in ${waitMs / 1000} s: ${text}`,
        ),
    });
    return { jobId, name: node.jobName, own: true, foreign: false };
  }

  async #removeQueued(hash: Hash, name: string): Promise<void> {
    const { store } = this.#context.runtime;
    await removeQueued(store, store.paths(this.#artifacts.get(hash)!), name);
  }

  #artifact(node: DagNode): Artifact {
    return this.#artifacts.get(node.hash)!;
  }
}
