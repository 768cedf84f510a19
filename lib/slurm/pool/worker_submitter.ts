import type { PoolRun } from "../../remote/pool_run.ts";
import type { WorkerRequest } from "../../pool/launcher.ts";
import type { QueuePaths } from "../../queue/layout.ts";
import type { Runtime } from "../../run/runtime.ts";
import { RECORD_SCHEMA } from "../../store/record.ts";
import { arrayRanges, jobOptions } from "../client/job_options.ts";
import type { SlurmClient } from "../client/client.ts";
import { poolWorkerCommand } from "../client/job_command.ts";
import { probeCommand } from "../../worker/command.ts";
import { logPattern, scriptPath } from "../client/job_log.ts";
import { patiently } from "../client/patiently.ts";
import type { PoolJournal } from "./pool_journal.ts";
import { batchScript } from "../client/script.ts";
import type { ParsedSpec } from "../client/spec.ts";
import { SubmitLimitError, SubmitRefusedError } from "../client/submit.ts";

/** What a {@link WorkerSubmitter} works with. */
export interface WorkerSubmitterOptions {
  /** Asks Slurm. */
  client: SlurmClient;
  /** Where everything of the run is. */
  paths: QueuePaths;
  /** The run. */
  run: Pick<PoolRun, "runId" | "entry" | "code" | "config">;
  /** What jobs its specs stand for. */
  specs: Readonly<Record<string, ParsedSpec>>;
  /** The how-manieth controller of the run has them submitted; 0 for whoever only cancels. */
  term: number;
  /** What was submitted. */
  journal: PoolJournal;
  /** The folder of the workers' output and scripts. */
  logDir: (spec: string) => string;
  /** Added to the words of an sbatch that refuses. */
  refusalHint?: string;
  /** Told of trouble and of pauses, for people. */
  onWarning: (text: string) => void;
  /** Milliseconds that an answer is waited for before things go on without it. @default 2000 */
  patienceMs?: number;
}

/** Workers to be submitted. */
export interface Submitted extends WorkerRequest {
  /** It waits for the ends of these jobs first. @default for none */
  readonly heirOf?: readonly string[];
}

/** One job of them. */
type OneJob = Submitted & { readonly array: string | undefined };

/** While a limit of the site lets in no more workers, it is tried again after so long at first, and at most. */
const FIRST_PAUSE_MS = 2000;
const LONGEST_PAUSE_MS = 60_000;

/** Submits workers, each of their jobs once, and written down before. */
export class WorkerSubmitter {
  readonly #runtime: Runtime;
  readonly #options: WorkerSubmitterOptions;
  /** Jobs that sbatch was given and has not answered for. */
  readonly #open = new Map<string, Promise<"taken" | "limit">>();
  #failure: { error: unknown } | undefined;
  #maxArraySize: number | undefined;
  #pause = { until: -Infinity, ms: 0 };

  /** Submits nothing yet. */
  constructor(runtime: Runtime, options: WorkerSubmitterOptions) {
    this.#runtime = runtime;
    this.#options = options;
  }

  /** Names of the jobs that sbatch was given and has not answered for. */
  get open(): ReadonlySet<string> {
    return new Set(this.#open.keys());
  }

  /** Resolves when sbatch has answered for all. */
  async settled(): Promise<void> {
    await Promise.all(this.#open.values());
  }

  /** Throws what went wrong since the last call. */
  rethrow(): void {
    const failure = this.#failure;
    this.#failure = undefined;
    if (failure) throw failure.error;
  }

  /**
   * Submits workers, in as few jobs as Slurm allows. Where a limit of the site lets in fewer, it is fewer; while it lets in
   * none nothing is tried for a while: whoever scales asks again.
   *
   * @returns How many were taken.
   * @throws {SlurmError} with sbatch's own words, also those of an earlier call. The signal's reason when it aborts.
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

  /** In which jobs so many workers are submitted. */
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

  /** Submits one job; where a limit refuses it, half of it, and so on. @returns How many were taken. */
  async #submitSome(wanted: OneJob, signal: AbortSignal): Promise<number> {
    for (let { count, array } = wanted;; count = Math.floor(count / 2), array = rangeOf(count)) {
      if (await this.#submitOne({ ...wanted, count, array }, signal) === "taken") return count;
      if (count === 1) return 0;
    }
  }

  async #submitOne(job: OneJob, signal: AbortSignal): Promise<"taken" | "limit"> {
    signal.throwIfAborted();
    const { machine: { clock } } = this.#runtime;
    const name = await this.#announce(job);
    const work = this.#sbatch(name, job, signal).then(() => "taken" as const, async (error) => {
      const isNot = error instanceof SubmitLimitError || error instanceof SubmitRefusedError;
      if (isNot) await this.#options.journal.retract(name);
      if (error instanceof SubmitLimitError) {
        if (job.count === 1) this.#rest(error);
        return "limit";
      }
      if (!signal.aborted) this.#failure ??= { error: this.#hinted(error) };
      return "taken";
    }).finally(() => this.#open.delete(name));
    this.#open.set(name, work);
    await patiently(clock, work, { ms: this.#options.patienceMs, signal });
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
    if (isNew) this.#options.onWarning(`there are no more workers for now: ${error.message}`);
  }

  async #announce({ spec, count, array, heirOf }: OneJob): Promise<string> {
    const { run: { runId }, term, journal } = this.#options;
    const { machine } = this.#runtime;
    const name = `furu-${runId.slice(-6)}-${term}-${machine.randomId()}`;
    const ends = (await journal.read()).map(({ submission }) => submission.order + submission.count);
    await journal.announce({
      schema: RECORD_SCHEMA,
      name,
      spec,
      count,
      array: array !== undefined,
      order: Math.max(0, ...ends),
      term,
      heir: heirOf !== undefined,
      submitter: machine.self,
      at: new Date(machine.clock.now()).toISOString(),
    });
    return name;
  }

  async #sbatch(
    name: string,
    { spec, exclude, array, heirOf = [] }: OneJob,
    signal: AbortSignal,
  ): Promise<void> {
    const { run, paths, client, specs, journal, logDir, onWarning } = this.#options;
    const { store, machine } = this.#runtime;
    const parsed = withoutNodes(specs[spec]!, exclude);
    const folder = logDir(spec);
    const script = scriptPath(folder, name);
    // Slurm says nothing of a missing folder: the job fails.
    await store.makeDir(folder);
    await machine.files.write(
      script,
      batchScript({
        title: `furu: workers of run ${run.runId}, spec ${spec}`,
        setup: parsed.setup,
        command: poolWorkerCommand(run, { run: paths.run, spec, job: name }),
        probe: probeCommand(),
      }),
    );
    const job = await client.submit({
      script,
      name,
      options: jobOptions({
        spec: parsed,
        log: logPattern(folder, name, array !== undefined),
        afterAny: heirOf,
        requeue: false,
        ...(array === undefined ? {} : { array }),
      }),
      limitMs: 0,
      signal,
      onWait: ({ text, waitMs }) => onWarning(`workers are submitted again in ${waitMs / 1000} s: ${text}`),
    });
    await journal.confirm(name, job);
  }
}

/** The indices of so many tasks; a single one is no array. */
function rangeOf(count: number): string | undefined {
  return count > 1 ? `0-${count - 1}` : undefined;
}

function withoutNodes(spec: ParsedSpec, exclude: readonly string[]): ParsedSpec {
  if (exclude.length === 0) return spec;
  return { ...spec, exclude: [...(spec.exclude === undefined ? [] : [spec.exclude]), ...exclude].join(",") };
}
