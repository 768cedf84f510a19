import { errorText } from "../../core/errors.ts";
import type { Hash } from "../../core/hash.ts";
import type { QueuedTask } from "../../queue/queue.ts";
import { OrderReader } from "../../queue/orders.ts";
import { askToStop, readStop } from "../../queue/requests.ts";
import { specOfNode, specsOfNodes } from "../../remote/node_specs.ts";
import type { Backend, BackendEvent } from "../../schedule/backend.ts";
import type { Artifact } from "../../task/artifact/artifact.ts";
import { listingPause, retryWhileUnavailable, TaskLimiter, WakeUp } from "../pacing.ts";
import type { ControllerContext, PoolContext } from "./context.ts";
import { Backlog } from "./backlog.ts";
import { Fleet } from "./fleet.ts";
import { WorkerMonitor, WorkerReports } from "./monitor_workers.ts";
import { ResultReader } from "./read_results.ts";
import { tidyQueue, withdrawTodo } from "./settle_tasks.ts";
import { reconcile, startTask } from "./start_tasks.ts";
import { TaskTable } from "./task_table.ts";

/** Options of a {@link Controller}. */
export interface ControllerOptions extends PoolContext {
  /** What lay in the queue when this controller began. */
  readonly listed: ReadonlyMap<Hash, QueuedTask>;
  /** Tells the scheduler how a started task goes on. */
  readonly report: (event: BackendEvent) => void;
  /**
   * Ends the run with an error that no task is to blame for: the leadership is lost, no worker can be
   * started.
   */
  readonly broken: (error: unknown) => void;
  /** Called when somebody asked for the run's end: `furu cancel`. */
  readonly onStopAsked: (why: string) => void;
}

/** So many tasks are put into the queue, or looked into, at the same time. */
const WIDTH = 32;
/** Milliseconds between two looks at results while things happen. */
const SHORTEST_PAUSE_MS = 10;
/** A pause is this part of the time since something happened, so that latency stays in proportion. */
const PAUSE_PART = 0.1;
/** A pause is so many times as long as the listing before it: listings take a tenth of the time. */
const LISTING_PART = 9;
/**
 * The queue is compared with what is known no more often than once in so many milliseconds for each worker,
 * whose folder is listed twice then.
 */
const AUDIT_MS_PER_WORKER = 50;
/** Milliseconds between two looks for a request to stop. */
const STOP_LOOK_MS = 1000;
/** Milliseconds between two looks at the last workers while they leave. */
const LEAVING_ROUND_MS = 100;
/** Milliseconds after which the loop looks up although nothing is due, as everything is being looked at. */
const LONGEST_SLEEP_MS = 60_000;
/** Milliseconds beyond a lease for which workers are waited for that were told to leave. */
const LEAVING_GRACE_MS = 30_000;

/** Something that is looked at again and again. One slow look, as of squeue, holds no other one up. */
interface Observation {
  /** Looks, and acts on what is seen. */
  readonly look: () => Promise<void>;
  /**
   * Milliseconds until the next look.
   *
   * @param tookMs How long this one took.
   */
  readonly pause: (tookMs: number) => number;
  /** When it is due, in monotonic milliseconds. */
  dueAt: number;
  isLooking: boolean;
}

/**
 * Has tasks computed by workers that pull them from the queue of files; the controller's side of a pool.
 *
 * One loop looks at three things, each at its own pace: the results that workers gave back, the workers
 * themselves, and their jobs. What is seen goes into the table of tasks and the state of the fleet, and is
 * decided and acted on there.
 */
export class Controller implements Backend {
  readonly #options: ControllerOptions;
  readonly #context: ControllerContext;
  readonly #fleet: Fleet;
  readonly #monitor: WorkerMonitor;
  readonly #reader: ResultReader;
  readonly #reports: WorkerReports;
  readonly #closing = new AbortController();
  readonly #wakeUp = new WakeUp();
  readonly #results: Observation;
  readonly #workers: Observation;
  readonly #jobs: Observation;
  readonly #loop: Promise<void>;
  #leaving = false;
  /** When something happened last, in monotonic milliseconds. */
  #newsAt: number;
  #hasStarted = false;
  #roundsDone = 0;
  #reconciledAt = -Infinity;
  #reconcileCost = 0;
  readonly #orders: OrderReader;
  #stopLookAt = -Infinity;
  #stopMayBeAsked = false;

  /** Begins to look after the run's tasks and workers; {@link Controller.close} ends that. */
  constructor(options: ControllerOptions) {
    const { run, listed, broken, report } = options;
    const nodes = new Map(run.nodes.map((node) => [node.hash, node]));
    this.#options = options;
    this.#orders = new OrderReader(options.runtime.store, options.paths);
    this.#newsAt = this.#now();
    const tasks = new TaskTable(listed, ({ hash, lacked }) => {
      const node = nodes.get(hash);
      return node && specOfNode(node, lacked);
    });
    const limiter = new TaskLimiter(WIDTH, (error) => this.#isClosed || broken(error));
    const context: ControllerContext = this.#context = {
      ...options,
      nodes,
      specs: specsOfNodes(run.nodes),
      closing: this.#closing.signal,
      tasks,
      backlog: new Backlog(options.timing.mostQueued, tasks, limiter),
      owners: new Map(),
      limiter,
      report: (event) => {
        if (event.type !== "withdrawn") this.#noteResult(event.hash);
        report(event);
      },
      phase: "running",
    };
    const startedWell = [...listed.values()].some((task) => task.state === "done");
    const monitor = this.#monitor = new WorkerMonitor(context, ({ node, kind, error }) => {
      const hasWorkers = monitor.size > 0;
      const at = kind === "node" ? { node } : {};
      this.#fleet.note({ type: "refusal", ...at, hasWorkers, why: error });
    });
    this.#fleet = new Fleet(context, monitor, startedWell, () => this.#wake(this.#workers));
    this.#reader = new ResultReader(context, this.#fleet, monitor);
    this.#reports = new WorkerReports(context);
    const { timing: { roundMs }, runtime: { config, store } } = options;
    this.#results = observation(() => this.#lookAtResults(), (tookMs) => {
      const quiet = (this.#now() - this.#newsAt) * PAUSE_PART;
      const pause = Math.min(Math.max(quiet, SHORTEST_PAUSE_MS), config.pollIntervalSec * 1000);
      return Math.max(pause, listingPause(tookMs, LISTING_PART));
    });
    this.#workers = observation(() => this.#lookAtWorkers(), () => {
      // Looks that are further apart than a third of a lease would prove nothing.
      const pause = Math.min(roundMs, store.leaseSec * 250);
      return this.#leaving ? Math.min(pause, LEAVING_ROUND_MS) : pause;
    });
    this.#jobs = observation(() => this.#fleet.round(() => this.#reader.readAt), () => roundMs);
    this.#loop = this.#observe([this.#results, this.#workers, this.#jobs]);
  }

  start(artifact: Artifact, _spec: string, turn = 0): void {
    startTask(this.#context, this.#reader, artifact.hash, turn);
    const now = this.#now();
    // The first look at the jobs comes before the first task, for which a worker is to be submitted at once.
    if (this.#hasStarted && now - this.#newsAt < SHORTEST_PAUSE_MS) return;
    this.#hasStarted = true;
    this.#newsAt = now;
    this.#wake(this.#results);
    this.#wake(this.#jobs);
  }

  async withdraw(): Promise<void> {
    const { limiter } = this.#context;
    if (this.#context.phase === "running") this.#context.phase = "withdrawing";
    this.#context.backlog.flush();
    await limiter.idle();
    await this.#retry(() => withdrawTodo(this.#context));
  }

  async stop(how: "drain" | "stop" | "kill"): Promise<void> {
    if (this.#isClosed) return;
    if (how === "stop") return await this.#leave();
    if (how === "drain") await this.#tidy();
    await this.close();
  }

  /** Ends the looking; workers and tasks stay as they are. */
  async close(): Promise<void> {
    this.#context.phase = "closed";
    this.#closing.abort();
    this.#wakeUp.wake();
    await this.#loop;
    // Nothing is moved any more when somebody else is the controller.
    await this.#context.limiter.idle();
  }

  async #observe(observations: readonly Observation[]): Promise<void> {
    const { clock } = this.#options.runtime.machine;
    const looks = new Set<Promise<void>>();
    while (!this.#isClosed) {
      for (const each of observations) {
        if (each.isLooking || each.dueAt > this.#now()) continue;
        const look = this.#look(each).finally(() => looks.delete(look));
        looks.add(look);
      }
      const waiting = observations.filter(({ isLooking }) => !isLooking).map(({ dueAt }) => dueAt);
      // A look that ends wakes this up, too.
      const pause = Math.max(0, Math.min(...waiting) - this.#now());
      await this.#wakeUp.sleep(clock, Math.min(pause, LONGEST_SLEEP_MS));
    }
    await Promise.all(looks);
  }

  async #look(each: Observation): Promise<void> {
    each.isLooking = true;
    each.dueAt = Infinity;
    try {
      const before = this.#now();
      await this.#retry(each.look);
      const next = this.#now();
      each.dueAt = Math.min(each.dueAt, next + each.pause(next - before));
    } catch (error) {
      if (!this.#isClosed) this.#options.broken(error);
    } finally {
      each.isLooking = false;
      this.#wakeUp.wake();
    }
  }

  /** Has something looked at as soon as possible; again, where it is being looked at just now. */
  #wake(each: Observation): void {
    each.dueAt = -Infinity;
    this.#wakeUp.wake();
  }

  #noteResult(hash: Hash): void {
    const spec = this.#context.tasks.get(hash)?.spec;
    this.#newsAt = this.#now();
    if (spec === undefined) return;
    this.#context.backlog.release(spec);
    this.#fleet.note({ type: "result", spec, at: this.#newsAt });
  }

  async #lookAtResults(): Promise<void> {
    if (await this.#reader.look()) this.#newsAt = this.#now();
    await this.#reconcileIfQuiet();
    await this.#lookForStop();
  }

  async #reconcileIfQuiet(): Promise<void> {
    const { timing: { auditMs } } = this.#options;
    const now = this.#now();
    const leastMs = Math.max(auditMs, this.#monitor.size * AUDIT_MS_PER_WORKER);
    const pause = Math.max(leastMs, listingPause(this.#reconcileCost, LISTING_PART));
    const isQuiet = now - Math.max(this.#newsAt, this.#reconciledAt) >= pause;
    if (this.#context.tasks.open === 0 || !isQuiet) return;
    await reconcile(this.#context, this.#reader);
    this.#reconciledAt = this.#now();
    this.#reconcileCost = this.#reconciledAt - now;
  }

  async #lookForStop(): Promise<void> {
    const now = this.#now();
    if (now - this.#stopLookAt < STOP_LOOK_MS || this.#leaving) return;
    this.#stopLookAt = now;
    if (!this.#stopMayBeAsked && !await this.#orders.hasNews()) return;
    this.#stopMayBeAsked = true;
    const asked = await readStop(this.#options.runtime.store, this.#options.paths);
    this.#stopMayBeAsked = false;
    if (asked && !this.#leaving) this.#options.onStopAsked(asked.why);
  }

  async #lookAtWorkers(): Promise<void> {
    await this.#monitor.round(this.#fleet.jobs);
    this.#roundsDone++;
    if (this.#context.phase !== "running") await withdrawTodo(this.#context);
    else await this.#reports.look(this.#monitor.members);
  }

  /** Tells all workers to leave, and waits until they have. What they give back is not begun again. */
  async #leave(): Promise<void> {
    const { runtime: { store, machine }, paths, leadership, launcher, limiter, log } = this.#context;
    this.#context.phase = "withdrawing";
    this.#leaving = true; // from here on a request to stop may be this run's own
    await leadership.check();
    const asked = await readStop(store, paths);
    const isDrain = asked?.how === "drain";
    if (!isDrain) await askToStop(store, paths, "stop", "the run was stopped");
    try {
      if (isDrain) await launcher.cancelPending(this.#fleet.pending);
      else await launcher.cancelAll();
    } catch (error) {
      // The request in the run's folder reaches them all the same.
      log.warn(`cannot cancel all workers, they are waited for: ${errorText(error)}`);
    }
    await this.withdraw();
    const limit = isDrain ? Infinity : this.#now() + store.leaseSec * 1000 + LEAVING_GRACE_MS;
    for (let rounds = this.#roundsDone; this.#now() < limit;) {
      this.#wake(this.#workers);
      await machine.clock.sleep(LEAVING_ROUND_MS / 2, this.#closing.signal);
      // One that began beside the last look at them is seen by the next.
      if (this.#roundsDone < rounds + 2) continue;
      if (this.#monitor.size === 0) break;
      rounds = this.#roundsDone;
    }
    if (this.#monitor.size > 0) log.warn(`${this.#monitor.size} workers did not leave in time`);
    await this.#reader.look();
    await limiter.idle();
    await this.withdraw();
  }

  async #tidy(): Promise<void> {
    await this.#context.limiter.idle();
    await this.#retry(() => tidyQueue(this.#context));
  }

  async #retry<T>(step: () => Promise<T>): Promise<T> {
    return await retryWhileUnavailable(this.#options.runtime, () => !this.#isClosed, step);
  }

  get #isClosed(): boolean {
    return this.#context.phase === "closed";
  }

  #now(): number {
    return this.#options.runtime.machine.clock.monotonic();
  }
}

function observation(look: Observation["look"], pause: Observation["pause"]): Observation {
  return { look, pause, dueAt: -Infinity, isLooking: false };
}
