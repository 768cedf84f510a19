import { emptySummary, type EventSink, type RunEvent } from "../../core/event.ts";
import type { Machine } from "../../core/system/machine.ts";
import type { ArtifactKey } from "../../store/layout.ts";
import type { Store } from "../../store/store.ts";
import type { Logger } from "../../ui/logger.ts";

/** Options of a {@link JobShow}. */
export interface JobShowOptions {
  /** The run's folder. */
  dir: string;
  /** The run. */
  runId: string;
  /** The artifact that the job computes. */
  artifact: ArtifactKey;
  /** The log of the attempt. */
  log: string;
  /** Time. */
  machine: Machine;
  /** Where progress is handed on. */
  store: Store;
  /** Told what cannot be handed on. */
  logger: Logger;
}

/** A job that takes longer is shown as any run is: what shows it takes a while to load. */
const SHORT_MS = 1000;

/** What a job says in its log, and hands on to those who follow its run, while its one attempt is made. */
export class JobShow implements AsyncDisposable {
  readonly #options: JobShowOptions;
  readonly #begunAt: number;
  readonly #ending = new AbortController();
  /** What happened before anything was loaded that shows it. */
  readonly #events: RunEvent[] = [];
  #sink: EventSink | undefined;
  #loading: Promise<AsyncDisposable> | undefined;

  /** Begins to show. */
  constructor(options: JobShowOptions) {
    const { runId, artifact: { hash, name }, log, machine: { clock } } = options;
    this.#options = options;
    this.#begunAt = clock.monotonic();
    const at = clock.now();
    this.#tell({ type: "run_started", runId, nodes: 1, cached: 0, at });
    this.#tell({ type: "attempt_started", hash, name, attempt: 1, worker: "slurm-dag", log, at });
    clock.sleep(SHORT_MS, this.#ending.signal).then(() => this.#load(), () => {/* it was short */});
  }

  /** The log of the attempt. */
  get log(): string {
    return this.#options.log;
  }

  /** The task tells how far it is. */
  readonly progress = (fraction: number, message?: string): void => {
    const { artifact: { hash, name }, machine } = this.#options;
    const words = message === undefined ? {} : { message };
    this.#tell({ type: "attempt_progress", hash, name, fraction, ...words, at: machine.clock.now() });
    this.#load();
  };

  /**
   * The artifact is stored.
   *
   * @param how Who computed it.
   */
  done(how: "computed" | "elsewhere"): void {
    const { runId, artifact: { hash, name }, log, machine: { clock } } = this.#options;
    const at = clock.now();
    const durationMs = clock.monotonic() - this.#begunAt;
    const outcome = how === "computed" ? "success" : "superseded";
    this.#tell({ type: "attempt_ended", hash, name, attempt: 1, outcome, durationMs, log, at });
    this.#tell({ type: "node_done", hash, name, how, at });
    const summary = { ...emptySummary({ runId, nodes: 1, cached: 0 }), [how]: 1, durationMs };
    this.#tell({ type: "run_ended", summary, interrupted: false, at });
    if (this.#sink) return;
    // As it would be shown.
    this.#ending.abort();
    const words = how === "computed" ? "1 computed, 0 cached" : "0 computed, 0 cached, 1 computed elsewhere";
    console.error(`run ${runId}: 1 artifact\n${words} in ${(durationMs / 1000).toFixed(2)} s`);
  }

  #tell(event: RunEvent): void {
    if (this.#sink) this.#sink(event);
    else this.#events.push(event);
  }

  #load(): void {
    this.#loading ??= this.#show();
    this.#loading.catch(() => {/* a display is not worth a job */});
  }

  async #show(): Promise<AsyncDisposable> {
    const { dir, artifact } = this.#options;
    const [{ runReporter }, { JobProgress }] = await Promise.all([
      import("../../schedule/run_reporter.ts"),
      import("../dag/job_progress.ts"),
    ]);
    const progress = new JobProgress(this.#options, dir, artifact.hash);
    const reporter = runReporter("runSlurm", { progress: "plain", onEvent: progress.sink });
    const end = async (): Promise<void> => {
      reporter[Symbol.dispose]();
      await progress[Symbol.asyncDispose]();
    };
    if (!this.#ending.signal.aborted) {
      this.#sink = reporter.sink;
      for (const event of this.#events.splice(0)) reporter.sink(event);
    }
    return { [Symbol.asyncDispose]: end };
  }

  /** Ends the display. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending.abort();
    await (await this.#loading?.catch(() => undefined))?.[Symbol.asyncDispose]();
  }
}
