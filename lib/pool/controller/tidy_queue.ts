import { join } from "@std/path/join";
import { moveFile } from "../../store/file_steps.ts";
import { parseTaskName } from "../../queue/task_file.ts";
import { listOrNothing } from "../../store/store.ts";
import type { PoolState } from "./pool_state.ts";
import { storedResult } from "./stored_result.ts";
import { tidyClaims } from "./tidy_claims.ts";
import { withdrawTodo } from "./withdraw.ts";

/** The run has ended: no task stays in a folder that says that something is to come, and no claim of a worker that died. */
export async function tidyQueue(state: PoolState): Promise<void> {
  const { runtime: { store }, paths, nodes, artifactOf, role } = state;
  await withdrawTodo(state);
  for (const { name: file } of await listOrNothing(store.machine, paths.waiting)) {
    const hash = parseTaskName(file)?.hash;
    if (hash === undefined || !nodes.has(hash)) continue;
    await role.check();
    const result = await storedResult(state, artifactOf(hash));
    await moveFile(store, join(paths.waiting, file), join(result ? paths.done : paths.withdrawn, file));
  }
  await tidyClaims(state);
}
