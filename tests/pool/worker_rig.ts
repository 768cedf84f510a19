import type { RunEvent } from "../../lib/core/event.ts";
import {
  type PoolWorkerOptions,
  type PoolWorkerResult,
  runPoolWorker,
} from "../../lib/pool/worker/pool_worker.ts";
import { readFailure, type TaskFailure } from "../../lib/queue/failure.ts";
import { InlineComputer } from "../../lib/run/computer.ts";
import type { Runtime } from "../../lib/run/runtime.ts";
import type { Artifact } from "../../lib/task/artifact/artifact.ts";
import { until } from "../rig.ts";
import { PoolRig } from "./rig.ts";

/** A worker of a test's run. */
export interface TestWorker {
  readonly runtime: Runtime;
  readonly events: RunEvent[];
  /** Tells it to leave. */
  readonly leave: AbortController;
  /** How it ended. */
  readonly ended: Promise<PoolWorkerResult>;
}

/** A run of a pool with real workers, which compute inside this process, and without a controller. */
export class WorkerRig extends PoolRig {
  readonly #workers: TestWorker[] = [];

  /** Begins a run and queues all of its roots. */
  async queued(roots: readonly Artifact[], init: Parameters<PoolRig["begin"]>[1] = {}): Promise<string[]> {
    await this.begin(roots, { idleTimeoutSec: 0.2, ...init });
    return await Promise.all(roots.map((root) => this.queue(root)));
  }

  /** Starts a worker. */
  worker(options: Partial<PoolWorkerOptions> & { runtime?: Runtime } = {}): TestWorker {
    const { runtime = this.process(), ...others } = options;
    const leave = new AbortController();
    const events: RunEvent[] = [];
    const ended = runPoolWorker(runtime, {
      paths: this.paths,
      run: this.run,
      spec: "default",
      slots: 1,
      node: "n1",
      computer: new InlineComputer(runtime, this.run.runId),
      artifactOf: ({ hash }) => {
        const artifact = this.artifacts.get(hash);
        if (!artifact) throw new Error(`no artifact ${hash}`);
        return artifact;
      },
      signal: leave.signal,
      onEvent: (event) => events.push(event),
      ...others,
    });
    ended.catch(() => {});
    const worker = { runtime, events, leave, ended };
    this.#workers.push(worker);
    return worker;
  }

  /** How a task failed. */
  async failure(file: string): Promise<TaskFailure | undefined> {
    return await readFailure(this.process().store, this.paths, file);
  }

  /** Waits until that many attempts have begun, of all workers. */
  async begun(count: number): Promise<void> {
    const events = () => this.#workers.flatMap((worker) => worker.events);
    await until(
      () => events().filter(({ type }) => type === "attempt_started").length >= count,
      `${count} attempts have begun`,
    );
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    for (const { leave } of this.#workers) leave.abort(new Error("the test is over"));
    await Promise.allSettled(this.#workers.map(({ ended }) => ended));
    await super[Symbol.asyncDispose]();
  }
}

/** A task that says that it was begun and waits until it is let go, or told to stop. */
export class Gate {
  readonly #open = Promise.withResolvers<void>();
  /** How many tasks wait at the same time, and did at most. */
  waiting = 0;
  most = 0;

  /** Lets all tasks go. */
  open(): void {
    this.#open.resolve();
  }

  /** What a task does. */
  readonly create = async ({ signal }: { signal: AbortSignal }): Promise<string> => {
    this.most = Math.max(this.most, ++this.waiting);
    const stopped = Promise.withResolvers<never>();
    stopped.promise.catch(() => {});
    signal.addEventListener("abort", () => stopped.reject(signal.reason));
    try {
      await Promise.race([this.#open.promise, stopped.promise]);
    } finally {
      this.waiting--;
    }
    return "through the gate";
  };
}
