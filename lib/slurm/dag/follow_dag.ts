import { errorText } from "../../core/errors.ts";
import type { Failure, RunSummary } from "../../core/event.ts";
import type { Hash } from "../../core/hash.ts";
import { runLog } from "../../core/run_log.ts";
import { countsForRun } from "../../plan/forced.ts";
import { notifierOf } from "../../notify/notifier.ts";
import { neededOf } from "../../remote/own_node.ts";
import type { DagNode, DagRun } from "../../remote/run_record.ts";
import { whyOutdated } from "../../run/partial/counts.ts";
import type { Runtime } from "../../run/runtime.ts";
import { progressFileOf } from "../../schedule/progress_file.ts";
import { readRecord } from "../../store/read_record.ts";
import { readEnds } from "../../store/results/ends.ts";
import { recordForSure } from "../../store/results/record_for_sure.ts";
import { concernsOneArtifact, isRefusal } from "../../store/store.ts";
import { logPath } from "../client/job_log.ts";
import type { DagJob } from "../jobs/dag_jobs.ts";
import { JobWatch, type KnownJob } from "../jobs/job_watch.ts";
import { runSpecs } from "../run/check_specs.ts";
import type { FollowOptions } from "../run/find_run.ts";
import { runOutcome } from "../run/run_outcome.ts";
import { cancelBlocked } from "./cancel_dag.ts";
import { DagAttempts } from "./dag_attempts.ts";
import type { DagContext } from "./dag_context.ts";
import { findJobs, nodeLogDir, OtherSubmitter, type Submitter } from "./find_jobs.ts";
import { jobFailure, lackOfJob, unreadFailure, unsubmittedFailure } from "./job_failure.ts";
import { JobVerdicts, NEVER } from "./job_verdicts.ts";
import { DagNotice } from "./why_waiting.ts";

type DeadJobState = Extract<KnownJob, { status: "dead" }>;

type Counts = Pick<RunSummary, "computed" | "elsewhere" | "retries" | "partial">;

/** The state of a node: see {@link Follower}. */
type Progress = "open" | "done" | "failed" | "blocked";

/**
 * Follows a run in DAG mode that was submitted before, until it has ended.
 *
 * @throws {RunFailedError} That lists each failure.
 * @throws The signal's reason when it aborts.
 */
export async function followDagRun(
  runtime: Runtime,
  { paths, run, client, onEvent, signal }: FollowOptions<DagRun>,
): Promise<RunSummary> {
  const { machine } = runtime;
  const opened = { runtime, paths, run };
  const watch = new JobWatch(machine, client);
  const jobs = await findJobs(opened, watch, { signal, atOnce: true });
  const context: DagContext = {
    ...opened,
    client,
    specs: runSpecs(run),
    watch,
    onEvent,
    log: runLog(onEvent, machine.clock),
    signal,
  };
  onEvent({ type: "run_started", runId: run.runId, ...run.counts, at: machine.clock.now() });
  const summary = await followDag(context, new OtherSubmitter(opened, jobs));
  return runOutcome(run.runId, { summary }, { keepGoing: true });
}

/**
 * Follows the jobs of a run until all have ended: results are seen in the store, ends in what Slurm says. Any
 * process can do it, without the user's code. The dependents of a failure are cancelled.
 *
 * @param context The run.
 * @param submitter Knows the job of each node; one that gets none is done, blocked, or was never submitted.
 * @param onAbort Called when the signal aborts; without it the jobs go on.
 * @param options `isInterrupted`: whether somebody stopped the run then, and not a fault.
 * @returns How it went; the run's events were told.
 * @throws The signal's reason when it aborts.
 */
export async function followDag(
  context: DagContext,
  submitter: Submitter,
  onAbort?: () => Promise<void>,
  { isInterrupted = () => true }: { isInterrupted?: () => boolean } = {},
): Promise<RunSummary> {
  const { signal, runtime, run } = context;
  const progress = progressFileOf(runtime.store, "dag", run);
  const notifier = await notifierOf(runtime, context.paths.run, run);
  const onEvent = progress.beside(notifier?.beside(context.onEvent) ?? context.onEvent);
  // It was told when the run was planned.
  progress.sink({ type: "run_started", runId: run.runId, ...run.counts, at: runtime.machine.clock.now() });
  const follower = new Follower({ ...context, onEvent }, submitter);
  const ended = (interrupted: boolean): RunSummary => {
    const summary = follower.summary();
    onEvent({ type: "run_ended", summary, interrupted, at: runtime.machine.clock.now() });
    return summary;
  };
  try {
    await follower.run();
    return ended(false);
  } catch (error) {
    if (!signal.aborted) throw error;
    await onAbort?.();
    ended(isInterrupted());
    throw signal.reason;
  } finally {
    await Promise.all([progress.close(), notifier?.close()]);
  }
}

/** Follows the jobs of a run until the signal aborts, for a submitter that then leaves them alone. */
export async function followWhile(
  context: DagContext,
  submitter: Submitter,
  signal: AbortSignal,
): Promise<void> {
  await new Follower({ ...context, signal }, submitter).run().catch((error) => {
    if (!signal.aborted) throw error;
  });
}

/**
 * The follower of one run. It looks again and again, dependencies first, at all nodes that are open:
 *
 *                    a result that counts is stored
 *      OPEN ------------------------------------------------> DONE
 *       | ^  `.      (also when its job has ended otherwise)
 *       | |    `.
 *       | |      `-- its job has ended without a result, ----> FAILED
 *       | |          as Slurm says of that very job, nothing
 *       | |          beats for it, nobody else is at it; or
 *       | |          what is stored cannot be read; or its
 *       | |          submitter has given it up
 *       | |
 *       | '--------- its job has ended, and a job of another run is at it: that one is followed
 *       |
 *       '-- a dependency that it needs is FAILED or BLOCKED -> BLOCKED  (its job is cancelled)
 *
 * While Slurm does not answer, nothing is known of any job, and no node leaves OPEN but by its result.
 */
class Follower {
  readonly #context: DagContext;
  readonly #submitter: Submitter;
  /** Jobs of other runs that are followed in place of those that the submitter knows. */
  readonly #others = new Map<Hash, DagJob>();
  readonly #progress = new Map<Hash, Progress>();
  /** Those that are open, dependencies first. */
  readonly #open: Map<Hash, DagNode>;
  readonly #attempts: DagAttempts;
  readonly #verdicts: JobVerdicts;
  readonly #failures: Failure[] = [];
  readonly #nodes: ReadonlyMap<Hash, DagNode>;
  readonly #notice: DagNotice;
  readonly #started: number;
  readonly #watched = new Set<Hash>();
  readonly #counts: Counts = { computed: 0, elsewhere: 0, retries: 0 };

  constructor(context: DagContext, submitter: Submitter) {
    this.#context = context;
    this.#submitter = submitter;
    this.#attempts = new DagAttempts(context);
    this.#started = this.#now();
    this.#verdicts = new JobVerdicts(context);
    this.#notice = new DagNotice(context, submitter);
    this.#nodes = new Map(context.run.nodes.map((node) => [node.hash, node]));
    this.#open = new Map(this.#nodes);
    for (const hash of this.#nodes.keys()) this.#progress.set(hash, "open");
  }

  async run(): Promise<void> {
    const { run, runtime, signal, onEvent } = this.#context;
    const { clock } = runtime.machine;
    for (const failure of run.leftOut?.failures ?? []) {
      this.#failures.push(failure);
      const { name, hash } = failure;
      onEvent({ type: "node_failed", name, hash: hash as Hash, failure, at: clock.now() });
    }
    const longest = runtime.config.pollIntervalSec * 1000;
    for (let pause = 50; this.#open.size > 0; pause = Math.min(1.3 * pause, longest)) {
      signal.throwIfAborted();
      await this.#submitter.look();
      this.#sayOthers();
      const before = this.#open.size;
      const listedMs = await this.#lookIntoStore();
      await this.#failGivenUp();
      await this.#lookAtJobs();
      this.#notice.look(this.#open.keys(), (hash) => this.#jobOf(hash));
      if (this.#open.size < before) pause = Math.min(pause, longest / 4);
      // A listing that takes long is made more seldom.
      if (this.#open.size > 0) await clock.sleep(Math.max(pause, 10 * listedMs), signal);
    }
  }

  /** What has happened so far. */
  summary(): RunSummary {
    const { run, runtime } = this.#context;
    const left = [...this.#progress.values()].filter((each) => each === "open" || each === "blocked");
    return {
      runId: run.runId,
      nodes: run.counts.nodes,
      cached: run.counts.cached,
      ...this.#counts,
      failures: this.#failures,
      notRun: left.length + (run.leftOut?.dependents ?? 0),
      durationMs: runtime.machine.clock.monotonic() - this.#started,
    };
  }

  #jobOf(hash: Hash): DagJob | undefined {
    return this.#others.get(hash) ?? this.#submitter.jobs.get(hash);
  }

  /** Tells of each job of another run that is waited for, once. */
  #sayOthers(): void {
    const { onEvent, runtime } = this.#context;
    for (const [hash, { own, jobId, name }] of this.#submitter.jobs) {
      if (own || this.#watched.has(hash) || !this.#open.has(hash)) continue;
      this.#watched.add(hash);
      const owner = `Slurm job ${jobId} (${name}) of another run`;
      onEvent({ type: "node_watched", ...this.#names(hash), owner, at: runtime.machine.clock.now() });
    }
  }

  /**
   * One listing for each task's name, and a look at each of its artifacts where something happens.
   *
   * @returns How many milliseconds the listings took.
   */
  async #lookIntoStore(): Promise<number> {
    const { store } = this.#context.runtime;
    const began = this.#now();
    const listings = new Map<string, Awaited<ReturnType<typeof store.listTask>>>();
    for (const name of new Set([...this.#open.values()].map((node) => node.name))) {
      await this.#orLater(async () => void listings.set(name, await store.listTask(name)));
    }
    const listedMs = this.#now() - began;
    for (const node of [...this.#open.values()]) {
      const listing = listings.get(node.name);
      const isBegun = listing?.open.has(node.hash) === true && this.#mayRun(node);
      if (isBegun) await this.#orLater(() => this.#attempts.look(node));
      if (listing?.done.has(node.hash)) await this.#orLater(() => this.#takeIfDone(node));
    }
    await this.#attempts.lookAtProgress();
    return listedMs;
  }

  /** What is pending has no attempt to be looked for. */
  #mayRun({ hash }: DagNode): boolean {
    const job = this.#jobOf(hash);
    const known = job && this.#context.watch.known(job);
    return known !== undefined && !(known.status === "alive" && known.pending);
  }

  /** Leaves what cannot be read now to the next look. Once the job has ended, it is the node's failure. */
  async #orLater(look: () => Promise<unknown>): Promise<void> {
    try {
      await look();
    } catch (error) {
      if (!concernsOneArtifact(error)) throw error;
    }
  }

  /** Takes the result of a node, if it counts for this run; one that somebody is at may be to be replaced. */
  async #takeIfDone(node: DagNode, surely = false): Promise<boolean> {
    const { run, runtime, onEvent, signal } = this.#context;
    const paths = runtime.store.paths(node);
    const record =
      await (surely ? recordForSure(runtime.store, paths, signal) : readRecord(runtime.store, paths));
    if (!record || !countsForRun(run, node, record)) return false;
    if (!surely && await whyOutdated(runtime, record, { run: run.runId, retries: true })) return false;
    const how = record.run === run.runId ? "computed" : "elsewhere";
    this.#counts[how]++;
    if (how === "computed" && record.partial) this.#counts.partial = (this.#counts.partial ?? 0) + 1;
    const ends = how === "computed" ? await readEnds(runtime.store, runtime.store.paths(node)) : [];
    this.#counts.retries += ends.filter((end) => end.run === run.runId).length;
    this.#attempts.end(node, "success");
    this.#ends(node.hash, "done");
    onEvent({ type: "node_done", ...this.#names(node.hash), how, at: runtime.machine.clock.now() });
    return true;
  }

  #ends(hash: Hash, how: Exclude<Progress, "open">): void {
    this.#progress.set(hash, how);
    this.#open.delete(hash);
    this.#verdicts.forget(hash);
    this.#submitter.settles(hash, how);
  }

  /** What its submitter could not submit for so long that nothing else was left to do. */
  async #failGivenUp(): Promise<void> {
    const { runtime, run, paths } = this.#context;
    for (const { node, error } of this.#submitter.takeGivenUp()) {
      if (!this.#open.has(node.hash)) continue;
      await this.#failed(node, await unsubmittedFailure(runtime, { run, paths, node }, error));
    }
  }

  async #lookAtJobs(): Promise<void> {
    const { runtime, run, paths, signal } = this.#context;
    for (const node of [...this.#open.values()]) {
      // Dependencies come first: a job that was cancelled because of their failure is no failure of its own.
      if (!this.#open.has(node.hash)) continue;
      try {
        await this.#lookAtJob(node);
      } catch (error) {
        if (signal.aborted || !concernsOneArtifact(error)) throw error;
        if (!isRefusal(error)) continue;
        await this.#failed(node, await unreadFailure(runtime, { run, paths, node }, errorText(error)));
      }
    }
  }

  async #lookAtJob(node: DagNode): Promise<void> {
    const job = this.#jobOf(node.hash);
    if (!job) return await this.#lookAtUnsubmitted(node);
    const state = this.#context.watch.known(job);
    if (state.status !== "dead") return;
    // Its result may have come after the last look, and this host may still remember that there was none.
    if (await this.#takeIfDone(node, true)) return;
    // A job that finds another one at its artifact ends well, and computes nothing.
    if (state.reason === "completed" && await this.#findOther(node)) return;
    if (this.#isBlocked(node)) return this.#ends(node.hash, "blocked");
    if (await this.#mayBeBlocked(node)) return;
    const doubt = await this.#verdicts.doubt(node, job, state);
    if (doubt === "beats" || doubt === "other" && await this.#findOther(node)) return;
    await this.#fail(node, job, state);
  }

  /** A submitter that died may not have written down which job it is. */
  async #lookAtUnsubmitted(node: DagNode): Promise<void> {
    // It may be blocked, and so was never submitted: its dependencies come first.
    if (this.#submitter.mayGet(node.hash) || node.dependencies.some((hash) => this.#open.has(hash))) return;
    if (await this.#takeIfDone(node, true)) return;
    if (this.#jobOf(node.hash) || await this.#findOther(node)) return;
    if (this.#isBlocked(node)) this.#ends(node.hash, "blocked");
    else await this.#fail(node, undefined, NEVER);
  }

  /**
   * Whether a dependency may have failed. Slurm cancels the dependents of a failed job at once, and may tell
   * of them first: a dependency is alive only by Slurm's own words of it after that.
   */
  async #mayBeBlocked(node: DagNode): Promise<boolean> {
    for (const hash of neededOf(node).filter((each) => this.#open.has(each))) {
      const job = this.#jobOf(hash);
      if (!job || !await this.#verdicts.isSurelyAlive(job)) return true;
    }
    return false;
  }

  /**
   * Follows another job that computes the node now, as that of another run.
   *
   * @returns Whether there is one, or there may be.
   */
  async #findOther(node: DagNode): Promise<boolean> {
    const found = await this.#verdicts.findOther(node, this.#jobOf(node.hash)?.name);
    if (typeof found === "object") this.#others.set(node.hash, found);
    return found !== "nobody";
  }

  #isBlocked(node: DagNode): boolean {
    return neededOf(node).some((hash) => ["failed", "blocked"].includes(this.#progress.get(hash) ?? ""));
  }

  async #fail(node: DagNode, job: DagJob | undefined, state: DeadJobState): Promise<void> {
    const { runtime, run, paths } = this.#context;
    const log = job?.own ? logPath(nodeLogDir(run, node.spec), job.name, job.jobId) : undefined;
    const dead = { jobId: job?.jobId, cluster: job?.cluster, state, log };
    if (job) await this.#verdicts.settle(node, job, { ...state, lack: await lackOfJob(runtime, dead) });
    await this.#failed(node, await jobFailure(runtime, { run, paths, node }, dead));
  }

  async #failed(node: DagNode, failure: Failure): Promise<void> {
    const { runtime: { machine }, onEvent } = this.#context;
    this.#attempts.end(node, "failed");
    this.#counts.retries += Math.max(0, failure.attempts - 1);
    this.#ends(node.hash, "failed");
    this.#failures.push(failure);
    onEvent({ type: "node_failed", ...this.#names(node.hash), failure, at: machine.clock.now() });
    await this.#cancelDependents(node);
  }

  /** Blocks the nodes that need one that failed, and cancels their jobs. */
  async #cancelDependents(failed: DagNode): Promise<void> {
    const dependents: { node: DagNode; job: DagJob | undefined }[] = [];
    for (const node of [...this.#open.values()]) {
      if (!this.#isBlocked(node)) continue;
      dependents.push({ node, job: this.#jobOf(node.hash) });
      this.#ends(node.hash, "blocked");
    }
    await cancelBlocked(this.#context, failed, dependents);
  }

  #now(): number {
    return this.#context.runtime.machine.clock.monotonic();
  }

  #names(hash: Hash): { hash: Hash; name: string } {
    return { hash, name: this.#nodes.get(hash)!.name };
  }
}
