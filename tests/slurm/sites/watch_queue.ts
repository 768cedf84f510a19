import { delay } from "@std/async/delay";
import type { Cluster } from "../cluster.ts";
import { DEADLINE_MS } from "../pool/cluster_pool_rig.ts";
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

  /** @param pauseMs Milliseconds between two looks; without any it looks only when it is asked. */
  constructor(cluster: Cluster, site: Site, pauseMs?: number) {
    this.#cluster = cluster;
    this.#site = site;
    this.#loop = pauseMs === undefined ? Promise.resolve() : this.#watch(pauseMs);
  }

  /** Jobs of the site's runs that have not ended, as `<id> <state> <reason>`. */
  async jobs(): Promise<string[]> {
    const ours = new Set(this.#site.taken().map(({ jobId }) => jobId));
    const rows = (await this.#cluster.run("squeue", "-h", "-a", "-r", "-o", "%F %T %r")).split("\n");
    return rows.filter((row) => ours.has(row.split(" ")[0]!));
  }

  /** Waits until no job of the site's runs is left. */
  async empty(withinMs: number): Promise<void> {
    for (const since = performance.now();;) {
      const jobs = await this.jobs();
      if (jobs.length === 0) return;
      if (performance.now() - since > withinMs) throw new Error(`jobs are left: ${jobs}`);
      await delay(100);
    }
  }

  /** Whatever a test has left behind, nothing of it stays in Slurm. */
  async cancelAll(): Promise<void> {
    const left = (await this.jobs().catch(() => [])).map((row) => row.split(" ")[0]!);
    if (left.length === 0) return;
    await this.#cluster.run("scancel", ...new Set(left)).catch(() => {});
    await this.empty(DEADLINE_MS).catch(() => {});
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#loop;
  }

  async #watch(pauseMs: number): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      // The controller may be away for a moment: that is a site, too.
      const jobs = await this.jobs().catch(() => undefined);
      if (jobs) this.#see(jobs);
      await delay(pauseMs, { signal }).catch(() => {});
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
