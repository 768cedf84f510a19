import { join } from "@std/path/posix/join";
import { errorText } from "../../core/errors.ts";
import type { RunLog } from "../../core/run_log.ts";
import { isSameProcess } from "../../core/system/machine.ts";
import { isLoss, type JobsAnswer, type WorkerJob, type WorkerJobState } from "../../pool/launcher.ts";
import type { QueuePaths } from "../../queue/layout.ts";
import type { PoolRun } from "../../remote/run_record.ts";
import type { Runtime } from "../../run/runtime.ts";
import type { SlurmJob } from "../../store/record.ts";
import type { SlurmClient } from "../client/client.ts";
import { logPath } from "../client/job_log.ts";
import { type EndReason, jobWords } from "../client/job_state.ts";
import { type Cancelled, cancelOurs, leftAlone } from "../jobs/cancel_jobs.ts";
import { baseId, compareJob, type JobRef } from "../jobs/job_identity.ts";
import { JobWatch, type KnownJob, type StateOptions } from "../jobs/job_watch.ts";
import { isSameUser } from "../run/check_ours.ts";
import { clustersOfRun, nodeName } from "../run/spec_clusters.ts";
import { type JournalEntry, refOf, WorkerJournal, type WorkerSubmission } from "../jobs/submissions.ts";

/** A worker in a Slurm job. */
export interface TrackedWorker extends WorkerJob {
  /** The job, as it is written down. */
  readonly entry: JournalEntry;
  /** Which task of its array. */
  readonly index?: number | undefined;
}

type AskedNode = { readonly node?: string | undefined } | "asked";

/** What {@link WorkerJobs} works with. */
export interface WorkerJobsOptions {
  /** Where everything of the run is. */
  paths: Pick<QueuePaths, "jobs">;
  /** The run. */
  run: Pick<PoolRun, "runId" | "config" | "cluster" | "specs">;
  /** Asks Slurm. */
  client: SlurmClient;
  /**
   * Takes trouble.
   *
   * @default {nobody: it says nothing}
   */
  log?: Pick<RunLog, "warn"> | undefined;
}

/** After these ends it matters on which node a worker was: the node may be to blame. */
const NODE_MATTERS = new Set<EndReason>(["failed", "launch-failed", "boot-failure"]);

/** Reasons to wait of a job that begins when others have ended. */
const TURN = new Set(["Resources", "Priority"]);

/** Milliseconds that Slurm has to tell where a worker failed. */
const NODE_LIMIT_MS = 10_000;

/** Milliseconds after which a dead worker is left out. */
const FORGET_MS = 600_000;

/**
 * All workers that a run's controllers had submitted: their records, what Slurm says of them, and their
 * cancelling.
 */
export class WorkerJobs {
  /** What was submitted. */
  readonly journal: WorkerJournal;
  /**
   * By name: the jobs that this process has handed over and that sbatch has not answered for. They are among
   * the workers.
   */
  readonly submitting: Map<string, WorkerSubmission> = new Map();
  readonly #runtime: Pick<Runtime, "store" | "machine">;
  readonly #options: WorkerJobsOptions;
  readonly #jobs: JobWatch;
  /** Names of jobs that Slurm never took. */
  readonly #never = new Set<string>();
  readonly #deadSince = new Map<string, number>();
  /** By key: nodes of workers that failed; `"asked"` while Slurm has not told. */
  readonly #nodes = new Map<string, AskedNode>();
  #known: TrackedWorker[] = [];
  /** The name of the cluster that is asked, once that was needed. */
  #cluster: string | undefined;

  /** Asks nothing yet. */
  constructor(runtime: Pick<Runtime, "store" | "machine">, options: WorkerJobsOptions) {
    this.#runtime = runtime;
    this.#options = options;
    this.journal = new WorkerJournal(runtime.store, options.paths.jobs);
    this.#jobs = new JobWatch(runtime.machine, options.client);
  }

  /** All workers, as {@link WorkerJobs.look} saw them last. */
  get known(): readonly TrackedWorker[] {
    return this.#known;
  }

  /** The folder of the output and the batch scripts of a spec's workers. */
  logDir(spec: string): string {
    const { config, runId } = this.#options.run;
    return join(config.slurmRoot, "workers", spec, runId);
  }

  /**
   * Brings all up to date with what is known now. Waits for no answer of Slurm, which is asked in the
   * background.
   *
   * @throws {StoreError} If the journal is damaged.
   */
  async look(): Promise<readonly TrackedWorker[]> {
    const written = await this.journal.read();
    const names = new Set(written.map(({ submission }) => submission.name));
    const unwritten = [...this.submitting.values()].filter(({ name }) => !names.has(name));
    const all: JournalEntry[] = [...written, ...unwritten.map((submission) => ({ submission }))];
    const entries = all.filter((entry) => this.#isOurs(entry));
    const workers: TrackedWorker[] = [];
    for (const entry of entries) workers.push(...await this.#look(entry));
    this.#known = this.#withoutOld(workers);
    return this.#known;
  }

  /**
   * Looks, and gives the workers that are not known to have ended.
   *
   * @param options `"sure"`: first waits until Slurm has told of all of them.
   * @throws The signal's reason when it aborts.
   */
  async alive({ until, signal }: StateOptions = {}): Promise<readonly TrackedWorker[]> {
    if (until === "sure") {
      const entries = (await this.journal.read()).filter(({ submission: { name } }) =>
        !this.submitting.has(name)
      );
      const refs = entries.flatMap((entry) =>
        entry.job ? indices(entry).map((index) => refOf(entry, index)) : [this.#namedRef(entry)]
      );
      await Promise.all(refs.map((ref) => this.#jobs.state(ref, { until, signal })));
    }
    return (await this.look()).filter(({ state }) => state.status !== "dead");
  }

  /** The ids of the jobs that are known, by their names. */
  async jobIds(): Promise<Record<string, string>> {
    const entries = await this.journal.read();
    return Object.fromEntries(
      entries.flatMap(({ submission: { name }, job }) => job ? [[name, job.jobId]] : []),
    );
  }

  /**
   * Cancels some workers, as far as they are surely this run's.
   *
   * @param options `pendingOnly`: leaves those alone that have begun.
   * @returns The keys of those that Slurm was told to cancel, and words about those that were left alone.
   * @throws {SlurmError} In scancel's own words.
   */
  async cancel(
    workers: readonly TrackedWorker[],
    options: { pendingOnly?: boolean } = {},
  ): Promise<{ keys: string[]; left?: string | undefined }> {
    const chosen = Map.groupBy(workers, ({ entry }) => entry.submission.name);
    const refs = [...chosen.values()].flatMap((each): (JobRef & { keys: string[] })[] => {
      const { entry } = each[0]!;
      const keys = each.map(({ key }) => key);
      // A whole array in one word.
      if (!entry.job) return [{ ...this.#namedRef(entry), keys }];
      if (each.length === indices(entry).length) return [{ ...refOf(entry), keys }];
      return each.map(({ key, index }) => ({ ...refOf(entry, index), keys: [key] }));
    });
    if (refs.length === 0) return { keys: [] };
    const { client } = this.#options;
    const told: Cancelled<JobRef & { keys: string[] }> = await cancelOurs(client, this.#jobs, refs, options);
    return { keys: told.cancelled.flatMap(({ keys }) => keys), left: leftAlone(told) };
  }

  /**
   * Cancels all workers, also those whose job ids nobody knows, but not those that sbatch has not answered
   * for.
   *
   * @returns As {@link WorkerJobs.cancel}.
   * @throws {SlurmError} In scancel's own words.
   */
  async cancelAll(): Promise<{ keys: string[]; left?: string | undefined }> {
    const alive = (await this.alive()).filter(({ entry }) => !this.submitting.has(entry.submission.name));
    // What this process submitted takes no question, which may go unanswered.
    const isOwn = ({ entry }: TrackedWorker): boolean => this.isOwn(entry);
    const own = await this.cancel(alive.filter(isOwn));
    const others = await this.cancel(alive.filter((worker) => !isOwn(worker)));
    const left = [own.left, others.left].filter((text) => text !== undefined).join("; ");
    return { keys: [...own.keys, ...others.keys], left: left === "" ? undefined : left };
  }

  /** Takes in the job of a worker that told its own, where sbatch's answer was lost. */
  async learn(key: string, { jobId, cluster }: SlurmJob): Promise<void> {
    const entry = (await this.journal.read()).find((each) =>
      indices(each).some((index) => keyOf(each.submission.name, index) === key)
    );
    if (!entry || entry.job) return;
    const { name } = entry.submission;
    this.#never.delete(name);
    const known = cluster ?? this.#sentTo(entry);
    await this.journal.confirm(name, {
      jobId: baseId(jobId),
      ...(known === undefined ? {} : { cluster: known }),
    });
  }

  /** Whether this process has submitted it. */
  isOwn({ submission: { submitter } }: JournalEntry): boolean {
    return isSameProcess(submitter, this.#runtime.machine.self);
  }

  /** The cluster that a job was sent to. */
  #sentTo({ submission: { cluster } }: JournalEntry): string | undefined {
    return cluster ?? this.#options.run.cluster;
  }

  /**
   * Whether it is this user's, on a cluster that the run sends jobs to. Others are of a run that was taken
   * over: their workers go by their heartbeats alone, and no worker that is wanted is counted on them.
   */
  #isOurs({ submission: { submitter, cluster }, job }: JournalEntry): boolean {
    if (isSameUser(submitter, this.#runtime.machine.self) === false) return false;
    const { run } = this.#options;
    const there = job ? job.cluster : cluster;
    return there === undefined || run.cluster === undefined || clustersOfRun(run).has(there);
  }

  /** Since when Slurm does not answer, if it does not. */
  get silence(): JobsAnswer["silence"] {
    return this.#jobs.silence();
  }

  async #look(given: JournalEntry): Promise<TrackedWorker[]> {
    const entry = await this.#withId(given);
    if (!entry) return [];
    const { submission: { name, spec, order }, job } = entry;
    return indices(entry).flatMap((index, i): TrackedWorker[] => {
      const key = keyOf(name, index);
      if (this.#isOld(key)) return [];
      const worker = { key, spec, order: order + i, entry, index };
      if (!job) return [{ ...worker, state: { status: "pending", text: "sbatch has not answered yet" } }];
      const ref = refOf(entry, index);
      const isElsewhere = job.cluster !== undefined && job.cluster !== this.#options.run.cluster;
      if (this.isOwn(entry)) this.#jobs.expect(ref);
      const known = this.#jobs.known(ref);
      const asked = this.#nodeOf({ ...worker, ref }, known);
      const { node } = asked === "asked" ? {} : asked;
      // How it ended is told together with where, which may be to blame.
      const state: WorkerJobState = asked === "asked"
        ? { status: "unknown", text: "it has ended, and Slurm is asked for its node" }
        : workerState(known);
      return [{
        ...worker,
        id: ref.jobId,
        ...(isElsewhere ? { cluster: job.cluster } : {}),
        state,
        restarts: known.restarts,
        log: logPath(this.logDir(spec), name, job.jobId, index),
        ...(known.askedAt === undefined ? {} : { askedAt: known.askedAt }),
        ...(node === undefined ? {} : { node }),
      }];
    });
  }

  /** Finds the id of a job whose submission gave none, perhaps since its submitter died. */
  async #withId(entry: JournalEntry): Promise<JournalEntry | undefined> {
    const { name } = entry.submission;
    if (this.#never.has(name)) return undefined;
    if (entry.job || this.submitting.has(name)) return entry;
    const { status, jobId } = this.#jobs.known(this.#namedRef(entry));
    if (jobId !== undefined) return await this.#found(entry, jobId);
    if (status !== "dead") return entry;
    this.#never.add(name);
    return undefined;
  }

  /** Writes down the id of a job that was found by its name, with the cluster that was asked for it. */
  async #found(entry: JournalEntry, jobId: string): Promise<JournalEntry> {
    const { name } = entry.submission;
    const cluster = this.#sentTo(entry) ?? this.#cluster;
    const job = { jobId, ...(cluster === undefined ? {} : { cluster }) };
    if (cluster !== undefined) await this.journal.confirm(name, job);
    else this.#options.client.cluster().then((name) => this.#cluster = name);
    return { ...entry, job };
  }

  /** A job whose id nobody knows. A process that lives knows that it is not submitting its own any more. */
  #namedRef(entry: JournalEntry): JobRef {
    const { name, submitter: { uid } } = entry.submission;
    const cluster = this.#sentTo(entry);
    return { ...(this.isOwn(entry) ? { name, uid } : refOf(entry)), cluster };
  }

  /** Where a worker failed, as soon as Slurm has told. */
  #nodeOf(
    worker: Omit<TrackedWorker, "state"> & { ref: JobRef },
    known: KnownJob,
  ): AskedNode {
    const { key } = worker;
    const there = this.#nodes.get(key);
    if (there) return there;
    if (known.status !== "dead" || !NODE_MATTERS.has(known.reason)) return {};
    this.#nodes.set(key, "asked");
    this.#askNode(worker).catch((error) => {
      this.#options.log?.warn(errorText(error));
      return undefined;
    }).then((node) => this.#nodes.set(key, node === undefined ? {} : { node }));
    return "asked";
  }

  async #askNode({ ref, index }: { ref: JobRef; index?: number | undefined }): Promise<string | undefined> {
    const client = await this.#options.client.at(ref.cluster);
    const details = await client.showJob(ref.jobId!, AbortSignal.timeout(NODE_LIMIT_MS));
    const job = details?.find((each) => each.index === index && compareJob(ref, each) === "same");
    return job?.nodes && nodeName(job.nodes, ref.cluster, this.#options.run);
  }

  /** Leaves out those that have been dead for long. An administrator may have had a dead one begun again. */
  #withoutOld(workers: readonly TrackedWorker[]): TrackedWorker[] {
    const now = this.#runtime.machine.clock.monotonic();
    for (const { key, state } of workers) {
      if (state.status !== "dead") this.#deadSince.delete(key);
      else if (!this.#deadSince.has(key)) this.#deadSince.set(key, now);
    }
    return workers.filter(({ key }) => !this.#isOld(key));
  }

  #isOld(key: string): boolean {
    const since = this.#deadSince.get(key) ?? Infinity;
    return this.#runtime.machine.clock.monotonic() - since >= FORGET_MS;
  }
}

/** The key of a worker: its job's name, and which task of an array it is. */
export function keyOf(name: string, index: number | undefined): string {
  return index === undefined ? name : `${name}_${index}`;
}

function indices({ submission: { array, count } }: JournalEntry): (number | undefined)[] {
  return array ? Array.from({ length: count }, (_, index) => index) : [undefined];
}

function workerState(known: KnownJob): WorkerJobState {
  switch (known.status) {
    case "alive": {
      const { text, pending, why = "", halted } = known;
      if (pending) return { status: "pending", text, inTurn: TURN.has(why), ...(why === "" ? {} : { why }) };
      return { status: "running", text, ...(halted ? { halted } : {}) };
    }
    // Right after it was submitted it is in no listing: it has not begun as far as anybody knows.
    case "unknown":
      return { status: "pending", text: known.text };
    case "dead": {
      const { reason } = known;
      return {
        status: "dead",
        text: jobWords(known),
        ...(isLoss(reason) ? { loss: reason } : {}),
        ...(reason === "out-of-memory" ? { lack: "memory" } : {}),
        ...(reason === "vanished" ? { vanished: true } : {}),
      };
    }
  }
}
