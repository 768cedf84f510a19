import type { Shortage } from "../../core/attempt_end.ts";
import type { Hash } from "../../core/hash.ts";
import type { DagNode } from "../../remote/run_record.ts";
import { declareDead } from "../../store/claims/attempt_end.ts";
import { ClaimWatch } from "../../store/claims/liveness.ts";
import { readQueued, removeQueued } from "../../store/claims/queued.ts";
import { readClaim } from "../../store/claims/read_claim.ts";
import type { DagJob } from "../jobs/dag_jobs.ts";
import type { KnownJob } from "../jobs/job_watch.ts";
import type { DagContext } from "./dag_context.ts";
import { jobRefOf } from "./find_owner.ts";

type DeadJobState = Extract<KnownJob, { status: "dead" }>;

/** The state of a job that nobody submitted, since the submitter died before. */
export const NEVER: DeadJobState = {
  status: "dead",
  reason: "vanished",
  text: "it was never submitted",
  evidence: "job",
  restarts: 0,
};

/**
 * Weighs what Slurm says of the jobs of a run against what the store shows: a heartbeat is the stronger
 * evidence (ARCHITECTURE, "Dead or alive").
 */
export class JobVerdicts {
  readonly #context: DagContext;
  readonly #claims = new Map<Hash, ClaimWatch>();

  /** Looks at nothing yet. */
  constructor(context: DagContext) {
    this.#context = context;
  }

  /** Whether Slurm says of that very job, asked now, that it lives. */
  async isSurelyAlive(job: DagJob): Promise<boolean> {
    const { watch, signal, runtime: { machine: { clock } } } = this.#context;
    const since = clock.monotonic();
    const { status, evidence, askedAt = -Infinity } = await watch.ask(job, signal);
    return status === "alive" && evidence === "job" && askedAt >= since;
  }

  /**
   * Whether somebody computes a node although Slurm calls its job dead. That Slurm knows no such job, or has
   * lost sight of its node, counts only when nothing has beaten for a lease.
   *
   * @returns `"beats"` as long as its job may live; `"other"` when another one has claimed the node.
   */
  async doubt(
    node: DagNode,
    { name }: DagJob,
    { reason, askedAt = -Infinity }: DeadJobState,
  ): Promise<"beats" | "other" | undefined> {
    const { store } = this.#context.runtime;
    const paths = store.paths(node);
    const watch = this.#claims.get(node.hash) ?? new ClaimWatch(store, paths);
    this.#claims.set(node.hash, watch);
    // This host may still remember that there was no claim.
    await store.list(paths.home);
    const look = await watch.look();
    if (look.state === "unknown") return "beats";
    if (look.state !== "alive") return undefined;
    if (look.holder.slurm?.name !== name) return "other";
    if (reason === "vanished" || reason === "node-failure") return "beats";
    return watch.beatAt !== undefined && watch.beatAt > askedAt ? "beats" : undefined;
  }

  /** Ends the attempt of a job that was killed before it could do so; it is queued no more. */
  async settle(
    node: DagNode,
    { name, jobId }: DagJob,
    { text, lack }: { text: string; lack: Shortage | undefined },
  ): Promise<void> {
    const { store } = this.#context.runtime;
    const paths = store.paths(node);
    const claim = await readClaim(store, paths);
    if (claim?.slurm?.name === name) {
      await declareDead(store, paths, claim, `Slurm job ${jobId} has ended: ${text}`, {
        spec: node.spec,
        ...(lack === undefined ? {} : { lack }),
      });
    }
    await removeQueued(store, paths, name);
  }

  /** Looks no more at a node. */
  forget(hash: Hash): void {
    this.#claims.delete(hash);
  }

  /**
   * Finds another job that computes a node now, as that of another run.
   *
   * @param than The name of the job that is known.
   */
  async findOther(node: DagNode, than: string | undefined): Promise<DagJob | "unclear" | "nobody"> {
    const { runtime: { store }, watch, run, signal } = this.#context;
    const paths = store.paths(node);
    const claim = await readClaim(store, paths);
    const other = claim?.slurm ? { ...claim.slurm, submitter: claim.owner } : await readQueued(store, paths);
    if (!other || other.name === than) return "nobody";
    const own = other.name === node.jobName;
    const ref = jobRefOf(own ? { ...other, submitter: run.submitter } : other);
    const found = await watch.state(ref, { until: "sure", signal });
    if (found.status === "alive" && found.jobId !== undefined) return { ...ref, jobId: found.jobId, own };
    // Unknown is no failure: the next look may tell.
    return found.status === "unknown" ? "unclear" : "nobody";
  }
}
