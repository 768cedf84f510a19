import type { Clock } from "../../core/system/clock.ts";
import {
  answered,
  idChunks,
  isUnknownJob,
  type ProgramResult,
  type ProgramRunner,
  runProgram,
  shortList,
  type SlurmClientOptions,
  words,
} from "./program.ts";
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
import { SlurmError } from "../../core/errors.ts";
import { slurmEnvironment } from "./environment.ts";
import { type Submission, submitJob } from "./submit.ts";

/** Seconds that sacct may take. */
const SACCT_TIMEOUT_SEC = 10;

/** Milliseconds after which a question for the cluster's name that failed is asked again. */
const ASK_AGAIN_MS = 1000;
/** Milliseconds for which a submission waits for the cluster's name. */
const CLUSTER_PATIENCE_MS = 30_000;

/** Starts Slurm's programs; nothing else does. */
export class SlurmClient {
  /** Milliseconds between two listings. */
  readonly intervalMs: number;
  /** Time. */
  readonly clock: Clock;
  readonly #env: Record<string, string>;
  readonly #run: ProgramRunner;
  readonly #options: SlurmClientOptions;
  /**
   * Takes what people should know of this site.
   *
   * @default {nobody}
   */
  notice: ((text: string) => void) | undefined;
  /** What squeue said when it did not answer last. */
  lastWords: string | undefined;
  /** Why the name of the cluster could not be read last. */
  noCluster: string | undefined;
  #hasAccounting: Promise<boolean> | undefined;
  #cluster: { at: number; name: Promise<string | undefined> } | undefined;
  #knowsMe = true;
  readonly #family: Family;

  /**
   * @param options See {@link SlurmClientOptions}.
   * @param family The clients of other clusters that this one is of.
   * @default {a new one}
   */
  constructor(options: SlurmClientOptions, family?: Family) {
    this.#options = options;
    this.#family = family ?? { taken: new Set(), others: new Map(), plain: undefined };
    if (options.cluster === undefined) this.#family.plain ??= this;
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
    if (this.named !== undefined) return this.named;
    const at = this.clock.monotonic();
    if (this.#cluster && at - this.#cluster.at < ASK_AGAIN_MS) return await this.#cluster.name;
    const name = this.config().then(
      ({ clusterName }) => clusterName,
      (error: Error) => void (this.noCluster = error.message),
    );
    this.#cluster = { at, name };
    // A name never changes: only an answer that failed is asked for again.
    if (await name !== undefined) this.#cluster.at = Infinity;
    return await name;
  }

  /** The name of the cluster that this was made for. `undefined` for the machine's own. */
  get named(): string | undefined {
    return this.#options.cluster;
  }

  /**
   * The client for the jobs of a cluster: this one for its own and where none is named. Programs that ask
   * another cluster than the machine's own have `-M`.
   */
  async at(cluster: string | undefined): Promise<SlurmClient> {
    if (cluster === undefined || cluster === await this.cluster()) return this;
    if (cluster === await this.#plain().cluster()) return this.#plain();
    const { others } = this.#family;
    const other = others.get(cluster) ?? new SlurmClient({ ...this.#options, cluster }, this.#family);
    others.set(cluster, other);
    return other;
  }

  /** The client that asks whatever Slurm the machine has. */
  #plain(): SlurmClient {
    return this.#family.plain ?? new SlurmClient({ ...this.#options, cluster: undefined }, this.#family);
  }

  /**
   * Submits a job, once: an unclear answer is cleared up by the job's name, limits are waited out.
   *
   * @returns Its id, and its cluster unless Slurm keeps silent about that.
   * @throws {SlurmError} with sbatch's own words.
   */
  async submit(submission: Submission): Promise<SubmittedJob> {
    const { limitSec = 86_400, unclearSec = 600 } = this.#options;
    const taken = await submitJob(submission, {
      clock: this.clock,
      intervalMs: Math.min(this.intervalMs, 5000),
      limitMs: limitSec * 1000,
      unclearMs: unclearSec * 1000,
      // It is let finish: one that is stopped half way leaves a job that nobody knows of.
      sbatch: (args) => this.#start("sbatch", args),
      lookup: (name, signal) => this.lookup([name], signal),
    });
    const cluster = taken.cluster ?? await this.#clusterOf(submission);
    const job = { ...taken, ...(cluster === undefined ? {} : { cluster }) };
    this.#family.taken.add(takenKey(submission.name, job));
    return job;
  }

  /** Its id alone names no job. A Slurm that does not tell is not waited for for ever. */
  async #clusterOf({ name, signal, onWait }: Submission): Promise<string | undefined> {
    const begun = this.clock.monotonic();
    for (;;) {
      const cluster = await this.cluster();
      const waitedMs = this.clock.monotonic() - begun;
      if (cluster !== undefined || waitedMs > CLUSTER_PATIENCE_MS) return cluster;
      const text = "'scontrol show config' does not tell the name of the cluster";
      onWait?.({ name, why: "unclear", text, waitMs: ASK_AGAIN_MS });
      await this.clock.sleep(ASK_AGAIN_MS, signal);
    }
  }

  /** Whether this very process has submitted a job, which is sure by sbatch's own answer. */
  hasSubmitted(name: string, jobId: string, cluster: string | undefined): boolean {
    return this.#family.taken.has(takenKey(name, { jobId, cluster }));
  }

  /**
   * Jobs in squeue's list: of some ids, or all of this user and of some others, by their numbers.
   *
   * @param which `wanted`: tells which rows matter, where there are very many.
   * @returns `undefined` when Slurm does not answer.
   */
  async listJobs(
    which: { ids: readonly string[] } | { mineAnd: readonly number[] },
    { wanted, signal }: {
      wanted?: ((jobId: string) => boolean) | undefined;
      signal?: AbortSignal | undefined;
    } = {},
  ): Promise<JobEntry[] | undefined> {
    if ("mineAnd" in which) return await this.#queue(this.#usersFilter(which.mineAnd), wanted, signal);
    const found: JobEntry[] = [];
    for (const ids of idChunks(which.ids)) {
      const asked = new Set(ids);
      const jobs = await this.#queue(`--jobs=${ids.join(",")}`, (id) => asked.has(id), signal);
      if (!jobs) return undefined;
      for (const job of jobs) found.push(job);
    }
    return found;
  }

  /**
   * The jobs that furu gave some names, whoever submitted them, as far as the site shows those of others, by
   * name, comment or script. Slurm's controller is asked for all jobs: squeue may be answered from a cache,
   * by which a job that came in just now seems not to be there.
   *
   * @returns `undefined` when Slurm does not answer.
   */
  async lookup(names: readonly string[], signal?: AbortSignal): Promise<JobDetail[] | undefined> {
    const result = await this.#start("scontrol", ["show", "job", "-a", "-o"], signal);
    return result.code === 0 ? parseJobs(result.stdout, names) : undefined;
  }

  #usersFilter(others: readonly number[]): string {
    // Not known to versions before 20.11; with it no entry in the user database is needed.
    return others.length === 0 && this.#knowsMe ? "--me" : `--user=${[Deno.uid(), ...others].join(",")}`;
  }

  async #queue(
    filter: string,
    wanted: ((jobId: string) => boolean) | undefined,
    signal: AbortSignal | undefined,
  ): Promise<JobEntry[] | undefined> {
    // -a: without it a job in a hidden partition, one's own included, is not listed and would seem gone.
    const args = ["-h", "-a", "-r", "-t", "all", filter, "-O", QUEUE_FORMAT];
    const result = await this.#start("squeue", args, signal);
    if (this.#knowsMe && /unrecognized option '--me'/.test(result.stderr)) {
      this.#knowsMe = false;
      return await this.#queue(`--user=${Deno.uid()}`, wanted, signal);
    }
    // Asked for one job only, it fails when there is none.
    if (isUnknownJob(result)) return [];
    // It ends with 0 and prints nothing when it does not know the user: then what it says on stderr counts.
    const jobs = result.code === 0 ? parseQueue(result.stdout, wanted) : [];
    if (jobs.length > 0 || answered(result)) return jobs;
    this.lastWords = words(result);
    return undefined;
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
      const parsed = result.code === 0 ? parseAccounting(result.stdout) : [];
      if (parsed.length === 0 && !answered(result)) return undefined;
      for (const entry of parsed) entries.push(entry);
    }
    return entries;
  }

  /** Whether sacct answers here. Found out once. */
  hasAccounting(): Promise<boolean> {
    return this.#hasAccounting ??= (async () => {
      const config = await this.config().catch(() => undefined);
      if (config?.accounting === false) return false;
      const result = await this.#start("sacct", ["-n", "-P", "-X", "-o", ACCOUNTING_FORMAT, "-j", "1"]);
      return answered(result) || result.code === 0 && parseAccounting(result.stdout).length > 0;
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
    const result = await this.#start("scontrol", ["show", "job", "-a", "-o", jobId], signal);
    if (isUnknownJob(result)) return [];
    return result.code === 0 ? parseJobs(result.stdout) : undefined;
  }

  /**
   * Reads how Slurm is set up.
   *
   * @throws {SlurmError} with scontrol's own words when it does not answer.
   */
  async config(signal?: AbortSignal): Promise<SlurmConfig> {
    const result = await this.#start("scontrol", ["show", "config"], signal);
    const config = result.code === 0 ? parseConfig(result.stdout) : undefined;
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
    const partitions = result.code === 0 ? parsePartitions(result.stdout, standard) : undefined;
    if (!partitions) throw new SlurmError(`Cannot read Slurm's partitions: ${words(result)}`);
    return partitions;
  }

  /** Asks one of Slurm's programs what only few want to know, in the environment and time that all have. */
  async ask(program: string, args: readonly string[], signal?: AbortSignal): Promise<ProgramResult> {
    return await this.#start(program, args, signal);
  }

  async #control(args: readonly string[], action: string, signal?: AbortSignal): Promise<void> {
    const result = await this.#start("scontrol", args, signal);
    if (result.code !== 0) throw new SlurmError(`Cannot ${action}: ${words(result)}`);
  }

  /**
   * The names of the clusters that the database knows, which `-M` can name.
   *
   * @returns `undefined` where there is none, or it does not answer.
   */
  async clusterNames(signal?: AbortSignal): Promise<string[] | undefined> {
    const result = await this.#start("sacctmgr", ["-n", "-P", "show", "cluster", "format=Cluster"], signal);
    const names = result.stdout.split("\n").map((line) => line.trim()).filter((line) =>
      /^[\w.-]+$/.test(line)
    );
    return answered(result) && names.length > 0 ? names : undefined;
  }

  async #start(program: string, args: readonly string[], signal?: AbortSignal): Promise<ProgramResult> {
    const { cluster: named, timeoutSec: limit = 60 } = this.#options;
    // `-M` needs a database of clusters: it is given for another cluster only, and not to the database's own
    // program, which has no such option.
    const isOther = named !== undefined && program !== "sacctmgr" && named !== await this.#plain().cluster();
    const cluster = isOther ? named : undefined;
    // A database that hangs must not keep from everything else: the accounting only adds to what squeue
    // tells.
    const timeoutSec = program.startsWith("sacct") ? Math.min(limit, SACCT_TIMEOUT_SEC) : limit;
    const command = [program, ...(cluster === undefined ? [] : ["-M", cluster]), ...args];
    return await this.#run(command, {
      // Without it the tasks of an array that have not begun are shortened.
      env: program === "scontrol" ? { ...this.#env, SLURM_BITSTR_LEN: "0" } : this.#env,
      timeoutMs: timeoutSec * 1000,
      ...(signal ? { signal } : {}),
    });
  }
}

/** The clients of several clusters, of which each job has its own. */
interface Family {
  /** What this process has submitted. */
  readonly taken: Set<string>;
  /** By the names of their clusters. */
  readonly others: Map<string, SlurmClient>;
  /** The one that asks whatever Slurm the machine has. */
  plain: SlurmClient | undefined;
}

function takenKey(
  name: string,
  { jobId, cluster = "" }: { jobId: string; cluster?: string | undefined },
): string {
  return `${name} ${jobId} ${cluster}`;
}
