import type { Runtime } from "../run/runtime.ts";
import type { QueuedJob } from "../store/queued.ts";
import type { SlurmClient } from "./client.ts";
import type { JobEntry } from "./parse.ts";

/** What is known of a job that somebody else submitted. */
export type FoundJob =
  /** It is in Slurm. */
  | { state: "alive"; jobId: string; pending: boolean }
  /** It has ended, or was never submitted. */
  | { state: "over" }
  /** Slurm does not answer, or it may be on its way. */
  | { state: "unknown" };

/**
 * Finds jobs by their unique names. One that is absent from two answers an interval apart is over; one whose id is not
 * known yet only when, besides, the process that submits it is gone.
 */
export class JobLookup {
  readonly #runtime: Runtime;
  readonly #client: SlurmClient;
  /** When Slurm was first asked: names that are not known now were absent then, too, or are known by now. */
  #since: number | undefined;

  /** Asks nothing yet. */
  constructor(runtime: Runtime, client: SlurmClient) {
    this.#runtime = runtime;
    this.#client = client;
  }

  /** Looks once. */
  async find(job: Pick<QueuedJob, "name" | "jobId"> & Partial<QueuedJob>): Promise<FoundJob> {
    const entries = await this.#entries(job.name);
    if (entries === undefined) return { state: "unknown" };
    const alive = entries.find(({ state }) => state.status === "alive");
    if (alive?.state.status === "alive") {
      return { state: "alive", jobId: alive.jobId, pending: alive.state.pending };
    }
    if (entries.some(({ state }) => state.status === "unknown")) return { state: "unknown" };
    if (entries.length > 0) return { state: "over" };
    const { clock } = this.#runtime.machine;
    this.#since ??= clock.monotonic();
    if (clock.monotonic() - this.#since < this.#client.intervalMs) return { state: "unknown" };
    const submits = job.jobId === undefined && job.submitter && !this.#runtime.machine.isGone(job.submitter);
    return { state: submits ? "unknown" : "over" };
  }

  /**
   * As {@link JobLookup.find}, and looks again until it is clear, for at most three intervals.
   *
   * @throws The signal's reason when it aborts.
   */
  async findForSure(job: Parameters<JobLookup["find"]>[0], signal: AbortSignal): Promise<FoundJob> {
    const { clock } = this.#runtime.machine;
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
