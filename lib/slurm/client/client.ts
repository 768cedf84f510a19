import { type Clock, systemClock } from "../../core/system/clock.ts";
import { type ProgramResult, type ProgramRunner, runProgram } from "./program.ts";
import {
  ACCOUNTING_FORMAT,
  type JobDetail,
  type JobEntry,
  parseAccounting,
  parseJobs,
  parseQueue,
  QUEUE_FORMAT,
  type SubmittedJob,
} from "./parse_jobs.ts";
import {
  parseConfig,
  parsePartitions,
  type Partition,
  PARTITION_FORMAT,
  type SlurmConfig,
} from "./parse_config.ts";
import { abortable } from "@std/async/abortable";
import { SlurmError } from "../../core/errors.ts";
import { slurmEnvironment } from "./environment.ts";
import { type Submission, submitJob } from "./submit.ts";
import { environmentVariables } from "../../core/environment.ts";

/** Options of a `SlurmClient`. */
export interface SlurmClientOptions {
  /** The environment of this process; what would mislead Slurm's programs is removed from it. */
  env: Readonly<Record<string, string>>;
  /** Time. */
  clock: Clock;
  /**
   * Starts programs.
   *
   * @default {the machine's own}
   */
  run?: ProgramRunner | undefined;
  /**
   * Seconds that one program may take.
   *
   * @default {60}
   */
  timeoutSec?: number | undefined;
  /**
   * Seconds between two listings.
   *
   * @default {10}
   */
  intervalSec?: number | undefined;
  /**
   * Seconds for which a submit limit is waited out.
   *
   * @default {86400}
   */
  limitSec?: number | undefined;
  /**
   * Seconds for which trouble on the way to the controller is waited out.
   *
   * @default {600}
   */
  unclearSec?: number | undefined;
  /**
   * The cluster all jobs are on, where the user has several (`-M`).
   *
   * @default {the only one}
   */
  cluster?: string | undefined;
}

/** All jobs of this user that Slurm remembers, at one moment. */
export interface Listing {
  /** When it was asked for, on the clock's monotonic scale: a job submitted later may be missing in it. */
  at: number;
  /** The jobs. */
  jobs: readonly JobEntry[];
}

/** Seconds that sacct may take. */
const SACCT_TIMEOUT_SEC = 10;

/** Starts Slurm's programs; nothing else does. */
export class SlurmClient {
  /** Milliseconds between two listings. */
  readonly intervalMs: number;
  /** Time. */
  readonly clock: Clock;
  readonly #env: Record<string, string>;
  readonly #run: ProgramRunner;
  readonly #options: SlurmClientOptions;
  #listing: { at: number; answer: Promise<Listing | undefined> } | undefined;
  #hasAccounting: Promise<boolean> | undefined;
  #cluster: { at: number; name: Promise<string | undefined> } | undefined;
  readonly #others = new Map<string, SlurmClient>();
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
   * The name of the cluster that this asks. Ids of jobs mean something only there.
   *
   * @returns `undefined` while Slurm does not say.
   */
  async cluster(): Promise<string | undefined> {
    if (this.#options.cluster !== undefined) return this.#options.cluster;
    const at = this.clock.monotonic();
    if (this.#cluster && at - this.#cluster.at < this.intervalMs) return await this.#cluster.name;
    const name = this.config().then(({ clusterName }) => clusterName, () => undefined);
    this.#cluster = { at, name };
    // A name never changes: only an answer that failed is asked for again.
    if (await name !== undefined) this.#cluster.at = Infinity;
    return await name;
  }

  /**
   * The client for the jobs of a cluster: this one for its own and where none is named, else one with `-M`.
   */
  async at(cluster: string | undefined): Promise<SlurmClient> {
    if (cluster === undefined || cluster === await this.cluster()) return this;
    const other = this.#others.get(cluster) ?? new SlurmClient({ ...this.#options, cluster });
    this.#others.set(cluster, other);
    return other;
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
      // It is let finish: one that is stopped half way leaves a job that nobody knows of.
      sbatch: (args) => this.#start("sbatch", args),
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
   * The jobs of some names, whoever submitted them, as far as the site shows those of others.
   *
   * @returns `undefined` when Slurm does not answer.
   */
  async lookup(names: string | readonly string[], signal?: AbortSignal): Promise<JobEntry[] | undefined> {
    const found: JobEntry[] = [];
    for (const some of idChunks([names].flat())) {
      const jobs = await this.#queue(`--name=${some.join(",")}`, signal);
      if (!jobs) return undefined;
      for (const job of jobs) if (some.includes(job.name)) found.push(job);
    }
    return found;
  }

  async #queueOfMine(): Promise<JobEntry[] | undefined> {
    // Not known to versions before 20.11; with it no entry in the user database is needed.
    if (this.#knowsMe) return await this.#queue("--me");
    return await this.#queue(`--user=${Deno.uid()}`);
  }

  async #queue(filter: string, signal?: AbortSignal): Promise<JobEntry[] | undefined> {
    // -a: without it a job in a hidden partition, one's own included, is not listed and would seem gone.
    const args = ["-h", "-a", "-r", "-t", "all", filter, "-O", QUEUE_FORMAT];
    const result = await this.#start("squeue", args, signal);
    if (this.#knowsMe && /unrecognized option '--me'/.test(result.stderr)) {
      this.#knowsMe = false;
      return await this.#queueOfMine();
    }
    // squeue ends with 0 and prints nothing when it does not know the user: what it says on stderr counts.
    return answered(result) ? parseQueue(result.stdout) : undefined;
  }

  /**
   * The ends of jobs that squeue does not list any more, where accounting works.
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
      for (const entry of parsed) entries.push(entry);
    }
    return entries;
  }

  /** Whether sacct answers here. Found out once. */
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
      const result = await this.#start("scancel", pendingOnly ? ["--state=PENDING", ...ids] : ids, signal);
      const faults = result.stderr.split("\n").filter((line) =>
        line.trim() !== "" && !/Invalid job id specified|already completing or completed/.test(line)
      );
      if (result.code === 0 || result.code !== undefined && faults.length === 0) continue;
      throw new SlurmError(`Cannot cancel ${shortList(ids)}: ${words(result)}`);
    }
  }

  /**
   * Ends a running job and puts it back into the queue, under the same id and name. Slurm does the same with
   * a job that has ended, also well: make sure that it runs.
   *
   * @throws {SlurmError} with scontrol's own words.
   */
  async requeue(jobId: string, signal?: AbortSignal): Promise<void> {
    await this.#control(["requeue", jobId], `requeue job ${jobId}`, signal);
  }

  /**
   * Has a pending job wait for the ends of others, and for nothing else.
   *
   * @throws {SlurmError} in scontrol's own words.
   */
  async waitForEnds(jobId: string, ends: readonly string[], signal?: AbortSignal): Promise<void> {
    const change = ["update", `JobId=${jobId}`, `Dependency=afterany:${ends.join(":")}`];
    await this.#control(change, `change what job ${jobId} waits for`, signal);
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
   * Reads how Slurm is set up.
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
   * The partitions, hidden ones included: jobs can be sent there, too.
   *
   * @throws {SlurmError} with sinfo's own words when it does not answer.
   */
  async partitions(signal?: AbortSignal): Promise<Partition[]> {
    const result = await this.#start("sinfo", ["-h", "-a", "-e", "-o", PARTITION_FORMAT], signal);
    const standard = this.#env.SBATCH_PARTITION;
    const partitions = answered(result) ? parsePartitions(result.stdout, standard) : undefined;
    if (!partitions) throw new SlurmError(`Cannot read Slurm's partitions: ${words(result)}`);
    return partitions;
  }

  async #control(args: readonly string[], action: string, signal?: AbortSignal): Promise<void> {
    const result = await this.#start("scontrol", args, signal);
    if (result.code !== 0) throw new SlurmError(`Cannot ${action}: ${words(result)}`);
  }

  #start(program: string, args: readonly string[], signal?: AbortSignal): Promise<ProgramResult> {
    const { cluster, timeoutSec: limit = 60 } = this.#options;
    // A database that hangs must not keep from everything else: the accounting only adds to what squeue
    // tells.
    const timeoutSec = program === "sacct" ? Math.min(limit, SACCT_TIMEOUT_SEC) : limit;
    const command = [program, ...(cluster === undefined ? [] : ["-M", cluster]), ...args];
    return this.#run(command, {
      env: this.#env,
      timeoutMs: timeoutSec * 1000,
      ...(signal ? { signal } : {}),
    });
  }
}

/**
 * Asks the Slurm of this machine.
 *
 * @param intervalSec Seconds between two listings.
 * @default {10}
 */
export function systemClient(intervalSec?: number): SlurmClient {
  return new SlurmClient({
    env: environmentVariables(),
    clock: systemClock,
    ...(intervalSec === undefined ? {} : { intervalSec }),
  });
}

/** Whether a program of Slurm has answered. Some end with 0 and print nothing when they could not. */
export function answered({ code, stderr }: ProgramResult): boolean {
  return code === 0 && !/\berror:/.test(stderr);
}

/** The words of a program of Slurm about its failure. */
export function words({ code, stdout, stderr, timedOut }: ProgramResult): string {
  if (timedOut) return "it did not answer in time";
  return stderr.trim() ||
    (code === 0 ? `it printed ${JSON.stringify(stdout.slice(0, 200))}` : `exit code ${code}`);
}

/** Together they stay far below what the kernel takes as arguments. */
const MAX_ARGUMENTS = 100_000;

/** Job ids in parts that can each be the arguments of one program. */
export function* idChunks(ids: readonly string[]): Generator<string[]> {
  let chunk: string[] = [];
  let length = 0;
  for (const id of ids) {
    if (length + id.length + 1 > MAX_ARGUMENTS) {
      yield chunk;
      chunk = [];
      length = 0;
    }
    chunk.push(id);
    length += id.length + 1;
  }
  if (chunk.length > 0) yield chunk;
}

/** Job ids as a message names them. */
export function shortList(ids: readonly string[]): string {
  return ids.length <= 5
    ? `job ${ids.join(", ")}`
    : `${ids.length} jobs (${ids.slice(0, 5).join(", ")}, ...)`;
}

/**
 * Cancels jobs, each on its own cluster. Those that have ended already are no error.
 *
 * @param options `pendingOnly`: leaves those alone that run already.
 * @throws {SlurmError} In scancel's own words, when all clusters were asked.
 */
export async function cancelJobs(
  client: SlurmClient,
  jobs: readonly { readonly jobId: string; readonly cluster?: string | undefined }[],
  options: { pendingOnly?: boolean } = {},
): Promise<void> {
  let failure: { error: unknown } | undefined;
  for (const [cluster, there] of Map.groupBy(jobs, (job) => job.cluster)) {
    try {
      await (await client.at(cluster)).cancel(there.map(({ jobId }) => jobId), options);
    } catch (error) {
      failure ??= { error };
    }
  }
  if (failure) throw failure.error;
}
