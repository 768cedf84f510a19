import type { Hash } from "../../core/hash.ts";
import type { BackendEvent } from "../../schedule/backend.ts";
import type { Lane } from "./lane.ts";
import type { NodeHealth } from "./node_health.ts";
import type { PoolContext } from "./context.ts";
import type { PoolNode } from "../../remote/pool_run.ts";
import type { TaskBook } from "./task_table.ts";

/** What the parts of a {@link PoolBackend} share, and what changes while the run goes on. */
export interface PoolState extends PoolContext {
  /** What is known of the tasks. */
  readonly book: TaskBook;
  /** Does what has to be done for single tasks, a bounded number at once. */
  readonly lane: Lane;
  /** Which nodes are good for anything. */
  readonly health: NodeHealth;
  /** The artifacts of the run. */
  readonly nodes: ReadonlyMap<Hash, PoolNode>;
  /** The specs that they need. */
  readonly specs: readonly string[];
  /** Aborts when the loops end. */
  readonly closing: AbortSignal;
  /** Tells the scheduler how a task that it started goes on. */
  readonly report: (event: BackendEvent) => void;
  /** Ends the run with an error that no task is to blame for. */
  readonly broken: (error: unknown) => void;
  /** `withdrawing`: nothing new begins any more. `closed`: the loops end. */
  phase: "running" | "withdrawing" | "closed";
  /** When something happened last, in monotonic milliseconds. */
  newsAt: number;
  /** When a task of a spec was last given back by a worker, in monotonic milliseconds. */
  readonly resultAt: Map<string, number>;
  /** All that workers had given back by then has been read; in monotonic milliseconds. */
  readAt: number;
  /** Has any task begun well in this run, on any node? */
  startedWell: boolean;
  /** Where tasks could not begin. */
  readonly badStarts: Set<string>;
  /** The jobs whose workers left since a task could not begin there. */
  readonly badJobs: Set<string>;
}

/** A task came back: things happen, and its spec's workers do start. */
export function noteResult(state: PoolState, spec: string): void {
  state.newsAt = state.runtime.machine.clock.monotonic();
  state.resultAt.set(spec, state.newsAt);
}
