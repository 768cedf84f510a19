import { pooledMap } from "@std/async/pool";
import { dirname } from "@std/path/dirname";
import { SlurmError } from "../core/errors.ts";
import type { Hash } from "../core/hash.ts";
import type { StatusSource } from "../plan/status.ts";
import { storeStatus } from "../schedule/status_source.ts";
import { declareDead, removeEndedClaim } from "../store/attempt_end.ts";
import { ClaimWatch, describeOwner } from "../store/liveness.ts";
import { describeQueued, linkQueued, readQueued, removeQueued, writeQueuedId } from "../store/queued.ts";
import type { Artifact } from "../task/artifact.ts";
import { type DagContext, tell } from "./dag_context.ts";
import { dagForced } from "./dag_forced.ts";
import type { DagJob, DagNode } from "./dag_run.ts";
import { jobCommand } from "./job_command.ts";
import { JobLookup } from "./job_lookup.ts";
import { jobOptions } from "./job_options.ts";
import { logPattern, scriptPath } from "./log_path.ts";
import { nodeLogDir } from "./node_log_dir.ts";
import { outsideError } from "./outside_error.ts";
import { batchScript } from "./script.ts";

/** How many are submitted at the same time: each is a process here, and a request to Slurm's one controller. */
const CONCURRENCY = 8;
/** How long somebody else's submission is waited for that never gets an id. */
const UNCLEAR_MS = 600_000;

/** What has become of a node when it was its turn. */
type Taken =
  /** Its result is there. */
  | { kind: "done" }
  /** A job computes it. */
  | { kind: "job"; job: DagJob }
  /** Something that it needs failed meanwhile: it never runs. */
  | { kind: "stranded" };

/**
 * Submits one job for each node, dependencies first; what others have submitted already is taken into account instead.
 *
 * @param artifacts The nodes' artifacts.
 * @returns The jobs. Nodes that are missing in it are done meanwhile, or stranded by a failure.
 * @throws {SlurmError} when sbatch refuses one, or a node is computed outside of Slurm; then what was submitted is
 * cancelled. The signal's reason when it aborts, likewise.
 */
export async function submitDag(
  context: DagContext,
  artifacts: ReadonlyMap<Hash, Artifact>,
): Promise<Map<Hash, DagJob>> {
  return await new Submission(context, artifacts).run();
}

class Submission {
  readonly #context: DagContext;
  readonly #artifacts: ReadonlyMap<Hash, Artifact>;
  readonly #lookup: JobLookup;
  readonly #source: StatusSource;
  readonly #taken = new Map<Hash, Promise<Taken>>();
  readonly #jobs = new Map<Hash, DagJob>();
  readonly #nodes: ReadonlyMap<Hash, DagNode>;

  constructor(context: DagContext, artifacts: ReadonlyMap<Hash, Artifact>) {
    this.#context = context;
    this.#artifacts = artifacts;
    this.#nodes = new Map(context.run.nodes.map((node) => [node.hash, node]));
    this.#lookup = new JobLookup(context.runtime, context.client);
    // What is queued is looked at here.
    this.#source = storeStatus(context.runtime, { isOver: () => Promise.resolve(true) });
  }

  async run(): Promise<Map<Hash, DagJob>> {
    const { run, client } = this.#context;
    let failure: { error: unknown } | undefined;
    // Whatever a node waits for stands before it in the order, so it is under way already.
    const all = pooledMap(CONCURRENCY, run.nodes, async (node) => {
      const taking = this.#take(node);
      this.#taken.set(node.hash, taking);
      try {
        if (!failure) await taking;
      } catch (error) {
        failure ??= { error };
      }
    });
    for await (const _ of all);
    if (!failure) return this.#jobs;
    const own = [...this.#jobs].filter(([, { own }]) => own);
    if (own.length > 0) {
      await client.cancel(own.map(([, { jobId }]) => jobId));
      for (const [hash, { name }] of own) await this.#removeQueued(hash, name);
      tell(this.#context, "warn", `cancelled the ${own.length} jobs that were submitted already`);
    }
    throw failure.error;
  }

  async #take(node: DagNode): Promise<Taken> {
    const { signal, tracker } = this.#context;
    const below = await Promise.all(node.dependencies.map((hash) => this.#taken.get(hash)));
    signal.throwIfAborted();
    if (below.some((taken) => taken?.kind === "stranded")) return { kind: "stranded" };
    const found = await this.#find(node);
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
      const job = await this.#submit(node, after);
      this.#remember(node.hash, job);
      const { runtime } = this.#context;
      await writeQueuedId(runtime.store, runtime.store.paths(node), job);
      tracker.follow(job);
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

  /** Is it done, or somebody's job, by now? Else it becomes ours, by `queued.json`. */
  async #find(node: DagNode): Promise<Taken | "ours"> {
    const { runtime, signal, run } = this.#context;
    const { store, machine } = runtime;
    const paths = store.paths(node);
    const limit = machine.clock.monotonic() + UNCLEAR_MS;
    const watch = new ClaimWatch(store, paths);
    for (let pause = 50;; pause = Math.min(2 * pause, 2000)) {
      if (await this.#isDone(node)) return { kind: "done" };
      const look = await watch.look();
      if ("holder" in look && look.state !== "ended") {
        const { slurm } = look.holder;
        const found = slurm && await this.#lookup.find(slurm);
        if (found?.state === "alive") return this.#adopt(node, slurm!.name, found.jobId, look.holder.owner.user);
        if (look.state === "dead" || found?.state === "over") {
          await declareDead(store, paths, look.holder, look.state === "dead" ? look.why : "its Slurm job has ended");
          continue;
        }
        if (!slurm) throw outsideError(this.#artifact(node), describeOwner(look.holder));
      } else if (look.state === "ended" && look.removable) {
        await removeEndedClaim(store, paths, look.holder);
        continue;
      } else if (look.state === "absent") {
        if (await linkQueued(store, paths, { name: node.jobName, run: run.runId }) === "ours") {
          // It may have been computed between the look at its result and this.
          if (!await this.#isDone(node)) return "ours";
          await this.#removeQueued(node.hash, node.jobName);
          return { kind: "done" };
        }
        const queued = await readQueued(store, paths);
        if (!queued) continue;
        const found = await this.#lookup.find(queued);
        if (found.state === "alive") {
          return this.#adopt(node, queued.name, found.jobId, queued.submitter.user);
        }
        if (found.state === "over") {
          await removeQueued(store, paths, queued.name);
          continue;
        }
        if (machine.clock.monotonic() > limit) {
          throw new SlurmError(
            `Cannot submit ${this.#artifact(node)} as it is not clear what has become of ${describeQueued(queued)}: ` +
              `squeue does not tell; run 'furu cancel ${queued.run}', then again`,
          );
        }
      }
      await machine.clock.sleep(pause, signal);
    }
  }

  #adopt(node: DagNode, name: string, jobId: string, user: string | undefined): Taken {
    const { run, runtime } = this.#context;
    const own = name === node.jobName;
    if (!own && dagForced(runtime, run)?.has(this.#artifact(node))) {
      throw new SlurmError(
        `Cannot force ${this.#artifact(node)} as Slurm job ${jobId} (${name}) of another run computes it: wait for it, ` +
          `or cancel it first`,
      );
    }
    const foreign = user !== undefined && user !== runtime.machine.self.user;
    return { kind: "job", job: { jobId, name, own, foreign } };
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
      if (below && await this.#isDone(below)) continue;
      await tracker.poll(signal);
      if (tracker.get(taken.job).state.status === "dead") {
        if (below && await this.#isDone(below)) continue;
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
    const { files } = runtime.machine;
    await files.mkdir(dirname(script), { recursive: true });
    await files.write(
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
        tell(this.#context, "warn", `${this.#artifact(node)} is submitted again in ${waitMs / 1000} s: ${text}`),
    });
    return { jobId, name: node.jobName, own: true, foreign: false };
  }

  async #isDone(node: DagNode): Promise<boolean> {
    const artifact = this.#artifact(node);
    const forced = dagForced(this.#context.runtime, this.#context.run);
    if (forced?.has(artifact)) return await forced.done(artifact);
    return (await this.#source.inspect(artifact)).status === "DONE";
  }

  async #removeQueued(hash: Hash, name: string): Promise<void> {
    const { store } = this.#context.runtime;
    await removeQueued(store, store.paths(this.#artifacts.get(hash)!), name);
  }

  #artifact(node: DagNode): Artifact {
    return this.#artifacts.get(node.hash)!;
  }
}
