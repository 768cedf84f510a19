import { environmentVariables } from "../core/environment.ts";
import { packed } from "../core/packed.ts";
import type { AttemptTime } from "../core/system/stop_time.ts";
import type { Runtime } from "../run/runtime.ts";
import { plural } from "../ui/text.ts";
import { workerCommand } from "./command.ts";
import { WorkerListener } from "./listener.ts";
import { ownStart, type RunStart, saysHeap } from "./run_start.ts";
import { WorkerProcess, type WorkerProcessOptions } from "./subprocess.ts";

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
  /** Given to each process once: what `compute_task.ts` reads. Made for the first process. */
  config: () => Promise<unknown>;
  /** Aborts when this process itself was told to stop. */
  stopping: AbortSignal;
  /**
   * Until when attempts may go on.
   *
   * @default {when told to stop, for the usual grace}
   */
  time?: AttemptTime | undefined;
}

/**
 * The worker processes of a run on this machine. They stay up and take many tasks; one that died is replaced.
 */
export class Workers implements AsyncDisposable {
  readonly #runtime: Runtime;
  readonly #options: WorkersOptions;
  readonly #idle: WorkerProcess[] = [];
  readonly #all = new Set<WorkerProcess>();
  #listener: WorkerListener | undefined;
  #config: Promise<unknown> | undefined;
  /** Most megabytes that a process had after its first task. */
  #firstMb = 0;

  /** Starts nothing yet. */
  constructor(runtime: Runtime, options: WorkersOptions) {
    this.#runtime = runtime;
    this.#options = options;
  }

  /**
   * An idle process, or a new one.
   *
   * @throws {ProtocolError} If it cannot be started.
   */
  async take(signal: AbortSignal): Promise<WorkerProcess> {
    for (let worker; (worker = this.#idle.pop());) {
      if (worker.alive) return worker;
      await this.#dismiss(worker);
    }
    const { machine, logger, store } = this.#runtime;
    const { entry, stopping, time } = this.#options;
    const start = this.#options.start ?? ownStart(entry, (text) => logger.warn(text));
    const unsaid = saysHeap(start) ? undefined : this.#options.maxHeapMb;
    const { maxHeapMb = unsaid, maxTasksPerWorker } = this.#runtime.config;
    const worker = await WorkerProcess.start({
      command: workerCommand({ module: entry, start, maxHeapMb }),
      ...heapVariable(maxHeapMb),
      listener: this.#listener ??= WorkerListener.open(),
      config: await (this.#config ??= this.#options.config()),
      files: machine.files,
      share: (path) => store.share(path),
      clock: machine.clock,
      maxTasks: maxTasksPerWorker,
      isTooBig: (megabytes, attempts) => this.#isTooBig(megabytes, attempts),
      signal,
      stopping,
      time,
      onWarning: (text) => logger.warn(text),
    });
    this.#all.add(worker);
    return worker;
  }

  /** Gives a process back after its attempt. */
  async give(worker: WorkerProcess): Promise<void> {
    if (worker.alive) this.#idle.push(worker);
    else await this.#dismiss(worker);
  }

  /** Ends all processes: `"KILL"` at once, with the attempts that they are making. */
  async stop(how: "TERM" | "KILL"): Promise<void> {
    await Promise.all([...this.#all].map((worker) => worker.stop(how)));
    this.#all.clear();
    this.#idle.length = 0;
  }

  /** Ends all processes and removes their socket. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop("TERM");
    await this.#listener?.[Symbol.asyncDispose]();
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
  async #dismiss(worker: WorkerProcess): Promise<void> {
    this.#all.delete(worker);
    await worker.stop("KILL");
  }
}

/** One file takes no options of Deno, but that variable, which no task is to see. */
function heapVariable(maxHeapMb: number | undefined): Pick<WorkerProcessOptions, "env" | "restore"> {
  if (maxHeapMb === undefined || !Deno.build.standalone && packed() === undefined) return {};
  const name = "DENO_V8_FLAGS";
  const before = environmentVariables()[name];
  const heap = `--max-old-space-size=${maxHeapMb}`;
  return {
    env: { [name]: before === undefined ? heap : `${before},${heap}` },
    restore: { [name]: before ?? null },
  };
}
