import type { Shortage } from "../../core/attempt_end.ts";
import { errorCode, errorText } from "../../core/errors.ts";
import type { RunLog } from "../../core/run_log.ts";
import type {
  JobsAnswer,
  SubmitAnswer,
  WorkerJob,
  WorkerLauncher,
  WorkerRequest,
} from "../../pool/launcher.ts";
import type { Runtime } from "../../run/runtime.ts";
import type { SlurmJob } from "../../store/record.ts";
import { plural } from "../../ui/text.ts";
import { memoryKill } from "../client/job_log.ts";
import { isStandby, StandbyController } from "./standby.ts";
import { waitAtMost } from "./wait_at_most.ts";
import { type TrackedWorker, WorkerJobs, type WorkerJobsOptions } from "./worker_jobs.ts";
import { type SubmitWorkers, WorkerSubmitter, type WorkerSubmitterOptions } from "./worker_submitter.ts";

/** What a {@link SbatchLauncher} works with. */
export interface SbatchLauncherOptions extends Omit<WorkerSubmitterOptions, "workers" | "log" | "run"> {
  /** The run. */
  run: WorkerSubmitterOptions["run"] & WorkerJobsOptions["run"];
  /** Takes trouble and pauses, until a controller sets its own. */
  log: RunLog;
  /**
   * The job that this process runs in.
   *
   * @default {none}
   */
  own?: SlurmJob | undefined;
  /**
   * Whether jobs can be submitted from here.
   *
   * @default {true}
   */
  canSubmit?: boolean | undefined;
  /**
   * Milliseconds for which those who cancel wait for an sbatch that does not answer. It has a limit of its
   * own, the client's.
   *
   * @default {90000}
   */
  answerLimitMs?: number | undefined;
}

/** People are told what is waited for after so many milliseconds. */
const WORD_MS = 5000;

/** Starts the workers of a run as Slurm jobs. */
export class SbatchLauncher implements WorkerLauncher {
  log: RunLog;
  /** The workers that there are. */
  readonly workers: WorkerJobs;
  /** The job that takes up the run when no worker is left. */
  readonly standby: StandbyController;
  readonly #runtime: Runtime;
  readonly #options: SbatchLauncherOptions;
  readonly #submitter: WorkerSubmitter;
  readonly #cancelled = new Set<string>();
  /** Keys of the workers that are to be cancelled when sbatch has answered for them. */
  readonly #recalled = new Set<string>();

  /** Asks nothing yet. */
  constructor(runtime: Runtime, options: SbatchLauncherOptions) {
    const { client, specs, run: { cluster }, own } = options;
    this.#runtime = runtime;
    this.#options = options;
    this.log = options.log;
    const log = { warn: (text: string): void => this.log.warn(text) };
    const workers = this.workers = new WorkerJobs(runtime, { ...options, log });
    const submitter = this.#submitter = new WorkerSubmitter(runtime, { ...options, workers, log });
    const { clock } = runtime.machine;
    this.standby = new StandbyController({ client, cluster, own, specs, workers, submitter, clock, log });
  }

  get canSubmit(): boolean {
    const { canSubmit = true } = this.#options;
    return canSubmit && !this.#submitter.hasNoSbatch;
  }

  async submit(request: WorkerRequest, signal: AbortSignal, how: SubmitWorkers = {}): Promise<SubmitAnswer> {
    if (!this.canSubmit) return { taken: 0 };
    this.standby.exclude = request.exclude;
    return await this.#submitter.submit(request, signal, how);
  }

  async jobs(signal: AbortSignal): Promise<JobsAnswer> {
    const workers = await this.workers.look();
    if (this.canSubmit) this.standby.refresh(signal).catch(() => {/* it was stopped */});
    return {
      jobs: workers.filter((worker) => !isStandby(worker)).map((worker) =>
        this.#recalled.has(worker.key) ? { ...worker, recalled: true } : worker
      ),
      refused: this.#submitter.takeRefused(),
      silence: this.workers.silence,
    };
  }

  learn(key: string, job: SlurmJob): void {
    this.workers.learn(key, job).catch((error) => this.log.warn(errorText(error)));
  }

  async lackOf({ log }: WorkerJob): Promise<{ lack: Shortage; words: string } | undefined> {
    if (log === undefined) return undefined;
    try {
      const words = memoryKill(await this.#runtime.machine.files.readText(log));
      return words === undefined ? undefined : { lack: "memory", words };
    } catch (error) {
      if (errorCode(error) === undefined) throw error;
      return undefined;
    }
  }

  async cancelPending(keys: readonly string[]): Promise<"later" | void> {
    const wanted = new Set(keys);
    const chosen = (workers: readonly TrackedWorker[]): TrackedWorker[] =>
      workers.filter(({ key }) => wanted.has(key));
    const there = chosen(await this.workers.look());
    const names = new Set(there.map(({ entry }) => entry.submission.name));
    // They are cancelled when sbatch has told their ids.
    for (const [name, answer] of this.#submitter.withdraw(names)) {
      const their = there.filter(({ entry, key }) =>
        entry.submission.name === name && !this.#recalled.has(key)
      ).map(({ key }) => key);
      for (const key of their) this.#recalled.add(key);
      answer.then(() => this.cancelPending(their)).catch((error) => this.log.warn(errorText(error)))
        .finally(() => their.forEach((key) => this.#recalled.delete(key)));
    }
    const known = there.filter(({ entry }) => entry.job);
    const { left } = await this.workers.cancel(known, { pendingOnly: true });
    if (left !== undefined) this.log.warn(left);
    if (there.some(({ key }) => this.#recalled.has(key))) return "later";
  }

  async cancelAll(): Promise<void> {
    this.standby.forget();
    this.#submitter.stop(new Error("all workers are cancelled"));
    await this.#cancelKnown();
    const late = this.#submitter.unanswered;
    if (late.length === 0) return;
    await this.#answered("to cancel them");
    await this.#cancelKnown();
    const never = this.#submitter.unanswered;
    if (never.length === 0) return;
    this.log.warn(
      `sbatch does not answer for ${
        plural(never.length, "job")
      }, which may still come: they will find the run ` +
        `ended and leave; cancel them with: scancel --name=${never.join(",")}`,
    );
  }

  async keepStandby(alive: readonly string[], signal: AbortSignal): Promise<void> {
    if (!this.canSubmit) return;
    const { patienceMs = WORD_MS } = this.#options;
    await waitAtMost(this.#runtime.machine.clock, this.standby.keep(alive, signal), patienceMs, signal);
  }

  /**
   * Cancels what this process itself has submitted.
   *
   * @throws {SlurmError} In scancel's own words.
   */
  async cancelOwn(): Promise<void> {
    this.standby.forget();
    this.#submitter.stop(new Error("what was submitted is cancelled"));
    await this.#answered("to cancel them");
    const own = (await this.workers.alive()).filter(({ entry }) => this.workers.isOwn(entry));
    const { left } = await this.workers.cancel(own);
    if (left !== undefined) this.log.warn(left);
  }

  /**
   * Cancels the standby: when the run has ended, or its controller leaves, there is nothing to be taken up.
   */
  async close(): Promise<void> {
    await this.#answered("before this ends");
    await this.standby.cancel();
  }

  /** The number of workers that were cancelled with all others. */
  get cancelled(): number {
    return this.#cancelled.size;
  }

  async #cancelKnown(): Promise<void> {
    const { keys, left } = await this.workers.cancelAll();
    for (const key of keys) this.#cancelled.add(key);
    if (left !== undefined) this.log.warn(left);
  }

  /** Waits for sbatch's answers, but not for ever. */
  async #answered(why: string): Promise<void> {
    const { clock } = this.#runtime.machine;
    const { answerLimitMs = 90_000 } = this.#options;
    const settled = this.#submitter.settled();
    if (await waitAtMost(clock, settled, Math.min(WORD_MS, answerLimitMs))) return;
    const open = this.#submitter.unanswered.length;
    this.log.info(`sbatch has not answered for ${plural(open, "job")} yet: it is waited for, ${why}`);
    await waitAtMost(clock, settled, Math.max(0, answerLimitMs - WORD_MS));
  }
}
