import { join } from "@std/path/join";
import { todoDir } from "../../queue/layout.ts";
import { listWorkers } from "../../queue/worker_liveness.ts";
import { moveFile } from "../../store/file_steps.ts";
import { parseTaskName } from "../../queue/task_file.ts";
import { settleLogged } from "../../run/settle_logged.ts";
import { declareSucceeded } from "../../store/claims/attempt_end.ts";
import { ClaimWatch } from "../../store/claims/liveness.ts";
import { readRecord } from "../../store/results/commit.ts";
import { concernsOneArtifact, listOrNothing } from "../../store/store.ts";
import type { Artifact } from "../../task/artifact/artifact.ts";
import type { ControllerContext, PoolContext } from "./context.ts";
import { storedResult } from "./stored_result.ts";

/** Takes back all tasks that no worker has claimed, and tells the scheduler. */
export async function withdrawTodo(context: ControllerContext): Promise<void> {
  const { runtime: { store }, paths, tasks, report, leadership, specs } = context;
  for (const spec of specs) {
    const dir = todoDir(paths, spec);
    for (const { name: file } of await listOrNothing(store.machine, dir)) {
      const name = parseTaskName(file);
      if (!name) continue;
      await leadership.check();
      if (!await moveFile(store, join(dir, file), join(paths.withdrawn, file))) continue;
      if (tasks.apply({ type: "withdrawn", name })) report({ type: "withdrawn", hash: name.hash });
    }
  }
}

/**
 * Tidies up when the run has ended: no task stays in a folder that says that something is to come, and no claim of a
 * worker that died.
 */
export async function tidyQueue(context: ControllerContext): Promise<void> {
  const { runtime: { store }, paths, nodes, artifactOf, leadership } = context;
  await withdrawTodo(context);
  for (const { name: file } of await listOrNothing(store.machine, paths.waiting)) {
    const hash = parseTaskName(file)?.hash;
    if (hash === undefined || !nodes.has(hash)) continue;
    await leadership.check();
    const result = await storedResult(context, artifactOf(hash));
    await moveFile(store, join(paths.waiting, file), join(result ? paths.done : paths.withdrawn, file));
  }
  await tidyClaims(context);
}

/**
 * Removes the claims of workers that died between storing a result and ending their claim: the task's file was moved on,
 * so that nobody else would come upon them. Only where a worker has died in the run; one listing for each name of a task.
 *
 * @throws {StoreError} If the store cannot be read or written.
 */
export async function tidyClaims(
  { runtime, paths, run, leadership, artifactOf }: Pick<
    PoolContext,
    "runtime" | "paths" | "run" | "leadership" | "artifactOf"
  >,
): Promise<void> {
  const { store } = runtime;
  const workers = await listWorkers(store, paths);
  if (![...workers.values()].some(({ end }) => end)) return;
  for (const [name, nodes] of Map.groupBy(run.nodes, (node) => node.name)) {
    const { done, open } = await store.listTask(name);
    for (const { hash } of nodes) {
      if (!done.has(hash) || !open.has(hash)) continue;
      await leadership.check();
      try {
        await tidyClaim(runtime, run.runId, artifactOf(hash));
      } catch (error) {
        // A claim that cannot be read is not this run's, and a damaged record has failed its node already.
        if (!concernsOneArtifact(error)) throw error;
      }
    }
  }
}

async function tidyClaim(
  runtime: PoolContext["runtime"],
  runId: string,
  artifact: Artifact,
): Promise<void> {
  const { store } = runtime;
  const home = store.paths(artifact);
  const look = await new ClaimWatch(store, home).look();
  if (look.state === "absent" || look.state === "unknown" || look.holder.run !== runId) return;
  const isItsResult = look.state === "dead" && (await readRecord(store, home))?.id === look.holder.id;
  if (isItsResult) await declareSucceeded(store, home, look.holder);
  else await settleLogged(runtime, artifact, look);
}
