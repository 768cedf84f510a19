import { errorText } from "../../core/errors.ts";
import type { Hash } from "../../core/hash.ts";
import type { QueuedTask } from "../../queue/list_queue.ts";
import { askToStop, readStop } from "../../queue/stop_request.ts";
import type { Backend, BackendEvent } from "../../schedule/backend.ts";
import type { Artifact } from "../../task/artifact/artifact.ts";
import { WakeUp } from "../pacing.ts";
import { audit } from "./reconcile.ts";
import { Lane } from "./lane.ts";
import { NodeHealth } from "./node_health.ts";
import { listingPause } from "../pacing.ts";
import { retryWhileUnavailable } from "../pacing.ts";
import { type PoolContext, tell } from "./context.ts";
import type { PoolState } from "./pool_state.ts";
import { ResultReader } from "./read_results.ts";
import { Roster } from "./monitor_workers.ts";
import { Supply } from "./decide_fleet.ts";
import { TaskBook } from "./task_table.ts";
import { TaskStarter } from "./start_tasks.ts";
import { tidyQueue } from "./tidy_queue.ts";
import { withdrawTodo } from "./withdraw.ts";
import { WorkerReports } from "./worker_reports.ts";

/** What a {@link PoolBackend} is made with. */
export interface PoolBackendOptions extends PoolContext {
  /** What lay in the queue when this controller began. */
  readonly listed: ReadonlyMap<Hash, QueuedTask>;
  /** Tells the scheduler how a started task goes on. */
  readonly report: (event: BackendEvent) => void;
  /** Ends the run with an error that no task is to blame for: the role is lost, no worker can be started. */
  readonly broken: (error: unknown) => void;
  /** Somebody asked for the run's end: `furu cancel`. */
  readonly onStopAsked: (why: string) => void;
}

/** So many tasks are put into the queue, or looked into, at the same time. */
const WIDTH = 32;
/** While things happen the folders are looked at so often, in milliseconds. */
const SHORTEST_PAUSE_MS = 10;
/** A pause is this part of the time since something happened, so that latency stays in proportion. */
const PAUSE_PART = 0.1;
/** A pause is so many times as long as the listing before it: listings take a tenth of the time. */
const LISTING_PART = 9;
/** Milliseconds between two looks for a request to stop. */
const STOP_LOOK_MS = 1000;
/** While the last workers leave they are looked at so often, in milliseconds. */
const LEAVING_ROUND_MS = 100;
/** So much longer than a lease it is waited for workers that were told to leave, in milliseconds. */
const LEAVING_GRACE_MS = 30_000;

/** Has tasks computed by workers that pull them from the queue of files; the controller's side of a pool. */
export class PoolBackend implements Backend {
  readonly #options: PoolBackendOptions;
  readonly #state: PoolState;
  readonly #reader: ResultReader;
  readonly #starter: TaskStarter;
  readonly #roster: Roster;
  readonly #supply: Supply;
  readonly #reports: WorkerReports;
  readonly #closing = new AbortController();
  readonly #results = new WakeUp();
  readonly #crew = new WakeUp();
  readonly #jobs = new WakeUp();
  readonly #loops: Promise<void>;
  #leaving = false;
  #roundsDone = 0;
  #auditedAt = -Infinity;
  #auditCost = 0;
  #stopLookAt = -Infinity;

  /** Begins to look after the workers of the run; {@link PoolBackend.close} ends that. */
  constructor(options: PoolBackendOptions) {
    const { run, listed, broken } = options;
    const nodes = new Map(run.nodes.map((node) => [node.hash, node]));
    this.#options = options;
    const state: PoolState = this.#state = {
      ...options,
      nodes,
      specs: [...new Set(run.nodes.map(({ spec }) => spec))].sort(),
      closing: this.#closing.signal,
      book: new TaskBook(listed, (hash) => nodes.get(hash)?.spec),
      lane: new Lane(WIDTH, (error) => this.#state.phase === "closed" || broken(error)),
      health: new NodeHealth((node, why) => this.#exclude(node, why)),
      phase: "running",
      newsAt: this.#now(),
      resultAt: new Map(),
      readAt: -Infinity,
      startedWell: [...listed.values()].some((task) => task.state === "done"),
      badStarts: new Set(),
      badJobs: new Set(),
    };
    this.#roster = new Roster(state);
    this.#reader = new ResultReader(state, (provenance) => this.#roster.nodeOf(provenance));
    this.#starter = new TaskStarter(state, this.#reader);
    this.#supply = new Supply(state, this.#roster);
    this.#reports = new WorkerReports(state);
    this.#loops = this.#loop();
  }

  start(artifact: Artifact): void {
    this.#starter.start(artifact.hash);
    const now = this.#now();
    if (now - this.#state.newsAt < SHORTEST_PAUSE_MS) return;
    this.#state.newsAt = now;
    for (const alarm of [this.#results, this.#jobs]) alarm.wake();
  }

  async withdraw(): Promise<void> {
    if (this.#state.phase === "running") this.#state.phase = "withdrawing";
    await this.#state.lane.idle();
    await this.#patiently(() => withdrawTodo(this.#state));
  }

  async stop(how: "drain" | "stop" | "kill"): Promise<void> {
    if (this.#state.phase === "closed") return;
    if (how === "stop") return await this.#leave();
    if (how === "drain") await this.#tidy();
    await this.close();
  }

  /** Ends the looking; workers and tasks stay as they are. */
  async close(): Promise<void> {
    this.#state.phase = "closed";
    this.#closing.abort();
    for (const alarm of [this.#results, this.#crew, this.#jobs]) alarm.wake();
    await this.#loops;
    // Nothing is moved any more when the role is somebody else's.
    await this.#state.lane.idle();
  }

  /** Tells all workers to leave, and waits until they have. What they give back is not begun again. */
  async #leave(): Promise<void> {
    const { runtime: { store }, paths, role, launcher, lane } = this.#state;
    this.#state.phase = "withdrawing";
    this.#leaving = true; // from here on a request to stop may be this run's own
    await role.check();
    const asked = await readStop(store, paths);
    if (asked?.how !== "drain") await askToStop(store, paths, "stop", "the run was stopped");
    try {
      if (asked?.how !== "drain") await launcher.cancelAll();
      else await launcher.cancelPending(this.#supply.pending.map(({ key }) => key));
    } catch (error) {
      // The request in the run's folder reaches them all the same.
      tell(this.#state, "warn", `cannot cancel all workers, they are waited for: ${errorText(error)}`);
    }
    await this.withdraw();
    const limit = asked?.how === "drain" ? Infinity : this.#now() + store.leaseSec * 1000 + LEAVING_GRACE_MS;
    for (let rounds = this.#roundsDone; this.#now() < limit;) {
      this.#crew.wake();
      await this.#state.runtime.machine.clock.sleep(LEAVING_ROUND_MS / 2, this.#closing.signal);
      // One that began beside the last look at them is seen by the next.
      if (this.#roundsDone < rounds + 2) continue;
      if (this.#roster.size === 0) break;
      rounds = this.#roundsDone;
    }
    if (this.#roster.size > 0) {
      tell(this.#state, "warn", `${this.#roster.size} workers did not leave in time`);
    }
    await this.#reader.look();
    await lane.idle();
    await this.withdraw();
  }

  async #tidy(): Promise<void> {
    await this.#state.lane.idle();
    await this.#patiently(() => tidyQueue(this.#state));
  }

  #exclude(node: string, why: string): void {
    tell(this.#options, "warn", `node ${node} is not used any more, as tasks cannot start there: ${why}`);
    this.#roster.condemn(node, why);
    this.#crew.wake();
  }

  async #loop(): Promise<void> {
    const { roundMs } = this.#options.timing;
    await Promise.all([
      this.#repeat(this.#results, () => this.#lookAtResults()),
      this.#repeat(this.#jobs, () => this.#supply.round().then(() => roundMs)),
      this.#repeat(this.#crew, () => this.#lookAtWorkers()),
    ]);
  }

  /** @param step Returns after how many milliseconds it is to be repeated. */
  async #repeat(alarm: WakeUp, step: () => Promise<number>): Promise<void> {
    try {
      while (!this.#closed) {
        const pause = await this.#patiently(step);
        if (!this.#closed) await alarm.sleep(this.#options.runtime.machine.clock, pause);
      }
    } catch (error) {
      if (!this.#closed) this.#options.broken(error);
    }
  }

  async #lookAtResults(): Promise<number> {
    const before = this.#now();
    if (await this.#reader.look()) this.#state.newsAt = this.#now();
    const cost = this.#now() - before;
    await this.#auditIfQuiet();
    await this.#lookForStop();
    const { pollIntervalSec } = this.#options.runtime.config;
    const quiet = (this.#now() - this.#state.newsAt) * PAUSE_PART;
    return Math.max(
      Math.min(Math.max(quiet, SHORTEST_PAUSE_MS), pollIntervalSec * 1000),
      listingPause(cost, LISTING_PART),
    );
  }

  async #auditIfQuiet(): Promise<void> {
    const { auditMs } = this.#options.timing;
    const now = this.#now();
    const pause = Math.max(auditMs, listingPause(this.#auditCost, LISTING_PART));
    if (this.#state.book.opened === 0 || now - Math.max(this.#state.newsAt, this.#auditedAt) < pause) return;
    await audit(this.#state, this.#reader, this.#starter);
    this.#auditedAt = this.#now();
    this.#auditCost = this.#auditedAt - now;
  }

  async #lookForStop(): Promise<void> {
    const now = this.#now();
    if (now - this.#stopLookAt < STOP_LOOK_MS || this.#leaving) return;
    this.#stopLookAt = now;
    const asked = await readStop(this.#options.runtime.store, this.#options.paths);
    if (asked && !this.#leaving) this.#options.onStopAsked(asked.why);
  }

  async #lookAtWorkers(): Promise<number> {
    await this.#roster.round(this.#supply.jobs);
    this.#roundsDone++;
    if (this.#state.phase !== "running") await withdrawTodo(this.#state);
    else await this.#reports.look(this.#roster.members);
    const { store } = this.#options.runtime;
    // Looks that are further apart than a third of a lease would prove nothing.
    const round = Math.min(this.#options.timing.roundMs, store.leaseSec * 250);
    return this.#leaving ? Math.min(round, LEAVING_ROUND_MS) : round;
  }

  async #patiently<T>(step: () => Promise<T>): Promise<T> {
    return await retryWhileUnavailable(this.#options.runtime, () => !this.#closed, step);
  }

  get #closed(): boolean {
    return this.#state.phase === "closed";
  }

  #now(): number {
    return this.#options.runtime.machine.clock.monotonic();
  }
}
