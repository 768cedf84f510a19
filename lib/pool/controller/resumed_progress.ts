import type { RunSummary } from "../../core/event.ts";
import type { Hash } from "../../core/hash.ts";
import type { QueuedTask, QueueState } from "../../queue/list_queue.ts";
import { parseTaskName } from "../../queue/task_name.ts";
import type { PoolRun } from "../../remote/pool_run.ts";
import { endsOf } from "./task_table.ts";

/** What earlier controllers of a run have left, as its queue tells. */
export interface EarlierTerms {
  /** How many tasks are in which state. */
  readonly counts: ReadonlyMap<QueueState, number>;
  /** How many tasks there are. */
  readonly tasks: number;
  /** How many attempts were made beyond the first of each task. */
  readonly retries: number;
}

/** What a listing of the queue tells of the controllers before. */
export function earlierTerms(listed: ReadonlyMap<Hash, QueuedTask>): EarlierTerms {
  const counts = new Map<QueueState, number>();
  let retries = 0;
  for (const { state, file } of listed.values()) {
    counts.set(state, (counts.get(state) ?? 0) + 1);
    const name = parseTaskName(file);
    if (name) retries += endsOf(name);
  }
  return { counts, tasks: listed.size, retries };
}

/**
 * The summary of the whole run: what was computed in earlier terms is stored now, but was not when the run began. What lies
 * below something stored is planned no more, and is stored, too.
 */
export function wholeSummary(
  summary: RunSummary,
  { counts }: Pick<PoolRun, "counts">,
  earlier: EarlierTerms,
): RunSummary {
  const nodes = Math.max(summary.nodes, counts.nodes);
  const stored = summary.cached + nodes - summary.nodes;
  // Also one whose worker had stored the result, and had not said so yet when the queue was listed.
  const computed = Math.min(earlier.tasks, Math.max(0, stored - counts.cached));
  return {
    ...summary,
    nodes,
    cached: stored - computed,
    computed: summary.computed + computed,
    retries: summary.retries + earlier.retries,
  };
}

/** What a controller says that goes on with a run. */
export function takenUp(runId: string, term: number, { counts }: EarlierTerms): string {
  const states: QueueState[] = ["done", "running", "todo", "failed"];
  const words = states.map((state) => `${counts.get(state) ?? 0} ${state}`);
  return `took up run ${runId} as its controller number ${term}: ${words.join(", ")}`;
}
