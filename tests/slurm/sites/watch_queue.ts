import { delay } from "@std/async/delay";
import type { Cluster } from "../cluster.ts";
import type { Site } from "./site.ts";

/** The most jobs of a run that were seen in Slurm at once. */
export interface Peaks {
  pending: number;
  /** Pending or running, suspended ones included. */
  inAll: number;
}

/** Looks, all the time and behind the moods of the site, at what Slurm really has of the site's runs. */
export class QueueWatch implements AsyncDisposable {
  readonly peaks: Peaks = { pending: 0, inAll: 0 };
  /** States of jobs at the last look, for messages. */
  last: string[] = [];
  readonly #cluster: Cluster;
  readonly #site: Site;
  readonly #stop = new AbortController();
  readonly #loop: Promise<void>;

  constructor(cluster: Cluster, site: Site) {
    this.#cluster = cluster;
    this.#site = site;
    this.#loop = this.#watch();
  }

  /** Jobs of the site's runs that have not ended, as `<id> <state> <reason>`. */
  async jobs(): Promise<string[]> {
    const ours = new Set(this.#site.taken().map(({ jobId }) => jobId));
    const rows = (await this.#cluster.run("squeue", "-h", "-a", "-r", "-o", "%F %T %r")).split("\n");
    return rows.filter((row) => ours.has(row.split(" ")[0]!));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#loop;
  }

  async #watch(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      // The controller may be away for a moment: that is a site, too.
      const jobs = await this.jobs().catch(() => undefined);
      if (jobs) this.#see(jobs);
      await delay(200, { signal }).catch(() => {});
    }
  }

  #see(jobs: string[]): void {
    const pending = jobs.filter((row) => row.split(" ")[1] === "PENDING").length;
    const over = jobs.filter((row) => row.split(" ")[1] === "COMPLETING").length;
    this.peaks.pending = Math.max(this.peaks.pending, pending);
    this.peaks.inAll = Math.max(this.peaks.inAll, jobs.length - over);
    this.last = jobs;
  }
}
