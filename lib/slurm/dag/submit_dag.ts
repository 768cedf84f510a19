import { SlurmError } from "../../core/errors.ts";
import type { Hash } from "../../core/hash.ts";
import type { DagNode } from "../../remote/run_record.ts";
import { ClaimWatch } from "../../store/claims/liveness.ts";
import { removeQueued, writeQueuedId } from "../../store/claims/queued.ts";
import type { Artifact } from "../../task/artifact/artifact.ts";
import { formatDuration } from "../../ui/duration.ts";
import { jobCommand } from "../client/job_command.ts";
import type { SubmittedJob } from "../client/parse_jobs.ts";
import { SubmitLimitError, SubmitRefusedError } from "../client/submit.ts";
import { type DagJob, writeDagJobs } from "../jobs/dag_jobs.ts";
import { submitRecorded } from "../jobs/submissions.ts";
import { type DagContext, refusalMs } from "./dag_context.ts";
import { nodeLogDir, type Submitter } from "./find_jobs.ts";
import { OwnerFinder } from "./find_owner.ts";
import { type GivenUp, refusalWords, SubmissionTurns, type Turn } from "./submission_turns.ts";
import { settleUnanswered, takeBack, unansweredRef, whyCancelled } from "./cancel_dag.ts";

/**
 * Nodes that are looked at and submitted at the same time: each is a process here, and a request to Slurm's
 * one controller.
 */
const CONCURRENCY = 8;
/** Milliseconds between two looks for somebody who cancels the run, and for what is to be given up. */
const LOOK_MS = 1000;
/** A node of which nothing is clear for so long takes its time. */
const SLOW_MS = 2000;
/** Milliseconds after which it is said again that sbatch takes no jobs of a spec. */
const SAY_AGAIN_MS = 900_000;
/** Milliseconds between two times that is written down what was submitted, while that goes on. */
const SAVE_MS = 10_000;
/** The same while nothing new was submitted: others see by it that this process lives. */
const SIGN_MS = 60_000;

/** The jobs that have to succeed before, and those that have to end before, however. */
type After = Record<"afterOk" | "afterAny", string[]>;
const isAny = ({ afterOk, afterAny }: After): boolean => afterOk.length + afterAny.length > 0;

/** What becomes of a turn: over for good, to be taken again, or again later since it is not clear what. */
type Outcome = "taken" | "blocked" | "again" | { readonly unclear: string };

/**
 * The submission of one run, which goes on beside following it. Each node takes this way, after the nodes
 * that it depends on:
 *
 *                  a result counts
 *       .--------------------------------> DONE
 *       |
 *       |          a job of another run, or one of ours that an earlier look submitted
 *     LOOK <----.------------------------> JOB, followed
 *       |        | not clear yet: look again
 *       |--------'
 *       | nobody has it: queued.json is linked, which is exclusive
 *       v          sbatch refuses: its spec's gate closes, queued.json is removed, look again
 *     SUBMITTING ------------------------> LOOK
 *       |     |    sbatch does not answer: Slurm is asked for the job by its name
 *       |     '--------------------------> LOOK, or JOB
 *       | sbatch answers
 *       v
 *     JOB          (its id is written to queued.id.json)
 *
 * A dependency that fails, unless it is tolerated, makes it BLOCKED from anywhere before SUBMITTING. What
 * sbatch refuses, or what is not clear, is tried again for as long as the run has anything else to do and
 * `slurm.refusalSec` after; then the node has FAILED.
 */
export class DagSubmission implements Submitter {
  /** The jobs by now. */
  readonly jobs: Map<Hash, DagJob> = new Map();
  /** Resolves when the submission turns out to take its time: its jobs are to be followed meanwhile. */
  readonly slow: Promise<void>;
  readonly #context: DagContext;
  readonly #finder: OwnerFinder;
  readonly #turns: SubmissionTurns;
  /** Nodes whose jobs sbatch was given and has not answered for. */
  readonly #unanswered = new Map<Hash, DagNode>();
  /** Nodes that have ended, as the follower says. */
  readonly #ended = new Set<Hash>();
  readonly #saidAt = new Map<string, number>();
  readonly #slow = Promise.withResolvers<void>();
  /** Aborts when nothing more is to be submitted. */
  readonly #stopping = new AbortController();
  #givenUp: GivenUp[] = [];
  #wake: (() => void) | undefined;
  #saved = { at: -Infinity, jobs: 0 };

  /**
   * @param artifacts The nodes' artifacts.
   * @param assumed Nodes that somebody computed when the run was planned, so that nobody looked at their
   * dependencies.
   */
  constructor(
    context: DagContext,
    artifacts: ReadonlyMap<Hash, Artifact>,
    assumed: ReadonlySet<Hash>,
  ) {
    this.#context = context;
    this.slow = this.#slow.promise;
    this.#finder = new OwnerFinder(context, artifacts, assumed);
    this.#turns = new SubmissionTurns(context.run.nodes);
  }

  /** Whether every node is done, has a job, or never gets one. */
  get isOver(): boolean {
    return this.#turns.left === 0;
  }

  /**
   * Submits until every node is done, has a job, or has been given up.
   *
   * @throws {SlurmError} If a node is computed outside of Slurm; then what was submitted is cancelled. Also
   * if another process cancels the run.
   * @throws The signal's reason when it aborts; then what was submitted is cancelled.
   */
  async run(): Promise<void> {
    const { signal } = this.#context;
    const stop = this.#stopping;
    const done = new AbortController();
    const cancelled = whyCancelled(this.#context, done.signal).then((why) => {
      if (why) stop.abort(why);
      return why;
    });
    const onAbort = (): void => stop.abort(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    stop.signal.addEventListener("abort", () => this.#wake?.(), { once: true });
    try {
      if (signal.aborted) onAbort();
      await this.#submitAll();
    } catch (error) {
      stop.abort(error);
    } finally {
      signal.removeEventListener("abort", onAbort);
      done.abort();
    }
    // What sbatch was given is let finish: one that is stopped half way leaves a job that nobody knows of.
    while (this.#turns.busy > 0) await this.#pause(undefined);
    if (!stop.signal.aborted) return await this.#save(true);
    const { reason } = stop.signal;
    const left = { jobs: this.jobs, unanswered: [...this.#unanswered.values()], taken: this.#taken };
    // The process that cancels the run waits for what was submitted to be written down.
    if (await cancelled === reason) await settleUnanswered(this.#context, left).catch(() => []);
    else await takeBack(this.#context, left);
    await this.#save(true);
    throw reason;
  }

  async look(): Promise<void> {
    // Nothing to find out: it is this process that submits.
  }

  mayGet(hash: Hash): boolean {
    const state = this.#turns.get(hash)?.state;
    return state !== undefined && state !== "settled";
  }

  settles(hash: Hash, how: "done" | "failed" | "blocked"): void {
    this.#ended.add(hash);
    this.#turns.settles(hash, how);
    this.#wake?.();
  }

  takeGivenUp(): GivenUp[] {
    const given = this.#givenUp;
    this.#givenUp = [];
    return given;
  }

  waits(): { of: string; why: string }[] {
    const now = this.#now();
    return [
      ...this.#turns.gates.refusals.map((refusal) => ({
        of: this.#turns.jobsOf(refusal.spec),
        why: refusalWords(refusal, now),
      })),
      ...this.#turns.unclear().filter(({ since }) => now - since > SLOW_MS).map(({ node, what }) => ({
        of: `${this.#finder.artifact(node)}`,
        why: `news: it is not clear ${what}`,
      })),
    ];
  }

  async #submitAll(): Promise<void> {
    const patienceMs = refusalMs(this.#context);
    const isElsewhere = (): boolean => this.jobs.keys().some((hash) => !this.#ended.has(hash));
    const { signal } = this.#stopping;
    while (!signal.aborted && this.#turns.left > 0) {
      const now = this.#now();
      for (const turn of this.#turns.take(CONCURRENCY - this.#turns.busy, now)) this.#begin(turn);
      this.#givenUp.push(...this.#turns.giveUp({ now, patienceMs, isElsewhere }));
      this.#remind(now);
      await this.#save(false, now);
      if (signal.aborted || this.#turns.left === 0) break;
      const soon = this.#turns.busy < CONCURRENCY ? this.#turns.nextAt - now : Infinity;
      await this.#pause(Math.min(Math.max(10, soon), LOOK_MS));
    }
  }

  #begin(turn: Turn): void {
    this.#work(turn).then((outcome) => {
      if (outcome === "again") this.#turns.again(turn);
      else if (typeof outcome === "string") this.#turns.ends(turn, outcome);
      else this.#later(turn, outcome.unclear);
    }, (error) => {
      this.#turns.again(turn);
      this.#stopping.abort(error);
    }).finally(() => this.#wake?.());
  }

  #later(turn: Turn, what: string): void {
    const now = this.#now();
    const since = this.#turns.later(turn, what, now);
    if (now - since > SLOW_MS) this.#slow.resolve();
  }

  async #work(turn: Turn): Promise<Outcome> {
    const { node } = turn;
    const { store } = this.#context.runtime;
    if (this.#turns.isBlocked(node)) return "blocked";
    if (this.#unanswered.has(node.hash)) return await this.#askUnanswered(node);
    const found = await this.#finder.look(node, turn.watch ??= new ClaimWatch(store, store.paths(node)));
    switch (found.kind) {
      case "done":
        return "taken";
      case "job":
        this.#finder.checkCluster(found.job, { node, above: this.#turns.above(node.hash) });
        this.#remember(node.hash, found.job);
        return "taken";
      case "unclear":
        return { unclear: found.what };
    }
    try {
      return await this.#submitOurs(node);
    } catch (error) {
      if (!this.jobs.has(node.hash) && !this.#unanswered.has(node.hash)) await this.#removeQueued(node);
      throw error;
    }
  }

  /** Submits a node that is ours by its `queued.json`, or takes that away. */
  async #submitOurs(node: DagNode): Promise<Outcome> {
    // The run may have been stopped, or a dependency have failed, since the turn began.
    this.#stopping.signal.throwIfAborted();
    const after = this.#turns.isBlocked(node) ? "blocked" : await this.#dependencyIds(node);
    if (after === "blocked" || "unclear" in after) {
      await this.#removeQueued(node);
      return after;
    }
    try {
      await this.#submit(node, after);
    } catch (error) {
      if (this.#stopping.signal.aborted || !(error instanceof SlurmError)) throw error;
      // A dependency that ended in the meantime, or that Slurm has forgotten: its result tells.
      if (error instanceof SubmitRefusedError && isAny(after) && /dependency/i.test(error.message)) {
        return { unclear: `what has become of what it depends on: ${error.message}` };
      }
      this.#refused(node, error);
      return "again";
    }
    const before = this.#turns.gates.takes(node.spec);
    if (before) this.#context.log.info(`sbatch takes jobs of spec '${node.spec}' again`);
    return "taken";
  }

  #refused({ spec }: DagNode, error: SlurmError): void {
    const kind = error instanceof SubmitLimitError
      ? "limit"
      : error instanceof SubmitRefusedError
      ? "refused"
      : "unclear";
    const now = this.#now();
    this.#slow.resolve();
    if (!this.#turns.gates.refuses(spec, { kind, text: error.message }, now)) return;
    this.#saidAt.set(spec, now);
    const { log } = this.#context;
    const patience = formatDuration(refusalMs(this.#context));
    const text = `${error.message}; jobs of spec '${spec}' are tried again for as long as the run has ` +
      `anything else to do, and for ${patience} after (slurm.refusalSec)`;
    if (kind === "limit") log.info(text);
    else log.warn(text);
  }

  /** Says again what was said when it began. */
  #remind(now: number): void {
    for (const refusal of this.#turns.gates.refusals) {
      if (now - (this.#saidAt.get(refusal.spec) ?? now) < SAY_AGAIN_MS) continue;
      this.#saidAt.set(refusal.spec, now);
      this.#context.log.warn(`${this.#turns.jobsOf(refusal.spec)} waits for ${refusalWords(refusal, now)}`);
    }
  }

  /** A job that sbatch was given may be on its way: it is asked for by its name. */
  async #askUnanswered(node: DagNode): Promise<Outcome> {
    const found = this.#context.watch.known(unansweredRef(this.#context, node));
    if (found.status === "dead") {
      this.#unanswered.delete(node.hash);
      await this.#removeQueued(node);
      return "again";
    }
    if (found.jobId === undefined) return { unclear: `whether sbatch took its job ${node.jobName}` };
    await this.#taken(node, { jobId: found.jobId });
    return "taken";
  }

  /** The jobs that a node waits for. Nothing is asked: each looks at what it depends on when it begins. */
  async #dependencyIds(node: DagNode): Promise<After | { unclear: string }> {
    const { watch } = this.#context;
    const after: After = { afterOk: [], afterAny: [] };
    for (const hash of node.dependencies) {
      const job = this.jobs.get(hash), below = this.#turns.get(hash)?.node;
      if (!job || !below || this.#turns.isLost(hash) || await this.#finder.isDone(below)) continue;
      if (watch.known(job).status === "dead" && !await this.#finder.isDone(below)) {
        // Who follows the run decides whether it has failed.
        this.#slow.resolve();
        return { unclear: `what has become of ${this.#finder.artifact(below)}, whose job has ended` };
      }
      (node.tolerates?.includes(hash) ? after.afterAny : after.afterOk).push(job.jobId);
    }
    return after;
  }

  /** Submits the job of a node. Its id is written down; its name is taken back if sbatch did not take it. */
  async #submit(node: DagNode, after: After): Promise<void> {
    const { run, specs, runtime, client, paths } = this.#context;
    const { hash, jobName: name } = node;
    this.#unanswered.set(hash, node);
    await submitRecorded(runtime, client, {
      title: `furu: ${this.#finder.artifact(node)} of run ${run.runId}`,
      command: jobCommand(run, { run: paths.run, hash, name }),
      folder: nodeLogDir(run, node.spec),
      name,
      spec: specs[node.spec]!,
      ...after,
      requeue: true,
      signal: this.#stopping.signal,
      // The gate of its spec waits, for all of its jobs at once.
      limitMs: 0,
    }, {
      confirm: (job) => this.#taken(node, job),
      retract: async () => {
        this.#unanswered.delete(hash);
        await this.#removeQueued(node);
      },
    });
  }

  /** Sbatch has taken the job of a node. */
  readonly #taken = async (node: DagNode, job: SubmittedJob): Promise<void> => {
    const { runtime: { store, machine: { self } } } = this.#context;
    const { hash, jobName: name } = node;
    const cluster = this.#finder.places.went(node, job.cluster);
    this.#unanswered.delete(hash);
    this.#remember(hash, { ...job, cluster, name, submitter: self, own: true });
    await writeQueuedId(store, store.paths(node), { ...job, cluster, name });
  };

  #remember(hash: Hash, job: DagJob): void {
    this.jobs.set(hash, job);
    if (job.own) this.#context.watch.expect(job);
  }

  async #save(complete: boolean, now = this.#now()): Promise<void> {
    const { at, jobs } = this.#saved;
    // For the first time when it comes to rest: most runs are whole then.
    const isDue = at === -Infinity
      ? this.#turns.busy === 0
      : now - at > (jobs === this.jobs.size ? SIGN_MS : SAVE_MS);
    if (!isDue && !complete) return;
    this.#saved = { at: now, jobs: this.jobs.size };
    const { runtime, paths } = this.#context;
    await writeDagJobs(runtime, paths, { jobs: this.jobs, complete });
  }

  async #removeQueued(node: DagNode): Promise<void> {
    const { store } = this.#context.runtime;
    await removeQueued(store, store.paths(node), node.jobName);
  }

  #now(): number {
    return this.#context.runtime.machine.clock.monotonic();
  }

  /** Pauses until something happens, or so many milliseconds. */
  async #pause(ms: number | undefined): Promise<void> {
    const timer = new AbortController();
    const woken = new Promise<void>((resolve) => this.#wake = resolve);
    const { clock } = this.#context.runtime.machine;
    const sleeping = ms === undefined ? [] : [clock.sleep(ms, timer.signal).catch(() => {/* woken */})];
    await Promise.race([woken, ...sleeping]);
    timer.abort();
    this.#wake = undefined;
  }
}
