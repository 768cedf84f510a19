import { errorText } from "../../core/errors.ts";
import type { EventSink, RunSummary } from "../../core/event.ts";
import type { Hash } from "../../core/hash.ts";
import { runLog } from "../../core/run_log.ts";
import { forcedNodes } from "../../plan/forced.ts";
import { makePlan, priorityIn } from "../../plan/graph.ts";
import { notifierOf } from "../../notify/notifier.ts";
import type { QueuePaths } from "../../queue/layout.ts";
import { listQueue, makeQueue, type QueuedTask, type QueueState, refreshQueue } from "../../queue/queue.ts";
import { askToStop } from "../../queue/requests.ts";
import { specsOfNodes } from "../../remote/node_specs.ts";
import type { PoolRun } from "../../remote/run_record.ts";
import type { Runtime } from "../../run/runtime.ts";
import { drive, type DriveResult } from "../../schedule/drive.ts";
import { type Claim, letGo } from "../../store/claims/claim.ts";
import { RECORD_SCHEMA } from "../../store/layout.ts";
import { progressFileOf } from "../../schedule/progress_file.ts";
import type { Artifact } from "../../task/artifact/artifact.ts";
import { type RunEnded, writeEnded } from "../ended.ts";
import { EventsFile } from "../events_file.ts";
import type { WorkerLauncher } from "../launcher.ts";
import { Leadership, LeadershipHandedOver, LeadershipLostError } from "../leadership.ts";
import { retryWhileUnavailable } from "../pacing.ts";
import { POOL_TIMING, type PoolContext, type PoolTiming } from "./context.ts";
import { Controller } from "./controller.ts";
import {
  poolStatus,
  type ResumedProgress,
  resumedProgress,
  takenUp,
  wholeSummary,
} from "./resumed_progress.ts";

/** Options of {@link controlPool}. */
export interface ControlPoolOptions {
  /** Where everything of the run is. */
  readonly paths: QueuePaths;
  /** The run's record. */
  readonly run: PoolRun;
  /** The claim of the leadership, from `acquireLeadership`. */
  readonly claim: Claim;
  /** Starts workers. */
  readonly launcher: WorkerLauncher;
  /** Gives an artifact of the run; a stub will do. */
  readonly artifactOf: (hash: Hash) => Artifact;
  /** Receives what happens; must not throw. */
  readonly onEvent: EventSink;
  /** Ends the run: its workers are told to leave, and it counts as interrupted. */
  readonly signal: AbortSignal;
  /**
   * Gives the leadership up: the run and its workers go on, and somebody else becomes its controller.
   *
   * @default {never}
   */
  readonly handOver?: AbortSignal;
  /**
   * How long it waits for what.
   *
   * @default {POOL_TIMING}
   */
  readonly timing?: Partial<PoolTiming>;
}

/**
 * Is the controller of a run until it has ended: plans what is missing, queues what is ready, has workers
 * started and requeues the tasks of those that die. It knows nothing but the run's files, so that any process
 * can do it, also in the middle of a run. Writes `events/<term>.jsonl` and, in the end, `ended.json`; ends
 * the leadership.
 *
 * @returns How the run ended; `undefined` when the leadership was handed over.
 * @throws {LeadershipLostError} If somebody else has become the controller: then nothing more was touched.
 * @throws {SlurmError} If no worker can be started: then the run has ended.
 * @throws {StoreError} If the store cannot be used: then the run has ended.
 */
export async function controlPool(
  runtime: Runtime,
  options: ControlPoolOptions,
): Promise<DriveResult | undefined> {
  const { paths, claim, run } = options;
  const leadership = new Leadership(runtime, claim);
  const file = new EventsFile(runtime, paths, leadership.term);
  const progress = progressFileOf(runtime.store, "pool", run);
  const notifier = await notifierOf(runtime, paths.run, run);
  let resumed = resumedProgress(new Map());
  const onEvent: EventSink = (event) => {
    const told = event.type === "run_ended"
      ? { ...event, summary: wholeSummary(event.summary, run, resumed) }
      : event;
    options.onEvent(told);
    file.sink(told);
    progress.sink(told);
    notifier?.sink(told);
  };
  const log = runLog(onEvent, runtime.machine.clock);
  const timing = { ...POOL_TIMING, ...options.timing };
  const context = {
    ...options,
    runtime,
    leadership,
    forced: forcedNodes(runtime.store, run),
    onEvent,
    log,
    timing,
  };
  options.launcher.log = log;
  try {
    const result = await driveRun(context, options, (progress) => resumed = progress);
    const summary: RunSummary = wholeSummary(result.summary, run, resumed);
    const { interrupted, stalled } = result;
    await endRun(context, { summary, interrupted, ...(stalled === undefined ? {} : { stalled }) });
    return { ...result, summary };
  } catch (error) {
    if (error instanceof LeadershipHandedOver) {
      if (await leadership.isOurs()) await leadership.giveUp(error.message);
      return undefined;
    }
    if (!(error instanceof LeadershipLostError)) notifier?.broken(error);
    throw error;
  } finally {
    await Promise.all([file.flush(), progress.close(), notifier?.close()]);
    await letGo(runtime.store, claim);
  }
}

/** Drives the run to its end. An error that is not about the leadership ends the run, too. */
async function driveRun(
  context: PoolContext,
  options: ControlPoolOptions,
  onResumed: (progress: ResumedProgress) => void,
): Promise<DriveResult> {
  const { runtime, run, leadership, forced, onEvent, artifactOf } = context;
  const { signal, handOver, claim } = options;
  const stopAsked = new AbortController();
  const ending = AbortSignal.any([signal, stopAsked.signal]);
  try {
    // A file server that is away for a moment ends no run, least of all one that is taken up.
    const retry = <T>(step: () => Promise<T>): Promise<T> =>
      retryWhileUnavailable(runtime, () => !ending.aborted && !claim.lost.aborted, step);
    const listed = await openQueue(context, retry);
    const progress = resumedProgress(listed);
    onResumed(progress);
    if (leadership.term > 1) context.log.info(takenUp(run.runId, leadership.term, progress));
    const source = poolStatus(runtime, run.runId, (hash) => listed.has(hash));
    const { priorities = {} } = run.options;
    const priority = ({ hash }: Artifact): number | undefined => priorities[hash];
    const todo = await retry(() => makePlan(run.roots.map(artifactOf), source, { forced, priority }));
    using watched = new DisposableStack();
    await using controllers = new AsyncDisposableStack();
    const on = (which: AbortSignal | undefined, act: () => void): void => {
      if (which?.aborted) act();
      which?.addEventListener("abort", act, { once: true });
      watched.defer(() => which?.removeEventListener("abort", act));
    };
    return await drive(runtime, {
      runId: run.runId,
      plan: todo,
      window: run.options.window,
      keepGoing: run.options.keepGoing,
      retry: run.config,
      forced,
      limits: run.config.limits,
      begun: mayRun(listed),
      replan: (artifact) => makePlan([artifact], source, { forced, priority: priorityIn(todo) }),
      onEvent,
      signal: ending,
      backend: (report, broken) => {
        on(handOver, () => broken(new LeadershipHandedOver(handedOver(handOver?.reason))));
        // Also one that has nothing to do at the moment is to know that it is the controller no more.
        on(claim.lost, () => void leadership.check().catch(broken));
        const onStopAsked = (why: string): void => stopAsked.abort(new Error(`the run was stopped: ${why}`));
        const controller = new Controller({ ...context, listed, report, broken, onStopAsked });
        controllers.defer(() => controller.close());
        return controller;
      },
    });
  } catch (error) {
    const isHandedOn = error instanceof LeadershipLostError || error instanceof LeadershipHandedOver;
    if (!isHandedOn) await abandonRun(context, error);
    throw error;
  }
}

/** What an earlier controller has put into the queue, and of which it has not told how it ended. */
function mayRun(listed: ReadonlyMap<Hash, QueuedTask>): Hash[] {
  const states: readonly QueueState[] = ["todo", "running", "failed"];
  return [...listed].flatMap(([hash, { state }]) => states.includes(state) ? [hash] : []);
}

/** Makes the queue's folders, and lists what is in them. */
async function openQueue(
  { runtime: { store }, paths, run, leadership }: PoolContext,
  retry: <T>(step: () => Promise<T>) => Promise<T>,
): Promise<ReadonlyMap<Hash, QueuedTask>> {
  await retry(() => leadership.check());
  const specs = specsOfNodes(run.nodes);
  await retry(() => makeQueue(store, paths, specs));
  if (leadership.term > 1) await retry(() => refreshQueue(store, paths, specs));
  return await retry(() => listQueue(store, paths));
}

/**
 * Says how the run ended, then gives the leadership back: a process that finds it free finds the run ended,
 * too.
 */
async function endRun(
  { runtime, leadership, paths, run, launcher, log }: PoolContext,
  how: Pick<RunEnded, "summary" | "interrupted" | "stalled" | "error">,
): Promise<void> {
  const retry = <T>(step: () => Promise<T>): Promise<T> =>
    retryWhileUnavailable(runtime, () => !leadership.claim.lost.aborted, step);
  await retry(() => leadership.check());
  const ended: RunEnded = {
    schema: RECORD_SCHEMA,
    runId: run.runId,
    term: leadership.term,
    endedAt: new Date(runtime.machine.clock.now()).toISOString(),
    ...how,
  };
  await retry(() => writeEnded(runtime.store, paths, ended));
  await retry(() => askToStop(runtime.store, paths, "drain", "the run has ended"));
  try {
    const { jobs } = await launcher.jobs(new AbortController().signal);
    const pending = jobs.filter(({ state }) => state.status === "pending").map(({ key }) => key);
    if (pending.length > 0) await launcher.cancelPending(pending);
  } catch (error) {
    // Workers that begin now find the run ended and leave.
    log.warn(`pending workers may be left, which will leave at once: ${errorText(error)}`);
  }
  await leadership.end();
}

/** Ends a run that cannot go on, though no task is to blame: nothing of it stays behind. */
async function abandonRun(context: PoolContext, error: unknown): Promise<void> {
  const { runtime, leadership, paths, launcher, log } = context;
  try {
    await leadership.check();
    await askToStop(runtime.store, paths, "stop", errorText(error));
    await launcher.cancelAll().catch((second) => {
      // The request in the run's folder reaches them all the same.
      log.warn(`cannot cancel all workers: ${errorText(second)}`);
    });
    await endRun(context, { interrupted: false, error: errorText(error) });
  } catch (second) {
    runtime.logger.warn(`run ${paths.runId} could not be ended: ${errorText(second)}`);
  }
}

function handedOver(reason: unknown): string {
  return `the role was handed over: ${errorText(reason)}`;
}
