import { failureKind } from "../core/attempt_end.ts";
import { errorText } from "../core/errors.ts";
import type { EventSink, Failure, RunSummary } from "../core/event.ts";
import type { Hash } from "../core/hash.ts";
import { sleepLong } from "../core/system/clock.ts";
import { runLog } from "../core/run_log.ts";
import type { Plan } from "../plan/graph.ts";
import type { ForcedNodes } from "../plan/node.ts";
import type { Runtime } from "../run/runtime.ts";
import { concernsOneArtifact } from "../store/store.ts";
import type { Artifact } from "../task/artifact/artifact.ts";
import { retriesOf, type TaskRetries } from "../task/retry.ts";
import type { Backend, BackendEvent } from "./backend.ts";
import { describeFailure } from "./failure.ts";
import { createScheduler, type SchedulerOptions } from "./scheduler.ts";
import type { SchedulerAction, SchedulerEvent } from "./scheduler_event.ts";
import { LimitNotice } from "./start/limit_notice.ts";
import { jointReason, StallNotice } from "./stall_notice.ts";
import { watchElsewhere } from "./watch.ts";

/** Options of {@link drive}. */
export interface DriveOptions extends SchedulerOptions {
  /** The run's id. */
  runId: string;
  /** The plan to carry out. */
  plan: Plan;
  /**
   * Makes what computes the nodes; it tells about them through `report`, and through `broken` that something
   * happened which ends the run with that error.
   */
  backend: (report: (event: BackendEvent) => void, broken: (error: unknown) => void) => Backend;
  /** Plans one artifact by itself. */
  replan: (artifact: Artifact) => Promise<Plan>;
  /** Nodes that are computed although they are stored. */
  forced: ForcedNodes | undefined;
  /** Told what happens; must not throw. */
  onEvent: EventSink;
  /** Ends the run: what runs is preempted. */
  signal: AbortSignal;
}

type FailedEvent = Extract<BackendEvent, { type: "failed" }>;

/** The result of a run, and whether somebody ended it. */
export interface DriveResult {
  /** For the caller. */
  summary: RunSummary;
  /** Whether the signal ended it. */
  interrupted: boolean;
  /** The reason why it could not go on, where no failure is to blame. */
  stalled?: string;
}

/**
 * Carries a plan out: the scheduler decides, the backend computes, and this hands their words to each other.
 */
export async function drive(runtime: Runtime, options: DriveOptions): Promise<DriveResult> {
  return await new Driver(runtime, options).run();
}

class Driver {
  readonly #runtime: Runtime;
  readonly #options: DriveOptions;
  readonly #backend: Backend;
  readonly #watching = new AbortController();
  readonly #events: SchedulerEvent[] = [];
  /** So many of them were taken: to remove the first of 100,000 each time would take far longer. */
  #taken = 0;
  /** The failed attempts of each node. */
  readonly #failed = new Map<Hash, number>();
  readonly #failures: Failure[] = [];
  readonly #artifacts = new Map<Hash, Artifact>();
  /** What is waited for at the nodes that others compute. */
  readonly #waits = new Map<Hash, string>();
  readonly #notice: StallNotice;
  #wake: (() => void) | undefined;
  #broken: { error: unknown } | undefined;
  #stalled: string | undefined;
  #computed = 0;
  #elsewhere = 0;
  #partial = 0;
  #retries = 0;
  #notRun = 0;
  #finished = false;

  constructor(runtime: Runtime, options: DriveOptions) {
    this.#runtime = runtime;
    this.#options = options;
    this.#backend = options.backend((event) => this.#push(event), (error) => this.#break(error));
    const { clock } = runtime.machine;
    const { info } = runLog(options.onEvent, clock);
    this.#notice = new StallNotice(info, clock.monotonic());
  }

  async run(): Promise<DriveResult> {
    const { plan, runId, signal, onEvent } = this.#options;
    const { clock } = this.#runtime.machine;
    const started = clock.monotonic();
    const cached = plan.counts.done;
    // Where all is stored there is nothing to decide, and nobody asks for an artifact.
    const retriesOfNode = (hash: Hash): TaskRetries => retriesOf(this.#artifact(hash));
    const options = { retriesOf: retriesOfNode, ...this.#options };
    const scheduler = cached === plan.nodes.size ? undefined : createScheduler(plan, options);
    if (scheduler) {
      for (const { hash, artifact } of plan.nodes.values()) {
        this.#artifacts.set(hash, artifact);
      }
    } else this.#finished = true;
    const interrupt = (): void => this.#push({ type: "interrupt" });
    onEvent({ type: "run_started", runId, nodes: plan.nodes.size, cached, at: clock.now() });
    signal.addEventListener("abort", interrupt, { once: true });
    using limits = new LimitNotice(clock, (limits) => onEvent({ type: "limits", limits, at: clock.now() }));
    const hasLimits = Object.keys(this.#options.limits ?? {}).length > 0;
    try {
      this.#push({ type: "begin" });
      if (signal.aborted) interrupt();
      while (!this.#finished) {
        const event = await this.#next();
        this.#notice.moved(clock.monotonic());
        if (event.type === "failed") this.#remember(event);
        const endedAt = event.type === "failed" ? event.endedAt : undefined;
        for (const action of scheduler!.step(event)) await this.#act(action, endedAt);
        if (hasLimits) limits.look(() => scheduler!.limitUse());
      }
    } finally {
      signal.removeEventListener("abort", interrupt);
      this.#watching.abort();
      await this.#backend.stop(this.#finished ? "drain" : "kill");
    }
    const summary: RunSummary = {
      runId,
      nodes: plan.nodes.size,
      cached,
      computed: this.#computed,
      elsewhere: this.#elsewhere,
      retries: this.#retries,
      ...(this.#partial === 0 ? {} : { partial: this.#partial }),
      failures: this.#failures,
      notRun: this.#notRun,
      durationMs: clock.monotonic() - started,
    };
    onEvent({ type: "run_ended", summary, interrupted: signal.aborted, at: clock.now() });
    const stalled = this.#stalled;
    return { summary, interrupted: signal.aborted, ...(stalled === undefined ? {} : { stalled }) };
  }

  #remember({ hash, end, failedEnds, lostEnds, raise }: FailedEvent): void {
    const ends = failedEnds + lostEnds;
    // No attempt was begun.
    if (end.lasting && ends === 0 && !raise) return;
    // A run that was taken up in the middle has made attempts that this process did not see.
    const seen = (this.#failed.get(hash) ?? 0) + 1;
    this.#failed.set(hash, Math.max(seen, ends));
  }

  async #act(action: SchedulerAction, endedAt: number | undefined): Promise<void> {
    const { onEvent } = this.#options;
    const at = this.#runtime.machine.clock.now();
    switch (action.type) {
      case "start":
        return this.#backend.start(this.#artifact(action.hash), action.spec, action.turn);
      case "watch":
        onEvent({ type: "node_watched", ...this.#names(action.hash), owner: action.owner, at });
        return this.#watch(action.hash);
      case "retry": {
        this.#retries++;
        const { hash, end, left, afterMs, spec } = action;
        // One that ended before this process began has waited already; clocks of hosts differ.
        const restMs = Math.min(afterMs, Math.max(0, (endedAt ?? at) + afterMs - at));
        onEvent({
          type: "node_retry",
          ...this.#names(hash),
          kind: failureKind(end.blame),
          error: end.error,
          left,
          ...(spec === undefined ? {} : { spec }),
          ...(restMs > 0 ? { delaySec: restMs / 1000 } : {}),
          at,
        });
        if (afterMs > 0) this.#rest(hash, restMs);
        return;
      }
      case "node_done":
        if (action.computed) this.#computed++;
        else this.#elsewhere++;
        if (action.partial) this.#partial++;
        return onEvent({
          type: "node_done",
          ...this.#names(action.hash),
          how: action.computed ? "computed" : "elsewhere",
          ...(action.partial ? { partial: true } : {}),
          at,
        });
      case "node_failed": {
        const artifact = this.#artifact(action.hash);
        const attempts = this.#failed.get(action.hash) ?? 0;
        const failure = await describeFailure(this.#runtime, artifact, action.end, attempts);
        this.#failures.push(failure);
        return onEvent({ type: "node_failed", ...this.#names(action.hash), failure, at });
      }
      case "stop":
        // After a failure what runs may finish. Otherwise it is preempted, and the scheduler told when all is
        // still.
        if (action.why !== "failure") this.#halt();
        else this.#backend.withdraw?.().catch((error) => this.#break(error));
        return;
      case "stalled": {
        const missing = action.missing.map((hash) => `${this.#artifact(hash)}`).join(", ");
        const text = this.#stalled =
          `The run cannot go on: nothing is ready, running or in progress, and missing are ${missing}`;
        return onEvent({ type: "message", level: "error", text, at });
      }
      case "finished":
        this.#notRun = action.notRun.length;
        this.#finished = true;
    }
  }

  /** Nothing waits for it: neither a worker nor the end of the run. */
  #rest(hash: Hash, ms: number): void {
    const { signal } = this.#watching;
    sleepLong(ms, this.#runtime.machine.clock, signal).then(
      () => this.#push({ type: "rested", hash }),
      (error) => {
        if (!signal.aborted) this.#break(error);
      },
    );
  }

  #halt(): void {
    this.#watching.abort();
    this.#backend.stop("stop").then(
      () => this.#push({ type: "halted" }),
      (error) => this.#break(error),
    );
  }

  #watch(hash: Hash): void {
    const { signal } = this.#watching;
    const { runId, replan, forced } = this.#options;
    const artifact = this.#artifact(hash);
    const onWait = (why: string): void => this.#sayWaits(hash, why);
    watchElsewhere(this.#runtime, { artifact, runId, signal, replan, forced, onWait }).then(
      (event) => {
        this.#waits.delete(hash);
        if (event.type === "released") this.#learn(event.plan);
        this.#push(event);
      },
      (error) => {
        if (signal.aborted) return;
        if (!concernsOneArtifact(error)) return this.#break(error);
        const end = { outcome: "failed", blame: "compute", lasting: true, error: errorText(error) } as const;
        this.#push({ type: "failed", hash, end, failedEnds: 0, lostEnds: 0 });
      },
    );
  }

  #sayWaits(hash: Hash, why: string): void {
    this.#waits.set(hash, why);
    const now = this.#runtime.machine.clock.monotonic();
    if (!this.#notice.isDue(now)) return;
    const waits = [...this.#waits].map(([hash, why]) => ({ of: `${this.#artifact(hash)}`, why }));
    this.#notice.look(now, jointReason(waits));
  }

  /** A later plan of a part of the run can hold nodes that were not looked at before. */
  #learn(plan: Pick<Plan, "nodes"> | undefined): void {
    for (const { hash, artifact } of plan?.nodes.values() ?? []) {
      if (!this.#artifacts.has(hash)) this.#artifacts.set(hash, artifact);
    }
  }

  #push(event: SchedulerEvent): void {
    this.#events.push(event);
    this.#wake?.();
  }

  /** Something that must not happen did: the run ends with it. */
  #break(error: unknown): void {
    this.#broken ??= { error };
    this.#wake?.();
  }

  async #next(): Promise<SchedulerEvent> {
    for (;;) {
      if (this.#broken) throw this.#broken.error;
      const event = this.#events[this.#taken];
      if (event) {
        this.#taken++;
        return event;
      }
      this.#events.length = this.#taken = 0;
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
  }

  #artifact(hash: Hash): Artifact {
    const artifact = this.#artifacts.get(hash);
    if (!artifact) throw new Error(`Cannot find artifact ${hash} in the plan of its run`);
    return artifact;
  }

  #names(hash: Hash): { hash: Hash; name: string } {
    return { hash, name: this.#artifact(hash).name };
  }
}
