import type { Machine } from "../../core/system/machine.ts";
import type { QueuedJob } from "../../store/claims/queued.ts";
import type { ClaimRecord } from "../../store/record.ts";
import type { SlurmClient } from "../client/client.ts";
import type { JobEntry } from "../client/parse_jobs.ts";

/** What is known of a job that somebody else submitted. */
export type FoundJob =
  /** It is in Slurm. */
  | { state: "alive"; jobId: string; restarts: number }
  /** It has ended, or was never submitted. */
  | { state: "over" }
  /** Slurm does not answer, or it may be on its way. `absent`: it was not there just now, and may be *over* soon. */
  | { state: "unknown"; absent?: true };

/** A job as somebody else wrote it down. */
export type NamedJob = Pick<QueuedJob, "name" | "jobId"> & Partial<QueuedJob>;

/**
 * Finds jobs by their unique names, on their own clusters. One that is absent from two answers an interval apart is over;
 * one whose id is not known yet only when, besides, the process that submits it is gone.
 */
export class JobLookup {
  readonly #machine: Pick<Machine, "clock" | "isGone" | "self">;
  readonly #client: SlurmClient;
  /** When the first of the answers was asked for that a job is absent from, by its name and id. */
  readonly #absentSince = new Map<string, number>();

  /** Asks nothing yet. */
  constructor(machine: Pick<Machine, "clock" | "isGone" | "self">, client: SlurmClient) {
    this.#machine = machine;
    this.#client = client;
  }

  /** Looks once. */
  async find(job: NamedJob): Promise<FoundJob> {
    const { clock, self, isGone } = this.#machine;
    const at = clock.monotonic();
    const entries = await this.#entries(job);
    if (entries === undefined) return { state: "unknown" };
    const key = `${job.name} ${job.jobId ?? ""}`;
    if (entries.length > 0) this.#absentSince.delete(key);
    const alive = entries.find(({ state }) => state.status === "alive");
    if (alive) return { state: "alive", jobId: alive.jobId, restarts: alive.restarts };
    if (entries.some(({ state }) => state.status === "unknown")) return { state: "unknown" };
    if (entries.length > 0) return { state: "over" };
    // Some sites show nobody the jobs of others: not to see one means nothing.
    if (job.submitter?.user !== self.user && job.submitter?.user !== undefined) return { state: "unknown" };
    // Until its id is known it may be on its way.
    if (job.jobId === undefined && job.submitter && !isGone(job.submitter)) return { state: "unknown" };
    const since = this.#absentSince.get(key) ?? at;
    this.#absentSince.set(key, since);
    return at - since < this.#client.intervalMs ? { state: "unknown", absent: true } : { state: "over" };
  }

  /** Why the holder of a claim is gone, as Slurm has it; `undefined` when it is not, or Slurm does not say. */
  async whyGone({ slurm, owner }: Pick<ClaimRecord, "slurm" | "owner">): Promise<string | undefined> {
    if (!slurm) return undefined;
    const found = await this.find({ ...slurm, submitter: owner });
    if (found.state === "over") return `its Slurm job ${slurm.jobId} has ended`;
    if (found.state !== "alive" || found.restarts <= slurm.restarts) return undefined;
    return `Slurm has begun its job ${slurm.jobId} again`;
  }

  /** Why a queued job will never begin, as Slurm has it; `undefined` when it may, or Slurm does not say. */
  async whyOver(queued: QueuedJob): Promise<string | undefined> {
    if ((await this.find(queued)).state !== "over") return undefined;
    return queued.jobId === undefined ? "it was never submitted" : "it has ended, or was cancelled";
  }

  /**
   * As {@link JobLookup.find}; where a second look an interval later makes it clear, that is taken, too.
   *
   * @throws The signal's reason when it aborts.
   */
  async findForSure(job: NamedJob, signal?: AbortSignal): Promise<FoundJob> {
    const { clock } = this.#machine;
    for (;;) {
      const found = await this.find(job);
      if (found.state !== "unknown" || !found.absent) return found;
      await clock.sleep(Math.min(1000, this.#client.intervalMs), signal);
    }
  }

  /** Of one's own jobs the last listing may tell already; others are asked for. */
  async #entries({ name, cluster, jobId }: NamedJob): Promise<readonly JobEntry[] | undefined> {
    const client = await this.#client.at(cluster);
    // All tasks of an array have its name: `12_3` is one of them, whose siblings say nothing of it.
    const index = jobId?.split("_")[1];
    const isIt = (job: JobEntry): boolean =>
      job.name === name && (index === undefined || `${job.index}` === index);
    const listed = (await client.list())?.jobs.filter(isIt) ?? [];
    if (listed.length > 0) return listed;
    return (await client.lookup(name))?.filter(isIt);
  }
}
