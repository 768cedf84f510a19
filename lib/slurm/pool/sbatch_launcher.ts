import { join } from "@std/path/posix/join";
import { errorText } from "../../core/errors.ts";
import type { WorkerJob, WorkerLauncher, WorkerRequest } from "../../pool/launcher.ts";
import type { Runtime } from "../../run/runtime.ts";
import { patiently } from "../client/patiently.ts";
import { PoolJournal } from "./pool_journal.ts";
import { keyOf, type TrackedWorker, WorkerJobs } from "./worker_jobs.ts";
import { WorkerSubmitter, type WorkerSubmitterOptions } from "./worker_submitter.ts";

/** What a {@link SbatchLauncher} works with. */
export type SbatchLauncherOptions = Omit<WorkerSubmitterOptions, "journal" | "logDir">;

/** Has the workers of a run started as Slurm jobs. */
export class SbatchLauncher implements WorkerLauncher {
  readonly #runtime: Runtime;
  readonly #options: SbatchLauncherOptions;
  readonly #journal: PoolJournal;
  readonly #workers: WorkerJobs;
  readonly #submitter: WorkerSubmitter;
  #failure: { error: unknown } | undefined;
  #looking: Promise<unknown> | undefined;
  /** Keys of the workers whose heir there is to be. */
  #heirOf: ReadonlySet<string> = new Set();
  #heirWaitsFor = "";
  /** Nodes that the last workers were kept from: the heir would be of no use there, either. */
  #exclude: readonly string[] = [];
  #heirTrouble = "";
  readonly #cancelled = new Set<string>();
  #tell: (text: string) => void;

  /** Asks nothing yet. */
  constructor(runtime: Runtime, options: SbatchLauncherOptions) {
    this.#runtime = runtime;
    this.#options = options;
    this.#tell = options.onWarning;
    const { store, machine } = runtime;
    const { client, paths } = options;
    const onWarning = (text: string): void => this.#tell(text);
    this.#journal = new PoolJournal(store, paths.jobs);
    const journal = this.#journal;
    const { config, runId } = options.run;
    const logDir = (spec: string): string => join(config.slurmRoot, "workers", spec, runId);
    this.#workers = new WorkerJobs({ machine, client, journal, logDir, onWarning });
    this.#submitter = new WorkerSubmitter(runtime, { ...options, journal, logDir, onWarning });
  }

  tellTo(tell: (text: string) => void): void {
    this.#tell = tell;
  }

  async submit(request: WorkerRequest, signal: AbortSignal): Promise<number> {
    this.#exclude = request.exclude;
    return await this.#submitter.submit(request, signal);
  }

  async jobs(signal: AbortSignal): Promise<readonly WorkerJob[]> {
    this.#rethrow();
    await patiently(this.#runtime.machine.clock, this.#look(signal), {
      ms: this.#options.patienceMs,
      signal,
    });
    await this.#updateHeir(signal).catch((error) => {
      signal.throwIfAborted();
      // It may have begun just now, for instance: the next look tells.
      const text = errorText(error);
      if (text !== this.#heirTrouble) this.#tell(text);
      this.#heirTrouble = text;
    });
    // The heir is none that tasks can count on, until it begins.
    return this.#workers.known.filter((worker) => !isWaitingHeir(worker));
  }

  async cancelPending(keys: readonly string[]): Promise<void> {
    const wanted = new Set(keys);
    await this.#cancel(this.#workers.known.filter(({ key }) => wanted.has(key)), { pendingOnly: true });
  }

  async cancelAll(): Promise<void> {
    this.#heirOf = new Set();
    await this.#submitter.settled();
    await this.#workers.look(new Set());
    const { known } = this.#workers;
    const alive = known.filter(({ state }) => state.status !== "dead");
    await this.#cancel(alive, {});
    for (const { key } of alive) this.#cancelled.add(key);
    const lost = [
      ...new Set(known.flatMap(({ entry: { submission, job } }) => job ? [] : [submission.name])),
    ];
    for (const name of lost) await this.#cancelNamed(name);
  }

  async keepHeir(alive: readonly string[], signal: AbortSignal): Promise<void> {
    this.#heirOf = new Set(alive);
    await this.#updateHeir(signal);
  }

  /**
   * Submits heirs that begin one after the other, for a run whose workers can submit none.
   *
   * @param alive Keys of the workers whose ends the first one waits for.
   * @returns How many: a limit of the site may let in fewer.
   */
  async submitHeirs(alive: readonly string[], count: number, signal: AbortSignal): Promise<number> {
    const wanted = new Set(alive);
    let after = await this.#idsWhenSettled(({ key }) => wanted.has(key), signal);
    for (let done = 0; done < count; done++) {
      const before = new Set(this.#workers.known.map(({ key }) => key));
      if (after.length === 0 || await this.#submitHeir(after, signal) === 0) return done;
      after = await this.#idsWhenSettled(({ key }) => !before.has(key), signal);
    }
    return count;
  }

  /** When sbatch has answered for all. */
  async #idsWhenSettled(which: (worker: TrackedWorker) => boolean, signal: AbortSignal): Promise<string[]> {
    await this.#submitter.settled();
    this.#submitter.rethrow();
    return idsOf(await this.#workers.look(new Set(), signal), which);
  }

  /**
   * Where this process is in the heir's job, submits the next heir: whoever is killed as the controller leaves one, however soon
   * that is. Asked before the role is sought. Returns when sbatch has answered: this process may be about to end.
   *
   * @param name The name of this process's own job.
   * @param exclude Nodes on which the heir would be of no use.
   */
  async keepHeirAfter(name: string, exclude: readonly string[], signal: AbortSignal): Promise<void> {
    const own = (await this.#journal.read()).find(({ submission }) => submission.name === name);
    if (!own?.submission.heir) return;
    // Without its id, which the submitter may not have written down, it is not known what to wait for.
    await this.#workers.look(new Set(), signal);
    this.#exclude = exclude;
    await this.keepHeir([keyOf(name, undefined)], signal);
    await this.#submitter.settled();
    this.#submitter.rethrow();
  }

  /** Also when the ids of the jobs become known later than the jobs, or Slurm refuses for a while. */
  async #updateHeir(signal: AbortSignal): Promise<void> {
    const { known } = this.#workers;
    const after = idsOf(known, ({ key }) => this.#heirOf.has(key));
    const heir = known.find(isWaitingHeir);
    if (after.length === 0 || heir && (!heir.entry.job || this.#heirWaitsFor === after.join(":"))) return;
    if (heir?.entry.job) {
      const { jobId, cluster } = heir.entry.job;
      await (await this.#options.client.at(cluster)).waitForEnds(jobId, after, signal);
    } else {
      if (this.#submitter.open.size > 0) return;
      await this.#submitHeir(after, signal);
      // So that the next call sees it.
      await this.#workers.look(this.#submitter.open, signal);
    }
    this.#heirWaitsFor = after.join(":");
  }

  /** @returns How many were taken. */
  async #submitHeir(after: readonly string[], signal: AbortSignal): Promise<number> {
    const { specs } = this.#options;
    const spec = "default" in specs ? "default" : Object.keys(specs)[0];
    if (spec === undefined) return 0;
    return await this.#submitter.submit({ spec, count: 1, exclude: this.#exclude, heirOf: after }, signal);
  }

  /** Cancels the heir: when the run has ended, or its controller leaves, there is nothing to be taken up. */
  async close(): Promise<void> {
    this.#heirOf = new Set();
    await this.#submitter.settled();
    if (!(await this.#journal.read()).some(({ submission }) => submission.heir)) return;
    await this.#workers.look(new Set());
    await this.#cancel(this.#workers.known.filter(isWaitingHeir), { pendingOnly: true });
  }

  /** How many workers were cancelled with all others. */
  get cancelled(): number {
    return this.#cancelled.size;
  }

  /** Looks at all jobs now. @returns Those that are not known to have ended, the heir included. */
  async alive(signal?: AbortSignal): Promise<readonly WorkerJob[]> {
    const workers = await this.#workers.look(this.#submitter.open, signal);
    return workers.filter(({ state }) => state.status !== "dead");
  }

  /** The ids of the jobs that are known, by their names. */
  async jobIds(): Promise<Record<string, string>> {
    const ids = (await this.#journal.read()).flatMap(({ submission: { name }, job }) =>
      job ? [[name, job.jobId]] : []
    );
    return Object.fromEntries(ids);
  }

  /** What went wrong in the background since the last call. */
  #rethrow(): void {
    const failure = this.#failure;
    this.#failure = undefined;
    if (failure) throw failure.error;
    this.#submitter.rethrow();
  }

  #look(signal: AbortSignal): Promise<unknown> {
    return this.#looking ??= this.#workers.look(this.#submitter.open, signal)
      .catch((error) => {
        if (!signal.aborted) this.#failure ??= { error };
      })
      .finally(() => this.#looking = undefined);
  }

  async #cancel(workers: readonly TrackedWorker[], options: { pendingOnly?: boolean }): Promise<void> {
    const byCluster = Map.groupBy(
      workers.filter(({ entry }) => entry.job),
      ({ entry }) => entry.job?.cluster,
    );
    for (const [cluster, there] of byCluster) {
      const ids = there.map(({ entry: { job }, index }) =>
        index === undefined ? job!.jobId : `${job!.jobId}_${index}`
      );
      await (await this.#options.client.at(cluster)).cancel(ids, options);
    }
  }

  /** Cancels a job whose id nobody knows. */
  async #cancelNamed(name: string): Promise<void> {
    const { client } = this.#options;
    const entries = await client.lookup(name);
    const alive = entries?.filter(({ state }) => state.status !== "dead") ?? [];
    if (alive.length > 0) await client.cancel([...new Set(alive.map(({ jobId }) => jobId))]);
  }
}

/** The ids of the jobs of some workers, as far as they are known. */
function idsOf(workers: readonly TrackedWorker[], which: (worker: TrackedWorker) => boolean): string[] {
  const ids = workers.flatMap((worker) => worker.entry.job && which(worker) ? [worker.entry.job.jobId] : []);
  return [...new Set(ids)].sort();
}

function isWaitingHeir({ entry: { submission }, state }: TrackedWorker): boolean {
  return submission.heir && state.status === "pending";
}
