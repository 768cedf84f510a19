import { join } from "@std/path/posix/join";
import { SlurmError } from "../../core/errors.ts";
import type { Hash } from "../../core/hash.ts";
import type { DagNode, DagRun } from "../../remote/run_record.ts";
import type { Runtime } from "../../run/runtime.ts";
import { readClaim } from "../../store/claims/read_claim.ts";
import { readQueued } from "../../store/claims/queued.ts";
import type { TaskListing } from "../../store/store.ts";
import type { GivenUp } from "./submission_turns.ts";
import { type DagJob, type DagJobs, dagJobsPath, readDagJobs } from "../jobs/dag_jobs.ts";
import type { JobWatch } from "../jobs/job_watch.ts";
import type { FoundRun } from "../run/find_run.ts";
import { clusterOfSpec } from "../run/spec_clusters.ts";

/** The longest time for which a run is waited for that is still being submitted. */
const SUBMITTING_MS = 120_000;
/** Time between two looks at what another process submits. */
const LOOK_MS = 5000;

/** A run in DAG mode that was submitted before, perhaps by another process. */
interface OpenedRun extends FoundRun<DagRun> {
  /** Its store. */
  runtime: Runtime;
}

/** Whoever submits the jobs of a run while it is followed. */
export interface Submitter {
  /** The jobs by now; more may come. */
  readonly jobs: DagJobs;
  /** Finds out what has come. */
  look(): Promise<void>;
  /** Whether a node that has no job may still get one. */
  mayGet(hash: Hash): boolean;
  /** Is told that a node has ended. */
  settles(hash: Hash, how: "done" | "failed" | "blocked"): void;
  /** Nodes that it has given up since the last call, and why. */
  takeGivenUp(): GivenUp[];
  /** Why it submits no more at the moment. */
  waits(): { of: string; why: string }[];
}

/**
 * Finds the jobs of a run: as its submitter wrote them down or, where it died before, as far as Slurm lists
 * their names. A run that is still being submitted is waited for, up to two minutes.
 *
 * @param options `atOnce`: what its submitter has written down so far is enough, though more may come.
 * @throws {SlurmError} If only Slurm can tell, and does not.
 * @throws The signal's reason when it aborts.
 */
export async function findJobs(
  opened: OpenedRun,
  watch: JobWatch,
  { signal, atOnce = false }: { signal?: AbortSignal; atOnce?: boolean } = {},
): Promise<Map<Hash, DagJob>> {
  const { runtime, run, paths } = opened;
  const { machine } = runtime;
  const begun = machine.clock.monotonic();
  for (let said = false;;) {
    const written = await readDagJobs(runtime, paths, run);
    if (written?.complete) return written.jobs;
    const waitedMs = machine.clock.monotonic() - begun;
    if (machine.isGone(run.submitter)) break;
    if (written && atOnce) return written.jobs;
    if (waitedMs > SUBMITTING_MS) {
      const { pid, host } = run.submitter;
      runtime.logger.warn(
        `run ${run.runId} is still being submitted, by pid ${pid} on ${host} as far as can be told: what ` +
          `that submits from now on is not seen here`,
      );
      break;
    }
    if (!said && waitedMs > 1000) {
      said = true;
      runtime.logger.info(
        `run ${run.runId} is still being submitted, as far as can be told: waiting for that`,
      );
    }
    await machine.clock.sleep(500, signal);
  }
  const { nodes, submitter } = run;
  const jobs = (await readDagJobs(runtime, paths, run))?.jobs ?? new Map<Hash, DagJob>();
  const named = new Map<string, DagNode>();
  const listings = new Map<string, TaskListing>();
  for (const node of nodes) {
    if (jobs.has(node.hash)) continue;
    const listing = listings.get(node.name) ?? await runtime.store.listTask(node.name);
    listings.set(node.name, listing);
    if (listing.done.has(node.hash)) continue;
    const known = await jobInStore(runtime, node);
    const cluster = clusterOfSpec(run, node.spec);
    if (known) jobs.set(node.hash, { cluster, ...known, submitter, own: true });
    else named.set(node.jobName, node);
  }
  const found = await Promise.all(
    [...named].map(async ([name, { hash, spec }]) => {
      const cluster = clusterOfSpec(run, spec);
      const { evidence, jobId } = await watch.state({ name, cluster, submitter }, { signal });
      return { hash, name, cluster, evidence, jobId };
    }),
  );
  // No answer is not an answer that there are none: those in Slurm would be left alone, and said to be
  // cancelled.
  if (found.some(({ evidence }) => evidence === "nothing")) {
    throw new SlurmError(
      `Cannot tell which jobs run ${run.runId} has in Slurm as squeue does not answer, and its ` +
        `submitter has not written them down: try again later`,
    );
  }
  for (const { hash, name, cluster, jobId } of found) {
    if (jobId !== undefined) jobs.set(hash, { jobId, name, cluster, submitter, own: true });
  }
  return jobs;
}

/** The job of a node as its submitter wrote it down at the artifact, or as it did itself when it began. */
async function jobInStore(
  { store }: Pick<Runtime, "store">,
  node: DagNode,
): Promise<{ jobId: string; name: string } | undefined> {
  const paths = store.paths(node);
  const queued = await readQueued(store, paths);
  if (queued?.name === node.jobName && queued.jobId !== undefined) {
    const { jobId, name, cluster, listedAs } = queued;
    return { jobId, name, ...(cluster === undefined ? {} : { cluster, listedAs }) };
  }
  const slurm = (await readClaim(store, paths))?.slurm;
  if (slurm?.name !== node.jobName) return undefined;
  const { jobId, name, cluster } = slurm;
  return { jobId, name, ...(cluster === undefined ? {} : { cluster }) };
}

/** A submitter in another process, which writes down what it has submitted. */
export class OtherSubmitter implements Submitter {
  readonly jobs: Map<Hash, DagJob>;
  readonly #opened: OpenedRun;
  readonly #begun: number;
  #lookedAt = -Infinity;
  #mtimeMs: number | undefined;
  #changedAt: number;
  #maySubmit = true;

  /** @param jobs Those that are known. */
  constructor(opened: OpenedRun, jobs: DagJobs) {
    this.#opened = opened;
    this.jobs = new Map(jobs);
    this.#begun = this.#changedAt = opened.runtime.machine.clock.monotonic();
  }

  /**
   * Reads what is new. A submitter that is gone, or has written down all, submits no more; one on another
   * machine, of which nothing can be known, is believed for `staleAfterSec` after it wrote last.
   */
  async look(): Promise<void> {
    const { runtime: { machine, config, store }, run, paths } = this.#opened;
    const now = machine.clock.monotonic();
    if (!this.#maySubmit || now - this.#lookedAt < LOOK_MS) return;
    this.#lookedAt = now;
    // Before its file is read: it writes first, and ends then.
    const isGone = machine.isGone(run.submitter);
    const mtimeMs = (await machine.files.stat(dagJobsPath(paths)))?.mtimeMs;
    if (mtimeMs !== this.#mtimeMs) {
      this.#mtimeMs = mtimeMs;
      this.#changedAt = now;
      const written = await readDagJobs({ store }, paths, run);
      for (const [hash, job] of written?.jobs ?? []) this.jobs.set(hash, job);
      if (written?.complete) this.#maySubmit = false;
    }
    const isStale = now - this.#changedAt > config.staleAfterSec * 1000;
    if (isGone || isStale && run.submitter.host !== machine.self.host) this.#maySubmit = false;
  }

  mayGet(): boolean {
    return this.#maySubmit;
  }

  settles(): void {
    // It looks by itself.
  }

  takeGivenUp(): GivenUp[] {
    return [];
  }

  waits(): { of: string; why: string }[] {
    const { runtime: { machine: { clock } }, run: { submitter: { pid, host } } } = this.#opened;
    if (!this.#maySubmit || clock.monotonic() - this.#begun < LOOK_MS) return [];
    return [{ of: "the rest", why: `pid ${pid} on ${host}, which submits this run` }];
  }
}

/** The folder of Slurm's output of a run's jobs, and of their batch scripts. */
export function nodeLogDir({ config, runId }: Pick<DagRun, "config" | "runId">, spec: string): string {
  return join(config.slurmRoot, "nodes", spec, runId);
}
