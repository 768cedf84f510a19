import { errorText } from "../../core/errors.ts";
import type { Machine } from "../../core/system/machine.ts";
import type { LossReason, WorkerJob, WorkerJobState } from "../../pool/launcher.ts";
import type { SlurmClient } from "../client/client.ts";
import { JobLookup } from "../jobs/job_lookup.ts";
import { type EndReason, type JobState, jobWords } from "../client/job_state.ts";
import { type JobRef, JobTracker } from "../jobs/job_tracker.ts";
import { logPath } from "../client/job_log.ts";
import type { JournalEntry, PoolJournal } from "./pool_journal.ts";

/** A worker of a job. */
export interface TrackedWorker extends WorkerJob {
  /** The job that it is of. */
  readonly entry: JournalEntry;
  /** Which task of its array. */
  readonly index?: number;
}

/** What {@link WorkerJobs} works with. */
export interface WorkerJobsOptions {
  /** Time, and who this is. */
  machine: Machine;
  /** Asks Slurm. */
  client: SlurmClient;
  /** What was submitted. */
  journal: PoolJournal;
  /** The folder of the workers' output. */
  logDir: (spec: string) => string;
  /** Told of trouble. */
  onWarning: (text: string) => void;
}

/** Ends for which the worker's tasks are not to blame. */
const LOSSES = new Set<EndReason>([
  "preempted",
  "node-failure",
  "boot-failure",
  "timeout",
  "deadline",
  "cancelled",
]);

/** After these one looks on which node it was: the node may be to blame. */
const NODE_MATTERS = new Set<EndReason>(["failed", "launch-failed", "boot-failure"]);

/** Why a job waits that will begin when others have ended. */
const TURN = new Set(["Resources", "Priority"]);

/** A worker that has been dead for so long is told of no more. */
const FORGET_MS = 600_000;

/** What is known of all workers that a run's controllers had submitted. */
export class WorkerJobs {
  readonly #options: WorkerJobsOptions;
  readonly #tracker: JobTracker;
  readonly #lookup: JobLookup;
  /** Jobs that Slurm never took. */
  readonly #never = new Set<string>();
  /** When a job without an id was looked for last, by its name. */
  readonly #looked = new Map<string, number>();
  readonly #deadSince = new Map<string, number>();
  readonly #nodes = new Map<string, string | undefined>();
  #known: TrackedWorker[] = [];

  /** Asks nothing yet. */
  constructor(options: WorkerJobsOptions) {
    this.#options = options;
    this.#tracker = new JobTracker(options.client);
    this.#lookup = new JobLookup(options.machine, options.client);
  }

  /** What the last {@link WorkerJobs.look} told. */
  get known(): readonly TrackedWorker[] {
    return this.#known;
  }

  /**
   * Brings all up to date; asks Slurm at most once per interval.
   *
   * @param submitting Names of the jobs that this process is submitting.
   * @throws {StoreError} for a damaged journal. The signal's reason when it aborts.
   */
  async look(submitting: ReadonlySet<string>, signal?: AbortSignal): Promise<readonly TrackedWorker[]> {
    const { journal } = this.#options;
    const entries: JournalEntry[] = [];
    for (const entry of await journal.read()) {
      const { name } = entry.submission;
      if (this.#never.has(name)) continue;
      const isOpen = entry.job === undefined && !submitting.has(name);
      const found = isOpen ? await this.#find(entry, signal) : entry;
      if (found) entries.push(found);
    }
    for (const ref of entries.flatMap(refs)) {
      if (!this.#isOld(keyOf(ref.name, ref.index))) this.#tracker.follow(ref);
    }
    await this.#tracker.poll(signal);
    const workers = entries.flatMap((entry) => this.#workersOf(entry));
    for (const worker of workers) await this.#findNode(worker, signal);
    this.#known = this.#withoutOld(workers.map((worker) => this.#withNode(worker)));
    return this.#known;
  }

  /** The id of a job whose submission gave none, perhaps since its submitter died. */
  async #find(entry: JournalEntry, signal?: AbortSignal): Promise<JournalEntry | undefined> {
    const { client, machine, journal } = this.#options;
    const { name, submitter } = entry.submission;
    const now = machine.clock.monotonic();
    if (now - (this.#looked.get(name) ?? -Infinity) < client.intervalMs) return entry;
    this.#looked.set(name, now);
    const listed = (await client.list(signal))?.jobs.find((job) => job.name === name);
    // This process knows that it is not submitting it any more, though it lives.
    const isOurs = submitter.pid === machine.self.pid && submitter.start === machine.self.start &&
      submitter.host === machine.self.host;
    const found = listed
      ? { state: "alive" as const, jobId: listed.jobId }
      : await this.#lookup.find({ name, submitter, ...(isOurs ? { jobId: "0" } : {}) });
    if (found.state === "over") {
      this.#never.add(name);
      return undefined;
    }
    if (found.state !== "alive") return entry;
    await journal.confirm(name, { jobId: found.jobId });
    return { ...entry, job: { jobId: found.jobId } };
  }

  #workersOf(entry: JournalEntry): TrackedWorker[] {
    const { name, spec, order } = entry.submission;
    const references: Partial<JobRef>[] = entry.job ? refs(entry) : indices(entry).map((index) => ({
      ...(index === undefined ? {} : { index }),
    }));
    return references.map(({ index }, i) => {
      const state = entry.job
        ? stateOf(this.#tracker.get(ref(entry, entry.job.jobId, index)).state)
        : { status: "pending", text: "being submitted" } as const;
      const { jobId } = entry.job ?? {};
      return {
        key: keyOf(name, index),
        spec,
        order: order + i,
        state,
        entry,
        ...(index === undefined ? {} : { index }),
        ...(jobId === undefined ? {} : { log: logPath(this.#options.logDir(spec), name, jobId, index) }),
      };
    });
  }

  async #findNode(
    { key, entry: { job, submission }, index }: TrackedWorker,
    signal?: AbortSignal,
  ): Promise<void> {
    if (!job || this.#nodes.has(key)) return;
    const { state } = this.#tracker.get(ref({ submission, job }, job.jobId, index));
    if (state.status !== "dead" || !NODE_MATTERS.has(state.reason)) return;
    this.#nodes.set(key, undefined);
    try {
      const client = await this.#options.client.at(job.cluster);
      const details = await client.showJob(index === undefined ? job.jobId : `${job.jobId}_${index}`, signal);
      const detail = details?.find((each) => each.name === submission.name && each.index === index);
      this.#nodes.set(key, detail?.nodes);
    } catch (error) {
      signal?.throwIfAborted();
      this.#options.onWarning(errorText(error));
    }
  }

  #withNode(worker: TrackedWorker): TrackedWorker {
    const node = this.#nodes.get(worker.key);
    return node === undefined ? worker : { ...worker, node };
  }

  #withoutOld(workers: readonly TrackedWorker[]): TrackedWorker[] {
    const now = this.#options.machine.clock.monotonic();
    return workers.filter(({ key, state, entry, index }) => {
      if (state.status !== "dead") {
        // An administrator may have had it begun again.
        if (!this.#isOld(key)) this.#deadSince.delete(key);
      } else if (!this.#deadSince.has(key)) this.#deadSince.set(key, now);
      if (!this.#isOld(key)) return true;
      if (entry.job) this.#tracker.forget(ref(entry, entry.job.jobId, index));
      return false;
    });
  }

  #isOld(key: string): boolean {
    return this.#options.machine.clock.monotonic() - (this.#deadSince.get(key) ?? Infinity) >= FORGET_MS;
  }
}

/** By which a worker is known: its job's name, and which task of an array it is. */
export function keyOf(name: string, index: number | undefined): string {
  return index === undefined ? name : `${name}_${index}`;
}

function indices({ submission: { array, count } }: JournalEntry): (number | undefined)[] {
  return array ? Array.from({ length: count }, (_, index) => index) : [undefined];
}

function refs(entry: JournalEntry): JobRef[] {
  const { job } = entry;
  return job ? indices(entry).map((index) => ref(entry, job.jobId, index)) : [];
}

function ref({ submission: { name }, job }: JournalEntry, jobId: string, index: number | undefined): JobRef {
  const cluster = job?.cluster;
  return {
    jobId,
    name,
    ...(index === undefined ? {} : { index }),
    ...(cluster === undefined ? {} : { cluster }),
  };
}

function stateOf(state: JobState): WorkerJobState {
  if (state.status === "alive") {
    const { text, pending, why = "" } = state;
    return pending ? { status: "pending", text, inTurn: TURN.has(why) } : { status: "running", text };
  }
  // Right after it was submitted it is in no listing: it has not begun as far as anybody knows.
  if (state.status === "unknown") return { status: "pending", text: state.text };
  const { reason } = state;
  return {
    status: "dead",
    text: jobWords(state),
    ...(LOSSES.has(reason) ? { loss: reason as LossReason } : {}),
  };
}
