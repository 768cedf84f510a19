import { fenceWorker, listFenced } from "../../queue/fence.ts";
import { askToLeave } from "../../queue/requests.ts";
import { type KnownWorker, listWorkers, type WorkerLook, WorkerWatch } from "../../queue/worker_liveness.ts";
import type { WorkerEnd, WorkerRecord } from "../../queue/worker_record.ts";
import type { WorkerJob } from "../launcher.ts";
import { type PreflightFailure, readPreflightFailure } from "../preflight_failure.ts";
import { type AttemptNow, readWorkerNow } from "../worker_now.ts";
import type { ControllerContext } from "./context.ts";
import type { FleetObservation, FleetWorker } from "../fleet/fleet_state.ts";
import { judgeWorker } from "../fleet/judge_worker.ts";
import { settleFenced } from "./settle_tasks.ts";

/** A worker that lives, as far as is known. */
export interface Member extends FleetWorker {
  /** Who it is, once that was read. */
  readonly record?: WorkerRecord | undefined;
  /**
   * Whether it has said what it computes.
   *
   * @default {that is not known}
   */
  readonly says?: boolean | undefined;
}

type Watched = { -readonly [Key in keyof Member]: Member[Key] } & {
  readonly watch: WorkerWatch;
  /** Since when it does not live by its heartbeat, while nobody has said why; in monotonic milliseconds. */
  doubtedSince?: number | undefined;
  /** Why no task can start where it is. */
  excluded?: string | undefined;
  /** When its heartbeat is to be looked at next, in monotonic milliseconds. */
  dueAt: number;
};

type End = Pick<WorkerEnd, "kind" | "why" | "lack">;

/** Watches the workers of a run: who lives, who has died, and what becomes of the tasks of the dead. */
export class WorkerMonitor {
  readonly #context: ControllerContext;
  readonly #onPreflightFailure: (failure: PreflightFailure) => void;
  readonly #members = new Map<string, Watched>();
  readonly #byJob = new Map<string, Watched>();
  readonly #entered = new Map<string, number>();
  /** Ids of workers that refused to work. */
  readonly #refused = new Set<string>();
  readonly #refusals = new Map<string, string>();
  #looks = 0;

  /** @param onPreflightFailure Called once for each worker that refused to work before it took any task. */
  constructor(context: ControllerContext, onPreflightFailure: (failure: PreflightFailure) => void) {
    this.#context = context;
    this.#onPreflightFailure = onPreflightFailure;
  }

  /** Everything that decisions about the fleet need to know of workers. */
  observe(): Pick<FleetObservation, "workers" | "workerOf" | "entered" | "refusals"> {
    const workers = [...this.#members.values()];
    return { workers, workerOf: this.#byJob, entered: this.#entered, refusals: this.#refusals };
  }

  /** The workers that live, as far as is known. */
  get members(): Iterable<Member> {
    return this.#members.values();
  }

  /** How many workers live, as far as is known. */
  get size(): number {
    return this.#members.size;
  }

  /** A worker, while it lives. */
  member(id: string): Member | undefined {
    return this.#members.get(id);
  }

  /**
   * The node of the worker that computed a result: by its Slurm job, or by its host where that is one node
   * only.
   */
  nodeOf(provenance: Readonly<Record<string, unknown>>): string | undefined {
    const { jobId, cluster } = (provenance.slurm ?? {}) as { jobId?: unknown; cluster?: unknown };
    const nodes = new Set<string>();
    for (const { record } of this.#members.values()) {
      if (!record) continue;
      const { slurm } = record;
      // Other clusters have jobs of the same ids.
      if (slurm !== undefined && slurm.jobId === jobId && slurm.cluster === cluster) return record.node;
      if (record.owner.host === provenance.host) nodes.add(record.node);
    }
    return jobId === undefined && nodes.size === 1 ? [...nodes][0] : undefined;
  }

  /**
   * Has the workers that are on a node now take no more tasks, as none can start there. Those that have been
   * computing for a while, so that theirs did start, finish that.
   */
  exclude(node: string, why: string): void {
    for (const member of this.#members.values()) if (member.record?.node === node) member.excluded = why;
  }

  /** Asks a worker to leave when it has finished what it computes. */
  async drain({ id }: Member, why: string): Promise<void> {
    const { runtime: { store }, paths, leadership } = this.#context;
    await leadership.check();
    await askToLeave(store, paths, id, why);
    const member = this.#members.get(id);
    if (member) member.leaving = true;
  }

  /**
   * Lists the workers, looks at those whose turn it is, and at the folders of those that were declared dead.
   *
   * @param jobs By key.
   */
  async round(jobs: ReadonlyMap<string, WorkerJob>): Promise<void> {
    const { runtime: { store }, paths } = this.#context;
    const known = await listWorkers(store, paths);
    for (const id of this.#members.keys()) if (!isThere(known.get(id))) this.#forget(id);
    let hasFenced = false;
    for (const [id, worker] of known) {
      hasFenced ||= worker.fenced === true || (worker.end && worker.folder !== undefined);
      if (worker.unfit && !this.#refused.has(id)) await this.#readPreflightFailure(id);
      if (isThere(worker)) await this.#lookIfDue(id, worker, jobs);
      const member = this.#members.get(id);
      if (!member) continue;
      if (worker.leave) member.leaving = true;
      member.says = worker.now === true;
    }
    if (!hasFenced) return;
    for (const folder of await listFenced(store, paths)) await settleFenced(this.#context, folder);
  }

  /** One that beats and of which nothing else is to be seen is opened as seldom as its lease allows. */
  async #lookIfDue(id: string, known: KnownWorker, jobs: ReadonlyMap<string, WorkerJob>): Promise<void> {
    const { runtime: { store, machine }, paths } = this.#context;
    let member = this.#members.get(id);
    if (!member) {
      this.#members.set(id, member = { id, watch: new WorkerWatch(store, paths, id), dueAt: -Infinity });
    }
    const now = machine.clock.monotonic();
    const job = member.job === undefined ? undefined : jobs.get(member.job);
    if (member.job !== undefined) this.#entered.set(member.job, now);
    const isQuiet = member.record !== undefined && known.record && !known.end &&
      member.excluded === undefined && member.doubtedSince === undefined &&
      (job === undefined || (job.state.status === "running" && !job.state.halted)) &&
      !machine.isGone(member.record.owner);
    if (isQuiet && now < member.dueAt) return;
    await this.#look(member, known.end, jobs);
    // Those that began together are not looked at together.
    const part = 0.5 + 0.5 * ((++this.#looks * 0.618) % 1);
    const roundMs = Math.min(this.#context.timing.roundMs, member.watch.longestPauseMs);
    member.dueAt = machine.clock.monotonic() + (member.watch.longestPauseMs - roundMs) * part;
  }

  async #look(member: Watched, isJudged: boolean, jobs: ReadonlyMap<string, WorkerJob>): Promise<void> {
    const { id } = member;
    const look = await member.watch.look(isJudged);
    if (look.state === "gone") return this.#forget(id);
    if (look.state === "unknown") return;
    const { record } = look;
    const { job: key, spec } = record;
    Object.assign(member, { record, spec, job: key });
    if (key !== undefined) {
      this.#entered.set(key, this.#context.runtime.machine.clock.monotonic());
      this.#byJob.set(key, member);
    }
    const job = key === undefined ? undefined : jobs.get(key);
    if (key !== undefined && job?.id === undefined && record.slurm) {
      this.#context.launcher.learn?.(key, record.slurm);
    }
    const end = this.#judge(member, look, job) ?? await this.#leaveNode(member);
    if (end) await this.#declareDead(member, record, await this.#withLack(end, job));
  }

  /** Not every site says by a job's state that it had too little memory. */
  async #withLack(end: End, job: WorkerJob | undefined): Promise<End> {
    if (end.kind !== "compute" || end.lack !== undefined || job?.state.status !== "dead") return end;
    const found = await this.#context.launcher.lackOf?.(job);
    return found === undefined ? end : { ...end, lack: found.lack, why: `${end.why}; ${found.words}` };
  }

  /** Whether it is dead, and through whose fault. */
  #judge(
    member: Watched,
    look: Exclude<WorkerLook, { state: "gone" | "unknown" }>,
    job: WorkerJob | undefined,
  ): End | undefined {
    const { runtime: { machine, store }, timing } = this.#context;
    const now = machine.clock.monotonic();
    const isAlive = look.state === "alive";
    if (!isAlive) member.doubtedSince ??= now;
    const verdict = judgeWorker({
      now,
      life: isAlive ? "alive" : look.by,
      why: isAlive ? undefined : look.why,
      everBeat: look.everBeat,
      quietSince: member.watch.quietSince,
      doubtedSince: member.doubtedSince,
      job,
      restarts: look.record.slurm?.restarts,
      hasJob: look.record.job !== undefined,
    }, { heartbeatMs: store.heartbeatSec * 1000, evidenceMs: timing.evidenceMs });
    if (verdict.is === "dead") return verdict.end;
    if (verdict.is === "alive") {
      member.doubtedSince = undefined;
      // It could not beat while it was suspended.
      if (!isAlive) member.watch.pardon();
    }
    return undefined;
  }

  /** On an excluded node it ends at once where it computes nothing; otherwise it is asked to leave. */
  async #leaveNode(member: Watched): Promise<End | undefined> {
    if (member.excluded === undefined) return undefined;
    const { runtime: { store }, paths } = this.#context;
    const why = `no task can start on its node: ${member.excluded}`;
    const isComputing = ((await readWorkerNow(store, paths, member.id))?.tasks.length ?? 0) > 0;
    if (!isComputing) return { kind: "lost", why };
    if (!member.leaving) await this.drain(member, why);
    return undefined;
  }

  async #declareDead({ id }: Watched, { spec, node }: WorkerRecord, end: End): Promise<void> {
    const { runtime: { store }, paths, leadership, log } = this.#context;
    await leadership.check();
    await fenceWorker(store, paths, { spec, id }, end);
    this.#forget(id);
    log.warn(`worker ${id} (${spec}, on ${node}) counts as dead: ${end.why}`);
  }

  #forget(id: string): void {
    const job = this.#members.get(id)?.job;
    if (job !== undefined) this.#byJob.delete(job);
    this.#members.delete(id);
  }

  async #readPreflightFailure(id: string): Promise<void> {
    const { runtime: { store }, paths, log } = this.#context;
    const failure = await readPreflightFailure(store, paths, id);
    if (!failure) return;
    const { node, spec, job, error } = failure;
    this.#refused.add(id);
    if (job !== undefined && !this.#refusals.has(job)) this.#refusals.set(job, error);
    log.warn(`a worker of spec '${spec}' cannot work on ${node}: ${error}`);
    this.#onPreflightFailure(failure);
  }
}

/** Workers are asked what they compute no more often than this, in milliseconds, and so many at a time. */
const REPORTS_MS = 1000;
const REPORTS_AT_ONCE = 32;

/** Tells of the attempts that workers make, as far as they say: for displays. Short ones are never seen. */
export class WorkerReports {
  readonly #context: Pick<ControllerContext, "runtime" | "paths" | "onEvent" | "tasks">;
  /** What each worker computed at the last look, by what tells attempts apart. */
  readonly #running = new Map<string, Map<string, AttemptNow>>();
  #lookedAt = -Infinity;
  #turn = 0;

  constructor(context: Pick<ControllerContext, "runtime" | "paths" | "onEvent" | "tasks">) {
    this.#context = context;
  }

  /** Reads what some of the workers say, in turn, at most once a second. */
  async look(members: Iterable<Pick<Member, "id" | "says">>): Promise<void> {
    const { runtime: { machine: { clock }, store }, paths } = this.#context;
    if (clock.monotonic() - this.#lookedAt < REPORTS_MS) return;
    this.#lookedAt = clock.monotonic();
    const gone = new Set(this.#running.keys());
    const saying: string[] = [];
    for (const { id, says = true } of members) {
      if (says) gone.delete(id);
      if (says) saying.push(id);
    }
    const count = Math.min(saying.length, REPORTS_AT_ONCE);
    for (let each = 0; each < count; each++) {
      const id = saying[this.#turn++ % saying.length]!;
      const now = await readWorkerNow(store, paths, id);
      if (now) this.#compare(id, now.tasks);
    }
    for (const id of gone) {
      this.#compare(id, []);
      this.#running.delete(id);
    }
  }

  #compare(worker: string, tasks: readonly AttemptNow[]): void {
    const { runtime: { machine: { clock } }, onEvent } = this.#context;
    const at = clock.now();
    const before = this.#running.get(worker) ?? new Map<string, AttemptNow>();
    const after = new Map(tasks.map((task) => [`${task.hash} ${task.attempt}`, task]));
    this.#running.set(worker, after);
    for (const [key, task] of before) if (!after.has(key)) this.#ended(task);
    for (const [key, { hash, name, attempt, log, fraction, message }] of after) {
      const known = before.get(key);
      if (!known) {
        const told = log === undefined ? {} : { log };
        onEvent({ type: "attempt_started", hash, name, attempt, worker, ...told, at });
      }
      if (fraction === undefined || (known?.fraction === fraction && known.message === message)) continue;
      const said = message === undefined ? {} : { message };
      onEvent({ type: "attempt_progress", hash, name, fraction, ...said, at });
    }
  }

  /** How it ended is told by the events of its node, which come at about the same time. */
  #ended({ hash, name, attempt, log, since }: AttemptNow): void {
    const { runtime: { machine: { clock } }, onEvent, tasks } = this.#context;
    const where = tasks.get(hash)?.state.at;
    onEvent({
      type: "attempt_ended",
      hash,
      name,
      attempt,
      outcome: where === "done" ? "success" : where === "failed" ? "failed" : "preempted",
      durationMs: Math.max(0, clock.now() - since),
      ...(log === undefined ? {} : { log }),
      at: clock.now(),
    });
  }
}

function isThere(worker: KnownWorker | undefined): boolean {
  return worker !== undefined && (worker.record || worker.folder !== undefined);
}
