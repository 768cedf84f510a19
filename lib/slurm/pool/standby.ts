import { errorText } from "../../core/errors.ts";
import type { RunLog } from "../../core/run_log.ts";
import type { SlurmClient } from "../client/client.ts";
import type { ParsedSpec } from "../client/spec.ts";
import { keyOf, type TrackedWorker, type WorkerJobs } from "./worker_jobs.ts";
import type { WorkerSubmitter } from "./worker_submitter.ts";

/** What a {@link StandbyController} works with. */
export interface StandbyOptions {
  /** Asks Slurm. */
  client: SlurmClient;
  /** The specs of the run. */
  specs: Readonly<Record<string, ParsedSpec>>;
  /** The workers of the run. */
  workers: WorkerJobs;
  /** Submits. */
  submitter: WorkerSubmitter;
  /** Takes trouble. */
  log: Pick<RunLog, "warn">;
}

/**
 * Keeps one pending job of a detached run: a worker that begins when all others are gone, and becomes the
 * controller then. Nothing but this knows of it.
 */
export class StandbyController {
  /** Nodes that the last workers were kept from: the standby would be of no use there, either. */
  exclude: readonly string[] = [];
  readonly #options: StandbyOptions;
  /** Keys of the workers whose ends it is to wait for. */
  #wanted: ReadonlySet<string> = new Set();
  /** The ids of the jobs that it waits for, as Slurm was told last. */
  #waitsFor = "";
  #trouble = "";

  /** Submits nothing yet. */
  constructor(options: StandbyOptions) {
    this.#options = options;
  }

  /**
   * Has a standby job wait for the ends of these workers, now and as more is known of them.
   *
   * @param alive Keys of the workers.
   * @throws {SlurmError} If Slurm refuses.
   */
  async keep(alive: readonly string[], signal: AbortSignal): Promise<void> {
    this.#wanted = new Set(alive);
    await this.#update(signal);
  }

  /**
   * As {@link StandbyController.keep} for the workers of the last call. Says what went wrong, and goes on.
   */
  async refresh(signal: AbortSignal): Promise<void> {
    try {
      await this.#update(signal);
    } catch (error) {
      signal.throwIfAborted();
      // It may have begun just now, for instance: the next look tells.
      const text = errorText(error);
      if (text !== this.#trouble) this.#options.log.warn(text);
      this.#trouble = text;
    }
  }

  /**
   * If this process runs in the standby job, submits the next one before this process tries to become the
   * controller. Otherwise a controller that is killed early would leave the run without a successor. Waits
   * for sbatch's answer because this process may be about to end.
   *
   * @param name The name of this process's own job.
   * @param exclude Nodes on which the next one would be of no use.
   */
  async keepAfter(name: string, exclude: readonly string[], signal: AbortSignal): Promise<void> {
    const { workers, submitter } = this.#options;
    const own = (await workers.journal.read()).find(({ submission }) => submission.name === name);
    if (!own?.submission.heir) return;
    // Its submitter may not have written the id down, without which it is not known what to wait for.
    await workers.look(signal);
    this.exclude = exclude;
    await this.keep([keyOf(name, undefined)], signal);
    await submitter.settled();
    submitter.rethrow();
  }

  /**
   * Submits standby jobs that begin one after the other, for a run whose workers can submit none.
   *
   * @param alive Keys of the workers whose ends the first one waits for.
   * @returns How many were taken: a limit of the site may let in fewer.
   */
  async submitChain(alive: readonly string[], count: number, signal: AbortSignal): Promise<number> {
    const wanted = new Set(alive);
    let after = await this.#idsWhenSettled(({ key }) => wanted.has(key), signal);
    for (let done = 0; done < count; done++) {
      const before = new Set(this.#options.workers.known.map(({ key }) => key));
      if (after.length === 0 || await this.#submit(after, signal) === 0) return done;
      after = await this.#idsWhenSettled(({ key }) => !before.has(key), signal);
    }
    return count;
  }

  /** Cancels it: when the run has ended, or its controller leaves, there is nothing to be taken up. */
  async cancel(): Promise<void> {
    const { workers, submitter } = this.#options;
    this.forget();
    await submitter.settled();
    if (!(await workers.journal.read()).some(({ submission }) => submission.heir)) return;
    await workers.cancel((await workers.look()).filter(isStandby), { pendingOnly: true });
  }

  /** Keeps none any more. */
  forget(): void {
    this.#wanted = new Set();
  }

  /** Also when the ids of the jobs become known later than the jobs, or Slurm refuses for a while. */
  async #update(signal: AbortSignal): Promise<void> {
    const { workers, client } = this.#options;
    const after = idsOf(workers.known, ({ key }) => this.#wanted.has(key));
    const there = workers.known.find(isStandby);
    const waitsFor = after.join(":");
    if (after.length === 0 || there && (!there.entry.job || this.#waitsFor === waitsFor)) return;
    if (there?.entry.job) {
      const { jobId, cluster } = there.entry.job;
      await (await client.at(cluster)).waitForEnds(jobId, after, signal);
    } else {
      if (workers.submitting.size > 0) return;
      await this.#submit(after, signal);
      // So that the next call sees it.
      await workers.look(signal);
    }
    this.#waitsFor = waitsFor;
  }

  /** @returns How many were taken. */
  async #submit(after: readonly string[], signal: AbortSignal): Promise<number> {
    const { specs, submitter } = this.#options;
    const spec = "default" in specs ? "default" : Object.keys(specs)[0];
    if (spec === undefined) return 0;
    return await submitter.submit({ spec, count: 1, exclude: this.exclude, standbyFor: after }, signal);
  }

  async #idsWhenSettled(which: (worker: TrackedWorker) => boolean, signal: AbortSignal): Promise<string[]> {
    const { workers, submitter } = this.#options;
    await submitter.settled();
    submitter.rethrow();
    return idsOf(await workers.look(signal), which);
  }
}

/** Whether a worker is the standby that waits: no task can count on it until it begins. */
export function isStandby({ entry: { submission }, state }: TrackedWorker): boolean {
  return submission.heir && state.status === "pending";
}

/** The ids of the jobs of some workers, as far as they are known. */
function idsOf(workers: readonly TrackedWorker[], which: (worker: TrackedWorker) => boolean): string[] {
  const ids = workers.flatMap((worker) => worker.entry.job && which(worker) ? [worker.entry.job.jobId] : []);
  return [...new Set(ids)].sort();
}
