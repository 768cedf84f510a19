import { abortable } from "@std/async/abortable";
import type { Machine } from "../../core/system/machine.ts";
import { absence, absenceCounts, isForeign } from "./absence.ts";
import type { SlurmClient } from "../client/client.ts";
import { nameInComment } from "../client/job_options.ts";
import type { JobEntry } from "../client/parse_jobs.ts";
import { Freshness } from "./freshness.ts";
import { baseId, isSameJob, uidOf } from "./job_identity.ts";
import {
  entryOf,
  nextAsk,
  takeAbsence,
  takeRow,
  takeVanished,
  takeWord,
  type WatchedJob,
} from "./known_job.ts";
import { JobQuestions } from "./job_questions.ts";

/** The part of a client that is used. */
export type Asked = Pick<
  SlurmClient,
  | "listJobs"
  | "lookup"
  | "ended"
  | "hasAccounting"
  | "showJob"
  | "clock"
  | "intervalMs"
  | "at"
  | "cluster"
  | "named"
  | "notice"
  | "lastWords"
>;

/** Since when Slurm has not answered. */
export interface Silence {
  /** When the first question was asked that has no answer, on the clock's monotonic scale. */
  readonly since: number;
  /** What was said instead. */
  readonly text: string;
}

/** A list, and what it can show. */
interface Listed {
  readonly askedAt: number;
  readonly byId: ReadonlyMap<string, readonly JobEntry[]>;
  readonly byName: ReadonlyMap<string, readonly JobEntry[]>;
  /** Whether a job would be in it. */
  covers(job: WatchedJob): boolean;
}

/** Milliseconds after which a job is forgotten that nobody asks about. */
export const FORGET_MS = 600_000;
/** Questions are asked about jobs that somebody asked about within this many intervals. */
const WANTED_INTERVALS = 3;
/** So many ids are put into one question, where listing all jobs of the users would be much more. */
const MANY_IDS = 1000;
/** From so many rows on, the jobs of a user are too many to be listed for a few of them. */
const MANY_ROWS = 2000;
/**
 * All that one process asks one cluster about jobs: one list an interval for all of them, whoever owns them,
 * and, where a list says of a job that it is over or not there, a question about that very job.
 *
 *     list ----> row: it lives -------------------------------------> alive (list)
 *           |--> row: it is over ---> scontrol show job ID, sacct --> dead or alive (job)
 *           '--> no row ------------>      "          "       ------> alive or dead (job), or vanished
 */
export class ClusterLook {
  readonly #client: Asked;
  readonly #machine: Pick<Machine, "clock" | "self" | "isGone">;
  readonly #freshness: Freshness;
  readonly #jobs = new Set<WatchedJob>();
  #listed: Listed | undefined;
  /** No list is asked for before. */
  #readAfter = -Infinity;
  #reading: Promise<void> | undefined;
  readonly #questions: JobQuestions;
  #looking: Promise<void> | undefined;
  #silence: Silence | undefined;
  /** So many rows the last list had that was read as a whole. */
  #rows = 0;
  #isById = false;
  #isSaid = false;

  /** Asks nothing yet. */
  constructor(client: Asked, machine: Pick<Machine, "clock" | "self" | "isGone">) {
    this.#client = client;
    this.#machine = machine;
    this.#freshness = new Freshness(client.intervalMs);
    this.#questions = new JobQuestions({
      client,
      machine,
      onOld: (listedAt, sureAt) => this.#learn(listedAt, sureAt),
    });
  }

  /** Milliseconds between two lists. */
  get intervalMs(): number {
    return this.#freshness.intervalMs;
  }

  /** `undefined` while Slurm answers. */
  get silence(): Silence | undefined {
    return this.#silence;
  }

  /** Begins whatever has to be asked, if anything. */
  poke(job: WatchedJob): void {
    this.#jobs.add(job);
    const now = this.#machine.clock.monotonic();
    job.wantedAt = now;
    if (!this.#reading && now >= this.#readAfter) {
      this.#reading = this.#read().catch(() => {/* as no answer */}).finally(() => this.#reading = undefined);
      return;
    }
    const listed = this.#listed;
    if (this.#reading || !listed || job.readAt >= listed.askedAt) return;
    job.readAt = listed.askedAt;
    // One that is newer than the list. What sbatch took just now is in a later one.
    if (this.#hasRow(job, listed)) this.#sight([job], listed);
    else if (job.ref.jobId === undefined) this.#lookFor();
    else if (isUnseen(job)) this.#questions.ask(job);
  }

  /** As {@link ClusterLook.poke}, and waits for the list, and for the answer if nothing else tells of it. */
  async look(job: WatchedJob, signal: AbortSignal | undefined): Promise<void> {
    this.poke(job);
    const reading = this.#reading;
    await until(reading, signal);
    // Perhaps it came too late for that list.
    if (reading) this.poke(job);
    // What a list has as ended is told at once by Slurm itself.
    if (isUnseen(job) || job.end && job.known.status !== "dead") await this.settle(job, signal);
  }

  /**
   * Waits for what is asked about that very job, if anything is.
   *
   * @returns Whether there was something to wait for.
   */
  async settle(job: WatchedJob, signal: AbortSignal | undefined): Promise<boolean> {
    const waiting = job.ref.jobId === undefined ? this.#looking : this.#questions.answerOf(job);
    await until(waiting, signal);
    return waiting !== undefined;
  }

  /** Has Slurm asked about that very job, whatever is known of it, and waits for the answer. */
  async ask(job: WatchedJob, signal: AbortSignal | undefined): Promise<void> {
    this.#jobs.add(job);
    job.wantedAt = this.#machine.clock.monotonic();
    this.#questions.ask(job);
    await this.settle(job, signal);
  }

  /** Moves a job to another cluster. */
  forget(job: WatchedJob): void {
    this.#jobs.delete(job);
  }

  async #read(): Promise<void> {
    // Those who ask at the same moment share the question.
    await Promise.resolve();
    const askedAt = this.#machine.clock.monotonic();
    const silence = { since: this.#silence?.since ?? askedAt, text: "squeue has not answered yet" };
    this.#silence = this.#silence ?? silence;
    const jobs = this.#wanted(askedAt);
    const listed = await this.#list(jobs, askedAt).catch(() => undefined);
    const now = this.#machine.clock.monotonic();
    // A list that takes long is hard work for somebody.
    this.#readAfter = Math.max(askedAt + this.intervalMs, now + Math.min(now - askedAt, this.intervalMs));
    if (!listed) {
      const text = this.#client.lastWords ?? "squeue does not answer";
      this.#silence = { since: silence.since, text };
      // Its users may not be known here: then jobs are listed by their ids.
      this.#isById ||= /Invalid user/i.test(text);
      // As many as may be are asked for one by one, those that nothing was heard of for longest first.
      const byAge = jobs.filter(({ ref }) => ref.jobId !== undefined)
        .sort((one, other) => ascending(one.known.askedAt, other.known.askedAt));
      for (const job of byAge) this.#questions.ask(job);
      return;
    }
    this.#silence = undefined;
    this.#listed = listed;
    // Also those that came while it was asked.
    const covered = [...this.#jobs].filter((job) => job.readAt < askedAt && listed.covers(job));
    for (const job of covered) job.readAt = askedAt;
    this.#sight(covered, listed);
    this.#lookFor();
  }

  async #list(jobs: readonly WatchedJob[], askedAt: number): Promise<Listed | undefined> {
    const { self } = this.#machine;
    const ids = new Set(jobs.flatMap(({ ref: { jobId } }) => jobId === undefined ? [] : [baseId(jobId)]));
    const isStranger = ({ ref }: WatchedJob): boolean => uidOf(ref) === undefined && isForeign(ref, self);
    const haveIds = jobs.length > 0 && jobs.every(({ ref }) => ref.jobId !== undefined);
    const areMany = this.#rows > MANY_ROWS;
    const prefersIds = areMany && ids.size <= MANY_IDS || this.#isById || jobs.some(isStranger);
    if (haveIds && prefersIds) {
      const rows = await this.#client.listJobs({ ids: [...ids] });
      return rows &&
        listOf(rows, askedAt, ({ ref }) => ref.jobId !== undefined && ids.has(baseId(ref.jobId)));
    }
    const uids = new Set(jobs.flatMap(({ ref }) => uidOf(ref) ?? []));
    const others = [...uids].filter((uid) => uid !== self.uid);
    const wanted = areMany && haveIds ? (id: string) => ids.has(id) : undefined;
    const rows = await this.#client.listJobs({ mineAnd: others }, { wanted });
    if (rows && !wanted) this.#rows = rows.length;
    return rows && listOf(rows, askedAt, (job) => {
      const { jobId } = job.ref;
      if (wanted && (jobId === undefined || !wanted(baseId(jobId)))) return false;
      const uid = uidOf(job.ref);
      return uid === undefined ? !isStranger(job) : uid === self.uid || uids.has(uid);
    });
  }

  /** The jobs that somebody waits for. Forgets those that nobody has asked about for long. */
  #wanted(now: number): WatchedJob[] {
    for (const job of this.#jobs) if (now - job.wantedAt > FORGET_MS) this.#jobs.delete(job);
    return [...this.#jobs].filter(({ wantedAt }) => now - wantedAt <= WANTED_INTERVALS * this.intervalMs);
  }

  #hasRow(job: WatchedJob, listed: Listed): boolean {
    return rowsOf(job, listed).some((entry) => isSameJob(job.ref, entry));
  }

  /** Takes what a list says of jobs that it would show. */
  #sight(jobs: readonly WatchedJob[], listed: Listed): void {
    const { askedAt } = listed;
    const missing: WatchedJob[] = [];
    let cameAt = -Infinity;
    for (const job of jobs) {
      const entry = entryOf(job.ref, rowsOf(job, listed));
      if (!entry) {
        missing.push(job);
        continue;
      }
      cameAt = Math.max(cameAt, job.cameAt ?? -Infinity);
      job.cameAt = undefined;
      const isNewer = this.#freshness.shows(askedAt, job.known.askedAt ?? -Infinity);
      if (takeRow(job, entry, askedAt, isNewer) === "ask") this.#questions.ask(job);
    }
    this.#freshness.shown(askedAt, cameAt);
    // The one that Slurm has had for longest tells most about the age of the list.
    missing.sort((one, other) => ascending(one.sureAt, other.sureAt));
    for (const job of missing) {
      if (job.known.status === "dead" || !this.#freshness.shows(askedAt, job.sureAt)) continue;
      takeAbsence(job);
      if (job.ref.jobId !== undefined && job.askAfter <= askedAt) this.#questions.ask(job);
    }
  }

  #learn(listedAt: number, sureAt: number): void {
    if (sureAt === -Infinity) return;
    this.#freshness.lacked(listedAt, sureAt);
    const { ageMs, intervalMs } = this.#freshness;
    if (this.#isSaid || ageMs <= 2 * this.#client.intervalMs) return;
    this.#isSaid = true;
    this.#client.notice?.(
      `squeue's answers are older than their questions here, by ${
        Math.round(ageMs / 1000)
      } s and more: it is asked ` +
        `every ${Math.round(intervalMs / 1000)} s, and scontrol where it matters`,
    );
  }

  /** Looks for the jobs whose ids nobody knows, all with one question, unless it is too soon. */
  #lookFor(): void {
    if (this.#looking) return;
    const now = this.#machine.clock.monotonic();
    const due = this.#wanted(now).filter(({ ref, known, askAfter }) =>
      ref.jobId === undefined && known.status !== "dead" && askAfter <= now
    );
    if (due.length === 0) return;
    this.#looking = this.#lookNow(due).catch(() => {/* as no answer */}).finally(() =>
      this.#looking = undefined
    );
  }

  async #lookNow(jobs: readonly WatchedJob[]): Promise<void> {
    const askedAt = this.#machine.clock.monotonic();
    const found = await this.#client.lookup(jobs.map(({ ref }) => ref.name));
    if (!found) return;
    for (const job of jobs) {
      const detail = entryOf(job.ref, found);
      if (detail) {
        takeWord(job, detail, askedAt);
        continue;
      }
      takeAbsence(job);
      const { since, gone } = absence(job.absentSince, askedAt, this.#client.intervalMs);
      job.absentSince = since;
      job.askAfter = nextAsk(job, askedAt);
      if (gone && absenceCounts(job.ref, this.#machine)) takeVanished(job, askedAt, "it was never submitted");
    }
  }
}

function isUnseen({ known: { status, evidence } }: WatchedJob): boolean {
  return evidence === "nothing" && status === "unknown";
}

function ascending(one = -Infinity, other = -Infinity): number {
  return one === other ? 0 : one - other;
}

function listOf(rows: readonly JobEntry[], askedAt: number, covers: Listed["covers"]): Listed {
  return { askedAt, byId: Map.groupBy(rows, ({ jobId }) => jobId), byName: byNames(rows), covers };
}

function rowsOf({ ref }: WatchedJob, { byId, byName }: Listed): readonly JobEntry[] {
  if (ref.jobId !== undefined) return byId.get(baseId(ref.jobId)) ?? [];
  return byName.get(ref.name) ?? [];
}

/** By the names that Slurm knows, and by those that furu put into the comments. */
function byNames(rows: readonly JobEntry[]): Map<string, JobEntry[]> {
  const index = new Map<string, JobEntry[]>();
  for (const row of rows) {
    for (const name of new Set([row.name, nameInComment(row.comment) ?? row.name])) {
      const there = index.get(name);
      if (there) there.push(row);
      else index.set(name, [row]);
    }
  }
  return index;
}

async function until(promise: Promise<void> | undefined, signal: AbortSignal | undefined): Promise<void> {
  signal?.throwIfAborted();
  if (promise) await (signal ? abortable(promise, signal) : promise);
}
