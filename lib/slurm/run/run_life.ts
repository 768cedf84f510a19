import type { Runtime } from "../../run/runtime.ts";
import { watchLeadership } from "../../pool/leadership.ts";
import { type QueuePaths, workerFiles } from "../../queue/layout.ts";
import { listWorkers } from "../../queue/worker_liveness.ts";
import type { PoolRun } from "../../remote/run_record.ts";
import { HeartbeatSeries, readBeat } from "../../store/claims/heartbeat_series.ts";
import { type ClaimWatch, describeOwner } from "../../store/claims/liveness.ts";
import { removeIfThere } from "../../store/store.ts";
import type { JobWatch, KnownJob } from "../jobs/job_watch.ts";
import { type JournalEntry, WorkerJournal } from "../jobs/submissions.ts";

/** Whether anything of a pool's run is at work, by the strongest evidence there is. */
export type Life =
  /** Its controller gives signs of life. */
  | { readonly state: "controlled"; readonly text: string }
  /** A worker gives signs of life, or Slurm says that a job of it waits or runs. */
  | { readonly state: "at work"; readonly text: string }
  /** Slurm does not tell of a job of it: nobody knows. */
  | { readonly state: "unknown"; readonly text: string }
  /** Nothing has given a sign of life for a lease, and each job has ended, as Slurm says of that very job. */
  | { readonly state: "silent" };

/** As {@link Life}, while it may take up to a lease until that is sure. */
export type LifeLook = Life | { readonly state: "unclear"; readonly text: string };

type Spoken = Exclude<LifeLook, { state: "silent" }>;

/** Options of {@link RunLife}. */
export interface RunLifeOptions {
  /** Where everything of the run is. */
  paths: QueuePaths;
  /** The run. */
  run: Pick<PoolRun, "runId" | "config" | "cluster">;
  /** Tells of jobs. */
  jobs: Pick<JobWatch, "state">;
  /**
   * Whether a heartbeat is so old that nobody can be behind it, for one who does not watch for a lease: its
   * time by the clock of the file server, and the lease.
   *
   * @default {none is}
   */
  isForgotten?: ((mtimeMs: number, leaseSec: number) => boolean) | undefined;
}

/** Options of {@link RunLife.settled}. */
export interface SettledOptions {
  /**
   * Ends the waiting with its reason.
   *
   * @default {never}
   */
  signal?: AbortSignal | undefined;
  /** Called, once, with what is not clear. */
  onWait?: ((text: string) => void) | undefined;
}

/** The pause between two looks, at most. */
const PAUSE_MS = 1000;
/** A heartbeat that is older than this part of the lease is late: it comes twice in a lease at least. */
const LATE_PART = 2 / 3;
/**
 * So long a job whose id nobody knows, and of which Slurm knows nothing under its name, may be on its way to
 * Slurm on another machine.
 */
const UNDERWAY_MS = 120_000;

/**
 * Watches whether a run is at work, though it may be another user's or another cluster's: it is only read.
 * Heartbeats decide first (ARCHITECTURE, "Dead or alive"), then what Slurm says of its jobs.
 */
export class RunLife {
  readonly #runtime: Pick<Runtime, "store" | "machine">;
  readonly #options: RunLifeOptions;
  readonly #role: ClaimWatch;
  readonly #beats = new Map<string, HeartbeatSeries>();
  readonly #journal: WorkerJournal;
  readonly #underwaySince = new Map<string, number>();

  /** Looks at nothing yet. */
  constructor(runtime: Runtime, options: RunLifeOptions) {
    this.#runtime = runtime;
    this.#options = options;
    this.#role = watchLeadership(runtime, options.paths);
    this.#journal = new WorkerJournal(runtime.store, options.paths.jobs);
  }

  /**
   * Looks until it is sure, at most for about a lease.
   *
   * @throws The signal's reason when it aborts.
   */
  async settled({ signal, onWait }: SettledOptions = {}): Promise<Life> {
    for (let told = false;;) {
      const look = await this.look(signal);
      if (look.state !== "unclear") return look;
      if (!told) onWait?.(look.text);
      told = true;
      await this.#runtime.machine.clock.sleep(Math.min(this.#role.longestPauseMs, PAUSE_MS), signal);
    }
  }

  /** Looks once. To be called several times a lease. */
  async look(signal?: AbortSignal): Promise<LifeLook> {
    const unclear: string[] = [];
    const now = await this.#now();
    const controller = await this.#lookAtController(now);
    if (controller?.state === "controlled") return controller;
    if (controller) unclear.push(controller.text);
    const workers = await this.#lookAtWorkers(now);
    if (workers?.state === "at work") return workers;
    if (workers) unclear.push(workers.text);
    const jobs = await this.#lookAtJobs(signal);
    if (jobs.state === "at work") return jobs;
    const [text] = unclear;
    return text === undefined ? jobs : { state: "unclear", text };
  }

  async #lookAtController(now: number | undefined): Promise<Spoken | undefined> {
    const look = await this.#role.look();
    if (look.state === "unknown") {
      return { state: "unclear", text: `whether it has a controller: ${look.why}` };
    }
    if (look.state !== "alive") return undefined;
    const who = `its controller, ${describeOwner(look.holder)}`;
    const beat = await readBeat(this.#runtime.machine, this.#options.paths.role.claim);
    if (beat && this.#options.isForgotten?.(beat.mtimeMs, look.holder.leaseSec)) return undefined;
    const isFresh = beat !== undefined && isLate(beat.mtimeMs, now, look.holder.leaseSec * 1000) === false;
    return this.#role.beatAt !== undefined || isFresh
      ? { state: "controlled", text: who }
      : { state: "unclear", text: `${who}, may be dead` };
  }

  async #lookAtWorkers(now: number | undefined): Promise<Spoken | undefined> {
    const { store, machine } = this.#runtime;
    const { paths, run } = this.#options;
    const leaseMs = run.config.leaseSec * 1000;
    let unclear: string | undefined;
    for (const [id, { record, end }] of await listWorkers(store, paths)) {
      if (!record || end) continue;
      const before = machine.clock.monotonic();
      const beat = await readBeat(machine, workerFiles(paths, id).record);
      if (!beat || this.#options.isForgotten?.(beat.mtimeMs, run.config.leaseSec)) continue;
      const series = this.#beats.get(id) ?? new HeartbeatSeries();
      this.#beats.set(id, series);
      series.add(beat.seen, leaseMs, before, machine.clock.monotonic());
      if (series.expired) continue;
      if (series.beatAt !== undefined || isLate(beat.mtimeMs, now, leaseMs) === false) {
        return { state: "at work", text: `its worker ${id} gives signs of life` };
      }
      unclear ??= `its worker ${id} may be dead`;
    }
    return unclear === undefined ? undefined : { state: "unclear", text: unclear };
  }

  async #lookAtJobs(signal: AbortSignal | undefined): Promise<Life> {
    const entries = await this.#journal.read();
    const known = await Promise.all(entries.map((entry) => this.#stateOf(entry, signal)));
    let unknown: string | undefined;
    for (const [i, job] of known.entries()) {
      const entry = entries[i]!;
      const name = `its job ${job.jobId ?? entry.job?.jobId ?? entry.submission.name}`;
      if (job.status === "alive") return { state: "at work", text: `${name} is ${job.text}` };
      if (job.status === "unknown" && !this.#isNever(entry, job)) {
        unknown ??= `Slurm does not tell of ${name} (${job.text})`;
      }
    }
    return unknown === undefined ? { state: "silent" } : { state: "unknown", text: unknown };
  }

  async #stateOf({ submission, job }: JournalEntry, signal: AbortSignal | undefined): Promise<KnownJob> {
    const { name, submitter, cluster: sentTo } = submission;
    const cluster = job ? job.cluster : sentTo ?? this.#options.run.cluster;
    const ref = { name, jobId: job?.jobId, cluster, submitter };
    return await this.#options.jobs.state(ref, { until: "sure", signal });
  }

  /** Nobody may say any more that sbatch has taken it, and Slurm has answered that it knows no such job. */
  #isNever({ submission: { name }, job }: JournalEntry, known: KnownJob): boolean {
    if (job || known.evidence === "nothing") return false;
    const now = this.#runtime.machine.clock.monotonic();
    const since = this.#underwaySince.get(name) ?? now;
    this.#underwaySince.set(name, since);
    return now - since >= UNDERWAY_MS;
  }

  /**
   * The time by which the store's files are dated; nothing where the store lets us write none. That something
   * is alive is taken from it, never that it is dead.
   */
  async #now(): Promise<number | undefined> {
    const { store, machine } = this.#runtime;
    try {
      const path = await store.writePrivate(store.root, "");
      try {
        return (await machine.files.stat(path))?.mtimeMs;
      } finally {
        await removeIfThere(machine, path);
      }
    } catch {
      return undefined;
    }
  }
}

/** Whether a beat is later than it should be; `undefined` where there is nothing to compare it with. */
function isLate(mtimeMs: number, now: number | undefined, leaseMs: number): boolean | undefined {
  return now === undefined ? undefined : now - mtimeMs >= leaseMs * LATE_PART;
}
