import { join } from "@std/path/posix/join";
import { errorText } from "../../core/errors.ts";
import type { RunLog } from "../../core/run_log.ts";
import { isSameProcess } from "../../core/system/machine.ts";
import { isLoss, type WorkerJob, type WorkerJobState } from "../../pool/launcher.ts";
import type { QueuePaths } from "../../queue/layout.ts";
import type { PoolRun } from "../../remote/run_record.ts";
import type { Runtime } from "../../run/runtime.ts";
import type { SlurmClient } from "../client/client.ts";
import { logPath } from "../client/job_log.ts";
import { type EndReason, jobWords } from "../client/job_state.ts";
import { cancelOurs, leftAlone } from "../jobs/cancel_jobs.ts";
import { type JobRef, JobWatch, type KnownJob } from "../jobs/job_watch.ts";
import { type JournalEntry, refOf, WorkerJournal } from "../jobs/submissions.ts";

/** A worker in a Slurm job. */
export interface TrackedWorker extends WorkerJob {
  /** The job, as it is written down. */
  readonly entry: JournalEntry;
  /** Which task of its array. */
  readonly index?: number | undefined;
}

/** What {@link WorkerJobs} works with. */
export interface WorkerJobsOptions {
  /** Where everything of the run is. */
  paths: Pick<QueuePaths, "jobs">;
  /** The run. */
  run: Pick<PoolRun, "runId" | "config">;
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

/** Milliseconds after which a dead worker is left out. */
const FORGET_MS = 600_000;

/**
 * All workers that a run's controllers had submitted: their records, what Slurm says of them, and their
 * cancelling.
 */
export class WorkerJobs {
  /** What was submitted. */
  readonly journal: WorkerJournal;
  /** Names of the jobs that this process has given to sbatch, which has not answered yet. */
  readonly submitting: Set<string> = new Set();
  readonly #runtime: Pick<Runtime, "store" | "machine">;
  readonly #options: WorkerJobsOptions;
  readonly #jobs: JobWatch;
  /** Names of jobs that Slurm never took. */
  readonly #never = new Set<string>();
  readonly #deadSince = new Map<string, number>();
  readonly #nodes = new Map<string, string | undefined>();
  #known: TrackedWorker[] = [];

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
   * Brings all up to date. Asks Slurm at most once per interval.
   *
   * @throws {StoreError} If the journal is damaged.
   * @throws The signal's reason when it aborts.
   */
  async look(signal?: AbortSignal): Promise<readonly TrackedWorker[]> {
    const looks = (await this.journal.read()).map((entry) => this.#look(entry, signal));
    const workers = (await Promise.all(looks)).flat();
    this.#known = this.#withoutOld(workers);
    return this.#known;
  }

  /** Looks, and gives the workers that are not known to have ended. */
  async alive(signal?: AbortSignal): Promise<readonly TrackedWorker[]> {
    return (await this.look(signal)).filter(({ state }) => state.status !== "dead");
  }

  /** The ids of the jobs that are known, by their names. */
  async jobIds(): Promise<Record<string, string>> {
    const entries = await this.journal.read();
    return Object.fromEntries(
      entries.flatMap(({ submission: { name }, job }) => job ? [[name, job.jobId]] : []),
    );
  }

  /**
   * Cancels some workers, as far as the ids of their jobs are known.
   *
   * @param options `pendingOnly`: leaves those alone that have begun.
   * @throws {SlurmError} In scancel's own words.
   */
  async cancel(workers: readonly TrackedWorker[], options: { pendingOnly?: boolean } = {}): Promise<void> {
    const refs = workers.flatMap(({ entry, index }) => entry.job ? [refOf(entry, index)] : []);
    await this.#cancel(refs, options);
  }

  /**
   * Cancels all workers, also those whose job ids nobody knows.
   *
   * @returns The keys of the workers that were there.
   * @throws {SlurmError} In scancel's own words.
   */
  async cancelAll(): Promise<string[]> {
    const alive = await this.alive();
    await this.#cancel(alive.map(({ entry, index }) => refOf(entry, entry.job && index)), {});
    return alive.map(({ key }) => key);
  }

  async #cancel(refs: readonly JobRef[], options: { pendingOnly?: boolean }): Promise<void> {
    const left = leftAlone(await cancelOurs(this.#options.client, this.#jobs, refs, options));
    if (left !== undefined) this.#options.log?.warn(left);
  }

  async #look(given: JournalEntry, signal: AbortSignal | undefined): Promise<TrackedWorker[]> {
    const entry = await this.#withId(given, signal);
    if (!entry) return [];
    const { submission: { name, spec, order }, job } = entry;
    const looks = indices(entry).map(async (index, i): Promise<TrackedWorker[]> => {
      const key = keyOf(name, index);
      if (this.#isOld(key)) return [];
      const worker = { key, spec, order: order + i, entry, index };
      if (!job) return [{ ...worker, state: { status: "pending", text: "being submitted" } }];
      const known = await this.#stateOf(entry, index, signal);
      const node = await this.#nodeOf(worker, known, signal);
      return [{
        ...worker,
        id: taskId(job.jobId, index),
        state: workerState(known),
        log: logPath(this.logDir(spec), name, job.jobId, index),
        ...(node === undefined ? {} : { node }),
      }];
    });
    return (await Promise.all(looks)).flat();
  }

  /** Finds the id of a job whose submission gave none, perhaps since its submitter died. */
  async #withId(entry: JournalEntry, signal: AbortSignal | undefined): Promise<JournalEntry | undefined> {
    const { name, submitter } = entry.submission;
    if (this.#never.has(name)) return undefined;
    if (entry.job || this.submitting.has(name)) return entry;
    // This process knows that it is not submitting it any more, though it lives.
    const isOurs = isSameProcess(submitter, this.#runtime.machine.self);
    const ref: JobRef = isOurs ? { name } : { name, submitter };
    const { status, jobId } = await this.#jobs.state(ref, { signal });
    if (jobId !== undefined) {
      const job = { jobId };
      await this.journal.confirm(name, job);
      return { ...entry, job };
    }
    if (status !== "dead") return entry;
    this.#never.add(name);
    return undefined;
  }

  async #stateOf(
    entry: JournalEntry,
    index: number | undefined,
    signal: AbortSignal | undefined,
  ): Promise<KnownJob> {
    const ref = refOf(entry, index);
    this.#jobs.expect(ref);
    return await this.#jobs.state(ref, { signal });
  }

  async #nodeOf(
    { key, entry: { job, submission }, index }: Omit<TrackedWorker, "state">,
    known: KnownJob,
    signal: AbortSignal | undefined,
  ): Promise<string | undefined> {
    if (!job || this.#nodes.has(key)) return this.#nodes.get(key);
    if (known.status !== "dead" || !NODE_MATTERS.has(known.reason)) return undefined;
    this.#nodes.set(key, undefined);
    try {
      const client = await this.#options.client.at(job.cluster);
      const details = await client.showJob(taskId(job.jobId, index), signal);
      const detail = details?.find((each) => each.name === submission.name && each.index === index);
      this.#nodes.set(key, detail?.nodes);
    } catch (error) {
      signal?.throwIfAborted();
      this.#options.log?.warn(errorText(error));
    }
    return this.#nodes.get(key);
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

function taskId(jobId: string, index: number | undefined): string {
  return index === undefined ? jobId : `${jobId}_${index}`;
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
        ...(reason === "vanished" ? { vanished: true } : {}),
      };
    }
  }
}
