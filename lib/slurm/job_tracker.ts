import type { SlurmClient } from "./client.ts";
import type { JobState } from "./job_state.ts";
import type { JobEntry } from "./parse.ts";

/** A job that is followed. Ids are used again one day: it is the same job only when the name is, too. */
export interface JobRef {
  /** Its id, or that of its array. */
  jobId: string;
  /** Which task of an array. */
  index?: number;
  /** Its unique name. */
  name: string;
  /** Did another user submit it? Then not seeing it means nothing. @default false */
  foreign?: boolean;
}

/** What is known of a job. */
export interface TrackedJob {
  /** The latest state. */
  state: JobState;
  /** How often it was begun again. */
  restarts: number;
}

interface Followed extends TrackedJob {
  ref: JobRef;
  /** When it was first asked for: an older listing cannot know it. */
  since: number;
  /** When the first of the listings was asked for that it is absent from. */
  absentSince?: number;
}

const UNKNOWN: JobState = { status: "unknown", text: "not seen yet" };

/**
 * Follows jobs through the listings of a {@link SlurmClient}. A job that is absent from two listings an interval apart
 * has ended: how, is asked of the accounting where there is one, else its end is *vanished*. Without an answer of Slurm
 * nothing changes.
 */
export class JobTracker {
  readonly #client: Pick<SlurmClient, "list" | "ended" | "clock" | "intervalMs">;
  readonly #jobs = new Map<string, Followed>();
  #lastListing = -Infinity;

  /** @param client Whose listings are used. */
  constructor(client: Pick<SlurmClient, "list" | "ended" | "clock" | "intervalMs">) {
    this.#client = client;
  }

  /** Follows a job, from now on; also one that is followed already. */
  follow(ref: JobRef): void {
    const key = keyOf(ref);
    // Another name under a known id is another job: Slurm has begun its ids anew.
    if (this.#jobs.get(key)?.ref.name === ref.name) return;
    this.#jobs.set(key, { ref, since: this.#client.clock.monotonic(), state: UNKNOWN, restarts: 0 });
  }

  /** Follows a job no more. */
  forget(ref: JobRef): void {
    if (this.#jobs.get(keyOf(ref))?.ref.name === ref.name) this.#jobs.delete(keyOf(ref));
  }

  /** What is known of a followed job; *unknown* for any other. */
  get(ref: JobRef): TrackedJob {
    const job = this.#jobs.get(keyOf(ref));
    if (job?.ref.name !== ref.name) return { state: UNKNOWN, restarts: 0 };
    return { state: job.state, restarts: job.restarts };
  }

  /**
   * Brings what is known up to date. At most one question per interval reaches Slurm, however often this is called.
   *
   * @returns Did Slurm answer?
   */
  async poll(signal?: AbortSignal): Promise<boolean> {
    const listing = await this.#client.list(signal);
    if (!listing) return false;
    if (listing.at <= this.#lastListing) return true;
    this.#lastListing = listing.at;
    const entries = new Map(listing.jobs.map((entry) => [keyOf(entry), entry]));
    const absent: Followed[] = [];
    for (const job of this.#jobs.values()) {
      // The end of an attempt is final only for a job that Slurm does not begin again: it may be listed once more.
      const entry = entries.get(keyOf(job.ref));
      if (entry?.name === job.ref.name) see(job, entry);
      else if (job.state.status !== "dead" && job.since <= listing.at && !job.ref.foreign) absent.push(job);
    }
    if (absent.length > 0) await this.#askAccounting(absent, signal);
    for (const job of absent) {
      if (job.state.status === "dead") continue;
      job.absentSince ??= listing.at;
      if (listing.at - job.absentSince < this.#client.intervalMs) continue;
      job.state = { status: "dead", reason: "vanished", text: "Slurm does not list it any more" };
    }
    return true;
  }

  async #askAccounting(absent: readonly Followed[], signal?: AbortSignal): Promise<void> {
    const entries = await this.#client.ended([...new Set(absent.map(({ ref }) => ref.jobId))], signal);
    const byKey = new Map(entries?.map((entry) => [keyOf(entry), entry]));
    for (const job of absent) {
      const entry = byKey.get(keyOf(job.ref));
      // The accounting may lag: that a job still runs there proves nothing.
      if (entry?.name === job.ref.name && entry.state.status === "dead") job.state = entry.state;
    }
  }
}

function see(job: Followed, entry: JobEntry): void {
  job.state = entry.state;
  job.restarts = Math.max(job.restarts, entry.restarts);
  delete job.absentSince;
}

function keyOf({ jobId, index }: { jobId: string; index?: number }): string {
  return index === undefined ? jobId : `${jobId}_${index}`;
}
