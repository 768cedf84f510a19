import type { EventSink } from "../../core/event.ts";
import type { Hash } from "../../core/hash.ts";
import type { RunLog } from "../../core/run_log.ts";
import type { ForcedNodes } from "../../plan/node.ts";
import type { QueuePaths } from "../../queue/layout.ts";
import type { PoolNode, PoolRun } from "../../remote/run_record.ts";
import type { Runtime } from "../../run/runtime.ts";
import type { BackendEvent } from "../../schedule/backend.ts";
import type { Artifact } from "../../task/artifact/artifact.ts";
import type { WorkerLauncher } from "../launcher.ts";
import type { Leadership } from "../leadership.ts";
import type { TaskLimiter } from "../pacing.ts";
import type { Backlog } from "./backlog.ts";
import type { TaskTable } from "./task_table.ts";

/** How long the controller waits for what, and how many files it leaves in folders that are listed. */
export interface PoolTiming {
  /**
   * Milliseconds without any news after which it looks whether a task file is missing.
   *
   * @default {10000}
   */
  readonly auditMs: number;
  /**
   * Milliseconds that it waits for the launcher to say why a worker died.
   *
   * @default {30000}
   */
  readonly evidenceMs: number;
  /**
   * Milliseconds for which more workers than are needed are pending before they are cancelled.
   *
   * @default {3000}
   */
  readonly excessMs: number;
  /**
   * Milliseconds between two looks at workers and jobs, at most.
   *
   * @default {1000}
   */
  readonly roundMs: number;
  /**
   * How many tasks of a spec are in the queue or at workers at the same time, at most: `todo` is listed by
   * each worker.
   *
   * @default {10000}
   */
  readonly mostQueued: number;
  /**
   * How many tasks that were read stay in the folder where the controller looks for results, at most: a
   * listing costs no more than that, and most runs never move them on.
   *
   * @default {256}
   */
  readonly mostRead: number;
}

/** The usual {@link PoolTiming}. */
export const POOL_TIMING: PoolTiming = {
  auditMs: 10_000,
  evidenceMs: 30_000,
  excessMs: 3000,
  roundMs: 1000,
  mostQueued: 10_000,
  mostRead: 256,
};

/** Shared by all parts of a controller. */
export interface PoolContext {
  /** Files, clock, store. */
  readonly runtime: Runtime;
  /** Where everything of the run is. */
  readonly paths: QueuePaths;
  /** The run's record. */
  readonly run: PoolRun;
  /** The right to be its controller. */
  readonly leadership: Leadership;
  /** Starts workers. */
  readonly launcher: WorkerLauncher;
  /** Gives an artifact of the run. */
  readonly artifactOf: (hash: Hash) => Artifact;
  /** The artifacts of which only a result of this run counts. */
  readonly forced: ForcedNodes | undefined;
  /** Receives what happens. */
  readonly onEvent: EventSink;
  /** Says something to people. */
  readonly log: RunLog;
  /** How long it waits for what. */
  readonly timing: PoolTiming;
}

/** Shared by the parts of a {@link Controller} beside that. */
export interface ControllerContext extends PoolContext {
  /** The artifacts of the run. */
  readonly nodes: ReadonlyMap<Hash, PoolNode>;
  /** The specs that they need, sorted. */
  readonly specs: readonly string[];
  /** All that is known of the tasks. */
  readonly tasks: TaskTable;
  /** Who was seen to compute tasks outside of the run. */
  readonly owners: Map<Hash, string>;
  /** The tasks that wait for room in the queue. */
  readonly backlog: Backlog;
  /** Does what has to be done for single tasks, a bounded number at once. */
  readonly limiter: TaskLimiter;
  /** Aborts when the controller's loop ends. */
  readonly closing: AbortSignal;
  /** Tells the scheduler how a task that it started goes on. */
  readonly report: (event: BackendEvent) => void;
  /** Ends the run with an error that no task is to blame for. */
  readonly broken: (error: unknown) => void;
  /** In `withdrawing` nothing new begins any more; in `closed` nothing is touched any more. */
  phase: "running" | "withdrawing" | "closed";
}
