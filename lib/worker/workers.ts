import { environmentVariables } from "../core/environment.ts";
import { packed } from "../core/packed.ts";
import type { AttemptTime } from "../core/system/stop_time.ts";
import { ownNode, threadVariables } from "../run/node/share.ts";
import type { Runtime } from "../run/runtime.ts";
import { plural } from "../ui/text.ts";
import { workerCommand } from "./command.ts";
import { WorkerListener } from "./listener.ts";
import { ownStart, type RunStart, saysHeap } from "./run_start.ts";
import { WorkerProcess } from "./subprocess.ts";
import type { WorkerProcessOptions } from "./subprocess_options.ts";

/** A process with less is never too big, unless somebody says so. One that has done nothing has 80. */
const LEAST_BOUND_MB = 256;

/** Options of {@link Workers}. */
export interface WorkersOptions {
  /** URL of the module that the run was started with: its configuration holds for the workers. */
  entry: string;
  /** The start of the process that began the run; by default this one's own. */
  start?: RunStart | undefined;
  /**
   * Most megabytes of V8's heap in each process, unless the configuration or an option of V8 says it.
   *
   * @default {V8's own limit}
   */
  maxHeapMb?: number | undefined;
  /**
   * The most processes. Then tiny tasks are given to them ahead.
   *
   * @default {as many as attempts are begun at the same time}
   */
  maxWorkers?: number | undefined;
  /**
   * How many attempts may run at once: each process may use as much less of the machine.
   *
   * @default {1}
   */
  atOnce?: number | undefined;
  /** Given to each process once: what `compute_task.ts` reads. Made for the first process. */
  config: () => Promise<object>;
  /** Aborts when this process itself was told to stop. */
  stopping: AbortSignal;
  /**
   * Given what attempts print, besides their logs.
   *
   * @default {nobody}
   */
  echo?: ((output: Uint8Array) => void) | undefined;
  /**
   * Until when attempts may go on.
   *
   * @default {when told to stop, for the usual grace}
   */
  time?: AttemptTime | undefined;
}

/** One worker process, or one that is being started. */
interface Member {
  process: WorkerProcess | undefined;
  /** Whether somebody took it for a single attempt. */
  taken: boolean;
  /** How many were told to give it a task and have not done so yet. */
  promised: number;
}

/** How many tasks it has, or will have in a moment. */
function loadOf({ process, promised }: Member): number {
  return (process?.inFlight ?? 0) + promised;
}

/** Somebody who waits for a process. */
interface Waiting {
  /** Whether others may be queued behind, or before, what it is for. */
  readonly shared: boolean;
  readonly resolve: (member: Member) => void;
  readonly reject: (reason: unknown) => void;
}

/**
 * So many milliseconds of tiny tasks are given to a process ahead: it has the next one when it has done one,
 * and what becomes ready together is stored together.
 */
const AHEAD_MS = 20;
/** The most tasks that a process is given at the same time. */
const MOST_AHEAD = 32;
/** A process that is busy with one task for longer gives those back that wait behind it. */
const LONG_MS = 50;

/**
 * The worker processes of a run on this machine. They stay up and take many tasks; one that died is replaced.
 */
export class Workers implements AsyncDisposable {
  readonly #runtime: Pick<Runtime, "config" | "machine" | "store" | "logger">;
  readonly #options: WorkersOptions;
  readonly #members = new Set<Member>();
  readonly #waiting: Waiting[] = [];
  readonly #closing = new AbortController();
  /** Ends of processes that are gone on. */
  readonly #ending = new Set<Promise<void>>();
  #listener: WorkerListener | undefined;
  #config: Promise<unknown> | undefined;
  /** Most megabytes that a process had after its first task. */
  #firstMb = 0;
  /** How many milliseconds a tiny task takes, as seen lately; unknown before the first. */
  #eachMs: number | undefined;
  #looking: ReturnType<typeof setInterval> | undefined;

  /** Starts nothing yet. */
  constructor(runtime: Pick<Runtime, "config" | "machine" | "store" | "logger">, options: WorkersOptions) {
    this.#runtime = runtime;
    this.#options = options;
  }

  /** How many tasks more than there are processes may be begun, so that none of these waits for the next. */
  get ahead(): number {
    const { maxWorkers } = this.#options;
    return maxWorkers === undefined ? 0 : maxWorkers * (this.#depth - 1);
  }

  /** The most tasks that a process is given at the same time. */
  get #depth(): number {
    if (this.#options.maxWorkers === undefined || this.#eachMs === undefined) return 1;
    if (this.#runtime.config.maxTasksPerWorker !== undefined) return 1;
    return Math.max(1, Math.min(MOST_AHEAD, Math.floor(AHEAD_MS / this.#eachMs)));
  }

  /**
   * An idle process, or a new one, for one attempt, to be given back with {@link give}.
   *
   * @throws {ProtocolError} If it cannot be started.
   */
  async take(signal: AbortSignal): Promise<WorkerProcess> {
    return (await this.#wait(false, signal)).process!;
  }

  /** Gives a process back after its attempt. */
  give(process: WorkerProcess): void {
    for (const member of this.#members) if (member.process === process) member.taken = false;
    this.#serve();
  }

  /**
   * Has a tiny task made by the process that can begin it first, which may be given others behind it.
   *
   * @param run Gives the task to the process.
   * @throws {ProtocolError} If none can be started.
   */
  async share<T>(signal: AbortSignal, run: (process: WorkerProcess) => Promise<T>): Promise<T> {
    const { clock } = this.#runtime.machine;
    const member = await this.#wait(true, signal);
    const process = member.process!;
    const begun = clock.monotonic();
    const before = process.inFlight;
    this.#looking ??= setInterval(() => this.#look(), LONG_MS / 2);
    try {
      const running = run(process);
      member.promised--;
      return await running;
    } finally {
      // It was behind these: its own share of the time is a part of it.
      const ms = (clock.monotonic() - begun) / (before + 1);
      this.#eachMs = this.#eachMs === undefined ? ms : 0.8 * this.#eachMs + 0.2 * ms;
      this.#serve();
    }
  }

  /** Starts processes before anybody asks for one: so many at least, as far as there may be so many. */
  warm(count: number): void {
    const { maxWorkers = Infinity } = this.#options;
    while (this.#members.size < Math.min(count, maxWorkers) && !this.#closing.signal.aborted) this.#start();
  }

  /** Takes back what processes were given and have not begun. */
  withdraw(): void {
    for (const { process } of this.#members) process?.withdraw();
  }

  /** Ends all processes: `"KILL"` at once, with the attempts that they are making. */
  async stop(how: "TERM" | "KILL"): Promise<void> {
    clearInterval(this.#looking);
    this.#looking = undefined;
    this.#closing.abort(new Error("the workers were stopped"));
    for (const { reject } of this.#waiting.splice(0)) reject(this.#closing.signal.reason);
    const members = [...this.#members];
    const mayLeave = members.some(({ process }) => process?.alive === false);
    await Promise.all(members.map(({ process }) => process?.stop(how)));
    if (mayLeave) await this.#tidy();
    while (this.#ending.size > 0) await Promise.all(this.#ending);
    this.#members.clear();
  }

  /** Ends all processes and removes their socket. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop("TERM");
    await this.#listener?.[Symbol.asyncDispose]();
  }

  async #wait(shared: boolean, signal: AbortSignal): Promise<Member> {
    signal.throwIfAborted();
    this.#closing.signal.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<Member>();
    const waiting: Waiting = { shared, resolve, reject };
    const free = this.#waiting.length === 0 ? this.#free(shared) : undefined;
    if (free) return free;
    const onAbort = (): void => {
      const at = this.#waiting.indexOf(waiting);
      if (at >= 0) this.#waiting.splice(at, 1);
      reject(signal.reason);
    };
    this.#waiting.push(waiting);
    signal.addEventListener("abort", onAbort);
    this.#serve();
    try {
      return await promise;
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  /** Gives those who wait what there is for them, in their order, and starts processes for the others. */
  #serve(): void {
    for (let first; (first = this.#waiting[0]) !== undefined;) {
      const member = this.#free(first.shared);
      if (!member) break;
      this.#waiting.shift();
      first.resolve(member);
    }
    const { maxWorkers = Infinity } = this.#options;
    let starting = [...this.#members].reduce((sum, { process }) => sum + (process ? 0 : 1), 0);
    while (starting < this.#waiting.length && this.#members.size < maxWorkers) {
      if (this.#closing.signal.aborted) return;
      this.#start();
      starting++;
    }
  }

  /** The process that can begin a task first, where there is one. */
  #free(shared: boolean): Member | undefined {
    let best: Member | undefined;
    const depth = shared ? this.#depth : 1;
    for (const member of this.#members) {
      const { process, taken } = member;
      if (!process) continue;
      if (!process.alive) {
        if (loadOf(member) === 0 && !taken) this.#dismiss(member);
        continue;
      }
      if (taken || loadOf(member) >= depth) continue;
      if (!best || loadOf(member) < loadOf(best)) best = member;
    }
    if (best && shared) best.promised++;
    else if (best) best.taken = true;
    return best;
  }

  #start(): void {
    const member: Member = { process: undefined, taken: false, promised: 0 };
    this.#members.add(member);
    const starting = this.#startProcess().then(async (process) => {
      member.process = process;
      if (this.#closing.signal.aborted) await process.stop("KILL");
      this.#serve();
    }, (error) => {
      this.#members.delete(member);
      this.#waiting.shift()?.reject(error);
      this.#serve();
    }).finally(() => this.#ending.delete(starting));
    this.#ending.add(starting);
  }

  async #startProcess(): Promise<WorkerProcess> {
    const { machine, logger, store } = this.#runtime;
    const { entry, stopping, time, atOnce = 1 } = this.#options;
    const start = this.#options.start ??
      ownStart(entry, (text) => logger.warn(text), this.#runtime.config.maxHeapMb);
    const unsaid = saysHeap(start) ? undefined : this.#options.maxHeapMb;
    const { maxHeapMb = unsaid, maxTasksPerWorker } = this.#runtime.config;
    const heap = heapVariable(maxHeapMb);
    return await WorkerProcess.start({
      command: workerCommand({ module: entry, start, maxHeapMb }),
      env: { ...threadVariables(ownNode, atOnce), ...heap.env },
      ...(heap.restore === undefined ? {} : { restore: heap.restore }),
      listener: this.#listener ??= WorkerListener.open(),
      config: () => this.#config ??= this.#options.config().then((config) => ({ ...config, atOnce })),
      files: machine.files,
      share: (path) => store.share(path),
      tidy: () => this.#tidy(),
      clock: machine.clock,
      maxTasks: maxTasksPerWorker,
      isTooBig: (megabytes, attempts) => this.#isTooBig(megabytes, attempts),
      signal: this.#closing.signal,
      stopping,
      time,
      onWarning: (text) => logger.warn(text),
      echo: this.#options.echo,
    });
  }

  /** What waits behind a task that turns out to be long is for others. */
  #look(): void {
    let any = false;
    for (const { process } of this.#members) {
      if (!process || process.inFlight === 0) continue;
      any = true;
      if (process.inFlight > 1 && process.busyForMs > LONG_MS) {
        this.#eachMs = Math.max(this.#eachMs ?? 0, process.busyForMs);
        process.withdraw();
      }
    }
    if (any || this.#waiting.length > 0) return;
    clearInterval(this.#looking);
    this.#looking = undefined;
  }

  /**
   * What a process keeps from task to task is lost with it, which takes the start of another one. Memory that
   * all tasks need is no growth: twice what any process had after its first task is nothing to mind.
   */
  #isTooBig(megabytes: number, attempts: number): boolean {
    if (attempts === 1) this.#firstMb = Math.max(this.#firstMb, megabytes);
    const { config: { maxWorkerMb = Math.max(LEAST_BOUND_MB, 2 * this.#firstMb) }, logger } = this.#runtime;
    if (megabytes <= maxWorkerMb) return false;
    logger.debug(
      `A worker process has ${megabytes} MB of memory after ${
        plural(attempts, "task")
      }, more than ${maxWorkerMb} MB: ` +
        "the next task begins in another one",
    );
    return true;
  }

  /** It may still be ending: nothing of it must outlive the run. */
  #dismiss(member: Member): void {
    this.#members.delete(member);
    const ending = member.process!.stop("KILL").then(() => this.#tidy())
      .finally(() => this.#ending.delete(ending));
    this.#ending.add(ending);
  }

  /** Removes what processes that have died, or whose code went on after its attempt, have left. */
  async #tidy(): Promise<void> {
    const { machine, config } = this.#runtime;
    const { scratchParent, sweepScratch } = await import("../run/node/scratch.ts");
    await sweepScratch(machine, scratchParent(config.scratchDir));
  }
}

/**
 * A packed file takes no options of Deno, but that variable, which no task is to see. A compiled one does not
 * look at it.
 */
function heapVariable(maxHeapMb: number | undefined): Pick<WorkerProcessOptions, "env" | "restore"> {
  if (maxHeapMb === undefined || packed() === undefined) return {};
  const name = "DENO_V8_FLAGS";
  const before = environmentVariables()[name];
  const heap = `--max-old-space-size=${maxHeapMb}`;
  return {
    env: { [name]: before === undefined ? heap : `${before},${heap}` },
    restore: { [name]: before ?? null },
  };
}
