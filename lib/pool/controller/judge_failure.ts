import { join } from "@std/path/join";
import { readFailure, type TaskFailure } from "../../queue/failure_file.ts";
import { formatTaskName, type TaskName } from "../../queue/task_name.ts";
import type { BackendEvent } from "../../schedule/backend.ts";
import { listOrNothing } from "../../store/store.ts";
import type { PoolState } from "./pool_state.ts";
import type { TaskEntry } from "./task_table.ts";

/** What the scheduler is told of a failure. */
export type FailedTask = Extract<BackendEvent, { type: "failed" }> & {
  readonly kind: "compute" | "lost" | "protocol";
};

/** How often it is looked for the file that tells how a task failed, which another host wrote a moment ago. */
const LOOKS = 4;
/** Where tasks cannot begin on so many nodes, and began nowhere, it is no fault of single nodes. */
const BAD_NODES = 2;

/**
 * What a task's file in `failed/`, with the counters in its name and what is written beside it, means for the scheduler.
 * The counters are of what was before: the failure itself is added.
 */
export async function judgeFailure(
  state: PoolState,
  { hash, spec }: TaskEntry,
  name: TaskName,
): Promise<FailedTask> {
  const file = formatTaskName(name);
  const failure = await read(state, file);
  const kind = kindOf(state, failure);
  const { attempt, lost } = name;
  const { error, stack, log, logTail, lasting } = failure;
  return {
    type: "failed",
    hash,
    kind,
    failedEnds: kind === "compute" ? attempt : attempt - 1,
    lostEnds: kind === "lost" ? lost + 1 : lost,
    error: kind === "protocol"
      ? `${error}\n(task file ${join(state.paths.failed, file)}, artifact ${hash}, spec '${spec}', ` +
        `worker ${failure.worker ?? "unknown"}, attempt ${
          failure.storeAttempt ?? attempt
        }, kind ${failure.kind})`
      : error,
    ...(stack === undefined ? {} : { stack }),
    ...(log === undefined ? {} : { log }),
    ...(logTail === undefined ? {} : { logTail }),
    ...(lasting ? { lasting } : {}),
  };
}

async function read({ runtime: { store }, paths }: PoolState, file: string): Promise<TaskFailure> {
  for (let look = 1;; look++) {
    const failure = await readFailure(store, paths, file);
    if (failure) return failure;
    if (look === LOOKS) break;
    // A host may remember for a minute that the name is missing; to list its folder makes it look again.
    await listOrNothing(store.machine, paths.failed);
    await store.machine.clock.sleep(20 * 2 ** look);
  }
  return { schema: 1, kind: "compute", error: "It failed, and nothing tells how", at: "" };
}

/** That a node cannot begin a task is the node's fault, unless nothing has begun anywhere. */
function kindOf(state: PoolState, { kind, node, job, error }: TaskFailure): FailedTask["kind"] {
  if (kind === "compute") {
    state.startedWell = true;
    if (node !== undefined) state.health.good(node);
  }
  if (kind !== "start") return kind;
  // Several workers of one node may tell at the same time, before it can be excluded: that says nothing of the others.
  state.badStarts.add(node ?? `unknown ${state.badStarts.size}`);
  if (job !== undefined) state.badJobs.add(job);
  if (node !== undefined) state.health.bad(node, error);
  return state.startedWell || state.badStarts.size < BAD_NODES ? "lost" : "protocol";
}
