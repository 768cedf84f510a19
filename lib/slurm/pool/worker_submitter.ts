import { abortable } from "@std/async/abortable";
import type { RunLog } from "../../core/run_log.ts";
import type { LateRefusal, Refusal, SubmitAnswer, WorkerRequest } from "../../pool/launcher.ts";
import type { QueuePaths } from "../../queue/layout.ts";
import type { PoolRun } from "../../remote/run_record.ts";
import type { Runtime } from "../../run/runtime.ts";
import { RECORD_SCHEMA } from "../../store/layout.ts";
import type { SlurmClient } from "../client/client.ts";
import { poolWorkerCommand } from "../client/job_command.ts";
import type { SlurmConfig } from "../client/parse_config.ts";
import type { ParsedSpec } from "../client/spec.ts";
import { SubmitLimitError, SubmitRefusedError } from "../client/submit.ts";
import { submitRecorded, type WorkerSubmission } from "../jobs/submissions.ts";
import { clusterOfSpec, nodesForSpec } from "../run/spec_clusters.ts";
import { ArraySizes } from "./array_sizes.ts";
import { waitAtMost } from "./wait_at_most.ts";
import type { WorkerJobs } from "./worker_jobs.ts";

/** What a {@link WorkerSubmitter} works with. */
export interface WorkerSubmitterOptions {
  /** Asks Slurm. */
  client: SlurmClient;
  /** Where everything of the run is. */
  paths: QueuePaths;
  /** The run. */
  run: Pick<PoolRun, "runId" | "entry" | "code" | "config" | "cluster">;
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
   * @default {1000}
   */
  patienceMs?: number | undefined;
}

/** Options of {@link WorkerSubmitter.submit}. */
export interface SubmitWorkers {
  /** `"answered"`: waits for sbatch's answer, however slow it is. */
  until?: "answered" | undefined;
}

/** Workers to be submitted. */
export interface WorkersToSubmit extends WorkerRequest {
  /**
   * Makes it a standby controller, which waits for the ends of these jobs.
   *
   * @default {undefined}
   */
  readonly standbyFor?: readonly string[] | undefined;
}

/** A job that was handed over and that sbatch has not answered for. */
interface OpenJob {
  readonly wanted: WorkersToSubmit;
  readonly submission: WorkerSubmission;
  /** Whether sbatch was given it. */
  asked: boolean;
  /** How it ended: of the workers that it stands for, so many were taken. */
  readonly answer: Promise<SubmitAnswer>;
  resolve(answer: SubmitAnswer): void;
}

/** A few sbatch at a time for each spec: neither a slow one nor many of them hold another spec up. */
const AT_ONCE = 4;

/**
 * Submits workers, each of their jobs once. A job is known from the moment that it is handed over:
 *
 * ```text
 * submit() ---> QUEUED ---> ASKED ---> taken
 *                 |           |------> refused (what is queued of the spec goes with it)
 *                 |           '------> QUEUED, in smaller arrays
 *                 '-------> dropped (refused before its turn, or stopped)
 * ```
 */
export class WorkerSubmitter {
  readonly #runtime: Runtime;
  readonly #options: WorkerSubmitterOptions;
  /** By cluster: how large the arrays are that it takes. */
  readonly #sizes = new Map<string | undefined, ArraySizes>();
  /** By spec: what is handed over and not answered, in its order. */
  readonly #open = new Map<string, OpenJob[]>();
  /** Refusals that no caller of {@link WorkerSubmitter.submit} was told. */
  #late: LateRefusal[] = [];
  readonly #stopping = new AbortController();
  #order = 0;

  /** Submits nothing yet. */
  constructor(runtime: Runtime, options: WorkerSubmitterOptions) {
    this.#runtime = runtime;
    this.#options = options;
  }

  /** Whether it turned out that this node has no sbatch. */
  hasNoSbatch = false;

  /** Resolves when sbatch has answered for all. */
  async settled(): Promise<void> {
    for (let open = this.#all(); open.length > 0; open = this.#all()) {
      await Promise.all(open.map(({ answer }) => answer));
    }
  }

  /** The names of the jobs that sbatch was given and has not answered for. */
  get unanswered(): string[] {
    return this.#all().filter(({ asked }) => asked).map(({ submission }) => submission.name);
  }

  /**
   * Takes back jobs that sbatch was not given yet.
   *
   * @param names Their names.
   * @returns The answers for those of them that it was given.
   */
  withdraw(names: ReadonlySet<string>): Map<string, Promise<unknown>> {
    const jobs = this.#all().filter(({ submission }) => names.has(submission.name));
    for (const job of jobs) if (!job.asked) this.#over(job, { taken: 0 });
    return new Map(
      jobs.filter(({ asked }) => asked).map(({ submission, answer }) => [submission.name, answer]),
    );
  }

  /** Refusals of workers that had counted as taken, each once. */
  takeRefused(): LateRefusal[] {
    const told = this.#late;
    this.#late = [];
    return told;
  }

  /** Gives sbatch nothing more. What it was given already is let finish. */
  stop(reason: unknown): void {
    this.#stopping.abort(reason);
    for (const open of this.#open.values()) {
      for (const job of [...open]) if (!job.asked) this.#over(job, { taken: 0 });
    }
  }

  /**
   * Hands workers to sbatch, in as few jobs as Slurm allows, and waits a moment for its answer.
   *
   * @returns How many are on their way or were taken.
   * @throws {StoreError} If the journal is damaged.
   * @throws The signal's reason when it aborts.
   */
  async submit(
    wanted: WorkersToSubmit,
    signal: AbortSignal,
    { until }: SubmitWorkers = {},
  ): Promise<SubmitAnswer> {
    const { clock } = this.#runtime.machine;
    const { patienceMs = 1000, workers } = this.#options;
    const sizes = await this.#sizesOf(wanted.spec).of(wanted.count, clock, patienceMs, signal);
    const ends = (await workers.journal.read()).map(({ submission }) => submission.order + submission.count);
    signal.throwIfAborted();
    this.#stopping.signal.throwIfAborted();
    this.#order = Math.max(this.#order, ...ends);
    const jobs = sizes.map((count) => this.#hand({ ...wanted, count }));
    const known = new Map<OpenJob, SubmitAnswer>();
    const answers = jobs.map((job) => job.answer.then((answer) => void known.set(job, answer)));
    this.#next(wanted.spec);
    try {
      const all = Promise.all(answers);
      await (until === "answered" ? abortable(all, signal) : waitAtMost(clock, all, patienceMs, signal));
    } finally {
      const later = jobs.filter((job) => !known.has(job));
      Promise.all(later.map(({ answer }) => answer)).then((late) => this.#noteLate(wanted.spec, later, late));
    }
    return sum(jobs.map((job) => known.get(job) ?? unanswered(job.wanted)));
  }

  #noteLate(spec: string, jobs: readonly OpenJob[], answers: readonly SubmitAnswer[]): void {
    const { taken, refusal } = sum(answers);
    const count = jobs.reduce((all, { wanted }) => all + wanted.count, 0) - taken;
    if (refusal) this.#late.push({ spec, count, refusal });
  }

  #sizesOf(spec: string): ArraySizes {
    const { client, specs } = this.#options;
    const cluster = specs[spec]?.cluster;
    const config = async (): Promise<SlurmConfig> => await (await client.at(cluster)).config();
    const sizes = this.#sizes.get(cluster) ?? new ArraySizes({ config });
    this.#sizes.set(cluster, sizes);
    return sizes;
  }

  #all(): OpenJob[] {
    return [...this.#open.values()].flat();
  }

  /** From here on it is among the workers. */
  #hand(wanted: WorkersToSubmit): OpenJob {
    const { promise: answer, resolve } = Promise.withResolvers<SubmitAnswer>();
    const job = { wanted, submission: this.#submission(wanted), asked: false, answer, resolve };
    const { spec } = wanted;
    this.#open.set(spec, [...this.#open.get(spec) ?? [], job]);
    this.#options.workers.submitting.set(job.submission.name, job.submission);
    return job;
  }

  #over(job: OpenJob, answer: SubmitAnswer): void {
    this.#remove(job);
    job.resolve(answer);
    this.#next(job.wanted.spec);
  }

  #remove(job: OpenJob): void {
    const { wanted: { spec }, submission: { name } } = job;
    this.#open.set(spec, (this.#open.get(spec) ?? []).filter((each) => each !== job));
    this.#options.workers.submitting.delete(name);
  }

  /** Gives sbatch what is next of a spec. */
  #next(spec: string): void {
    const open = this.#open.get(spec) ?? [];
    let asked = open.filter((job) => job.asked).length;
    for (const job of open) {
      if (job.asked || asked >= AT_ONCE || this.#stopping.signal.aborted) continue;
      job.asked = true;
      asked++;
      this.#ask(job);
    }
  }

  async #ask(job: OpenJob): Promise<void> {
    const { wanted: { spec, count } } = job;
    try {
      await this.#sbatch(job);
    } catch (error) {
      if (this.#stopping.signal.aborted) return this.#over(job, { taken: 0 });
      if (this.#sizesOf(spec).refused(error, count)) return this.#inParts(job);
      const isSure = error instanceof SubmitLimitError || error instanceof SubmitRefusedError;
      // The same would be said of those that wait behind it.
      for (const other of this.#open.get(spec) ?? []) if (!other.asked) this.#over(other, { taken: 0 });
      // One that may be in Slurm is looked for by its name.
      const answer = isSure ? { taken: 0 } : unanswered({ count });
      this.#over(job, { ...answer, refusal: this.#refusal(error) });
    }
  }

  /** Where a site takes no arrays of that size. They are known before it is forgotten. */
  #inParts(job: OpenJob): void {
    const { wanted, wanted: { count, spec }, resolve } = job;
    const parts = this.#sizesOf(spec).split(count).map((size) => this.#hand({ ...wanted, count: size }));
    Promise.all(parts.map(({ answer }) => answer)).then((answers) => resolve(sum(answers)));
    this.#remove(job);
    this.#next(spec);
  }

  #refusal(error: unknown): Refusal {
    const { refusalHint } = this.#options;
    if (error instanceof SubmitLimitError) return { kind: "limit", error };
    if (refusalHint === undefined || !(error instanceof SubmitRefusedError)) {
      return { kind: "refused", error: error instanceof Error ? error : new Error(`${error}`) };
    }
    this.hasNoSbatch ||= /there is no program 'sbatch'/.test(error.message);
    const hinted = new SubmitRefusedError(`${error.message}; ${refusalHint}`, { cause: error });
    return { kind: "refused", error: hinted };
  }

  #submission({ spec, count, standbyFor }: WorkersToSubmit): WorkerSubmission {
    const { run: { runId, cluster: own }, specs, term } = this.#options;
    const cluster = clusterOfSpec({ cluster: own, specs }, spec);
    const { machine } = this.#runtime;
    const order = this.#order;
    this.#order += count;
    return {
      schema: RECORD_SCHEMA,
      name: jobName(runId, standbyFor === undefined ? spec : "standby", machine.randomId()),
      spec,
      ...(cluster === undefined ? {} : { cluster }),
      count,
      array: count > 1,
      order,
      term,
      heir: standbyFor !== undefined,
      submitter: machine.self,
      at: new Date(machine.clock.now()).toISOString(),
    };
  }

  async #sbatch(open: OpenJob): Promise<void> {
    const { submission, wanted: { spec, exclude, count, standbyFor } } = open;
    const { run, paths, client, specs, workers, log } = this.#options;
    const { name } = submission;
    await submitRecorded(this.#runtime, client, {
      name,
      title: `furu: workers of run ${run.runId}, spec ${spec}`,
      command: poolWorkerCommand(run, { run: paths.run, spec, job: name }),
      folder: workers.logDir(spec),
      submits: true,
      spec: withoutNodes(specs[spec]!, nodesForSpec(exclude, { cluster: run.cluster, specs }, spec)),
      afterAny: standbyFor,
      requeue: false,
      array: count > 1 ? `0-${count - 1}` : undefined,
      limitMs: 0,
      signal: this.#stopping.signal,
      onWait: ({ text, waitMs }) => log.warn(`workers are submitted again in ${waitMs / 1000} s: ${text}`),
    }, {
      ...workers.journal.recordOf(submission),
      confirm: async (job) => {
        await workers.journal.confirm(name, job);
        this.#over(open, { taken: count });
      },
    });
  }
}

/** A job's name, which people see in squeue: unique for ever by its random end. */
export function jobName(runId: string, what: string, random: string): string {
  const word = what.replaceAll(/[^A-Za-z0-9_-]+/g, "-").slice(0, 64);
  return `furu-${runId.slice(-6)}-${word}-${random}`;
}

function sum(answers: readonly SubmitAnswer[]): SubmitAnswer {
  const taken = answers.reduce((all, each) => all + each.taken, 0);
  const open = answers.reduce((all, each) => all + (each.open ?? 0), 0);
  const refusal = answers.find((each) => each.refusal)?.refusal;
  return { taken, ...(open > 0 ? { open } : {}), ...(refusal ? { refusal } : {}) };
}

/** They are among the jobs, and may yet be refused. */
function unanswered({ count }: Pick<WorkersToSubmit, "count">): SubmitAnswer {
  return { taken: count, open: count };
}

function withoutNodes(spec: ParsedSpec, exclude: readonly string[]): ParsedSpec {
  if (exclude.length === 0) return spec;
  return { ...spec, exclude: [...(spec.exclude === undefined ? [] : [spec.exclude]), ...exclude].join(",") };
}
