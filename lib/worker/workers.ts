import type { Runtime } from "../run/runtime.ts";
import { workerCommand } from "./command.ts";
import { WorkerListener } from "./listener.ts";
import { ownStart, type RunStart } from "./run_start.ts";
import { WorkerProcess } from "./subprocess.ts";

/** How worker processes are started. */
export interface WorkersOptions {
  /** URL of the module that the run was started with: its configuration holds for the workers. */
  entry: string;
  /** What the process that began the run was started with. @default what this one was */
  start?: RunStart | undefined;
  /** Most megabytes of V8's heap in each process. @default V8's own limit */
  maxHeapMb?: number | undefined;
  /** Given to each process once: what `compute_task.ts` reads. Made for the first process. */
  config: () => Promise<unknown>;
  /** Aborts when this process itself was told to stop. */
  stopping: AbortSignal;
}

/** The worker processes of a run on this machine. They stay up and take many tasks; one that died is replaced. */
export class Workers implements AsyncDisposable {
  readonly #runtime: Runtime;
  readonly #options: WorkersOptions;
  readonly #idle: WorkerProcess[] = [];
  readonly #all = new Set<WorkerProcess>();
  #listener: WorkerListener | undefined;
  #config: Promise<unknown> | undefined;

  /** Starts nothing yet. */
  constructor(runtime: Runtime, options: WorkersOptions) {
    this.#runtime = runtime;
    this.#options = options;
  }

  /** An idle process, or a new one. @throws {ProtocolError} when it cannot be started. */
  async take(signal: AbortSignal): Promise<WorkerProcess> {
    for (let worker; (worker = this.#idle.pop());) {
      if (worker.alive) return worker;
      await this.#dismiss(worker);
    }
    const { machine, logger } = this.#runtime;
    const { entry, stopping, maxHeapMb } = this.#options;
    const start = this.#options.start ?? ownStart(entry, (text) => logger.warn(text));
    const worker = await WorkerProcess.start({
      command: workerCommand({ module: entry, start, maxHeapMb }),
      listener: this.#listener ??= WorkerListener.open(),
      config: await (this.#config ??= this.#options.config()),
      files: machine.files,
      clock: machine.clock,
      signal,
      stopping,
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

  /** It may still be ending: nothing of it must outlive the run. */
  async #dismiss(worker: WorkerProcess): Promise<void> {
    this.#all.delete(worker);
    await worker.stop("KILL");
  }
}
