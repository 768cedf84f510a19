import { SlurmError } from "../../core/errors.ts";
import type { Hash } from "../../core/hash.ts";
import type { ForcedNodes, StatusSource } from "../../plan/node.ts";
import { forcedNodes } from "../../plan/forced.ts";
import type { DagNode } from "../../remote/run_record.ts";
import { storeStatus } from "../../schedule/status_source.ts";
import { settleClaim } from "../../store/claims/acquire_claim.ts";
import { declareDead } from "../../store/claims/attempt_end.ts";
import { ClaimWatch, describeOwner, type Look } from "../../store/claims/liveness.ts";
import { readClaim } from "../../store/claims/read_claim.ts";
import {
  describeQueued,
  linkQueued,
  queuedAdvice,
  readQueued,
  removeQueued,
} from "../../store/claims/queued.ts";
import { ARTIFACT, type Artifact } from "../../task/artifact/artifact.ts";
import type { JobRef } from "../jobs/job_watch.ts";
import { outsideError } from "../run/check_plan.ts";
import type { DagContext } from "./dag_context.ts";
import { adoptedJob, type DagJob } from "./dag_jobs.ts";

/** The time in which it has to become clear who computes a node. */
const UNCLEAR_MS = 600_000;

/** The state of a node after its turn in the submission. */
export type Taken =
  /** Its result is there. */
  | { kind: "done" }
  /** A job computes it. */
  | { kind: "job"; job: DagJob }
  /** A dependency failed meanwhile: it never runs. */
  | { kind: "blocked" };

/** The result of one look. `"again"`: something was tidied away, so that the next look tells more. */
type Seen = Taken | "ours" | "again" | { kind: "unclear"; what: string };

/** Finds out who computes a node, at the moment when it is about to be submitted. */
export class OwnerFinder {
  readonly #context: DagContext;
  readonly #artifacts: ReadonlyMap<Hash, Artifact>;
  readonly #assumed: ReadonlySet<Hash>;
  readonly #source: StatusSource;

  /**
   * @param context The run.
   * @param artifacts The nodes' artifacts.
   * @param assumed Nodes whose dependencies nobody looked at, since somebody computed them.
   */
  constructor(
    context: DagContext,
    artifacts: ReadonlyMap<Hash, Artifact>,
    assumed: ReadonlySet<Hash>,
  ) {
    this.#context = context;
    this.#artifacts = artifacts;
    this.#assumed = assumed;
    // Queued jobs are looked at here, by their names.
    this.#source = storeStatus(context.runtime, { isOver: () => Promise.resolve(true) });
  }

  /**
   * Looks whether a node is done, or somebody's job, by now. Otherwise it becomes ours, by `queued.json`.
   *
   * @throws {SlurmError} If it is computed outside of Slurm, or nobody can tell what has become of its job.
   */
  async find(node: DagNode): Promise<Taken | "ours"> {
    const { runtime: { store, machine: { clock } }, signal } = this.#context;
    const limit = clock.monotonic() + UNCLEAR_MS;
    const watch = new ClaimWatch(store, store.paths(node));
    for (let pause = 50;;) {
      const seen = await this.#look(node, watch);
      if (seen === "again") continue;
      if (seen === "ours" || seen.kind !== "unclear") return seen;
      if (clock.monotonic() > limit) {
        throw new SlurmError(`Cannot submit ${this.artifact(node)} as it is not clear ${seen.what}`, {
          artifact: `${this.artifact(node)}`,
        });
      }
      await clock.sleep(pause, signal);
      pause = Math.min(2 * pause, 2000);
    }
  }

  async #look(node: DagNode, watch: ClaimWatch): Promise<Seen> {
    const { store } = this.#context.runtime;
    if (await this.isDone(node)) return { kind: "done" };
    const look = await watch.look();
    switch (look.state) {
      case "absent":
        return await this.#takeOrAsk(node);
      case "unknown":
        return { kind: "unclear", what: `who computes it: ${look.why}` };
      case "ended":
        return await settleClaim(store, store.paths(node), look)
          ? "again"
          : { kind: "unclear", what: `what ${describeOwner(look.holder)} left` };
      default:
        return await this.#askHolder(node, look);
    }
  }

  /** Decides about a node that somebody has claimed, in a job or outside of Slurm. */
  async #askHolder(node: DagNode, look: Extract<Look, { state: "alive" | "dead" }>): Promise<Seen> {
    const { runtime: { store }, watch, signal } = this.#context;
    const { slurm, owner } = look.holder;
    const named = slurm && { ...slurm, submitter: owner };
    const found = named && await watch.state(named, { until: "sure", signal });
    if (found?.status === "alive") return this.#adopt(node, named!, found.jobId ?? named!.jobId);
    if (look.state === "dead" || found?.status === "dead") {
      const why = look.state === "dead" ? look.why : "its Slurm job has ended";
      await declareDead(store, store.paths(node), look.holder, why);
      return "again";
    }
    if (!slurm) throw outsideError(this.artifact(node), describeOwner(look.holder));
    const what =
      `whether ${describeOwner(look.holder)} still computes it: squeue does not tell of its Slurm job ` +
      `${slurm.jobId} ${slurm.name}`;
    return { kind: "unclear", what };
  }

  /** Takes a node that nobody has claimed, unless another job is queued for it. */
  async #takeOrAsk(node: DagNode): Promise<Seen> {
    const { runtime: { store }, run, watch, signal } = this.#context;
    const paths = store.paths(node);
    const { runId, cluster } = run;
    const job = { name: node.jobName, run: runId, ...(cluster === undefined ? {} : { cluster }) };
    if (await linkQueued(store, paths, job) === "ours") {
      // Between the look at the claim and this link, a job that was queued may have begun (it claims first,
      // and removes queued.json then), and may even have computed the node.
      const isClaimed = await readClaim(store, paths) !== undefined;
      if (!isClaimed && !await this.isDone(node)) {
        await this.#checkBelow(node);
        return "ours";
      }
      await removeQueued(store, paths, node.jobName);
      return "again";
    }
    const queued = await readQueued(store, paths);
    if (!queued) return "again";
    const found = await watch.state(queued, { until: "sure", signal });
    if (found.status === "alive" && found.jobId !== undefined) return this.#adopt(node, queued, found.jobId);
    if (found.status === "dead") {
      await removeQueued(store, paths, queued.name);
      return "again";
    }
    const what = `what has become of ${describeQueued(queued)}, of which squeue does not tell: ${
      queuedAdvice(paths, queued)
    }; then run again`;
    return { kind: "unclear", what };
  }

  #adopt(node: DagNode, named: JobRef, jobId: string): Taken {
    const { run, runtime } = this.#context;
    const artifact = this.artifact(node);
    const own = named.name === node.jobName;
    if (!own && forcedByName(runtime, run)?.has(artifact)) {
      throw new SlurmError(
        `Cannot force ${artifact} as Slurm job ${jobId} (${named.name}) of another run computes it: ` +
          `wait for it, or cancel it first`,
      );
    }
    return { kind: "job", job: adoptedJob(runtime.machine, named, { jobId, own }) };
  }

  /** Whether a node's result is there. The result of a forced node has to be of this run. */
  async isDone(node: DagNode): Promise<boolean> {
    const artifact = this.artifact(node);
    const forced = forcedByName(this.#context.runtime, this.#context.run);
    if (forced?.has(artifact)) return await forced.done(artifact);
    return (await this.#source.inspect(artifact)).status === "DONE";
  }

  /**
   * Refuses a node whose owner has given up since the run was planned, if its dependencies are missing, too.
   */
  async #checkBelow(node: DagNode): Promise<void> {
    if (!this.#assumed.has(node.hash)) return;
    const artifact = this.artifact(node);
    for (const below of artifact[ARTIFACT].dependencies) {
      if ((await this.#source.inspect(below)).status === "DONE") continue;
      const { store } = this.#context.runtime;
      await removeQueued(store, store.paths(node), node.jobName);
      throw new SlurmError(
        `Cannot submit ${artifact} as the job that was to compute it ended while this run was submitted, ` +
          `and ${below}, which it needs, is missing: run again`,
        { artifact: `${artifact}` },
      );
    }
  }

  /** The artifact of a node. */
  artifact(node: DagNode): Artifact {
    return this.#artifacts.get(node.hash)!;
  }
}

/**
 * The nodes that are forced by the names of their tasks: the submitter itself can validate a stored result.
 */
function forcedByName(runtime: DagContext["runtime"], run: DagContext["run"]): ForcedNodes | undefined {
  return forcedNodes(runtime.store, { ...run, invalid: [] });
}
