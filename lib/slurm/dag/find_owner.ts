import { SlurmError } from "../../core/errors.ts";
import type { Hash } from "../../core/hash.ts";
import type { ForcedNodes, StatusSource } from "../../plan/node.ts";
import { forcedNodes } from "../../plan/forced.ts";
import type { DagNode } from "../../remote/run_record.ts";
import { storeStatus } from "../../schedule/status_source.ts";
import { settleClaim } from "../../store/claims/acquire_claim.ts";
import { declareDead } from "../../store/claims/attempt_end.ts";
import { type ClaimWatch, describeOwner, type Look } from "../../store/claims/liveness.ts";
import { readClaim } from "../../store/claims/read_claim.ts";
import {
  describeQueued,
  linkQueued,
  queuedAdvice,
  readQueued,
  removeQueued,
} from "../../store/claims/queued.ts";
import { ARTIFACT, type Artifact } from "../../task/artifact/artifact.ts";
import type { DagJob } from "../jobs/dag_jobs.ts";
import type { JobRef } from "../jobs/job_identity.ts";
import { outsideError } from "../run/check_plan.ts";
import { clusterOfSpec, JobPlaces } from "../run/spec_clusters.ts";
import type { DagContext } from "./dag_context.ts";

/** How often is looked again at once since something was tidied away. */
const MAX_TURNS = 20;

/** What one look at a node tells. */
export type Taken =
  /** Its result is there. */
  | { kind: "done" }
  /** A job computes it. */
  | { kind: "job"; job: DagJob }
  /** Nobody has it: it is ours, by `queued.json`. */
  | { kind: "ours" }
  /** It is not clear yet, in words that follow "it is not clear". */
  | { kind: "unclear"; what: string };

/** Finds out who computes a node, at the moment when it is about to be submitted. */
export class OwnerFinder {
  /** The clusters that jobs of the run go to. */
  readonly places: JobPlaces;
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
    this.places = new JobPlaces(context.run);
    this.#context = context;
    this.#artifacts = artifacts;
    this.#assumed = assumed;
    // Queued jobs are looked at here, by their names.
    this.#source = storeStatus(context.runtime, {
      isOver: () => Promise.resolve(true),
      run: context.run.runId,
    });
  }

  /**
   * Looks whether a node is done, or somebody's job, by now. Otherwise it becomes ours, by `queued.json`.
   * Waits for nobody: what Slurm does not tell yet is *unclear*, and asked for meanwhile.
   *
   * @param watch Kept from one look to the next, so that a lease can be seen to run out.
   * @throws {SlurmError} If it is computed outside of Slurm.
   */
  async look(node: DagNode, watch: ClaimWatch): Promise<Taken> {
    for (let turn = 0; turn < MAX_TURNS; turn++) {
      const seen = await this.#lookOnce(node, watch);
      if (seen !== "again") return seen;
    }
    return { kind: "unclear", what: "who computes it: others keep taking and leaving it" };
  }

  async #lookOnce(node: DagNode, watch: ClaimWatch): Promise<Taken | "again"> {
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
  async #askHolder(
    node: DagNode,
    look: Extract<Look, { state: "alive" | "dead" }>,
  ): Promise<Taken | "again"> {
    const { runtime: { store }, watch } = this.#context;
    const { slurm, owner } = look.holder;
    const named = slurm && { ...slurm, submitter: owner };
    const found = named && watch.known(named);
    if (found?.status === "alive") return this.#adopt(node, named!, found.jobId ?? named!.jobId);
    // The look has heard Slurm's word already: a claim that it calls alive beats, whatever Slurm says.
    if (look.state === "dead") {
      await declareDead(store, store.paths(node), look.holder, look.why);
      return "again";
    }
    if (!slurm) throw outsideError(this.artifact(node), describeOwner(look.holder));
    const what = `whether ${describeOwner(look.holder)} still computes it: Slurm does not tell of its job ` +
      `${slurm.jobId} ${slurm.name}`;
    return { kind: "unclear", what };
  }

  /** Takes a node that nobody has claimed, unless another job is queued for it. */
  async #takeOrAsk(node: DagNode): Promise<Taken | "again"> {
    const { runtime: { store }, run, watch } = this.#context;
    const paths = store.paths(node);
    const job = { name: node.jobName, run: run.runId, cluster: clusterOfSpec(run, node.spec) };
    if (await linkQueued(store, paths, job) === "ours") {
      // Between the look at the claim and this link, a job that was queued may have begun (it claims first,
      // and removes queued.json then), and may even have computed the node.
      const isClaimed = await readClaim(store, paths) !== undefined;
      if (!isClaimed && !await this.isDone(node)) {
        await this.#checkBelow(node);
        return { kind: "ours" };
      }
      await removeQueued(store, paths, node.jobName);
      return "again";
    }
    const queued = await readQueued(store, paths);
    if (!queued) return "again";
    const found = watch.known(queued);
    if (found.status === "alive" && found.jobId !== undefined) return this.#adopt(node, queued, found.jobId);
    if (found.status === "dead") {
      await removeQueued(store, paths, queued.name);
      return "again";
    }
    const what = `what has become of ${describeQueued(queued)}, of which Slurm does not tell: ${
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
    return { kind: "job", job: { ...jobRefOf(named), jobId, own } };
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

  /**
   * Slurm would take the id of another cluster's job for one that it has forgotten, and so for a success.
   *
   * @throws {SlurmError} If a node would have to wait for such a job.
   */
  checkCluster(
    { own, jobId, name, cluster }: DagJob,
    { node, above }: { node: DagNode; above: DagNode | undefined },
  ): void {
    const here = above && this.places.of(above);
    if (own || !above || cluster === undefined || here === undefined || cluster === here) return;
    throw new SlurmError(
      `Cannot submit ${this.artifact(above)} as ${this.artifact(node)} is computed by Slurm job ${jobId} ` +
        `(${name}) on cluster ${cluster}, which no job on ${here} can wait for: wait until that has ended, ` +
        `or cancel it, and run again`,
    );
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

/** The identity of a job alone, of a record that may say more. */
export function jobRefOf({ name, listedAs, jobId, cluster, submitter, uid }: JobRef): JobRef {
  return { name, listedAs, jobId, cluster, submitter, uid };
}
