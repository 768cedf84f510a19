import { listQueue, type QueuedTask } from "../../queue/list_queue.ts";
import { parseTaskName } from "../../queue/task_name.ts";
import type { PoolState } from "./pool_state.ts";
import type { ResultReader } from "./read_results.ts";
import { storedResult } from "./stored_result.ts";
import { endsOf, type TaskEntry } from "./task_table.ts";
import type { TaskStarter } from "./start_tasks.ts";

/** In so many listings in a row a task is in none of the folders before it counts as vanished: listings can be old. */
const LISTINGS = 2;

/**
 * Finds tasks whose file vanished, or is where nobody looked again: done when nothing has happened for a while, though
 * the scheduler waits for something.
 */
export async function audit(state: PoolState, reader: ResultReader, starter: TaskStarter): Promise<void> {
  const listed = await listQueue(state.runtime.store, state.paths);
  for (const entry of state.book.entries()) {
    if (!entry.open) continue;
    const seen = listed.get(entry.hash);
    entry.missing = seen ? 0 : entry.missing + 1;
    if (seen) lookAt(state, reader, starter, entry, seen);
    else if (entry.missing >= LISTINGS) state.lane.push(() => restore(state, starter, entry));
  }
}

function lookAt(
  state: PoolState,
  reader: ResultReader,
  starter: TaskStarter,
  entry: TaskEntry,
  { state: place, file }: QueuedTask,
): void {
  const name = parseTaskName(file);
  if (!name) return;
  if (place === "done" || place === "failed" || place === "waiting") return reader.take(place, file);
  if (place === "withdrawn") {
    // By somebody who thought to be the controller.
    if (state.phase !== "running") return;
    Object.assign(entry, { place, name });
    return starter.begin(entry);
  }
  if (endsOf(name) > endsOf(entry.name)) entry.name = name;
}

async function restore(state: PoolState, starter: TaskStarter, entry: TaskEntry): Promise<void> {
  if (state.phase === "closed" || !entry.open) return;
  const result = await storedResult(state, state.artifactOf(entry.hash));
  entry.missing = 0;
  if (!result) return starter.begin(entry);
  if (!state.book.close(entry)) return;
  entry.place = "done";
  state.report({ type: "done", hash: entry.hash, computed: result.computed });
}
