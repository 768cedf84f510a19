import { errorText } from "../../core/errors.ts";
import type { EventSink, RunEvent, RunSummary } from "../../core/event.ts";
import type { Hash } from "../../core/hash.ts";
import { plan } from "../../plan/graph.ts";
import type { QueuePaths } from "../../queue/layout.ts";
import { listQueue } from "../../queue/list_queue.ts";
import { makeQueue } from "../../queue/make_queue.ts";
import { refreshQueue } from "../../queue/refresh_queue.ts";
import { askToStop } from "../../queue/stop_request.ts";
import type { Runtime } from "../../run/runtime.ts";
import { drive, type DriveResult } from "../../schedule/drive.ts";
import type { Claim } from "../../store/claims/claim.ts";
import { RECORD_SCHEMA } from "../../store/record.ts";
import type { Artifact } from "../../task/artifact/artifact.ts";
import { type EarlierTerms, earlierTerms, takenUp, wholeSummary } from "./resumed_progress.ts";
import { type RunEnded, writeEnded } from "../ended.ts";
import { EventsFile } from "../events_file.ts";
import type { WorkerLauncher } from "../launcher.ts";
import { retryWhileUnavailable } from "../pacing.ts";
import { PoolBackend } from "./controller.ts";
import { POOL_TIMING, type PoolContext, type PoolTiming, tell } from "./context.ts";
import { poolForced } from "../../remote/pool_forced.ts";
import type { PoolRun } from "../../remote/pool_run.ts";
import { poolStatus } from "../pool_status.ts";
import { Leadership, LeadershipHandedOver, LeadershipLostError } from "../leadership.ts";

/** What a run's controller is given. */
export interface ControlPoolOptions {
  /** Where everything of the run is. */
  readonly paths: QueuePaths;
  /** What the run is, as `run.json` says. */
  readonly run: PoolRun;
  /** The claim of the role, from `acquireLeadership`. */
  readonly claim: Claim;
  /** Starts workers. */
  readonly launcher: WorkerLauncher;
  /** Gives an artifact of the run; a stub will do. */
  readonly artifactOf: (hash: Hash) => Artifact;
  /** Told what happens; must not throw. */
  readonly onEvent: EventSink;
  /** Ends the run: its workers are told to leave, and it counts as interrupted. */
  readonly signal: AbortSignal;
  /** Gives the role up: the run and its workers go on, and somebody else becomes its controller. @default never */
  readonly handOver?: AbortSignal;
  /** How long it waits for what. @default POOL_TIMING */
  readonly timing?: Partial<PoolTiming>;
}

/**
 * Is the controller of a run until it has ended: plans what is missing, queues what is ready, has workers started and
 * requeues the tasks of those that die. It knows nothing but the run's files, so that any process can do it, also in the
 * middle of a run. Writes `events/<term>.jsonl` and, in the end, `ended.json`; ends the role.
 *
 * @returns How the run ended; `undefined` when the role was handed over.
 * @throws {LeadershipLostError} when somebody else has become the controller: then nothing more was touched. {@link SlurmError} or
 * the like when no worker can be started, {@link StoreError} when the store cannot be used: then the run has ended.
 */
export async function controlPool(
  runtime: Runtime,
  options: ControlPoolOptions,
): Promise<DriveResult | undefined> {
  const { paths, claim } = options;
  const role = new Leadership(runtime, claim);
  const file = new EventsFile(runtime, paths, role.term);
  const controller = new Controller(runtime, options, role, (event) => {
    options.onEvent(event);
    file.sink(event);
  });
  try {
    return await controller.run();
  } finally {
    await file.flush();
    await claim.heartbeat.stop();
  }
}

class Controller {
  readonly #runtime: Runtime;
  readonly #options: ControlPoolOptions;
  readonly #context: PoolContext;
  readonly #stopAsked = new AbortController();
  #earlier: EarlierTerms = earlierTerms(new Map());

  constructor(runtime: Runtime, options: ControlPoolOptions, role: Leadership, sink: EventSink) {
    const { run, timing } = options;
    this.#runtime = runtime;
    this.#options = options;
    this.#context = {
      ...options,
      runtime,
      role,
      forced: poolForced(runtime, run),
      onEvent: (event) => sink(this.#adjusted(event)),
      timing: { ...POOL_TIMING, ...timing },
    };
    options.launcher.tellTo?.((text) => tell(this.#context, "warn", text));
  }

  async run(): Promise<DriveResult | undefined> {
    const { role } = this.#context;
    let result: DriveResult;
    try {
      result = await this.#drive();
    } catch (error) {
      if (error instanceof LeadershipLostError) throw error;
      if (error instanceof LeadershipHandedOver) {
        if (await role.isOurs()) await role.giveUp(error.message);
        return undefined;
      }
      await this.#abandon(error);
      throw error;
    }
    const { interrupted, stalled } = result;
    const summary = this.#whole(result.summary);
    await this.#end({ summary, interrupted, ...(stalled === undefined ? {} : { stalled }) });
    return { ...result, summary };
  }

  async #drive(): Promise<DriveResult> {
    const { run, paths, artifactOf, signal, handOver, claim } = this.#options;
    const { role, forced, onEvent } = this.#context;
    const runtime = this.#runtime;
    const ending = AbortSignal.any([signal, this.#stopAsked.signal]);
    // A file server that is away for a moment ends no run, least of all one that is taken up.
    const patient = <T>(step: () => Promise<T>): Promise<T> =>
      retryWhileUnavailable(runtime, () => !ending.aborted && !claim.lost.aborted, step);
    await patient(() => role.check());
    const specs = [...new Set(run.nodes.map(({ spec }) => spec))];
    await patient(() => makeQueue(runtime.store, paths, specs));
    if (role.term > 1) await patient(() => refreshQueue(runtime.store, paths, specs));
    const listed = await patient(() => listQueue(runtime.store, paths));
    this.#earlier = earlierTerms(listed);
    if (role.term > 1) tell(this.#context, "info", takenUp(run.runId, role.term, this.#earlier));
    const source = poolStatus(runtime, run.runId, (hash) => listed.has(hash));
    const planOptions = { ...(forced === undefined ? {} : { forced }) };
    const todo = await patient(() => plan(run.roots.map(artifactOf), source, planOptions));
    let backend: PoolBackend | undefined;
    let leave: (() => void) | undefined;
    let lose: (() => void) | undefined;
    try {
      return await drive(runtime, {
        runId: run.runId,
        plan: todo,
        window: run.options.window,
        keepGoing: run.options.keepGoing,
        retry: run.config,
        forced,
        replan: (artifact) => plan([artifact], source, planOptions),
        onEvent,
        signal: ending,
        backend: (report, broken) => {
          leave = (): void => broken(new LeadershipHandedOver(handedOver(handOver?.reason)));
          if (handOver?.aborted) leave();
          handOver?.addEventListener("abort", leave, { once: true });
          // Also one that has nothing to do at the moment is to know that it is the controller no more.
          lose = (): void => void role.check().catch(broken);
          if (claim.lost.aborted) lose();
          claim.lost.addEventListener("abort", lose, { once: true });
          return backend = new PoolBackend({
            ...this.#context,
            listed,
            report,
            broken,
            onStopAsked: (why) => this.#stopAsked.abort(new Error(`the run was stopped: ${why}`)),
          });
        },
      });
    } finally {
      if (leave) handOver?.removeEventListener("abort", leave);
      if (lose) claim.lost.removeEventListener("abort", lose);
      await backend?.close();
    }
  }

  /** Says how the run ended, then gives the role back: who finds the role free finds the run ended, too. */
  async #end(how: Pick<RunEnded, "summary" | "interrupted" | "stalled" | "error">): Promise<void> {
    const { runtime, role, paths, run, launcher } = this.#context;
    const patient = <T>(step: () => Promise<T>): Promise<T> =>
      retryWhileUnavailable(runtime, () => !role.claim.lost.aborted, step);
    await patient(() => role.check());
    const ended: RunEnded = {
      schema: RECORD_SCHEMA,
      runId: run.runId,
      term: role.term,
      endedAt: new Date(runtime.machine.clock.now()).toISOString(),
      ...how,
    };
    await patient(() => writeEnded(runtime.store, paths, ended));
    await patient(() => askToStop(runtime.store, paths, "drain", "the run has ended"));
    try {
      const jobs = await launcher.jobs(new AbortController().signal);
      const pending = jobs.filter(({ state }) => state.status === "pending").map(({ key }) => key);
      if (pending.length > 0) await launcher.cancelPending(pending);
    } catch (error) {
      // Workers that begin now find the run ended and leave.
      tell(
        this.#context,
        "warn",
        `pending workers may be left, which will leave at once: ${errorText(error)}`,
      );
    }
    await role.end();
  }

  /** The run cannot go on, and no task is to blame: nothing of it stays behind. */
  async #abandon(error: unknown): Promise<void> {
    const { runtime, role, paths, launcher } = this.#context;
    try {
      await role.check();
      await askToStop(runtime.store, paths, "stop", errorText(error));
      await launcher.cancelAll().catch((second) => {
        // The request in the run's folder reaches them all the same.
        tell(this.#context, "warn", `cannot cancel all workers: ${errorText(second)}`);
      });
      await this.#end({ interrupted: false, error: errorText(error) });
    } catch (second) {
      runtime.logger.warn(`run ${paths.runId} could not be ended: ${errorText(second)}`);
    }
  }

  #whole(summary: RunSummary): RunSummary {
    return wholeSummary(summary, this.#options.run, this.#earlier);
  }

  #adjusted(event: RunEvent): RunEvent {
    return event.type === "run_ended" ? { ...event, summary: this.#whole(event.summary) } : event;
  }
}

function handedOver(reason: unknown): string {
  return `the role was handed over: ${errorText(reason)}`;
}
