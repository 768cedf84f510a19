import type { Clock } from "../../core/system/clock.ts";
import { errorText, SlurmError } from "../../core/errors.ts";
import type { RunLog } from "../../core/run_log.ts";
import type { Refusal } from "../../pool/launcher.ts";
import type { SlurmJob } from "../../store/record.ts";
import type { SlurmClient } from "../client/client.ts";
import type { ParsedSpec } from "../client/spec.ts";
import { requireOurs } from "../jobs/cancel_jobs.ts";
import { refOf } from "../jobs/submissions.ts";
import { clusterOfSpec } from "../run/spec_clusters.ts";
import type { TrackedWorker, WorkerJobs } from "./worker_jobs.ts";
import type { WorkerSubmitter } from "./worker_submitter.ts";

/** What a {@link StandbyController} works with. */
export interface StandbyOptions {
  /** Asks Slurm. */
  client: SlurmClient;
  /** The cluster of the run. */
  cluster: string | undefined;
  /**
   * The job that this process runs in.
   *
   * @default {none}
   */
  own?: Pick<SlurmJob, "cluster"> | undefined;
  /** The specs of the run. */
  specs: Readonly<Record<string, ParsedSpec>>;
  /** The workers of the run. */
  workers: WorkerJobs;
  /** Submits. */
  submitter: WorkerSubmitter;
  /** Time. */
  clock: Clock;
  /** Takes trouble. */
  log: Pick<RunLog, "warn">;
}

/** Pauses between two tries while none is taken: the first one, and the longest one. */
const FIRST_PAUSE_MS = 2000;
const LONGEST_PAUSE_MS = 60_000;

/**
 * Keeps one pending job of a detached run: a worker that begins when all others are gone, and becomes the
 * controller then. Nothing but this knows of it.
 *
 * A job can wait for jobs of its own cluster only. Where a run has workers on several, the standby is on the
 * controller's: it begins when all workers there are gone, the controller with them, whatever becomes of the
 * others. If one of those controls the run by then, it is a worker like others, and the next one waits there.
 */
export class StandbyController {
  /** Nodes that the last workers were kept from: the standby would be of no use there, either. */
  exclude: readonly string[] = [];
  readonly #options: StandbyOptions;
  /** Keys of the workers whose ends it is to wait for. */
  #wanted: ReadonlySet<string> = new Set();
  /** The ids of the jobs that it waits for, as Slurm was told last. */
  #waitsFor = "";
  #trouble = "";
  #pause = { until: -Infinity, ms: FIRST_PAUSE_MS };
  /** How many were refused in a row: another spec is tried then. */
  #refused = 0;
  #updating: Promise<void> | undefined;

  /** Submits nothing yet. */
  constructor(options: StandbyOptions) {
    this.#options = options;
  }

  /**
   * Has a standby job wait for the ends of these workers, now and as more is known of them.
   *
   * @param alive Keys of the workers.
   * @throws The signal's reason when it aborts.
   */
  async keep(alive: readonly string[], signal: AbortSignal): Promise<void> {
    this.#wanted = new Set(alive);
    // An update that goes on may have begun with the ones before.
    await this.#updating;
    await this.refresh(signal);
  }

  /**
   * Sees to it that there is one, and that it waits for all that are known by now. Says what does not work,
   * and tries it again when it is called after a while.
   *
   * @throws The signal's reason when it aborts.
   */
  refresh(signal: AbortSignal): Promise<void> {
    return this.#updating ??= this.#update(signal).catch((error) => {
      signal.throwIfAborted();
      // It may have begun just now, for instance: the next look tells.
      this.#say(errorText(error));
    }).finally(() => this.#updating = undefined);
  }

  /**
   * If this process runs in the standby job, submits the next one before this process tries to become the
   * controller. Otherwise a controller that is killed early would leave the run without a successor. Waits
   * for sbatch's answer because this process may be about to end.
   *
   * @param own This process's own job.
   * @param exclude Nodes on which the next one would be of no use.
   * @throws {SlurmError} If it was not taken.
   */
  async keepAfter(
    { name, jobId, cluster }: Pick<SlurmJob, "name" | "jobId" | "cluster">,
    exclude: readonly string[],
    signal: AbortSignal,
  ): Promise<void> {
    const entries = await this.#options.workers.journal.read();
    if (!entries.some(({ submission }) => submission.name === name && submission.heir)) return;
    this.exclude = exclude;
    const refusal = await this.#submit({ cluster, ids: [jobId] }, signal);
    if (refusal) throw new SlurmError(whyNone(refusal), { cause: refusal.error });
  }

  /**
   * Submits standby jobs that begin one after the other, for a run whose workers can submit none; so many on
   * each cluster that has workers.
   *
   * @param alive Keys of the workers whose ends the first ones wait for.
   * @returns How many were taken: a limit of the site may let in fewer.
   */
  async submitChain(alive: readonly string[], count: number, signal: AbortSignal): Promise<number> {
    const { workers } = this.#options;
    const wanted = new Set(alive);
    let taken = 0;
    for (const first of waitLists(await workers.look(), ({ key }) => wanted.has(key))) {
      let after: WaitList | undefined = first;
      for (let done = 0; after && done < count; done++) {
        const before = new Set(workers.known.map(({ key }) => key));
        const refusal = await this.#submit(after, signal);
        if (refusal) this.#say(whyNone(refusal), refusal.kind);
        [after] = waitLists(await workers.look(), ({ key }) => !before.has(key));
        if (!after || refusal) break;
        taken++;
      }
    }
    return taken;
  }

  /** Cancels it: when the run has ended, or its controller leaves, there is nothing to be taken up. */
  async cancel(): Promise<void> {
    const { workers, log } = this.#options;
    this.forget();
    if (!(await workers.journal.read()).some(({ submission }) => submission.heir)) return;
    const { left } = await workers.cancel((await workers.look()).filter(isStandby), { pendingOnly: true });
    if (left !== undefined) log.warn(left);
  }

  /** Keeps none any more. */
  forget(): void {
    this.#wanted = new Set();
  }

  /** Also when the ids of the jobs become known later than the jobs, or Slurm refuses for a while. */
  async #update(signal: AbortSignal): Promise<void> {
    const { workers, client, clock } = this.#options;
    const known = workers.known;
    const there = known.find(isStandby);
    // It must never wait for itself, nor for another one that waits.
    const lists = waitLists(known, (worker) => this.#wanted.has(worker.key) && !isStandby(worker));
    const own = there?.entry.job ?? this.#options.own;
    const after = lists.find(({ cluster }) => isOneCluster(cluster, own?.cluster)) ??
      (there ? undefined : lists[0]);
    const waitsFor = after?.ids.join(":") ?? "";
    if (!after || there && (!there.entry.job || this.#waitsFor === waitsFor)) return;
    if (there?.entry.job) {
      const { jobId, cluster } = there.entry.job;
      const asked = await client.at(cluster);
      await requireOurs(asked, { ...refOf(there.entry), jobId }, "update");
      await asked.waitForEnds(jobId, after.ids, signal);
      this.#waitsFor = waitsFor;
      return;
    }
    if (workers.submitting.size > 0 || clock.monotonic() < this.#pause.until) return;
    const refusal = await this.#submit(after, signal);
    if (!refusal) {
      this.#waitsFor = waitsFor;
      this.#trouble = "";
      this.#pause = { until: -Infinity, ms: FIRST_PAUSE_MS };
      // So that the next call sees it.
      await workers.look();
      return;
    }
    const { ms } = this.#pause;
    this.#pause = { until: clock.monotonic() + ms, ms: Math.min(2 * ms, LONGEST_PAUSE_MS) };
    this.#say(whyNone(refusal), refusal.kind);
  }

  /** @returns Why it was not taken. */
  async #submit({ cluster, ids }: WaitList, signal: AbortSignal): Promise<Refusal | undefined> {
    const { specs, submitter, cluster: ofRun } = this.#options;
    const names = Object.keys(specs)
      .filter((spec) => isOneCluster(clusterOfSpec({ cluster: ofRun, specs }, spec), cluster))
      .toSorted((a, b) => +(b === "default") - +(a === "default"));
    const spec = names[this.#refused % names.length];
    if (spec === undefined) return undefined;
    const wanted = { spec, count: 1, exclude: this.exclude, standbyFor: ids };
    const { taken, refusal } = await submitter.submit(wanted, signal, { until: "answered" });
    if (taken > 0) return undefined;
    if (refusal?.kind === "refused") this.#refused++;
    return refusal ?? { kind: "refused", error: new SlurmError("it was taken back") };
  }

  /** Says trouble once, until there is other trouble. */
  #say(text: string, key = text): void {
    if (key !== this.#trouble) this.#options.log.warn(text);
    this.#trouble = key;
  }
}

/** Whether a worker is the standby that waits: no task can count on it until it begins. */
export function isStandby({ entry: { submission }, state }: TrackedWorker): boolean {
  return submission.heir && state.status === "pending";
}

function whyNone({ kind, error }: Refusal): string {
  const why = kind === "limit"
    ? "a limit lets in no standby controller for now"
    : "there is no standby controller for now";
  return `${why}: if all workers end before the run does, run the same roots again (${error.message})`;
}

/** The jobs of one cluster, whose ends a job of that cluster can wait for. */
interface WaitList {
  /** The cluster, where that is known. */
  readonly cluster: string | undefined;
  readonly ids: readonly string[];
}

/** Whether two clusters are the same, as far as anybody knows: older records do not name them. */
function isOneCluster(one: string | undefined, other: string | undefined): boolean {
  return one === undefined || other === undefined || one === other;
}

/** The jobs of some workers, as far as they are known, by their clusters. */
function waitLists(
  workers: readonly TrackedWorker[],
  which: (worker: TrackedWorker) => boolean,
): WaitList[] {
  const jobs = workers.flatMap((worker) => worker.entry.job && which(worker) ? [worker.entry.job] : []);
  return [...Map.groupBy(jobs, ({ cluster }) => cluster)].map(([cluster, some]) => ({
    cluster,
    ids: [...new Set(some.map(({ jobId }) => jobId))].sort(),
  }));
}
