import type { Machine } from "../core/machine.ts";
import type { QueuedJob } from "../store/queued.ts";
import type { ClaimRecord } from "../store/record.ts";
import type { SlurmClient } from "./client.ts";
import type { JobEntry } from "./parse.ts";

/** What is known of a job that somebody else submitted. */
export type FoundJob =
  /** It is in Slurm. */
  | { state: "alive"; jobId: string; restarts: number }
  /** It has ended, or was never submitted. */
  | { state: "over" }
  /** Slurm does not answer, or it may be on its way. */
  | { state: "unknown" };

/**
 * Finds jobs by their unique names. One that is absent from two answers an interval apart is over; one whose id is not
 * known yet only when, besides, the process that submits it is gone.
 */
export class JobLookup {
  readonly #machine: Pick<Machine, "clock" | "isGone" | "self">;
  readonly #client: Pick<SlurmClient, "list" | "lookup" | "intervalMs">;
  /** When Slurm was first asked: names that are not known now were absent then, too, or are known by now. */
  #since: number | undefined;

  /** Asks nothing yet. */
  constructor(
    machine: Pick<Machine, "clock" | "isGone" | "self">,
    client: Pick<SlurmClient, "list" | "lookup" | "intervalMs">,
  ) {
    this.#machine = machine;
    this.#client = client;
  }

  /** Looks once. */
  async find(job: Pick<QueuedJob, "name" | "jobId"> & Partial<QueuedJob>): Promise<FoundJob> {
    const entries = await this.#entries(job.name);
    if (entries === undefined) return { state: "unknown" };
    const alive = entries.find(({ state }) => state.status === "alive");
    if (alive) {
      return { state: "alive", jobId: alive.jobId, restarts: alive.restarts };
    }
    if (entries.some(({ state }) => state.status === "unknown")) return { state: "unknown" };
    if (entries.length > 0) return { state: "over" };
    const { clock, self, isGone } = this.#machine;
    // Some sites show nobody the jobs of others: not to see one means nothing.
    if (job.submitter?.user !== self.user && job.submitter?.user !== undefined) return { state: "unknown" };
    this.#since ??= clock.monotonic();
    if (clock.monotonic() - this.#since < this.#client.intervalMs) return { state: "unknown" };
    const submits = job.jobId === undefined && job.submitter && !isGone(job.submitter);
    return { state: submits ? "unknown" : "over" };
  }

  /** Why the holder of a claim is gone, as Slurm has it; `undefined` when it is not, or Slurm does not say. */
  async whyGone({ slurm, owner }: Pick<ClaimRecord, "slurm" | "owner">): Promise<string | undefined> {
    if (!slurm) return undefined;
    const found = await this.find({ ...slurm, submitter: owner });
    if (found.state === "over") return `its Slurm job ${slurm.jobId} has ended`;
    if (found.state !== "alive" || found.restarts <= slurm.restarts) return undefined;
    return `Slurm has begun its job ${slurm.jobId} again`;
  }

  /**
   * As {@link JobLookup.find}, and looks again until it is clear, for at most three intervals.
   *
   * @throws The signal's reason when it aborts.
   */
  async findForSure(job: Parameters<JobLookup["find"]>[0], signal: AbortSignal): Promise<FoundJob> {
    const { clock } = this.#machine;
    const limit = clock.monotonic() + 3 * this.#client.intervalMs;
    for (;;) {
      const found = await this.find(job);
      if (found.state !== "unknown" || clock.monotonic() > limit) return found;
      await clock.sleep(Math.min(1000, this.#client.intervalMs), signal);
    }
  }

  /** Of one's own jobs the last listing may tell already; others are asked for. */
  async #entries(name: string): Promise<readonly JobEntry[] | undefined> {
    const listed = (await this.#client.list())?.jobs.filter((job) => job.name === name) ?? [];
    if (listed.length > 0) return listed;
    return await this.#client.lookup(name);
  }
}
