import { resolveConfig } from "../../core/config.ts";
import type { Machine, Owner } from "../../core/system/machine.ts";
import { systemMachine } from "../../core/system/system_machine.ts";
import { absenceCounts } from "./absence.ts";
import { systemClient } from "./system_client.ts";
import { type Asked, ClusterLook, FORGET_MS, type Silence } from "./cluster_look.ts";
import type { JobRef } from "./job_identity.ts";
import { type KnownJob, type WatchedJob, watchedJob } from "./known_job.ts";

export type { JobRef } from "./job_identity.ts";
export type { JobEvidence, KnownJob } from "./known_job.ts";
export type { Silence } from "./cluster_look.ts";

/** Options of {@link JobWatch.state}. */
export interface StateOptions {
  /** `"sure"`: also waits for the questions that tell whether an absent job is gone. */
  until?: "sure" | undefined;
  /** Ends the waiting with its reason. */
  signal?: AbortSignal | undefined;
}

/** Milliseconds between two looks of one who waits until it is sure, at most. */
const PAUSE_MS = 1000;

/** What the watches of one client share, so that a process asks each question once. */
interface Shared {
  readonly jobs: Map<string, WatchedJob>;
  /** By the client of their cluster. */
  readonly looks: Map<Asked, ClusterLook>;
}

const sharedBy = new WeakMap<Asked, Shared>();

/**
 * Tells what Slurm knows of jobs, each on its own cluster. However many are asked about, and whoever owns
 * them, there is one list per interval and cluster; and a question about a very job where a list says that it
 * is over, or lacks it.
 */
export class JobWatch {
  readonly #machine: Pick<Machine, "clock" | "self" | "isGone">;
  readonly #client: Asked;
  readonly #jobs: Map<string, WatchedJob>;
  readonly #looks: Map<Asked, ClusterLook>;
  readonly #prune = { at: 1000 };
  readonly #lookOf = new WeakMap<WatchedJob, ClusterLook>();

  /** Asks nothing yet. */
  constructor(machine: Pick<Machine, "clock" | "self" | "isGone">, client: Asked) {
    this.#machine = machine;
    this.#client = client;
    const shared = sharedBy.get(client) ?? { jobs: new Map(), looks: new Map() };
    sharedBy.set(client, shared);
    this.#jobs = shared.jobs;
    this.#looks = shared.looks;
  }

  /** Who asks. */
  get self(): Owner {
    return this.#machine.self;
  }

  /** Takes note of a job that sbatch took just now: from then on it is there, whatever lists say. */
  expect(ref: JobRef): void {
    if (!this.#jobs.has(keyOf(ref))) this.#watch(ref, true);
  }

  /** Tells what is known of a job now, without waiting. Has Slurm asked in the background if it is time. */
  known(ref: JobRef): KnownJob {
    const job = this.#jobOf(ref);
    this.#lookFor(job).then((look) => look.poke(job), () => {/* as no answer */});
    return job.known;
  }

  /** What is known of a job, without asking anything. `undefined` if nobody has asked about it. */
  peek(ref: JobRef): KnownJob | undefined {
    return this.#jobs.get(keyOf(ref))?.known;
  }

  /**
   * Tells what is known of a job. While Slurm does not answer, that is what was known before.
   *
   * @throws The signal's reason when it aborts.
   */
  async state(ref: JobRef, { until, signal }: StateOptions = {}): Promise<KnownJob> {
    const job = this.#jobOf(ref);
    for (;;) {
      const look = await this.#lookFor(job);
      await look.look(job, signal);
      if (until !== "sure") return job.known;
      if (await look.settle(job, signal)) continue;
      const isUnclear = job.known.evidence === "absence" && job.known.status !== "dead";
      // One whose id was asked for is clear by then, or nobody can tell.
      const isOpen = job.ref.jobId === undefined
        ? isUnclear && absenceCounts(ref, this.#machine)
        : job.isPutOff;
      if (!isOpen) return job.known;
      await this.#machine.clock.sleep(Math.min(PAUSE_MS, this.#client.intervalMs), signal);
    }
  }

  /**
   * Tells what Slurm says of that very job now, where its id is known: lists may be old. Where it does not
   * answer, the evidence is not `job`, or is older than this call.
   *
   * @throws The signal's reason when it aborts.
   */
  async ask(ref: JobRef, signal?: AbortSignal): Promise<KnownJob> {
    const job = this.#jobOf(ref);
    await (await this.#lookFor(job)).ask(job, signal);
    return job.known;
  }

  /** Since when Slurm has not answered, of all clusters that are asked. `undefined` while it does. */
  silence(): Silence | undefined {
    const silent = [...this.#looks].flatMap(([{ named }, { silence }]) => {
      if (!silence) return [];
      return named === undefined ? [silence] : [{ ...silence, text: `cluster ${named}: ${silence.text}` }];
    });
    return silent.sort((a, b) => a.since - b.since)[0];
  }

  #jobOf(ref: JobRef): WatchedJob {
    const job = this.#jobs.get(keyOf(ref));
    if (!job) return this.#watch(ref, false);
    // Others may have asked who knew less of it.
    const { submitter = ref.submitter, uid = ref.uid, listedAs = ref.listedAs } = job.ref;
    job.ref = { ...job.ref, submitter, uid, listedAs };
    return job;
  }

  #watch(ref: JobRef, expected: boolean): WatchedJob {
    const now = this.#machine.clock.monotonic();
    if (this.#jobs.size >= this.#prune.at) {
      for (const [key, { wantedAt }] of this.#jobs) if (now - wantedAt > FORGET_MS) this.#jobs.delete(key);
      this.#prune.at = 2 * this.#jobs.size + 1000;
    }
    const job = watchedJob(ref, now, expected);
    this.#jobs.set(keyOf(ref), job);
    return job;
  }

  async #lookFor(job: WatchedJob): Promise<ClusterLook> {
    const client = await this.#client.at(job.ref.cluster);
    const look = this.#looks.get(client) ?? new ClusterLook(client, this.#machine);
    this.#looks.set(client, look);
    const before = this.#lookOf.get(job);
    if (before !== look) before?.forget(job);
    this.#lookOf.set(job, look);
    return look;
  }
}

/**
 * A watch that asks the Slurm of this machine.
 */
export function systemJobWatch(): JobWatch {
  return new JobWatch(systemMachine(), systemClient(resolveConfig().slurm?.squeueIntervalSec));
}

function keyOf({ name, jobId = "", cluster = "" }: JobRef): string {
  return `${name} ${jobId} ${cluster}`;
}
