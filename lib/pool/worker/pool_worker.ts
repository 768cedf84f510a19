import type { QueuePaths } from "../../queue/layout.ts";
import type { Claim } from "../../store/claims/claim.ts";
import { errorText } from "../../core/errors.ts";
import { TimeIsUp } from "../../core/system/stop_time.ts";
import { enterQueue, type WorkerFolder } from "../../queue/worker_dir.ts";
import { readStop } from "../../queue/requests.ts";
import { type PoolNode, wholeRun } from "../../remote/run_record.ts";
import type { Runtime } from "../../run/runtime.ts";
import { WakeUp } from "../pacing.ts";
import { Candidates, PollBackoff } from "./candidates.ts";
import { retryWhileUnavailable } from "../pacing.ts";
import { LeadershipCandidate } from "./leadership_candidate.ts";
import { hasRemainingWork, isStaticFleet } from "./static_fleet.ts";
import { NowWriter } from "../worker_now.ts";
import { ControlRequests } from "./control_requests.ts";
import type { WorkerSpan } from "./fits.ts";
import { ClaimedTasks, type ClaimedTasksOptions } from "./claimed_tasks.ts";

/** What a worker of a pool is given. */
export interface PoolWorkerOptions
  extends Pick<ClaimedTasksOptions, "run" | "slurm" | "computer" | "artifactOf" | "onEvent"> {
  /** Where everything of the run is. */
  readonly paths: QueuePaths;
  /** The spec of the tasks that it takes. */
  readonly spec: string;
  /** How many tasks it computes at the same time. */
  readonly slots: number;
  /** The node that it runs on. */
  readonly node: string;
  /**
   * Its id.
   *
   * @default {a new one}
   */
  readonly id?: string | undefined;
  /** The key by which its launcher knows it. */
  readonly job?: string | undefined;
  /** Tells the worker to leave at once: what runs is preempted. Its reason is told to people. */
  readonly signal: AbortSignal;
  /**
   * The time of its job.
   *
   * @default {it has no end}
   */
  readonly span?: WorkerSpan | undefined;
  /**
   * Controls the run in this process. Called with the claim of the controller's role whenever a detached run
   * has no controller. Resolves when the run has ended, or soon after the signal says that somebody else is
   * to control it.
   *
   * @default {the worker never does}
   */
  readonly control?: ((claim: Claim, handOver: AbortSignal) => Promise<void>) | undefined;
}

/** How a worker ended. */
export interface PoolWorkerResult {
  /** Why it left, for people. */
  readonly why: string;
  /** How many tasks it has computed. */
  readonly computed: number;
}

/** A reason to leave: when what runs is finished, at once, or since the worker was declared dead. */
interface Leave {
  how: "drain" | "stop" | "lost";
  why: string;
  /** Whether its time is up: what runs is given back as it was. */
  planned?: boolean;
}

/** The longest sleep: requests may have come. */
const LONGEST_PAUSE_MS = 500;
/**
 * A worker begins nothing with less than this left of its job's time, or less than this part of what it had.
 */
const LEAST_LEFT_MS = 30_000;
const LEAST_LEFT_PART = 0.25;
/** Where some tasks come before others, a list is read anew after so many milliseconds. */
const OLD_MS = 1000;
/** The shortest pause between two looks at what is left to do for its spec. */
const LEAST_LOOK_MS = 5000;

/**
 * Works for a run: claims tasks of its spec, has them computed and moves their files on, until it is told to
 * leave, has had nothing to do for a while, or finds itself declared dead.
 *
 * @throws {StoreError} If the run's folder cannot be used for a whole lease. What runs has been ended then.
 */
export async function runPoolWorker(runtime: Runtime, options: PoolWorkerOptions): Promise<PoolWorkerResult> {
  const { store, machine: { clock } } = runtime;
  const { paths, id, spec, node, job, slurm, slots } = options;
  const { endsAt } = options.span ?? {};
  const folder = await enterQueue(store, paths, {
    spec,
    node,
    slots,
    ...(id === undefined ? {} : { id }),
    ...(job === undefined ? {} : { job }),
    ...(slurm === undefined ? {} : { slurm }),
    ...(endsAt === undefined
      ? {}
      : { endsAt: new Date(clock.now() + endsAt - clock.monotonic()).toISOString() }),
  });
  return await new PoolWorker(runtime, options, folder).run();
}

class PoolWorker {
  readonly #runtime: Runtime;
  readonly #options: PoolWorkerOptions;
  readonly #folder: WorkerFolder;
  readonly #tasks: ClaimedTasks;
  readonly #candidates: Candidates;
  readonly #backoff: PollBackoff;
  readonly #requests: ControlRequests;
  readonly #now: NowWriter;
  readonly #leadership: LeadershipCandidate | undefined;
  readonly #alarm = new WakeUp();
  /** The nodes of its spec, once they were read. */
  #nodes: readonly PoolNode[] | undefined;
  /** Aborts when it is to leave at once. */
  readonly #over: AbortSignal;
  readonly #span: WorkerSpan | undefined;
  readonly #leastLeftMs: number;
  /** Whether all that there was to do in the latest list takes longer than it has. */
  #nothingFits = false;
  /** When it last had something to do, or something to try. */
  #busyAt: number;
  /** Whether nobody could replace it, and there may still be something to do for its spec. */
  #isNeeded: boolean;

  constructor(runtime: Runtime, options: PoolWorkerOptions, folder: WorkerFolder) {
    this.#runtime = runtime;
    this.#options = options;
    this.#folder = folder;
    this.#over = AbortSignal.any([options.signal, folder.lost]);
    const { machine } = runtime;
    const { paths, run, slurm, control } = options;
    const now = this.#busyAt = machine.clock.monotonic();
    const span = this.#span = options.span && { ...options.span, readyAt: now };
    this.#isNeeded = isStaticFleet(run);
    this.#leastLeftMs = Math.min(LEAST_LEFT_MS, ((span?.endsAt ?? Infinity) - now) * LEAST_LEFT_PART);
    const onChange = (): void => this.#alarm.wake();
    this.#candidates = new Candidates(() => machine.randomId());
    this.#backoff = new PollBackoff(machine.clock, runtime.config.pollIntervalSec);
    this.#requests = new ControlRequests(runtime, paths, folder.id);
    this.#now = new NowWriter(runtime, paths, folder.id);
    this.#tasks = new ClaimedTasks(runtime, {
      ...options,
      folder,
      span,
      onTooLong: (file) => this.#candidates.refuse(file),
      onChange,
    });
    if (!control || !run.detached) return;
    this.#leadership = new LeadershipCandidate(runtime, {
      paths,
      runId: run.runId,
      worker: folder.id,
      control,
      onChange,
      slurm,
    });
  }

  async run(): Promise<PoolWorkerResult> {
    const { signal } = this.#options;
    const { lost } = this.#folder;
    const wake = (): void => this.#alarm.wake();
    this.#over.addEventListener("abort", wake);
    try {
      const { how, why, planned } = await this.#work();
      if (signal.aborted) await this.#handOver(why);
      if (how === "stop") await this.#tasks.halt(why, planned);
      if (lost.aborted) await this.#tasks.kill(errorText(lost.reason));
      return { why: lost.aborted ? errorText(lost.reason) : why, computed: this.#tasks.computed };
    } catch (error) {
      this.#leadership?.handOver(errorText(error));
      // The controller, which finds this worker gone, sees to what cannot be given away in order.
      await this.#tasks.halt(errorText(error)).catch(() => {});
      throw error;
    } finally {
      this.#over.removeEventListener("abort", wake);
      await this.#now.close();
      await this.#tasks.close();
      // First, since a controller that ends the run waits until its workers are gone, this one too.
      await this.#leave();
      await this.#leadership?.close();
    }
  }

  /**
   * Hands the controller's role on, unless the controller is ending the run: it goes on with that while it
   * can.
   */
  async #handOver(why: string): Promise<void> {
    if (!this.#leadership?.held) return this.#leadership?.handOver(why);
    const request = await readStop(this.#runtime.store, this.#options.paths).catch(() => undefined);
    if (!request) this.#leadership.handOver(why);
  }

  async #leave(): Promise<void> {
    try {
      await this.#folder.leave();
    } catch (error) {
      this.#runtime.logger.warn(
        `Worker ${this.#folder.id} could not leave its queue in order: ${errorText(error)}`,
      );
    }
  }

  /** Claims and waits until there is a reason to leave, and nothing left to wait for. */
  async #work(): Promise<Leave> {
    for (;;) {
      const leave = this.#reasonToLeave();
      if (leave && (leave.how !== "drain" || this.#tasks.idle)) return leave;
      this.#tasks.check();
      this.#leadership?.look();
      try {
        if (this.#isNeeded) await this.#lookForWork();
        const free = !leave && this.#tasks.open < this.#options.slots;
        await this.#patiently(() => this.#requests.look(free));
        // It takes no task after it was told to leave.
        if (!this.#reasonToLeave()) await this.#claim();
      } catch (error) {
        if (!this.#over.aborted) throw error;
        continue;
      }
      this.#now.tell(() => this.#tasks.now());
      await this.#pause(leave !== undefined);
    }
  }

  /** Gives the strongest reason to leave, if there is any. */
  #reasonToLeave(): Leave | undefined {
    const { signal, run } = this.#options;
    const { lost } = this.#folder;
    if (lost.aborted) {
      this.#leadership?.handOver(errorText(lost.reason));
      return { how: "lost", why: errorText(lost.reason) };
    }
    if (signal.aborted) {
      return { how: "stop", why: errorText(signal.reason), planned: signal.reason instanceof TimeIsUp };
    }
    const { stop, leave } = this.#requests;
    if (stop) return { how: stop.how, why: `the run was told to ${stop.how}: ${stop.why}` };
    const { unstartable } = this.#tasks;
    if (unstartable !== undefined) {
      // It would be the fastest of all workers, and fail one task after the other before the controller can
      // stop it.
      this.#leadership?.handOver(unstartable);
      return { how: "drain", why: `a task could not begin here: ${unstartable}` };
    }
    const now = this.#runtime.machine.clock.monotonic();
    if ((this.#span?.endsAt ?? Infinity) - now < this.#leastLeftMs) {
      const why = "the time of its job is nearly up";
      this.#leadership?.handOver(why);
      return { how: "drain", why };
    }
    if (this.#leadership?.ended) return { how: "drain", why: "the run has ended" };
    const needed = this.#leadership !== undefined && (this.#leadership.held || !this.#leadership.covered);
    if (!this.#tasks.idle || needed) this.#busyAt = now;
    if (leave !== undefined && !needed) return { how: "drain", why: `it was told to leave: ${leave}` };
    // One that cannot be replaced may get a smaller task yet.
    if (this.#nothingFits && this.#tasks.idle && !needed && !this.#isNeeded) {
      return { how: "drain", why: "what there is to do takes longer than its job has left" };
    }
    const { idleTimeoutSec } = run.options;
    const isIdle = this.#backoff.begun && now - this.#busyAt >= idleTimeoutSec * 1000;
    if (this.#isNeeded || !isIdle) return undefined;
    return { how: "drain", why: `there was nothing to do for ${idleTimeoutSec} s` };
  }

  /** Looks now and then, while it is idle, whether there may still be something to do. */
  async #lookForWork(): Promise<void> {
    const { run } = this.#options;
    const now = this.#runtime.machine.clock.monotonic();
    if (now - this.#busyAt < Math.max(run.options.idleTimeoutSec * 1000, LEAST_LOOK_MS)) return;
    this.#isNeeded = await this.#patiently(() => this.#hasRemainingWork());
    if (this.#isNeeded) this.#busyAt = now;
  }

  async #hasRemainingWork(): Promise<boolean> {
    const { run, spec, paths } = this.#options;
    // Only such a worker needs to know all nodes of the run.
    this.#nodes ??= (await wholeRun(this.#runtime, paths, run)).nodes.filter((node) => node.spec === spec);
    return await hasRemainingWork(this.#runtime, run, this.#nodes, spec);
  }

  /** Claims tasks while there are free slots and any to try. */
  async #claim(): Promise<void> {
    const { slots } = this.#options;
    while (this.#tasks.open < slots && !this.#over.aborted && this.#tasks.unstartable === undefined) {
      const file = this.#isListOld ? await this.#nextOfNewList() : this.#candidates.next();
      if (file === undefined) return;
      const result = await this.#patiently(() => this.#folder.claim(file));
      if (result === "fenced") return;
      this.#candidates.tried(result === "claimed");
      this.#backoff.news();
      if (result === "claimed") this.#tasks.take(file);
    }
  }

  /** Whether what comes first by now may not be in the list. */
  get #isListOld(): boolean {
    const { turns } = this.#options.run.options;
    return this.#candidates.isEmpty ||
      turns === true && this.#backoff.age > OLD_MS && this.#backoff.dueIn <= 0;
  }

  async #nextOfNewList(): Promise<string | undefined> {
    if (this.#backoff.dueIn > 0) return undefined;
    const files = await this.#backoff.list(() => this.#patiently(() => this.#folder.listTodo()));
    const any = this.#candidates.fill(files);
    this.#nothingFits = !any && files.length > 0 && this.#span?.ownJob === true;
    return any ? this.#candidates.next() : undefined;
  }

  /** Waits until something has happened, or may have. */
  async #pause(leaving: boolean): Promise<void> {
    const { open } = this.#tasks;
    const free = !leaving && open < this.#options.slots;
    const dueIn = Math.min(LONGEST_PAUSE_MS, this.#leadership?.dueIn ?? Infinity);
    const ms = free ? Math.min(Math.max(this.#backoff.dueIn, 0), dueIn) : dueIn;
    await this.#alarm.sleep(this.#runtime.machine.clock, ms);
    if (this.#tasks.open < open) this.#backoff.news();
  }

  /** Does something, and again for a while when the system cannot, unless the worker is to leave at once. */
  async #patiently<T>(step: () => Promise<T>): Promise<T> {
    return await retryWhileUnavailable(this.#runtime, () => !this.#over.aborted, step, this.#over);
  }
}
