import { listQueue } from "../../queue/queue.ts";
import { parseTaskName } from "../../queue/task_file.ts";
import type { ControllerContext } from "./context.ts";
import type { ResultReader } from "./read_results.ts";
import { queueTask } from "./start_tasks.ts";
import { storedResult } from "./stored_result.ts";
import type { Task } from "./task_table.ts";

/**
 * Compares the table with the files, and finds tasks whose file vanished, or is where nobody looked again. Done when
 * nothing has happened for a while, though the scheduler waits for something.
 */
export async function reconcile(context: ControllerContext, reader: ResultReader): Promise<void> {
  const { runtime: { store }, paths, tasks, limiter } = context;
  const listed = await listQueue(store, paths);
  for (const task of tasks.tasks()) {
    if (!task.open) continue;
    const seen = listed.get(task.hash);
    const name = seen && parseTaskName(seen.file);
    if (!seen || !name) {
      const vanished = tasks.apply({ type: "missing", hash: task.hash });
      if (vanished) limiter.push(() => restore(context, reader, vanished));
    } else if (seen.state === "done" || seen.state === "failed" || seen.state === "waiting") {
      reader.take(seen.state, seen.file);
    } else if (seen.state !== "withdrawn") {
      tasks.apply({ type: "found", name, at: "queued" });
    } else if (context.phase === "running") {
      // By somebody who thought to be the controller.
      tasks.apply({ type: "found", name, at: "withdrawn" });
      queueTask(context, reader, task);
    }
  }
}

async function restore(context: ControllerContext, reader: ResultReader, task: Task): Promise<void> {
  const { phase, artifactOf, tasks, report } = context;
  const { hash, name } = task;
  if (phase === "closed" || !task.open) return;
  const result = await storedResult(context, artifactOf(hash));
  if (!result) return queueTask(context, reader, task);
  if (tasks.apply({ type: "done", name })) report({ type: "done", hash, computed: result.computed });
}
