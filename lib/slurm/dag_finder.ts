import { SlurmError } from "../core/errors.ts";
import type { Hash } from "../core/hash.ts";
import type { StatusSource } from "../plan/status.ts";
import { storeStatus } from "../schedule/status_source.ts";
import { declareDead, removeEndedClaim } from "../store/attempt_end.ts";
import { ClaimWatch, describeOwner } from "../store/liveness.ts";
import { describeQueued, linkQueued, readQueued, removeQueued } from "../store/queued.ts";
import { ARTIFACT, type Artifact } from "../task/artifact.ts";
import type { DagContext } from "./dag_context.ts";
import { dagForced } from "./dag_forced.ts";
import type { DagJob, DagNode } from "./dag_run.ts";
import type { JobLookup } from "./job_lookup.ts";
import { outsideError } from "./outside_error.ts";

/** How long somebody else's submission is waited for that never gets an id. */
const UNCLEAR_MS = 600_000;

/** What has become of a node when it was its turn. */
export type Taken =
  /** Its result is there. */
  | { kind: "done" }
  /** A job computes it. */
  | { kind: "job"; job: DagJob }
  /** Something that it needs failed meanwhile: it never runs. */
  | { kind: "stranded" };

/** Finds out who computes a node, at the moment when it would be submitted. */
export class DagFinder {
  readonly #context: DagContext;
  readonly #artifacts: ReadonlyMap<Hash, Artifact>;
  readonly #assumed: ReadonlySet<Hash>;
  readonly #lookup: JobLookup;
  readonly #source: StatusSource;

  /**
   * @param artifacts The nodes' artifacts.
   * @param assumed Nodes of which nobody looked at what they need, since somebody computed them.
   */
  constructor(
    context: DagContext,
    artifacts: ReadonlyMap<Hash, Artifact>,
    assumed: ReadonlySet<Hash>,
  ) {
    this.#context = context;
    this.#artifacts = artifacts;
    this.#assumed = assumed;
    this.#lookup = context.lookup;
    // What is queued is looked at here.
    this.#source = storeStatus(context.runtime, { isOver: () => Promise.resolve(true) });
  }

  /**
   * Is it done, or somebody's job, by now? Else it becomes ours, by `queued.json`.
   *
   * @throws {SlurmError} when it is computed outside of Slurm, or nobody can tell what has become of its job.
   */
  async find(node: DagNode): Promise<Taken | "ours"> {
    const { runtime, signal, run } = this.#context;
    const { store, machine } = runtime;
    const paths = store.paths(node);
    const limit = machine.clock.monotonic() + UNCLEAR_MS;
    const watch = new ClaimWatch(store, paths);
    for (let pause = 50;; pause = Math.min(2 * pause, 2000)) {
      if (await this.isDone(node)) return { kind: "done" };
      const look = await watch.look();
      if ("holder" in look && look.state !== "ended") {
        const { slurm } = look.holder;
        const found = slurm && await this.#lookup.find({ ...slurm, submitter: look.holder.owner });
        if (found?.state === "alive") {
          return this.#adopt(node, slurm!.name, found.jobId, look.holder.owner.user);
        }
        if (look.state === "dead" || found?.state === "over") {
          await declareDead(
            store,
            paths,
            look.holder,
            look.state === "dead" ? look.why : "its Slurm job has ended",
          );
          continue;
        }
        if (!slurm) throw outsideError(this.#artifact(node), describeOwner(look.holder));
      } else if (look.state === "ended" && look.removable) {
        await removeEndedClaim(store, paths, look.holder);
        continue;
      } else if (look.state === "absent") {
        if (await linkQueued(store, paths, { name: node.jobName, run: run.runId }) === "ours") {
          // It may have been computed between the look at its result and this.
          if (!await this.isDone(node)) {
            await this.#checkBelow(node);
            return "ours";
          }
          await removeQueued(store, paths, node.jobName);
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
            `Cannot submit ${this.#artifact(node)} as it is not clear what has become of ${
              describeQueued(queued)
            }: ` +
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
        `Cannot force ${
          this.#artifact(node)
        } as Slurm job ${jobId} (${name}) of another run computes it: wait for it, ` +
          `or cancel it first`,
      );
    }
    const foreign = user !== undefined && user !== runtime.machine.self.user;
    return { kind: "job", job: { jobId, name, own, foreign } };
  }

  /** Is its result there? A forced one has to be of this run. */
  async isDone(node: DagNode): Promise<boolean> {
    const artifact = this.#artifact(node);
    const forced = dagForced(this.#context.runtime, this.#context.run);
    if (forced?.has(artifact)) return await forced.done(artifact);
    return (await this.#source.inspect(artifact)).status === "DONE";
  }

  /** Whoever was to compute it has given up since it was planned: then what it needs may be missing, too. */
  async #checkBelow(node: DagNode): Promise<void> {
    if (!this.#assumed.has(node.hash)) return;
    const artifact = this.#artifact(node);
    for (const below of artifact[ARTIFACT].dependencies) {
      if ((await this.#source.inspect(below)).status === "DONE") continue;
      const { store } = this.#context.runtime;
      await removeQueued(store, store.paths(node), node.jobName);
      throw new SlurmError(
        `Cannot submit ${artifact} as the job that was to compute it ended while this run was submitted, and ${below}, ` +
          `which it needs, is missing: run again`,
        { artifact: `${artifact}` },
      );
    }
  }

  #artifact(node: DagNode): Artifact {
    return this.#artifacts.get(node.hash)!;
  }
}
