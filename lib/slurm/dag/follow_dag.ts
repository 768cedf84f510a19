import { errorText } from "../../core/errors.ts";
import type { Failure, RunSummary } from "../../core/event.ts";
import type { Hash } from "../../core/hash.ts";
import { runLog } from "../../core/run_log.ts";
import { countsForRun } from "../../plan/forced.ts";
import type { DagNode, DagRun } from "../../remote/run_record.ts";
import type { Runtime } from "../../run/runtime.ts";
import { declareDead } from "../../store/claims/attempt_end.ts";
import { readQueued, removeQueued } from "../../store/claims/queued.ts";
import { readClaim } from "../../store/claims/read_claim.ts";
import { readRecord } from "../../store/results/commit.ts";
import { readEnds } from "../../store/results/ends.ts";
import { recordForSure } from "../../store/results/record_for_sure.ts";
import { concernsOneArtifact, isRefusal } from "../../store/store.ts";
import type { JobState } from "../client/job_state.ts";
import { logPath } from "../client/job_log.ts";
import { JobWatch } from "../jobs/job_watch.ts";
import { runSpecs } from "../run/check_specs.ts";
import type { FollowOptions } from "../run/find_run.ts";
import { runOutcome } from "../run/run_outcome.ts";
import { cancelBlocked } from "./cancel_dag.ts";
import { DagAttempts } from "./dag_attempts.ts";
import type { DagContext } from "./dag_context.ts";
import { adoptedJob, type DagJob, type DagJobs, findJobs, nodeLogDir, submittingWatch } from "./dag_jobs.ts";
import { jobFailure, unreadFailure } from "./job_failure.ts";

type Dead = Extract<JobState, { status: "dead" }>;

/** The state of a node: see {@link Follower}. */
type Progress = "open" | "done" | "failed" | "blocked";

/** The state of a job that nobody submitted, since the submitter died before. */
const NEVER: Dead = { status: "dead", reason: "vanished", text: "it was never submitted" };

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
  const jobs = await findJobs(opened, watch, signal);
  const context: DagContext = {
    ...opened,
    client,
    specs: runSpecs(run),
    watch,
    isSubmitting: submittingWatch(opened),
    onEvent,
    log: runLog(onEvent, machine.clock),
    signal,
  };
  onEvent({ type: "run_started", runId: run.runId, ...run.counts, at: machine.clock.now() });
  return runOutcome(run.runId, { summary: await followDag(context, jobs) }, { keepGoing: true });
}

/**
 * Follows the jobs of a run until all have ended: results are seen in the store, ends in Slurm's listing. It
 * knows nothing of the user's code, so that any process can do it. The dependents of a failure are cancelled.
 *
 * @param context The run.
 * @param jobs The job of each node; a node without one is done, blocked, or its job was never submitted.
 * @param onAbort Called when the signal aborts; without it the jobs go on.
 * @returns How it went; the run's events were told.
 * @throws The signal's reason when it aborts.
 */
export async function followDag(
  context: DagContext,
  jobs: DagJobs,
  onAbort?: () => Promise<void>,
): Promise<RunSummary> {
  const { signal, onEvent, runtime } = context;
  const follower = new Follower(context, jobs);
  const ended = (interrupted: boolean): RunSummary => {
    const summary = follower.summary();
    onEvent({ type: "run_ended", summary, interrupted, at: runtime.machine.clock.now() });
    return summary;
  };
  try {
    await follower.run();
  } catch (error) {
    if (!signal.aborted) throw error;
    await onAbort?.();
    ended(true);
    throw signal.reason;
  }
  return ended(false);
}

/**
 * The follower of one run. It looks again and again, dependencies first, at all nodes that are open:
 *
 *                    a result that counts is stored
 *      OPEN ------------------------------------------------> DONE
 *       | ^  `.      (also when its job has ended otherwise)
 *       | |    `.
 *       | |      `-- its job has ended without a result, ----> FAILED
 *       | |          nobody else is at it
 *       | |          or what is stored cannot be read
 *       | |
 *       | '--------- its job has ended, and a job of another run is at it: that one is followed
 *       |
 *       '----------- a dependency is FAILED or BLOCKED ------> BLOCKED  (its job is cancelled)
 *
 * While Slurm does not answer, nothing is known of any job, and no node leaves OPEN but by its result.
 */
class Follower {
  readonly #context: DagContext;
  readonly #jobs: Map<Hash, DagJob>;
  readonly #progress = new Map<Hash, Progress>();
  readonly #attempts: DagAttempts;
  readonly #failures: Failure[] = [];
  readonly #nodes: ReadonlyMap<Hash, DagNode>;
  readonly #started: number;
  #computed = 0;
  #elsewhere = 0;
  #retries = 0;

  constructor(context: DagContext, jobs: DagJobs) {
    this.#context = context;
    this.#jobs = new Map(jobs);
    this.#attempts = new DagAttempts(context);
    this.#started = context.runtime.machine.clock.monotonic();
    this.#nodes = new Map(context.run.nodes.map((node) => [node.hash, node]));
    for (const hash of this.#nodes.keys()) this.#progress.set(hash, "open");
    for (const job of jobs.values()) context.watch.expect(job);
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
    for (const { hash } of run.nodes) {
      const job = this.#jobs.get(hash);
      if (job && !job.own) {
        const owner = `Slurm job ${job.jobId} (${job.name}) of another run`;
        onEvent({ type: "node_watched", ...this.#names(hash), owner, at: clock.now() });
      }
    }
    for (let pause = 50; this.#open().length > 0; pause = Math.min(1.3 * pause, longest)) {
      signal.throwIfAborted();
      await this.#lookIntoStore();
      if (this.#open().length === 0) break;
      await this.#lookAtJobs();
      if (this.#open().length > 0) await clock.sleep(pause, signal);
    }
  }

  /** The summary of what has happened so far. */
  summary(): RunSummary {
    const { run, runtime } = this.#context;
    const left = [...this.#progress.values()].filter((each) => each === "open" || each === "blocked");
    return {
      runId: run.runId,
      nodes: run.counts.nodes,
      cached: run.counts.cached,
      computed: this.#computed,
      elsewhere: this.#elsewhere,
      retries: this.#retries,
      failures: this.#failures,
      notRun: left.length + (run.leftOut?.dependents ?? 0),
      durationMs: runtime.machine.clock.monotonic() - this.#started,
    };
  }

  /** Dependencies first. */
  #open(): DagNode[] {
    return this.#context.run.nodes.filter(({ hash }) => this.#progress.get(hash) === "open");
  }

  /** One listing for each task's name, and a look at each of its artifacts where something happens. */
  async #lookIntoStore(): Promise<void> {
    const { store } = this.#context.runtime;
    const open = this.#open();
    const listings = new Map<string, Awaited<ReturnType<typeof store.listTask>>>();
    for (const name of new Set(open.map((node) => node.name))) {
      await this.#orLater(async () => void listings.set(name, await store.listTask(name)));
    }
    for (const node of open) {
      const listing = listings.get(node.name);
      if (listing?.open.has(node.hash)) await this.#orLater(() => this.#attempts.look(node));
      if (listing?.done.has(node.hash)) await this.#orLater(() => this.#takeIfDone(node));
    }
    await this.#attempts.lookAtProgress();
  }

  /** Leaves what cannot be read now to the next look. Once the job has ended, it is the node's failure. */
  async #orLater(look: () => Promise<unknown>): Promise<void> {
    try {
      await look();
    } catch (error) {
      if (!concernsOneArtifact(error)) throw error;
    }
  }

  /** Takes the result of a node, if it is there and counts for this run. */
  async #takeIfDone(node: DagNode, surely = false): Promise<boolean> {
    const { run, runtime, onEvent, signal } = this.#context;
    const paths = runtime.store.paths(node);
    const record =
      await (surely ? recordForSure(runtime.store, paths, signal) : readRecord(runtime.store, paths));
    if (!record || !countsForRun(run, node, record)) return false;
    const how = record.run === run.runId ? "computed" : "elsewhere";
    if (how === "computed") this.#computed++;
    else this.#elsewhere++;
    const ends = how === "computed" ? await readEnds(runtime.store, runtime.store.paths(node)) : [];
    this.#retries += ends.filter((end) => end.run === run.runId).length;
    this.#attempts.end(node, "success");
    this.#progress.set(node.hash, "done");
    onEvent({ type: "node_done", ...this.#names(node.hash), how, at: runtime.machine.clock.now() });
    return true;
  }

  async #lookAtJobs(): Promise<void> {
    const { runtime, run, paths, signal } = this.#context;
    for (const node of this.#open()) {
      // Dependencies come first: a job that was cancelled because of their failure is no failure of its own.
      if (this.#progress.get(node.hash) !== "open") continue;
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
    const job = this.#jobs.get(node.hash);
    // It may be blocked, and so was never submitted: its dependencies come first.
    if (!job && node.dependencies.some((hash) => this.#progress.get(hash) === "open")) return;
    const { watch, signal } = this.#context;
    // When Slurm does not answer nothing is known of any job, and nothing fails.
    const state = job ? await watch.state(job, { signal }) : NEVER;
    if (state.status !== "dead") return;
    // Its result may have come after the last look, and this host may still remember that there was none.
    if (await this.#takeIfDone(node, true)) return;
    // A job that finds another one at its artifact ends well, and computes nothing. A submitter that died may
    // not have written down which job it is.
    if ((!job || state.reason === "completed") && await this.#findOther(node)) return;
    if (this.#isBlocked(node)) this.#progress.set(node.hash, "blocked");
    else if (await this.#mayBeBlocked(node)) return;
    else if (job || !await this.#context.isSubmitting?.()) await this.#fail(node, job, state);
  }

  /**
   * Whether a dependency has ended, too, in a later listing than the one that it was looked at in. Slurm
   * cancels the dependents of a failed job at once, so the dependency has to be looked at first: at the next
   * look.
   */
  async #mayBeBlocked({ dependencies }: DagNode): Promise<boolean> {
    const { watch, signal } = this.#context;
    for (const hash of dependencies) {
      const job = this.#progress.get(hash) === "open" ? this.#jobs.get(hash) : undefined;
      if (job && (await watch.state(job, { signal })).status === "dead") return true;
    }
    return false;
  }

  /**
   * Follows another job that computes the node now, as that of another run.
   *
   * @returns Whether there is one, or there may be.
   */
  async #findOther(node: DagNode): Promise<boolean> {
    const { runtime: { store, machine }, watch } = this.#context;
    const paths = store.paths(node);
    const claim = await readClaim(store, paths);
    const other = claim?.slurm ? { ...claim.slurm, submitter: claim.owner } : await readQueued(store, paths);
    if (!other || other.name === this.#jobs.get(node.hash)?.name) return false;
    const found = await watch.state(other);
    // Unknown is no failure: the next look may tell.
    if (found.status !== "alive" || found.jobId === undefined) return found.status === "unknown";
    const own = other.name === this.#nodes.get(node.hash)!.jobName;
    const job = adoptedJob(machine, other, { jobId: found.jobId, own });
    this.#jobs.set(node.hash, job);
    watch.expect(job);
    return true;
  }

  #isBlocked({ dependencies }: DagNode): boolean {
    return dependencies.some((hash) => ["failed", "blocked"].includes(this.#progress.get(hash) ?? ""));
  }

  async #fail(node: DagNode, job: DagJob | undefined, state: Dead): Promise<void> {
    const { runtime, run, paths } = this.#context;
    const { store } = runtime;
    await this.#tidy(node, job, state);
    if (job) await removeQueued(store, store.paths(node), job.name);
    const log = job?.own ? logPath(nodeLogDir(run, node.spec), job.name, job.jobId) : undefined;
    const dead = { jobId: job?.jobId, state, log };
    await this.#failed(node, await jobFailure(runtime, { run, paths, node }, dead));
  }

  async #failed(node: DagNode, failure: Failure): Promise<void> {
    const { runtime: { machine }, onEvent } = this.#context;
    this.#attempts.end(node, "failed");
    this.#retries += Math.max(0, failure.attempts - 1);
    this.#progress.set(node.hash, "failed");
    this.#failures.push(failure);
    onEvent({ type: "node_failed", ...this.#names(node.hash), failure, at: machine.clock.now() });
    await this.#cancelDependents(node);
  }

  /** Ends the attempt of a job that was killed before it could do so. */
  async #tidy(node: DagNode, job: DagJob | undefined, state: Dead): Promise<void> {
    const { store } = this.#context.runtime;
    const paths = store.paths(node);
    const claim = await readClaim(store, paths);
    if (!job || claim?.slurm?.name !== job.name) return;
    await declareDead(store, paths, claim, `Slurm job ${job.jobId} has ended: ${state.text}`);
  }

  /** Blocks the nodes that need one that failed, and cancels their jobs. */
  async #cancelDependents(failed: DagNode): Promise<void> {
    const dependents: DagNode[] = [];
    for (const node of this.#open()) {
      if (!this.#isBlocked(node)) continue;
      this.#progress.set(node.hash, "blocked");
      dependents.push(node);
    }
    await cancelBlocked(this.#context, failed, dependents, this.#jobs);
  }

  #names(hash: Hash): { hash: Hash; name: string } {
    return { hash, name: this.#nodes.get(hash)!.name };
  }
}
