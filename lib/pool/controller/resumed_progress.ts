import type { RunSummary } from "../../core/event.ts";
import type { Hash } from "../../core/hash.ts";
import type { NodeState, StatusSource } from "../../plan/node.ts";
import type { QueuedTask, QueueState } from "../../queue/queue.ts";
import { endsOf, parseTaskName } from "../../queue/task_file.ts";
import type { PoolRun } from "../../remote/run_record.ts";
import type { Runtime } from "../../run/runtime.ts";
import { storeStatus } from "../../schedule/status_source.ts";
import { readClaim } from "../../store/claims/read_claim.ts";
import { readEnds } from "../../store/results/ends.ts";
import type { Artifact } from "../../task/artifact/artifact.ts";

/** The work of earlier controllers of a run, as its queue tells. */
export interface ResumedProgress {
  /** How many tasks are in which state. */
  readonly counts: ReadonlyMap<QueueState, number>;
  /** How many tasks there are. */
  readonly tasks: number;
  /** How many attempts were made beyond the first of each task. */
  readonly retries: number;
}

/** Counts what a listing of the queue tells of the controllers before. */
export function resumedProgress(listed: ReadonlyMap<Hash, QueuedTask>): ResumedProgress {
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
 * The summary of the whole run: what was computed in earlier terms is stored now, but was not when the run
 * began. What lies below something stored is planned no more, and is stored, too.
 */
export function wholeSummary(
  summary: RunSummary,
  { counts }: Pick<PoolRun, "counts">,
  resumed: ResumedProgress,
): RunSummary {
  const nodes = Math.max(summary.nodes, counts.nodes);
  const stored = summary.cached + nodes - summary.nodes;
  // Also one whose worker had stored the result, and had not said so yet when the queue was listed.
  const computed = Math.min(resumed.tasks, Math.max(0, stored - counts.cached));
  return {
    ...summary,
    nodes,
    cached: stored - computed,
    computed: summary.computed + computed,
    retries: summary.retries + resumed.retries,
  };
}

/** The message of a controller that goes on with a run. */
export function takenUp(runId: string, term: number, { counts }: ResumedProgress): string {
  const states: QueueState[] = ["done", "running", "todo", "failed"];
  const words = states.map((state) => `${counts.get(state) ?? 0} ${state}`);
  return `took up run ${runId} as its controller number ${term}: ${words.join(", ")}`;
}

/**
 * Where the controller of a pool learns what is stored. What this very run computes, or failed at, is not
 * somebody else's: its queue tells how that goes on.
 */
export function poolStatus(runtime: Runtime, runId: string, isQueued: (hash: Hash) => boolean): StatusSource {
  const source = storeStatus(runtime, { run: runId });
  return {
    ...source,
    inspect: async (artifact): Promise<NodeState> => {
      const state = await source.inspect(artifact);
      if (!isQueued(artifact.hash)) return state;
      return await isOwn(runtime, runId, artifact, state) ? { status: "TODO", reason: "missing" } : state;
    },
  };
}

async function isOwn(
  { store }: Runtime,
  runId: string,
  artifact: Artifact,
  { status }: NodeState,
): Promise<boolean> {
  const paths = store.paths(artifact);
  if (status === "IN_PROGRESS") return (await readClaim(store, paths))?.run === runId;
  if (status === "FAILED") return (await readEnds(store, paths)).at(-1)?.run === runId;
  return false;
}
