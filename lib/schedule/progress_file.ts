import { dirname } from "@std/path/posix/dirname";
import type { EventSink, Failure, RunEvent } from "../core/event.ts";
import { type GraphNode, writeGraphFile } from "../plan/graph_file.ts";
import { writeJson } from "../store/json_file.ts";
import { progressPath, RECORD_SCHEMA } from "../store/layout.ts";
import type { RunProgress } from "../store/run_progress.ts";
import type { Store } from "../store/store.ts";
import { initialProgress, pace, type ProgressState, reduceProgress, waitingCount } from "../ui/progress.ts";

/** Options of {@link ProgressFile}. */
export interface ProgressFileOptions {
  /** The run's id. */
  readonly runId: string;
  /** Where it computes. */
  readonly mode: RunProgress["mode"];
  /** URL of the module that it was started with. */
  readonly entry?: string | undefined;
  /** Its roots. */
  readonly roots: readonly { readonly name: string; readonly hash: string }[];
  /** Its nodes: those that were stored when it began are done. */
  readonly nodes: Iterable<{ readonly name: string; readonly status?: string | undefined }>;
  /**
   * What depends on what, written once beside the progress.
   *
   * @default {it is written elsewhere}
   */
  readonly graph?: (() => readonly GraphNode[]) | undefined;
}

/** It is written no more often, in milliseconds: once this much time has passed since the run began. */
const INTERVAL_MS = 2000;
/** Without any change it is written so often: readers tell by it that the run lives. */
const ALIVE_MS = 30_000;
const MOST_ROOTS = 100;
const MOST_RUNNING = 500;
const MOST_FAILURES = 50;

/** The file of a run on Slurm, by its record. */
export function progressFileOf(
  store: Store,
  mode: "pool" | "dag",
  { runId, entry, roots, nodes }: {
    readonly runId: string;
    readonly entry: string;
    readonly roots: readonly string[];
    readonly nodes: readonly { readonly name: string; readonly hash: string }[];
  },
): ProgressFile {
  const byHash = new Map(nodes.map((node) => [node.hash, node]));
  return new ProgressFile(store, {
    runId,
    mode,
    entry,
    roots: roots.flatMap((hash) => byHash.get(hash) ?? []),
    nodes,
  });
}

interface TaskCount {
  nodes: number;
  done: number;
  failed: number;
  running: number;
}

/**
 * Writes down how far a run is, for those who look at it from elsewhere: in the background, never more often
 * than every two seconds, and when it ends. That it cannot be written disturbs nothing.
 */
export class ProgressFile {
  readonly #store: Store;
  readonly #options: ProgressFileOptions;
  readonly #path: string;
  readonly #createdAt: string;
  readonly #tasks = new Map<string, TaskCount>();
  readonly #more = new Map<string, { worker: string; log?: string | undefined }>();
  readonly #stopping = new AbortController();
  #failures: Failure[] = [];
  #state: ProgressState = initialProgress;
  #isNew = true;
  #hasGraph = false;
  #loop: Promise<void> | undefined;

  /** Writes nothing yet. */
  constructor(store: Store, options: ProgressFileOptions) {
    this.#store = store;
    this.#options = options;
    this.#path = progressPath(store.root, options.runId);
    this.#createdAt = new Date(store.machine.clock.now()).toISOString();
    for (const { name, status } of options.nodes) {
      const count = this.#countOf(name);
      count.nodes++;
      if (status === "DONE") count.done++;
    }
  }

  /** Takes an event of the run. */
  readonly sink: EventSink = (event: RunEvent): void => {
    this.#state = reduceProgress(this.#state, event);
    this.#isNew = true;
    switch (event.type) {
      case "attempt_started":
        this.#more.set(event.hash, { worker: event.worker, log: event.log });
        this.#countOf(event.name).running++;
        break;
      case "attempt_ended":
        this.#more.delete(event.hash);
        this.#countOf(event.name).running--;
        break;
      case "node_done":
        this.#countOf(event.name).done++;
        break;
      case "node_failed":
        this.#countOf(event.name).failed++;
        this.#failures = [...this.#failures, event.failure].slice(-MOST_FAILURES);
        break;
    }
    this.#loop ??= this.#writeNowAndThen();
  };

  /** Tells others, and takes it in, too. */
  beside(others: EventSink): EventSink {
    return (event) => {
      others(event);
      this.sink(event);
    };
  }

  /** Writes how it is in the end. Resolves when that is done; never rejects. */
  async close(): Promise<void> {
    this.#stopping.abort();
    await this.#loop;
    if (this.#loop) await this.#write();
  }

  #countOf(name: string): TaskCount {
    let count = this.#tasks.get(name);
    if (!count) this.#tasks.set(name, count = { nodes: 0, done: 0, failed: 0, running: 0 });
    return count;
  }

  async #writeNowAndThen(): Promise<void> {
    const { clock } = this.#store.machine;
    const { signal } = this.#stopping;
    let writtenAt = -Infinity;
    try {
      for (;;) {
        await clock.sleep(INTERVAL_MS, signal);
        const now = clock.monotonic();
        if (!this.#isNew && now - writtenAt < ALIVE_MS) continue;
        writtenAt = now;
        await this.#write();
      }
    } catch {
      // It is closed.
    }
  }

  async #write(): Promise<void> {
    this.#isNew = false;
    try {
      await this.#store.makeDir(dirname(this.#path));
      await writeJson(this.#store, this.#path, this.#text(), { sync: false });
      const { graph, runId } = this.#options;
      if (graph && !this.#hasGraph) await writeGraphFile(this.#store, runId, graph());
      this.#hasGraph = true;
    } catch {
      // A store that is full, or not to be written: the run itself says so.
    }
  }

  #text(): RunProgress {
    const { runId, mode, entry, roots } = this.#options;
    const state = this.#state;
    const { nodes, cached, computed, elsewhere, failed } = state;
    const now = this.#store.machine.clock.now();
    const { leftMs } = pace(state, now);
    const ended = state.ended;
    return {
      schema: RECORD_SCHEMA,
      runId,
      mode,
      createdAt: this.#createdAt,
      at: new Date(now).toISOString(),
      owner: this.#store.machine.self,
      ...(entry === undefined ? {} : { entry }),
      roots: roots.slice(0, MOST_ROOTS).map(({ name, hash }) => ({ name, hash })),
      counts: {
        nodes,
        cached,
        computed,
        elsewhere,
        failed,
        running: state.running.size,
        waiting: waitingCount(state),
      },
      tasks: [...this.#tasks].map(([name, count]) => ({ name, ...count })),
      running: [...state.running.values()].slice(0, MOST_RUNNING).map((task) => {
        const { worker, log } = this.#more.get(task.hash) ?? {};
        const { name, hash, attempt, startedAt, params, fraction, message } = task;
        return {
          name,
          hash,
          attempt,
          since: startedAt,
          ...(params === undefined ? {} : { params }),
          ...(worker === undefined ? {} : { worker }),
          ...(fraction === undefined ? {} : { fraction }),
          ...(message === undefined ? {} : { message }),
          ...(log === undefined ? {} : { log }),
        };
      }),
      watched: [...state.watched.values()].slice(0, MOST_RUNNING).map(({ name, hash, owner }) => ({
        name,
        hash,
        owner,
      })),
      ...(state.limits.length === 0 || ended ? {} : { limits: [...state.limits] }),
      failures: this.#failures.map(({ name, hash, error, params, log }) => ({
        name,
        hash,
        error,
        params,
        ...(log === undefined ? {} : { log }),
      })),
      ...(leftMs === undefined || ended ? {} : { leftMs }),
      ...(ended === undefined ? {} : {
        ended: {
          at: new Date(now).toISOString(),
          interrupted: ended.interrupted,
          notRun: ended.summary.notRun,
          retries: ended.summary.retries,
          durationMs: ended.summary.durationMs,
        },
      }),
    };
  }
}
