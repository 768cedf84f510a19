import type { JobState } from "../client/job_state.ts";
import type { JobEntry } from "../client/parse_jobs.ts";
import { type AnsweredJob, isSameJob, type JobRef } from "./job_identity.ts";

/** The evidence for a statement about a job, the strongest first. */
export type JobEvidence =
  /** Slurm's words about that very job, asked for by its id. */
  | "job"
  /** The job's row in a list. */
  | "list"
  /** The job is missing from a list. */
  | "absence"
  /** Slurm has not answered. */
  | "nothing";

/**
 * A job's state, as far as it is known. Only `dead` may be acted upon, which is never said on less than
 * Slurm's words about that very job. A heartbeat that was seen to change after `askedAt` overrules it.
 *
 * With the reason `vanished` Slurm has answered that it knows no such job: that counts only when what the job
 * owned has not beaten for a lease.
 */
export type KnownJob = JobState & {
  /** The evidence for its state. A job that was seen keeps its state while it may be gone, with `absence`. */
  readonly evidence: JobEvidence;
  /** When the question was asked that this answers, on the clock's monotonic scale. */
  readonly askedAt?: number | undefined;
  /** Its id, where that is known. */
  readonly jobId?: string | undefined;
  /** The number of times that Slurm has begun it again. */
  readonly restarts: number;
};

/** Pauses between two questions about a job that Slurm could not tell of. */
const SHORTEST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 300_000;

/** What is kept of a job that somebody asks about. */
export interface WatchedJob {
  /** The job, as it was written down; and what Slurm calls it, once that is known. */
  ref: JobRef;
  /** What is known of it. */
  known: KnownJob;
  /** When Slurm surely had it last. */
  sureAt: number;
  /** When sbatch took it, as long as no list has shown it. */
  cameAt?: number | undefined;
  /** When somebody asked about it last. */
  wantedAt: number;
  /** When the list was asked for that was looked at last. */
  readAt: number;
  /** When the first answer was asked for that had no job of its name. */
  absentSince?: number | undefined;
  /** Whether Slurm has shown it: then it does not hide it, though it is another user's. */
  isShown: boolean;
  /** How it ended, as a list has it. */
  end?: JobEntry | undefined;
  /** Slurm is not asked about this very job before, as it could not tell. */
  askAfter: number;
  /** Whether a question about it had to be put off, as there were too many. */
  isPutOff: boolean;
}

/** Begins to watch a job. */
export function watchedJob(ref: JobRef, now: number, expected: boolean): WatchedJob {
  const { jobId } = ref;
  const id = jobId === undefined ? {} : { jobId };
  const known: KnownJob = expected
    ? {
      status: "alive",
      pending: true,
      text: "submitted, not listed yet",
      evidence: "nothing",
      ...id,
      restarts: 0,
    }
    : { status: "unknown", text: "not seen yet", evidence: "nothing", restarts: 0 };
  const times = expected ? { sureAt: now, cameAt: now } : { sureAt: -Infinity };
  return {
    ref,
    known,
    ...times,
    wantedAt: now,
    readAt: -Infinity,
    askAfter: -Infinity,
    isShown: false,
    isPutOff: false,
  };
}

/** The entry that counts of several about one job: a living one before others, else the last. */
export function entryOf<E extends AnsweredJob>(ref: JobRef, entries: readonly E[]): E | undefined {
  const alike = entries.filter((entry) => isSameJob(ref, entry));
  // A task that is shown by itself is not among those that are shown together.
  const exact = alike.filter(({ rest }) => rest !== "unclear");
  const same = exact.length > 0 ? exact : alike;
  return same.find(({ state }) => state.status === "alive") ??
    same.find(({ state }) => state.status === "unknown") ?? same.at(-1);
}

/** What a row of a list makes of a job: `"ask"` where only Slurm's words about that very job can tell. */
export type RowEffect = "taken" | "ask" | "old";

/**
 * Takes a row of a list.
 *
 * @param askedAt When the list was asked for.
 * @param isNewer Whether the list surely is newer than what Slurm said of the job last.
 */
export function takeRow(job: WatchedJob, entry: JobEntry, askedAt: number, isNewer: boolean): RowEffect {
  const { known } = job;
  job.isShown = true;
  if (job.ref.jobId === undefined) job.ref = { ...job.ref, jobId: entry.jobId };
  if (entry.state.status === "dead") {
    if (known.status === "dead") return "taken";
    job.end = entry;
    // It may be begun again meanwhile, or never have ended. Until then it is what it was.
    job.known = known.evidence === "nothing" || known.status === "unknown"
      ? {
        status: "unknown",
        text: `${entry.state.text}, as listed`,
        evidence: "list",
        askedAt,
        ...of(entry, known),
      }
      : { ...known, jobId: entry.jobId };
    return "ask";
  }
  // A list that says that it lives contradicts a stronger word, or is old.
  if (known.status === "dead") return isNewer || entry.restarts > known.restarts ? "ask" : "old";
  if (known.evidence === "job" && !isNewer) return "old";
  // One that has begun pends again only when it is begun again, which is counted.
  const { state } = entry;
  const isBack = known.status === "alive" && !known.pending && state.status === "alive" && state.pending;
  if (isBack && entry.restarts <= known.restarts) return "ask";
  job.known = { ...entry.state, evidence: "list", askedAt, ...of(entry, known) };
  job.sureAt = Math.max(job.sureAt, askedAt);
  job.absentSince = undefined;
  job.end = undefined;
  return "taken";
}

/** Takes Slurm's words about that very job. */
export function takeWord(job: WatchedJob, entry: AnsweredJob, askedAt: number): void {
  job.isShown = true;
  job.known = { ...entry.state, evidence: "job", askedAt, ...of(entry, job.known) };
  if (entry.state.status === "alive") {
    job.sureAt = Math.max(job.sureAt, askedAt);
    job.end = undefined;
  }
  job.absentSince = undefined;
  const { jobId = entry.jobId, name, listedAs } = job.ref;
  const listed = entry.name === name ? listedAs : entry.name;
  job.ref = { ...job.ref, jobId, ...(listed === undefined ? {} : { listedAs: listed }) };
}

/** Takes note that a list, or an answer, has no such job: by itself that tells nothing. */
export function takeAbsence(job: WatchedJob): void {
  if (job.known.status !== "dead") job.known = { ...job.known, evidence: "absence" };
}

/** Takes Slurm's answer that it knows no such job. */
export function takeVanished(job: WatchedJob, askedAt: number, text: string): void {
  const { known: { restarts }, ref: { jobId } } = job;
  job.known = { status: "dead", reason: "vanished", text, evidence: "job", askedAt, jobId, restarts };
}

function of({ jobId, restarts }: JobEntry, known: KnownJob): Pick<KnownJob, "jobId" | "restarts"> {
  // The end of an attempt is final only for a job that Slurm does not begin again.
  return { jobId, restarts: Math.max(known.restarts, restarts) };
}

/** When to ask again about a job of which nothing could be told: the longer it has been so, the later. */
export function nextAsk(job: WatchedJob, askedAt: number): number {
  const since = job.absentSince ??= askedAt;
  return askedAt + Math.max(SHORTEST_PAUSE_MS, Math.min(askedAt - since, LONGEST_PAUSE_MS));
}
