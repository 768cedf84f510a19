import type { Listing, SlurmClient } from "../client/client.ts";
import type { JobState } from "../client/job_state.ts";
import type { JobEntry } from "../client/parse_jobs.ts";

/** A job that is followed. Ids are used again one day: it is the same job only when the name is, too. */
export interface JobRef {
  /** Its id, or that of its array. */
  jobId: string;
  /** Which task of an array. */
  index?: number;
  /** Its unique name. */
  name: string;
  /** The cluster it is on, where that is known. @default the one that is asked */
  cluster?: string;
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

/** What of a client is used. */
type Asked = Pick<SlurmClient, "list" | "lookup" | "ended" | "clock" | "intervalMs" | "at">;

const UNKNOWN: JobState = { status: "unknown", text: "not seen yet" };

/**
 * Follows jobs through the listings of a {@link SlurmClient}. A job that is absent from two listings an interval apart
 * has ended: how, is asked of the accounting where there is one, else its end is *vanished*. Without an answer of Slurm
 * nothing changes.
 */
export class JobTracker {
  readonly #client: Asked;
  readonly #jobs = new Map<string, Followed>();
  /** When the latest listing that was read was asked for, by cluster. */
  readonly #latest = new Map<Asked, number>();

  /** @param client Whose listings are used, of its own cluster and of others. */
  constructor(client: Asked) {
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
   * Brings what is known up to date. At most one question per interval and cluster reaches Slurm, however often this is
   * called. What a cluster does not list that does not know the job says nothing of it.
   *
   * @returns Did Slurm answer, on all clusters?
   */
  async poll(signal?: AbortSignal): Promise<boolean> {
    let answered = true;
    for (const [client, jobs] of await this.#byClient()) {
      const listing = await client.list(signal);
      if (listing) await this.#read(client, listing, jobs, signal);
      else answered = false;
    }
    return answered;
  }

  /** Whom to ask about which jobs; the own cluster always. */
  async #byClient(): Promise<Map<Asked, Followed[]>> {
    const clients = new Map<Asked, Followed[]>([[this.#client, []]]);
    for (const [cluster, jobs] of Map.groupBy(this.#jobs.values(), ({ ref }) => ref.cluster)) {
      const client = await this.#client.at(cluster);
      clients.set(client, [...(clients.get(client) ?? []), ...jobs]);
    }
    return clients;
  }

  async #read(
    client: Asked,
    listing: Listing,
    jobs: readonly Followed[],
    signal: AbortSignal | undefined,
  ): Promise<void> {
    if (listing.at <= (this.#latest.get(client) ?? -Infinity)) return;
    this.#latest.set(client, listing.at);
    const entries = new Map(listing.jobs.map((entry) => [taskKey(entry), entry]));
    for (const entry of await ofOthers(client, jobs, signal)) entries.set(taskKey(entry), entry);
    const absent: Followed[] = [];
    for (const job of jobs) {
      // The end of an attempt is final only for a job that Slurm does not begin again: it may be listed once more.
      const entry = entries.get(taskKey(job.ref));
      if (entry?.name === job.ref.name) see(job, entry);
      else if (job.state.status !== "dead" && job.since <= listing.at && !job.ref.foreign) absent.push(job);
    }
    if (absent.length > 0) await askAccounting(client, absent, signal);
    for (const job of absent) {
      if (job.state.status === "dead") continue;
      job.absentSince ??= listing.at;
      if (listing.at - job.absentSince < client.intervalMs) continue;
      job.state = { status: "dead", reason: "vanished", text: "Slurm does not list it any more" };
    }
  }
}

/** Jobs of other users, which the listing has not: as far as the site shows them. */
async function ofOthers(
  client: Asked,
  jobs: readonly Followed[],
  signal: AbortSignal | undefined,
): Promise<readonly JobEntry[]> {
  const names = jobs.filter(({ ref, state }) => ref.foreign && state.status !== "dead").map(({ ref }) =>
    ref.name
  );
  return names.length === 0 ? [] : await client.lookup(names, signal) ?? [];
}

async function askAccounting(
  client: Asked,
  absent: readonly Followed[],
  signal: AbortSignal | undefined,
): Promise<void> {
  const entries = await client.ended([...new Set(absent.map(({ ref }) => ref.jobId))], signal);
  const byKey = new Map(entries?.map((entry) => [taskKey(entry), entry]));
  for (const job of absent) {
    const entry = byKey.get(taskKey(job.ref));
    // The accounting may lag: that a job still runs there proves nothing.
    if (entry?.name === job.ref.name && entry.state.status === "dead") job.state = entry.state;
  }
}

function see(job: Followed, entry: JobEntry): void {
  job.state = entry.state;
  job.restarts = Math.max(job.restarts, entry.restarts);
  delete job.absentSince;
}

/** Which job or task it is, on its cluster. */
function taskKey({ jobId, index }: { jobId: string; index?: number }): string {
  return index === undefined ? jobId : `${jobId}_${index}`;
}

/** Which job or task it is, of all clusters. */
function keyOf(ref: JobRef): string {
  return `${taskKey(ref)};${ref.cluster ?? ""}`;
}
