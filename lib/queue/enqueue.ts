import { join } from "@std/path/posix/join";
import type { Store } from "../store/store.ts";
import { type QueuePaths, todoDir } from "./layout.ts";
import { writeJson } from "../store/json_file.ts";
import type { TaskFile } from "./task_file.ts";
import { formatTaskName, type TaskName } from "./task_name.ts";

/**
 * Puts a task into `todo`. A file of that name there is the same task, so that to replace it changes nothing.
 *
 * @throws {StoreError} when the queue cannot be written.
 */
export async function enqueue(
  store: Store,
  paths: QueuePaths,
  task: TaskFile,
  name: TaskName,
): Promise<void> {
  const path = join(todoDir(paths, task.spec), formatTaskName(name));
  await writeJson(store, path, task, { privateDir: paths.run });
}
