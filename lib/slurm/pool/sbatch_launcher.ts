import { errorText, SlurmError } from "../../core/errors.ts";
import type { RunLog } from "../../core/run_log.ts";
import type { JobsAnswer, SubmitAnswer, WorkerLauncher, WorkerRequest } from "../../pool/launcher.ts";
import type { Runtime } from "../../run/runtime.ts";
import { isStandby, StandbyController } from "./standby.ts";
import { WorkerJobs } from "./worker_jobs.ts";
import { waitAtMost, WorkerSubmitter, type WorkerSubmitterOptions } from "./worker_submitter.ts";

/** What a {@link SbatchLauncher} works with. */
export interface SbatchLauncherOptions extends Omit<WorkerSubmitterOptions, "workers" | "log"> {
  /** Takes trouble and pauses, until a controller sets its own. */
  log: RunLog;
  /**
   * Whether jobs can be submitted from here.
   *
   * @default {true}
   */
  canSubmit?: boolean | undefined;
}

/** Starts the workers of a run as Slurm jobs. */
export class SbatchLauncher implements WorkerLauncher {
  readonly canSubmit: boolean;
  log: RunLog;
  /** The workers that there are. */
  readonly workers: WorkerJobs;
  /** The job that takes up the run when no worker is left. */
  readonly standby: StandbyController;
  readonly #runtime: Runtime;
  readonly #patienceMs: number | undefined;
  readonly #submitter: WorkerSubmitter;
  readonly #cancelled = new Set<string>();
  #failure: { error: unknown } | undefined;
  #looking: Promise<unknown> | undefined;

  /** Asks nothing yet. */
  constructor(runtime: Runtime, options: SbatchLauncherOptions) {
    const { client, specs, canSubmit = true, patienceMs } = options;
    this.#runtime = runtime;
    this.#patienceMs = patienceMs;
    this.canSubmit = canSubmit;
    this.log = options.log;
    const log = { warn: (text: string): void => this.log.warn(text) };
    const workers = this.workers = new WorkerJobs(runtime, { ...options, log });
    const submitter = this.#submitter = new WorkerSubmitter(runtime, { ...options, workers, log });
    this.standby = new StandbyController({ client, specs, workers, submitter, log });
  }

  async submit(request: WorkerRequest, signal: AbortSignal): Promise<SubmitAnswer> {
    if (!this.canSubmit) return { taken: 0 };
    this.standby.exclude = request.exclude;
    try {
      const taken = await this.#submitter.submit(request, signal);
      if (taken === request.count) return { taken };
      const error = new SlurmError(`a limit lets in ${taken} of ${request.count} workers`);
      return { taken, refusal: { kind: "limit", error } };
    } catch (error) {
      signal.throwIfAborted();
      return {
        taken: 0,
        refusal: {
          kind: "refused",
          error: error instanceof Error ? error : new SlurmError(errorText(error)),
        },
      };
    }
  }

  async jobs(signal: AbortSignal): Promise<JobsAnswer> {
    this.#rethrow();
    await waitAtMost(this.#runtime.machine.clock, this.#look(signal), this.#patienceMs, signal);
    await this.standby.refresh(signal);
    return { jobs: this.workers.known.filter((worker) => !isStandby(worker)) };
  }

  async cancelPending(keys: readonly string[]): Promise<void> {
    const wanted = new Set(keys);
    const { workers } = this;
    await workers.cancel(workers.known.filter(({ key }) => wanted.has(key)), { pendingOnly: true });
  }

  async cancelAll(): Promise<void> {
    this.standby.forget();
    await this.#submitter.settled();
    for (const key of await this.workers.cancelAll()) this.#cancelled.add(key);
  }

  async keepStandby(alive: readonly string[], signal: AbortSignal): Promise<void> {
    if (this.canSubmit) await this.standby.keep(alive, signal);
  }

  /**
   * Cancels the standby: when the run has ended, or its controller leaves, there is nothing to be taken up.
   */
  async close(): Promise<void> {
    await this.standby.cancel();
  }

  /** The number of workers that were cancelled with all others. */
  get cancelled(): number {
    return this.#cancelled.size;
  }

  /** Throws what went wrong in the background since the last call. */
  #rethrow(): void {
    const failure = this.#failure;
    this.#failure = undefined;
    if (failure) throw failure.error;
    this.#submitter.rethrow();
  }

  #look(signal: AbortSignal): Promise<unknown> {
    return this.#looking ??= this.workers.look(signal)
      .catch((error) => {
        if (!signal.aborted) this.#failure ??= { error };
      })
      .finally(() => this.#looking = undefined);
  }
}
