import { errorText } from "../../core/errors.ts";
import type { Failure, RunSummary } from "../../core/event.ts";
import type { Hash } from "../../core/hash.ts";
import { declareDead } from "../../store/claims/attempt_end.ts";
import { countsForRun } from "../../plan/forced.ts";
import { readRecord } from "../../store/results/commit.ts";
import { readEnds } from "../../store/results/ends.ts";
import { readClaim } from "../../store/claims/read_claim.ts";
import { readQueued, removeQueued } from "../../store/claims/queued.ts";
import { recordForSure } from "../../store/results/record_for_sure.ts";
import { concernsOneArtifact, isRefusal } from "../../store/store.ts";
import { adoptedJob } from "./adopted_job.ts";
import { cancelStranded } from "./dag_cancel.ts";
import { DagAttempts } from "./dag_attempts.ts";
import type { DagContext } from "./dag_context.ts";
import { jobFailure, unreadFailure } from "./dag_failure.ts";
import type { DagJob, DagNode } from "../run/dag_run.ts";
import type { JobState } from "../client/job_state.ts";
import { logPath } from "../client/job_log.ts";
import { nodeLogDir } from "./node_log_dir.ts";

type Dead = Extract<JobState, { status: "dead" }>;

/** How far a node is, as the follower knows it. */
type Progress = "open" | "done" | "failed" | "stranded";

/** For a job that nobody submitted: the submitter died before. */
const NEVER: Dead = { status: "dead", reason: "vanished", text: "it was never submitted" };

/**
 * Follows the jobs of a run until all have ended: results are seen in the store, ends in Slurm's listing. Knows nothing
 * of the user's code, so that any process can do it. What depends on a failure is cancelled.
 *
 * @param jobs The job of each node; a node without one is done, stranded, or its job was never submitted.
 * @returns How it went; the run's events were told.
 * @param onAbort Called when the signal aborts. @default nothing: the jobs go on
 * @throws The signal's reason when it aborts.
 */
export async function followDag(
  context: DagContext,
  jobs: ReadonlyMap<Hash, DagJob>,
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

  constructor(context: DagContext, jobs: ReadonlyMap<Hash, DagJob>) {
    this.#context = context;
    this.#jobs = new Map(jobs);
    this.#attempts = new DagAttempts(context);
    this.#started = context.runtime.machine.clock.monotonic();
    this.#nodes = new Map(context.run.nodes.map((node) => [node.hash, node]));
    for (const hash of this.#nodes.keys()) this.#progress.set(hash, "open");
    for (const job of jobs.values()) context.jobs.expect(job);
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

  /** How it has gone so far. */
  summary(): RunSummary {
    const { run, runtime } = this.#context;
    const left = [...this.#progress.values()].filter((each) => each === "open" || each === "stranded");
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

  /** What cannot be read now may be at the next look; when the job has ended it is the node's failure. */
  async #orLater(look: () => Promise<unknown>): Promise<void> {
    try {
      await look();
    } catch (error) {
      if (!concernsOneArtifact(error)) throw error;
    }
  }

  /** Is its result there? A forced one has to be of this run. */
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
    const { runtime, dir, signal } = this.#context;
    for (const node of this.#open()) {
      // Those below come first: what was cancelled because of their failure is no failure of its own.
      if (this.#progress.get(node.hash) !== "open") continue;
      try {
        await this.#lookAtJob(node);
      } catch (error) {
        if (signal.aborted || !concernsOneArtifact(error)) throw error;
        if (!isRefusal(error)) continue;
        await this.#failed(node, await unreadFailure(runtime, { dir, node, error: errorText(error) }));
      }
    }
  }

  async #lookAtJob(node: DagNode): Promise<void> {
    const job = this.#jobs.get(node.hash);
    // One that was stranded before it was submitted: what it needs comes first.
    if (!job && node.dependencies.some((hash) => this.#progress.get(hash) === "open")) return;
    const { jobs, signal } = this.#context;
    // When Slurm does not answer nothing is known of any job, and nothing fails.
    const state = job ? await jobs.state(job, { signal }) : NEVER;
    if (state.status !== "dead") return;
    // Its result may have come after the last look, and this host may remember that it was not there.
    if (await this.#takeIfDone(node, true)) return;
    // A job that finds another one at it ends well, and computes nothing. A submitter that died may not have written
    // down who it is.
    if ((!job || state.reason === "completed") && await this.#findOther(node)) return;
    if (this.#isStranded(node)) this.#progress.set(node.hash, "stranded");
    else if (job || !await this.#context.isSubmitting?.()) await this.#fail(node, job, state);
  }

  /** Does another job compute it now, as that of another run? Then that one is followed. */
  async #findOther(node: DagNode): Promise<boolean> {
    const { runtime: { store, machine }, jobs } = this.#context;
    const paths = store.paths(node);
    const claim = await readClaim(store, paths);
    const other = claim?.slurm ? { ...claim.slurm, submitter: claim.owner } : await readQueued(store, paths);
    if (!other || other.name === this.#jobs.get(node.hash)?.name) return false;
    const found = await jobs.state(other);
    // Unknown is no failure: the next look may tell.
    if (found.status !== "alive" || found.jobId === undefined) return found.status === "unknown";
    const own = other.name === this.#nodes.get(node.hash)!.jobName;
    const job = adoptedJob(machine, other, { jobId: found.jobId, own });
    this.#jobs.set(node.hash, job);
    jobs.expect(job);
    return true;
  }

  #isStranded({ dependencies }: DagNode): boolean {
    return dependencies.some((hash) => ["failed", "stranded"].includes(this.#progress.get(hash) ?? ""));
  }

  async #fail(node: DagNode, job: DagJob | undefined, state: Dead): Promise<void> {
    const { runtime, run, dir } = this.#context;
    const { store } = runtime;
    const paths = store.paths(node);
    await this.#tidy(node, job, state);
    if (job) await removeQueued(store, paths, job.name);
    const log = job?.own ? logPath(nodeLogDir(run, node.spec), job.name, job.jobId) : undefined;
    const dead = { jobId: job?.jobId, state, log };
    await this.#failed(node, await jobFailure(runtime, { dir, node, runId: run.runId, job: dead }));
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

  /** A job that was killed has not ended its attempt. */
  async #tidy(node: DagNode, job: DagJob | undefined, state: Dead): Promise<void> {
    const { store } = this.#context.runtime;
    const paths = store.paths(node);
    const claim = await readClaim(store, paths);
    if (!job || claim?.slurm?.name !== job.name) return;
    await declareDead(store, paths, claim, `Slurm job ${job.jobId} has ended: ${state.text}`);
  }

  /** What needs a node that failed never runs. */
  async #cancelDependents(failed: DagNode): Promise<void> {
    const doomed: DagNode[] = [];
    for (const node of this.#open()) {
      if (!this.#isStranded(node)) continue;
      this.#progress.set(node.hash, "stranded");
      doomed.push(node);
    }
    await cancelStranded(this.#context, failed, doomed, this.#jobs);
  }

  #names(hash: Hash): { hash: Hash; name: string } {
    return { hash, name: this.#nodes.get(hash)!.name };
  }
}
