import { type FailedAttempt, failureKind } from "../core/attempt_end.ts";
import type { LimitUse } from "../core/event.ts";
import type { Hash } from "../core/hash.ts";
import type { LimitUnits } from "../core/settings/limits.ts";
import type { Plan } from "../plan/graph.ts";
import { decideRetry, type RetryPolicy, type TaskRetries } from "../task/retry.ts";
import { formatDuration } from "../ui/duration.ts";
import { Progress } from "./_progress.ts";
import { StartQueue, turnOf } from "./start/start_queue.ts";
import { isFinal, type WorkNode } from "./_work_graph.ts";
import type { SchedulerAction, SchedulerEvent, StopReason } from "./scheduler_event.ts";
import { type Window, windowSize } from "./check_run.ts";

/** Options of {@link createScheduler}. */
export interface SchedulerOptions {
  /** Which roots are worked on at the same time. */
  readonly window: Window;
  /** The bounds of retries. */
  readonly retry: RetryPolicy;
  /** What the task of a node says of its retries itself; by default nothing. */
  readonly retriesOf?: (hash: Hash) => TaskRetries;
  /**
   * Whether the run goes on after a final failure, with all that does not depend on it. One that all who need
   * it can do without stops no run.
   *
   * @default {false}
   */
  readonly keepGoing?: boolean;
  /** The most nodes of a spec that may run at the same time; by default there is no limit. */
  readonly limit?: (spec: string) => number;
  /** The most nodes that may run at the same time, of all specs together; by default there is no limit. */
  readonly maxRunning?: number;
  /** How many more may be started than run, as the backend has them wait for their turn: 0 by default. */
  readonly ahead?: () => number;
  /**
   * The units that there are of each limit: what runs takes no more at once.
   *
   * @default {there are no limits}
   */
  readonly limits?: LimitUnits | undefined;
  /**
   * Nodes that an earlier process of the run has started, and that may be running: they are started first,
   * whatever the limits and the window are.
   *
   * @default {none}
   */
  readonly begun?: readonly Hash[];
}

/** Decides what is started when. */
export interface Scheduler {
  /** Nodes that were started and have not reported. */
  readonly running: number;
  /** Edges and queue operations so far: what the complexity is proven by. */
  readonly operations: number;
  /** How much is taken of each limit that its nodes need, and how many wait for it. */
  limitUse(): LimitUse[];
  /**
   * Takes one event and says what is to be done, in this order. An event that comes too late for its node (a
   * failure of one that is done) changes nothing, as does any after `finished`.
   *
   * @throws {ProtocolError} For a hash that is not in the plan.
   */
  step(event: SchedulerEvent): SchedulerAction[];
}

/**
 * The one scheduler of all runs: no files, no time, no randomness; the same events give the same actions. It
 * keeps its state in itself, changed in place, since a copy of it for each event would cost O(nodes) each
 * time; a whole run is O(nodes log nodes + edges).
 *
 * A `finished` comes last, once, provided that each `start`, `watch` and delayed `retry` is answered.
 *
 * @param plan What there is to do.
 * @throws {ValidationError} For a bad window or limit.
 */
export function createScheduler(plan: Pick<Plan, "nodes" | "roots">, options: SchedulerOptions): Scheduler {
  return new GraphScheduler(plan, options);
}

type Of<T extends SchedulerEvent["type"]> = Extract<SchedulerEvent, { type: T }>;

class GraphScheduler implements Scheduler {
  readonly #queue: StartQueue<WorkNode>;
  readonly #begun: readonly Hash[];
  readonly #progress: Progress;
  readonly #retry: RetryPolicy;
  readonly #retriesOf: (hash: Hash) => TaskRetries;
  readonly #keepGoing: boolean;
  readonly #failed: Hash[] = [];
  #stopped: StopReason | undefined;
  #finished = false;
  #actions: SchedulerAction[] = [];

  constructor(plan: Pick<Plan, "nodes" | "roots">, options: SchedulerOptions) {
    this.#queue = new StartQueue(options);
    this.#begun = options.begun ?? [];
    this.#progress = new Progress(plan, windowSize(options.window), this.#queue);
    this.#retry = options.retry;
    this.#retriesOf = options.retriesOf ?? (() => ({}));
    this.#keepGoing = options.keepGoing ?? false;
  }

  get running(): number {
    return this.#queue.running;
  }

  get operations(): number {
    return this.#progress.operations;
  }

  limitUse(): LimitUse[] {
    return this.#queue.limitUse();
  }

  step(event: SchedulerEvent): SchedulerAction[] {
    if (this.#finished) return [];
    this.#actions = [];
    this.#take(event);
    this.#goOn();
    return this.#actions;
  }

  #take(event: SchedulerEvent): void {
    switch (event.type) {
      case "begin":
        // Before anything is started that needs them, or, without keepGoing, at all.
        this.#failPlanned(this.#progress.graph.nodes.values());
        return this.#goOnWithBegun();
      case "interrupt":
        return this.#stop("interrupt");
      case "halted":
        this.#stop("interrupt");
        return this.#finish();
    }
    const node = this.#progress.graph.get(event.hash);
    switch (event.type) {
      case "done":
        return this.#onDone(node, event.computed);
      case "failed":
        return this.#onFailed(node, event);
      case "busy":
        if (node.phase !== "running") return;
        this.#progress.leave(node);
        return this.#watch(node, event.owner);
      case "withdrawn":
        return this.#onWithdrawn(node);
      case "rested":
        if (node.phase !== "resting") return;
        this.#progress.leave(node);
        if (!this.#stopped) this.#progress.queueIfFree(node);
        return;
      case "released":
        return this.#onReleased(node, event.plan);
      case "stale":
        return this.#onStale(node, event);
    }
  }

  #goOnWithBegun(): void {
    const begun = this.#begun.flatMap((hash) => this.#progress.graph.nodes.get(hash) ?? []);
    for (const node of begun) node.begun = true;
    this.#watchElsewhere(this.#progress.admit(begun));
  }

  #onDone(node: WorkNode, computed: boolean): void {
    if (isFinal(node)) return;
    this.#progress.leave(node);
    this.#progress.done(node);
    const partial = computed && node.partial;
    this.#actions.push({ type: "node_done", hash: node.hash, computed, ...(partial ? { partial } : {}) });
  }

  #onFailed(node: WorkNode, { end, failedEnds, lostEnds, raise }: Of<"failed">): void {
    // Of a node that is watched only what nobody can wait for to change is told.
    if (node.phase !== "running" && !(node.phase === "watched" && end.lasting)) return;
    this.#progress.leave(node);
    if (end.blame === "compute" && !raise) node.failures++;
    if (end.blame === "lost" && !raise) node.losses++;
    // The ends in the files count. What this process saw is a bound from below, for when they cannot be
    // written: without it a full disk would mean retries without end.
    const decision = decideRetry(this.#retry, this.#retriesOf(node.hash), end, {
      failedEnds: Math.max(failedEnds, node.failures),
      lostEnds: Math.max(lostEnds, node.losses),
    }, raise);
    if (decision.again && !this.#stopped) {
      const { again: _, ...how } = decision;
      const { afterMs, spec = node.spec } = how;
      this.#actions.push({ type: "retry", hash: node.hash, end, ...how });
      this.#progress.respec(node, spec);
      if (afterMs > 0) this.#progress.rest(node);
      else this.#progress.queueIfFree(node);
    } else if (!decision.again || end.blame === "compute") {
      this.#fail(node, end);
    }
    // Else it was lost after a stop, as by Ctrl-C: it is not to blame and counts as not run.
  }

  /**
   * It was not begun. After a stop it counts as not run; else, which no backend should do, it is started
   * again.
   */
  #onWithdrawn(node: WorkNode): void {
    if (node.phase !== "running") return;
    this.#progress.leave(node);
    if (!this.#stopped) this.#progress.queueIfFree(node);
  }

  #onReleased(node: WorkNode, plan: Pick<Plan, "nodes"> | undefined): void {
    if (node.phase !== "watched") return;
    this.#progress.leave(node);
    // After a stop nobody would compute it, or what lies below.
    if (this.#stopped) return;
    if (plan) this.#onPlannedAgain(node, plan);
    else this.#progress.queueIfFree(node);
  }

  #onPlannedAgain(node: WorkNode, plan: Pick<Plan, "nodes">): void {
    this.#failPlanned(this.#progress.graft(node, plan));
    if (node.phase === "done") {
      node.phase = "todo";
      this.#onDone(node, false);
    } else if (node.phase === "elsewhere") {
      this.#watchElsewhere([node]);
    } else {
      this.#progress.queueIfFree(node);
    }
    this.#watchElsewhere(this.#progress.admit(node.below));
  }

  #onStale(node: WorkNode, { owner, afterMs, advice }: Of<"stale">): void {
    if (node.phase !== "watched") return;
    this.#progress.leave(node);
    const what = `Waited in vain for ${owner}, who computes it: nothing changed for ${
      formatDuration(afterMs)
    }`;
    const then = advice === undefined ? "" : `; ${advice}`;
    const error = `${what}, the stale limit (staleAfterSec)${then}`;
    this.#fail(node, { outcome: "failed", blame: "lost", error });
  }

  #watch(node: WorkNode, owner: string): void {
    this.#progress.watch(node);
    if (!this.#stopped) this.#actions.push({ type: "watch", hash: node.hash, owner });
  }

  #watchElsewhere(nodes: readonly WorkNode[]): void {
    for (const node of nodes) {
      if (node.state.status === "IN_PROGRESS") this.#watch(node, node.state.owner);
    }
  }

  /** Nodes that a plan calls FAILED have failed for good. */
  #failPlanned(nodes: Iterable<WorkNode>): void {
    for (const node of nodes) {
      if (node.state.status !== "FAILED" || node.phase !== "todo") continue;
      const { error, log } = node.state;
      this.#fail(node, { outcome: "failed", blame: "compute", error, log });
    }
  }

  #fail(node: WorkNode, end: FailedAttempt): void {
    this.#failed.push(node.hash);
    this.#actions.push({ type: "node_failed", hash: node.hash, end });
    const isTolerated = this.#progress.fail(node);
    if (failureKind(end.blame) === "protocol") this.#stop("protocol");
    else if (!this.#keepGoing && !isTolerated) this.#stop("failure");
  }

  #stop(why: StopReason): void {
    if (this.#stopped) return;
    this.#stopped = why;
    this.#actions.push({ type: "stop", why });
  }

  /** Lets in roots, starts nodes, and sees whether this is the end. */
  #goOn(): void {
    if (this.#finished) return;
    if (this.#stopped) {
      if (this.running === 0) this.#finish();
      return;
    }
    this.#watchElsewhere(this.#progress.admitRoots());
    for (const node of this.#queue.start()) {
      node.phase = "running";
      this.#actions.push({ type: "start", hash: node.hash, spec: node.spec, turn: turnOf(node) });
    }
    const { pending, watched, resting } = this.#progress;
    if (pending > 0 && this.running + watched + resting > 0) return;
    if (pending > 0) this.#actions.push({ type: "stalled", missing: this.#progress.missing() });
    this.#finish();
  }

  #finish(): void {
    this.#finished = true;
    const notRun = this.#progress.notRun();
    const ok = this.#failed.length === 0 && notRun.length === 0;
    this.#actions.push({ type: "finished", ok, failed: [...this.#failed], notRun });
  }
}
