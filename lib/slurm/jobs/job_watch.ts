import { abortable } from "@std/async/abortable";
import { resolveConfig } from "../../core/config.ts";
import type { Machine } from "../../core/system/machine.ts";
import { systemMachine } from "../../core/system/system_machine.ts";
import { type Listing, type SlurmClient, systemClient } from "../client/client.ts";
import type { JobState } from "../client/job_state.ts";
import type { JobEntry } from "../client/parse_jobs.ts";
import { absence, absenceCounts, type AbsentJob, isForeign } from "../client/absence.ts";

/**
 * A job as it was written down. Slurm uses ids again one day: it is the same job only if the name is, too.
 */
export interface JobRef extends AbsentJob {
  /** Its name, unique for ever. */
  readonly name: string;
  /** Its id, where that is known; of an array's task `12_3`. */
  readonly jobId?: string | undefined;
  /**
   * The cluster it is on.
   *
   * @default {the client's own}
   */
  readonly cluster?: string | undefined;
}

/** The evidence for a statement about a job, the strongest first. */
export type JobEvidence =
  /** Slurm's words about that very job. */
  | "job"
  /** The job is missing from Slurm's answers. */
  | "absence"
  /** Slurm has not answered. */
  | "nothing";

/** A job's state, as far as it is known. Only `dead` is a fact that may be acted upon. */
export type KnownJob = JobState & {
  /** The evidence for its state. A job that was seen keeps its state while it may be gone, with `absence`. */
  readonly evidence: JobEvidence;
  /** Its id, where that is known. */
  readonly jobId?: string | undefined;
  /** The number of times that Slurm has begun it again. */
  readonly restarts: number;
};

/** Options of {@link JobWatch.state}. */
export interface StateOptions {
  /** `"sure"`: also takes the second look that tells whether an absent job is gone. */
  until?: "sure" | undefined;
  /** Ends the waiting with its reason. */
  signal?: AbortSignal | undefined;
}

interface Watched {
  readonly ref: JobRef;
  /** When it was first asked about: an older listing may not know it yet. */
  readonly since: number;
  /** Whether an older listing cannot know it, since it was only just submitted. */
  readonly expected: boolean;
  /** When somebody asked about it last. */
  wantedAt: number;
  /** When the listing was asked for that `known` is of. */
  readAt: number;
  absentSince?: number | undefined;
  known: KnownJob;
}

/** Entries by their names, and those of an array's tasks by name and number. */
type Index = Map<string, JobEntry[]>;

/** The part of a client that is used. */
type Asked = Pick<SlurmClient, "list" | "lookup" | "ended" | "clock" | "intervalMs" | "at">;

/** Milliseconds after which a job is forgotten that nobody asks about. */
const FORGET_MS = 600_000;
/** Questions are asked about jobs that somebody asked about within this many intervals. */
const WANTED_INTERVALS = 3;
/** Milliseconds between two looks of one who waits until it is sure, at most. */
const PAUSE_MS = 1000;

const UNKNOWN: KnownJob = { status: "unknown", text: "not seen yet", evidence: "nothing", restarts: 0 };

/**
 * Tells what Slurm knows of jobs, each on its own cluster. However many are asked about, there is one listing
 * per interval and cluster; one question by name for all jobs that a listing cannot show (those of other
 * users, and those that are newer than the listing); and one question to the accounting for all that are
 * absent.
 */
export class JobWatch {
  readonly #machine: Pick<Machine, "clock" | "self" | "isGone">;
  readonly #client: Asked;
  readonly #jobs = new Map<string, Watched>();
  /** By cluster: reads that go on, and one that has not begun yet, which all join. */
  readonly #reading = new Map<Asked, Promise<void>>();
  readonly #nextRead = new Map<Asked, Promise<void>>();
  readonly #indices = new WeakMap<Listing, Index>();

  /** Asks nothing yet. */
  constructor(machine: Pick<Machine, "clock" | "self" | "isGone">, client: Asked) {
    this.#machine = machine;
    this.#client = client;
  }

  /** Takes note of a job that was submitted just now: a listing that was asked for before cannot show it. */
  expect(ref: JobRef): void {
    if (!this.#jobs.has(keyOf(ref))) this.#watch(ref, true);
  }

  /**
   * Tells what is known of a job. While Slurm does not answer, that is what was known before.
   *
   * @throws The signal's reason when it aborts.
   */
  async state(ref: JobRef, { until, signal }: StateOptions = {}): Promise<KnownJob> {
    for (;;) {
      const known = await this.#look(ref, signal);
      const isUnclear = known.evidence === "absence" && known.status !== "dead";
      if (until !== "sure" || !isUnclear || !absenceCounts(ref, this.#machine)) return known;
      await this.#machine.clock.sleep(Math.min(PAUSE_MS, this.#client.intervalMs), signal);
    }
  }

  async #look(ref: JobRef, signal: AbortSignal | undefined): Promise<KnownJob> {
    const client = await this.#client.at(ref.cluster);
    const job = this.#jobs.get(keyOf(ref)) ?? this.#watch(ref, false);
    job.wantedAt = this.#machine.clock.monotonic();
    const listing = await client.list(signal);
    if (listing && job.readAt < listing.at) {
      const read = this.#read(client);
      await (signal ? abortable(read, signal) : read);
    }
    return job.known;
  }

  #watch(ref: JobRef, expected: boolean): Watched {
    const now = this.#machine.clock.monotonic();
    const job: Watched = { ref, since: now, expected, wantedAt: now, readAt: -Infinity, known: UNKNOWN };
    this.#jobs.set(keyOf(ref), job);
    return job;
  }

  /** Those who come while a read goes on share the next one, so that one question serves all of them. */
  #read(client: Asked): Promise<void> {
    const joined = this.#nextRead.get(client);
    if (joined) return joined;
    const read = (this.#reading.get(client) ?? Promise.resolve()).then(() => {
      this.#nextRead.delete(client);
      return this.#readNow(client);
    });
    this.#nextRead.set(client, read);
    this.#reading.set(client, read.catch(() => {/* told to those who asked */}));
    return read;
  }

  async #readNow(client: Asked): Promise<void> {
    const listing = await client.list();
    if (!listing) return;
    const unread = await this.#unread(client, listing.at);
    const index = this.#indexOf(listing);
    for (const job of unread) job.readAt = listing.at;
    const absent = unread.filter((job) =>
      !see(job, entriesOf(index, job.ref)) && job.known.status !== "dead"
    );
    const byName = absent.filter((job) => this.#isByName(job, listing));
    await this.#askByName(client, byName);
    const missing = absent.filter((job) => !byName.includes(job) && job.since <= listing.at);
    await askAccounting(client, missing);
    for (const job of missing) this.#miss(job, listing.at, client.intervalMs);
  }

  /** The jobs of a cluster that somebody waits for. Forgets those that nobody has asked about for long. */
  async #unread(client: Asked, at: number): Promise<Watched[]> {
    const now = this.#machine.clock.monotonic();
    for (const [key, { wantedAt }] of this.#jobs) if (now - wantedAt > FORGET_MS) this.#jobs.delete(key);
    const jobs = [...this.#jobs.values()].filter(({ wantedAt, readAt }) =>
      readAt < at && now - wantedAt <= WANTED_INTERVALS * client.intervalMs
    );
    const unread: Watched[] = [];
    for (const [cluster, there] of Map.groupBy(jobs, ({ ref }) => ref.cluster)) {
      if (await this.#client.at(cluster) === client) unread.push(...there);
    }
    return unread;
  }

  #isByName({ ref, since, expected }: Watched, { at }: Listing): boolean {
    return isForeign(ref, this.#machine.self) || at < since && !expected;
  }

  async #askByName(client: Asked, jobs: readonly Watched[]): Promise<void> {
    if (jobs.length === 0) return;
    const askedAt = this.#machine.clock.monotonic();
    const entries = await client.lookup([...new Set(jobs.map(({ ref }) => ref.name))]);
    if (!entries) return;
    const index = indexOf(entries);
    for (const job of jobs) {
      if (!see(job, entriesOf(index, job.ref))) this.#miss(job, askedAt, client.intervalMs);
    }
  }

  /** Slurm has answered, and the job is not in the answer. */
  #miss(job: Watched, askedAt: number, intervalMs: number): void {
    if (job.known.status === "dead") return;
    job.known = { ...job.known, evidence: "absence" };
    if (!absenceCounts(job.ref, this.#machine)) return;
    const { since, gone } = absence(job.absentSince, askedAt, intervalMs);
    job.absentSince = since;
    if (!gone) return;
    const { ref: { jobId }, known: { restarts } } = job;
    const text = jobId === undefined ? "it was never submitted" : "Slurm does not list it any more";
    job.known = { status: "dead", reason: "vanished", text, evidence: "absence", jobId, restarts };
  }

  #indexOf(listing: Listing): Index {
    const index = this.#indices.get(listing) ?? indexOf(listing.jobs);
    this.#indices.set(listing, index);
    return index;
  }
}

/** A watch that asks the Slurm of this machine. */
export function systemJobWatch(): JobWatch {
  return new JobWatch(systemMachine(), systemClient(resolveConfig().slurm?.squeueIntervalSec));
}

/** Takes what Slurm says of a job, if it says anything. */
function see(job: Watched, entries: readonly JobEntry[]): boolean {
  const entry = entries.find(({ state }) => state.status === "alive") ??
    entries.find(({ state }) => state.status === "unknown") ?? entries.at(-1);
  if (!entry) return false;
  // The end of an attempt is final only for a job that Slurm does not begin again: it may be seen alive once
  // more.
  const restarts = Math.max(job.known.restarts, entry.restarts);
  job.known = { ...entry.state, evidence: "job", jobId: entry.jobId, restarts };
  job.absentSince = undefined;
  return true;
}

async function askAccounting(client: Asked, absent: readonly Watched[]): Promise<void> {
  const ids = absent.flatMap(({ ref: { jobId } }) => jobId?.split("_")[0] ?? []);
  if (ids.length === 0) return;
  const index = indexOf(await client.ended([...new Set(ids)]) ?? []);
  for (const job of absent) {
    // The accounting may lag: that a job still runs there proves nothing.
    see(job, entriesOf(index, job.ref).filter(({ state }) => state.status === "dead"));
  }
}

function indexOf(entries: readonly JobEntry[]): Index {
  const index: Index = new Map();
  for (const entry of entries) {
    const { name, index: task } = entry;
    for (const key of task === undefined ? [name] : [name, `${name} ${task}`]) {
      const there = index.get(key);
      if (there) there.push(entry);
      else index.set(key, [entry]);
    }
  }
  return index;
}

/** All tasks of an array have its name: `12_3` is one of them, whose siblings say nothing of it. */
function entriesOf(index: Index, { name, jobId }: JobRef): JobEntry[] {
  const [id, task] = jobId?.split("_") ?? [];
  const entries = index.get(task === undefined ? name : `${name} ${task}`) ?? [];
  return id === undefined ? entries : entries.filter((entry) => entry.jobId === id);
}

function keyOf({ name, jobId = "", cluster = "" }: JobRef): string {
  return `${name} ${jobId} ${cluster}`;
}
