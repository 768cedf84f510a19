import { join } from "@std/path/join";
import { todoDir } from "../../queue/layout.ts";
import { moveFile } from "../../store/file_steps.ts";
import { parseTaskName } from "../../queue/task_file.ts";
import { listOrNothing } from "../../store/store.ts";
import type { PoolState } from "./pool_state.ts";

/** Takes back all tasks that no worker has claimed, and tells the scheduler. */
export async function withdrawTodo(state: PoolState): Promise<void> {
  const { runtime: { store }, paths, book, report, role, specs } = state;
  for (const spec of specs) {
    const dir = todoDir(paths, spec);
    for (const { name: file } of await listOrNothing(store.machine, dir)) {
      const name = parseTaskName(file);
      if (!name) continue;
      await role.check();
      if (!await moveFile(store, join(dir, file), join(paths.withdrawn, file))) continue;
      const entry = book.get(name.hash);
      if (!entry || !book.close(entry)) continue;
      Object.assign(entry, { place: "withdrawn", name });
      report({ type: "withdrawn", hash: name.hash });
    }
  }
}
