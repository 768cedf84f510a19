import { ProtocolError } from "../../core/errors.ts";
import { fenceWorker, listFenced } from "../../queue/fence.ts";
import { askToLeave } from "../../queue/leave_request.ts";
import { type KnownWorker, listWorkers } from "../../queue/list_workers.ts";
import type { WorkerEnd, WorkerRecord } from "../../queue/worker_record.ts";
import { type WorkerLook, WorkerWatch } from "../../queue/worker_watch.ts";
import type { WorkerJob } from "../launcher.ts";
import { tell } from "./context.ts";
import type { PoolState } from "./pool_state.ts";
import { settleFenced } from "./settle_fenced.ts";
import { type PreflightFailure, readPreflightFailure } from "../preflight_failure.ts";
import { readWorkerNow } from "../worker_now.ts";

/** A worker that lives, as far as is known. */
export interface Member {
  /** Its id. */
  readonly id: string;
  /** Who it is, once that was read. */
  record?: WorkerRecord;
  /** It was asked to leave: no task can count on it any more. */
  leaving?: boolean;
}

interface Watched extends Member {
  readonly watch: WorkerWatch;
  /** Since when it is dead by its heartbeat while its launcher says that it runs, in monotonic milliseconds. */
  doubtedSince?: number;
  /** Why no task can start where it is. */
  condemned?: string;
}

type Dead = Extract<WorkerLook, { state: "dead" }>;

/** Watches the workers of a run: who lives, who has died, and what becomes of the tasks of the dead. */
export class Roster {
  readonly #state: PoolState;
  readonly #members = new Map<string, Watched>();
  readonly #entered = new Set<string>();
  readonly #byJob = new Map<string, Watched>();
  readonly #unfit = new Map<string, PreflightFailure>();

  constructor(state: PoolState) {
    this.#state = state;
  }

  /** The workers that live, as far as is known. */
  get members(): Iterable<Member> {
    return this.#members.values();
  }

  /** How many workers live, as far as is known. */
  get size(): number {
    return this.#members.size;
  }

  /** Why the worker of a job refused to work, if it did. */
  refusalOf(job: string): string | undefined {
    for (const unfit of this.#unfit.values()) if (unfit.job === job) return unfit.error;
    return undefined;
  }

  /** Has the worker of a job ever been seen? */
  hasEntered(job: string): boolean {
    return this.#entered.has(job);
  }

  /** The worker of a job, while it lives. */
  memberOf(job: string): Member | undefined {
    return this.#byJob.get(job);
  }

  /** The node of the worker that computed a result: by its Slurm job, or by its host where that is one node only. */
  nodeOf(provenance: Readonly<Record<string, unknown>>): string | undefined {
    const jobId = (provenance.slurm as { jobId?: unknown } | undefined)?.jobId;
    const nodes = new Set<string>();
    for (const { record } of this.#members.values()) {
      if (!record) continue;
      if (jobId !== undefined && record.slurm?.jobId === jobId) return record.node;
      if (record.owner.host === provenance.host) nodes.add(record.node);
    }
    return jobId === undefined && nodes.size === 1 ? [...nodes][0] : undefined;
  }

  /**
   * The workers that are on a node now take no more tasks: none can start there. Those that have been computing for a while, so
   * that theirs did start, finish that.
   */
  condemn(node: string, why: string): void {
    for (const member of this.#members.values()) if (member.record?.node === node) member.condemned = why;
  }

  /** Asks a worker to leave when it has finished what it computes. */
  async dismiss({ id }: Member, why: string): Promise<void> {
    const { runtime: { store }, paths, role } = this.#state;
    await role.check();
    await askToLeave(store, paths, id, why);
    const member = this.#members.get(id);
    if (member) member.leaving = true;
  }

  /** Looks at every worker once, and at the folders of those that were declared dead. @param jobs By key. */
  async round(jobs: ReadonlyMap<string, WorkerJob>): Promise<void> {
    const { runtime: { store }, paths } = this.#state;
    const known = await listWorkers(store, paths);
    for (const id of this.#members.keys()) if (!isThere(known.get(id))) this.#forget(id);
    for (const [id, worker] of known) {
      if (worker.unfit && !this.#unfit.has(id)) await this.#readPreflightFailure(id);
      if (isThere(worker)) await this.#look(id, jobs);
      const member = this.#members.get(id);
      if (member && worker.leave) member.leaving = true;
    }
    for (const folder of await listFenced(store, paths)) await settleFenced(this.#state, folder);
  }

  async #look(id: string, jobs: ReadonlyMap<string, WorkerJob>): Promise<void> {
    const { runtime: { store }, paths } = this.#state;
    let member = this.#members.get(id);
    if (!member) {
      this.#members.set(id, member = { id, watch: new WorkerWatch(store, paths, id) });
    }
    const look = await member.watch.look();
    if (look.state === "gone") return this.#forget(id);
    if (look.state === "unknown") return;
    member.record = look.record;
    const { job: key } = look.record;
    if (key !== undefined) {
      this.#entered.add(key);
      this.#byJob.set(key, member);
    }
    const job = key === undefined ? undefined : jobs.get(key);
    const end = this.#judge(member, look, job) ?? await this.#condemned(member);
    if (end) await this.#bury(member, look.record, end);
  }

  /** Is it dead, and through whose fault? */
  #judge(
    member: Watched,
    look: Exclude<WorkerLook, { state: "gone" | "unknown" }>,
    job: WorkerJob | undefined,
  ): Pick<WorkerEnd, "kind" | "why"> | undefined {
    if (job?.state.status === "dead") {
      const { loss, text } = job.state;
      return { kind: loss ? "lost" : "compute", why: `its job ${job.key} has ended: ${text}` };
    }
    if (look.state === "alive") {
      delete member.doubtedSince;
      return undefined;
    }
    // A job that is not listed is too new, or was forgotten.
    if (look.record.job !== undefined && this.#mayBeTold(member)) return undefined;
    return { kind: this.#isSilent(look) ? "silent" : "compute", why: look.why };
  }

  /** Is it of no use where it is? */
  async #condemned(member: Watched): Promise<Pick<WorkerEnd, "kind" | "why"> | undefined> {
    if (member.condemned === undefined) return undefined;
    const { runtime: { store }, paths } = this.#state;
    const why = `no task can start on its node: ${member.condemned}`;
    const isComputing = ((await readWorkerNow(store, paths, member.id))?.tasks.length ?? 0) > 0;
    if (!isComputing) return { kind: "lost", why };
    if (!member.leaving) await this.dismiss(member, why);
    return undefined;
  }

  /** It began, and then nothing, though its process is not known to be gone. */
  #isSilent({ everBeat, record }: Dead): boolean {
    return !everBeat && !this.#state.runtime.machine.isGone(record.owner);
  }

  /** Its launcher does not know yet that it ended, and may tell why in a moment: whose fault it is depends on that. */
  #mayBeTold(member: Watched): boolean {
    const now = this.#state.runtime.machine.clock.monotonic();
    member.doubtedSince ??= now;
    return now - member.doubtedSince < this.#state.timing.evidenceMs;
  }

  async #bury(
    { id }: Watched,
    { spec, node }: WorkerRecord,
    end: Pick<WorkerEnd, "kind" | "why">,
  ): Promise<void> {
    const { runtime: { store }, paths, role } = this.#state;
    await role.check();
    await fenceWorker(store, paths, { spec, id }, end);
    this.#forget(id);
    tell(this.#state, "warn", `worker ${id} (${spec}, on ${node}) counts as dead: ${end.why}`);
  }

  #forget(id: string): void {
    const job = this.#members.get(id)?.record?.job;
    if (job !== undefined) this.#byJob.delete(job);
    this.#members.delete(id);
  }

  /** It refused to work before it took any task. */
  async #readPreflightFailure(id: string): Promise<void> {
    const { runtime: { store }, paths, run, health, startedWell, broken } = this.#state;
    const unfit = await readPreflightFailure(store, paths, id);
    if (!unfit) return;
    const { node, spec, kind, error } = unfit;
    this.#unfit.set(id, unfit);
    tell(this.#state, "warn", `a worker of spec '${spec}' cannot work on ${node}: ${error}`);
    if (kind === "node") return health.bad(node, error);
    if (startedWell || this.size > 0) return;
    broken(
      new ProtocolError(`Cannot go on with run ${run.runId} as its workers cannot work on it: ${error}`),
    );
  }
}

function isThere(worker: KnownWorker | undefined): boolean {
  return worker !== undefined && (worker.record || worker.folder !== undefined);
}
