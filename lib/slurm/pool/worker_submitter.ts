import type { RunLog } from "../../core/run_log.ts";
import type { Clock } from "../../core/system/clock.ts";
import type { WorkerRequest } from "../../pool/launcher.ts";
import type { QueuePaths } from "../../queue/layout.ts";
import type { PoolRun } from "../../remote/run_record.ts";
import type { Runtime } from "../../run/runtime.ts";
import { RECORD_SCHEMA } from "../../store/record.ts";
import type { SlurmClient } from "../client/client.ts";
import { poolWorkerCommand } from "../client/job_command.ts";
import { arrayRanges } from "../client/job_options.ts";
import type { ParsedSpec } from "../client/spec.ts";
import { SubmitLimitError, SubmitRefusedError } from "../client/submit.ts";
import { submitRecorded, type WorkerSubmission } from "../jobs/submissions.ts";
import type { WorkerJobs } from "./worker_jobs.ts";

/** What a {@link WorkerSubmitter} works with. */
export interface WorkerSubmitterOptions {
  /** Asks Slurm. */
  client: SlurmClient;
  /** Where everything of the run is. */
  paths: QueuePaths;
  /** The run. */
  run: Pick<PoolRun, "runId" | "entry" | "code" | "config">;
  /** The jobs that its specs stand for. */
  specs: Readonly<Record<string, ParsedSpec>>;
  /** The term of the controller that submits them. 0 for a worker that is no controller yet. */
  term: number;
  /** The workers that there are. */
  workers: WorkerJobs;
  /** Added to the words of an sbatch that refuses. */
  refusalHint?: string | undefined;
  /** Takes trouble and pauses. */
  log: Pick<RunLog, "warn">;
  /**
   * Milliseconds to wait for an answer of Slurm before going on without it.
   *
   * @default {2000}
   */
  patienceMs?: number | undefined;
}

/** Workers to be submitted. */
export interface Submitted extends WorkerRequest {
  /**
   * Makes it a standby controller, which waits for the ends of these jobs.
   *
   * @default {undefined}
   */
  readonly standbyFor?: readonly string[] | undefined;
}

/** One job of them. */
type OneJob = Submitted & { readonly array: string | undefined };

/** Pauses while a limit of the site lets in no more workers: the first one, and the longest one. */
const FIRST_PAUSE_MS = 2000;
const LONGEST_PAUSE_MS = 60_000;

/** Submits workers, each of their jobs once. */
export class WorkerSubmitter {
  readonly #runtime: Runtime;
  readonly #options: WorkerSubmitterOptions;
  /** Submissions that sbatch has not answered for. */
  readonly #open = new Map<string, Promise<"taken" | "limit">>();
  #failure: { error: unknown } | undefined;
  #maxArraySize: number | undefined;
  #pause = { until: -Infinity, ms: 0 };

  /** Submits nothing yet. */
  constructor(runtime: Runtime, options: WorkerSubmitterOptions) {
    this.#runtime = runtime;
    this.#options = options;
  }

  /** Resolves when sbatch has answered for all. */
  async settled(): Promise<void> {
    await Promise.all(this.#open.values());
  }

  /**
   * Tells what went wrong in the background.
   *
   * @throws {SlurmError} The first failure since the last call.
   */
  rethrow(): void {
    const failure = this.#failure;
    this.#failure = undefined;
    if (failure) throw failure.error;
  }

  /**
   * Submits workers, in as few jobs as Slurm allows. Where a limit of the site lets in fewer, it submits
   * fewer. While a limit lets in none, it tries nothing for a while: the caller asks again.
   *
   * @returns How many were taken.
   * @throws {SlurmError} In sbatch's own words, also those of an earlier call.
   * @throws The signal's reason when it aborts.
   */
  async submit(wanted: Submitted, signal: AbortSignal): Promise<number> {
    this.rethrow();
    const { clock } = this.#runtime.machine;
    let taken = 0;
    if (clock.monotonic() < this.#pause.until) return taken;
    for (const range of await this.#ranges(wanted.count, signal)) {
      const some = await this.#submitSome({ ...wanted, ...range }, signal);
      taken += some;
      if (some < range.count) break;
    }
    return taken;
  }

  /** Divides workers into jobs. */
  async #ranges(count: number, signal: AbortSignal): Promise<Pick<OneJob, "count" | "array">[]> {
    if (count === 1) return [{ count, array: undefined }];
    this.#maxArraySize ??= (await this.#options.client.config(signal)).maxArraySize;
    const ranges = arrayRanges(count, this.#maxArraySize);
    if (ranges.length === 0) return Array.from({ length: count }, () => ({ count: 1, array: undefined }));
    return ranges.map((array) => Number(array.split("-")[1]) + 1).map((size) => ({
      count: size,
      array: rangeOf(size),
    }));
  }

  /**
   * Submits one job. Where a limit refuses it, half of it, and so on.
   *
   * @returns How many were taken.
   */
  async #submitSome(wanted: OneJob, signal: AbortSignal): Promise<number> {
    for (let { count, array } = wanted;; count = Math.floor(count / 2), array = rangeOf(count)) {
      if (await this.#submitOne({ ...wanted, count, array }, signal) === "taken") return count;
      if (count === 1) return 0;
    }
  }

  async #submitOne(job: OneJob, signal: AbortSignal): Promise<"taken" | "limit"> {
    signal.throwIfAborted();
    const { machine: { clock } } = this.#runtime;
    const { workers: { submitting }, patienceMs } = this.#options;
    const submission = await this.#submission(job);
    const { name } = submission;
    const work = this.#sbatch(submission, job, signal).then(() => "taken" as const, (error) => {
      if (error instanceof SubmitLimitError) {
        if (job.count === 1) this.#rest(error);
        return "limit";
      }
      if (!signal.aborted) this.#failure ??= { error: this.#hinted(error) };
      return "taken";
    }).finally(() => {
      this.#open.delete(name);
      submitting.delete(name);
    });
    this.#open.set(name, work);
    submitting.add(name);
    await waitAtMost(clock, work, patienceMs, signal);
    this.rethrow();
    return this.#open.has(name) ? "taken" : await work;
  }

  #hinted(error: unknown): unknown {
    const { refusalHint } = this.#options;
    if (refusalHint === undefined || !(error instanceof SubmitRefusedError)) return error;
    return new SubmitRefusedError(`${error.message}; ${refusalHint}`, { cause: error });
  }

  #rest(error: SubmitLimitError): void {
    const { until, ms } = this.#pause;
    const now = this.#runtime.machine.clock.monotonic();
    const isNew = now - until > LONGEST_PAUSE_MS;
    this.#pause.ms = isNew ? FIRST_PAUSE_MS : Math.min(2 * ms, LONGEST_PAUSE_MS);
    this.#pause.until = now + this.#pause.ms;
    if (isNew) this.#options.log.warn(`there are no more workers for now: ${error.message}`);
  }

  async #submission({ spec, count, array, standbyFor }: OneJob): Promise<WorkerSubmission> {
    const { run: { runId }, term, workers } = this.#options;
    const { machine } = this.#runtime;
    const ends = (await workers.journal.read()).map(({ submission }) => submission.order + submission.count);
    return {
      schema: RECORD_SCHEMA,
      name: `furu-${runId.slice(-6)}-${term}-${machine.randomId()}`,
      spec,
      count,
      array: array !== undefined,
      order: Math.max(0, ...ends),
      term,
      heir: standbyFor !== undefined,
      submitter: machine.self,
      at: new Date(machine.clock.now()).toISOString(),
    };
  }

  async #sbatch(
    submission: WorkerSubmission,
    { spec, exclude, array, standbyFor }: OneJob,
    signal: AbortSignal,
  ): Promise<void> {
    const { run, paths, client, specs, workers, log } = this.#options;
    const { name } = submission;
    await submitRecorded(this.#runtime, client, {
      name,
      title: `furu: workers of run ${run.runId}, spec ${spec}`,
      command: poolWorkerCommand(run, { run: paths.run, spec, job: name }),
      folder: workers.logDir(spec),
      spec: withoutNodes(specs[spec]!, exclude),
      afterAny: standbyFor,
      requeue: false,
      array,
      limitMs: 0,
      signal,
      onWait: ({ text, waitMs }) => log.warn(`workers are submitted again in ${waitMs / 1000} s: ${text}`),
    }, workers.journal.recordOf(submission));
  }
}

/**
 * Waits for some work, but not for long. The work goes on by itself then.
 *
 * @param ms How long, in milliseconds.
 * @throws What the work throws meanwhile; the signal's reason when it aborts.
 */
export async function waitAtMost(
  clock: Clock,
  work: Promise<unknown>,
  ms = 2000,
  signal: AbortSignal,
): Promise<void> {
  const enough = new AbortController();
  const pause = clock.sleep(ms, AbortSignal.any([signal, enough.signal]));
  try {
    await Promise.race([work, pause]);
  } finally {
    enough.abort();
    pause.catch(() => {/* it was ended */});
  }
}

/** The indices of an array of so many tasks. A single one is no array. */
function rangeOf(count: number): string | undefined {
  return count > 1 ? `0-${count - 1}` : undefined;
}

function withoutNodes(spec: ParsedSpec, exclude: readonly string[]): ParsedSpec {
  if (exclude.length === 0) return spec;
  return { ...spec, exclude: [...(spec.exclude === undefined ? [] : [spec.exclude]), ...exclude].join(",") };
}
