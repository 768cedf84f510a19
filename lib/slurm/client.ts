import { abortable } from "@std/async/abortable";
import type { Clock } from "../core/clock.ts";
import { SlurmError } from "../core/errors.ts";
import { answered, words } from "./answer.ts";
import { slurmEnvironment } from "./environment.ts";
import { idChunks } from "./id_chunks.ts";
import { parseConfig, parseQueue, QUEUE_FORMAT } from "./parse.ts";
import type { JobEntry, SlurmConfig, SubmittedJob } from "./parse.ts";
import { ACCOUNTING_FORMAT, parseAccounting } from "./parse_accounting.ts";
import { parseJobs } from "./parse_job.ts";
import type { JobDetail } from "./parse_job.ts";
import { parsePartitions, PARTITION_FORMAT } from "./parse_partitions.ts";
import type { Partition } from "./parse_partitions.ts";
import { runProgram } from "./program.ts";
import type { ProgramResult, RunProgram } from "./program.ts";
import { submitJob } from "./submit.ts";
import type { Submission } from "./submit.ts";

/** Options of {@link SlurmClient}. */
export interface SlurmClientOptions {
  /** The environment of this process; what would mislead Slurm's programs is removed from it. */
  env: Readonly<Record<string, string>>;
  /** Time. */
  clock: Clock;
  /** Starts programs. @default the machine's own */
  run?: RunProgram;
  /** Seconds that one program may take. @default 60 */
  timeoutSec?: number;
  /** Seconds between two listings. @default 10 */
  intervalSec?: number;
  /** Seconds for which a submit limit is waited out. @default 86400 */
  limitSec?: number;
  /** Seconds for which trouble on the way to the controller is waited out. @default 600 */
  unclearSec?: number;
  /** The cluster all jobs are on, where the user has several (`-M`). @default the only one */
  cluster?: string;
}

/** All jobs of this user that Slurm remembers, at one moment. */
export interface Listing {
  /** When it was asked for, on the clock's monotonic scale: a job submitted later may be missing in it. */
  at: number;
  /** The jobs. */
  jobs: readonly JobEntry[];
}

/** Starts Slurm's programs; nothing else does. */
export class SlurmClient {
  /** Milliseconds between two listings. */
  readonly intervalMs: number;
  /** Time. */
  readonly clock: Clock;
  readonly #env: Record<string, string>;
  readonly #run: RunProgram;
  readonly #options: SlurmClientOptions;
  #listing: { at: number; answer: Promise<Listing | undefined> } | undefined;
  #hasAccounting: Promise<boolean> | undefined;
  #knowsMe = true;

  /** @param options See {@link SlurmClientOptions}. */
  constructor(options: SlurmClientOptions) {
    this.#options = options;
    this.#env = slurmEnvironment(options.env);
    this.#run = options.run ?? runProgram;
    this.clock = options.clock;
    this.intervalMs = (options.intervalSec ?? 10) * 1000;
  }

  /**
   * Submits a job, once: an unclear answer is cleared up by the job's name, limits are waited out.
   *
   * @throws {SlurmError} with sbatch's own words.
   */
  submit(submission: Submission): Promise<SubmittedJob> {
    const { limitSec = 86_400, unclearSec = 600, cluster } = this.#options;
    return submitJob(submission, {
      clock: this.clock,
      intervalMs: Math.min(this.intervalMs, 5000),
      limitMs: limitSec * 1000,
      unclearMs: unclearSec * 1000,
      sbatch: (args, signal) => this.#start("sbatch", args, signal),
      lookup: (name, signal) => this.lookup(name, signal),
    }).then((job) => cluster === undefined ? job : { ...job, cluster });
  }

  /**
   * All jobs of this user; at most one question per interval, shared by all who ask.
   *
   * @returns `undefined` when Slurm does not answer: then nothing is known of any job.
   */
  list(signal?: AbortSignal): Promise<Listing | undefined> {
    const now = this.clock.monotonic();
    if (!this.#listing || now - this.#listing.at >= this.intervalMs) {
      const answer = this.#queueOfMine().then((jobs) => jobs && { at: now, jobs });
      this.#listing = { at: now, answer };
    }
    const { answer } = this.#listing;
    return signal ? abortable(answer, signal) : answer;
  }

  /**
   * The jobs of a name, whoever submitted them, as far as the site shows those of others.
   *
   * @returns `undefined` when Slurm does not answer.
   */
  lookup(name: string, signal?: AbortSignal): Promise<JobEntry[] | undefined> {
    return this.#queue(`--name=${name}`, signal).then((jobs) => jobs?.filter((job) => job.name === name));
  }

  async #queueOfMine(): Promise<JobEntry[] | undefined> {
    // Not known to versions before 20.11; with it no entry in the user database is needed.
    if (this.#knowsMe) return await this.#queue("--me");
    return await this.#queue(`--user=${Deno.uid()}`);
  }

  async #queue(filter: string, signal?: AbortSignal): Promise<JobEntry[] | undefined> {
    const result = await this.#start("squeue", ["-h", "-r", "-t", "all", filter, "-O", QUEUE_FORMAT], signal);
    if (this.#knowsMe && /unrecognized option '--me'/.test(result.stderr)) {
      this.#knowsMe = false;
      return await this.#queueOfMine();
    }
    // squeue ends with 0 and prints nothing when it does not know the user: what it says on stderr counts.
    return answered(result) ? parseQueue(result.stdout) : undefined;
  }

  /**
   * How jobs have ended that squeue does not list any more, where accounting works.
   *
   * @param jobIds Ids of jobs and arrays.
   * @returns `undefined` where it does not work or does not answer.
   */
  async ended(jobIds: readonly string[], signal?: AbortSignal): Promise<JobEntry[] | undefined> {
    if (!(await this.hasAccounting())) return undefined;
    const entries: JobEntry[] = [];
    for (const ids of idChunks(jobIds)) {
      const args = ["-n", "-P", "-X", "-o", ACCOUNTING_FORMAT, "-j", ids.join(",")];
      const result = await this.#start("sacct", args, signal);
      const parsed = answered(result) ? parseAccounting(result.stdout) : undefined;
      if (!parsed) return undefined;
      entries.push(...parsed);
    }
    return entries;
  }

  /** Does sacct answer here? Found out once. */
  hasAccounting(): Promise<boolean> {
    return this.#hasAccounting ??= (async () => {
      const config = await this.config().catch(() => undefined);
      if (config?.accounting === false) return false;
      return answered(await this.#start("sacct", ["-n", "-P", "-X", "-o", ACCOUNTING_FORMAT, "-j", "1"]));
    })();
  }

  /**
   * Cancels jobs, arrays or tasks of arrays (`12`, `12_3`). Those that have ended already are no error.
   *
   * @param options `pendingOnly`: leaves those alone that run already.
   * @throws {SlurmError} with scancel's own words.
   */
  async cancel(
    jobIds: readonly string[],
    { pendingOnly = false, signal }: { pendingOnly?: boolean; signal?: AbortSignal } = {},
  ): Promise<void> {
    for (const ids of idChunks(jobIds)) {
      const result = await this.#start(
        "scancel",
        [...(pendingOnly ? ["--state=PENDING"] : []), ...ids],
        signal,
      );
      const faults = result.stderr.split("\n").filter((line) =>
        line.trim() !== "" && !/Invalid job id specified|already completing or completed/.test(line)
      );
      if (result.code === 0 || result.code !== undefined && faults.length === 0) continue;
      throw new SlurmError(`Cannot cancel ${shortList(ids)}: ${words(result)}`);
    }
  }

  /**
   * Ends a running job and puts it back into the queue, under the same id and name.
   *
   * Slurm does the same with a job that has ended, also well: make sure that it runs.
   *
   * @throws {SlurmError} with scontrol's own words.
   */
  async requeue(jobId: string, signal?: AbortSignal): Promise<void> {
    const result = await this.#start("scontrol", ["requeue", jobId], signal);
    if (result.code !== 0) throw new SlurmError(`Cannot requeue job ${jobId}: ${words(result)}`);
  }

  /**
   * All that Slurm knows of a job, or of the tasks of an array.
   *
   * @returns Nothing in it when Slurm knows no such job (any more); `undefined` when it does not answer.
   */
  async showJob(jobId: string, signal?: AbortSignal): Promise<JobDetail[] | undefined> {
    const result = await this.#start("scontrol", ["show", "job", "-o", jobId], signal);
    if (result.code !== undefined && /Invalid job id specified/.test(result.stderr)) return [];
    return answered(result) ? parseJobs(result.stdout) : undefined;
  }

  /**
   * How Slurm is set up.
   *
   * @throws {SlurmError} with scontrol's own words when it does not answer.
   */
  async config(signal?: AbortSignal): Promise<SlurmConfig> {
    const result = await this.#start("scontrol", ["show", "config"], signal);
    const config = answered(result) ? parseConfig(result.stdout) : undefined;
    if (!config) throw new SlurmError(`Cannot read how Slurm is set up: ${words(result)}`);
    return config;
  }

  /**
   * The partitions that the user can see.
   *
   * @throws {SlurmError} with sinfo's own words when it does not answer.
   */
  async partitions(signal?: AbortSignal): Promise<Partition[]> {
    const result = await this.#start("sinfo", ["-h", "-e", "-o", PARTITION_FORMAT], signal);
    const partitions = answered(result) ? parsePartitions(result.stdout) : undefined;
    if (!partitions) throw new SlurmError(`Cannot read Slurm's partitions: ${words(result)}`);
    return partitions;
  }

  #start(program: string, args: readonly string[], signal?: AbortSignal): Promise<ProgramResult> {
    const { cluster, timeoutSec = 60 } = this.#options;
    return this.#run([program, ...(cluster === undefined ? [] : ["-M", cluster]), ...args], {
      env: this.#env,
      timeoutMs: timeoutSec * 1000,
      ...(signal ? { signal } : {}),
    });
  }
}

function shortList(ids: readonly string[]): string {
  return ids.length <= 5
    ? `job ${ids.join(", ")}`
    : `${ids.length} jobs (${ids.slice(0, 5).join(", ")}, ...)`;
}
