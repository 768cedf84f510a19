import { join } from "@std/path/join";
import type { Hash } from "../../core/hash.ts";
import { todoDir } from "../../queue/layout.ts";
import { enqueue, listQueue } from "../../queue/queue.ts";
import { moveOut } from "../../queue/shelf.ts";
import {
  formatTaskName,
  nextTaskName,
  parseTaskName,
  type TaskFile,
  type TaskName,
} from "../../queue/task_file.ts";
import { needsFromStart } from "../../remote/node_specs.ts";
import { moveFile } from "../../store/file_steps.ts";
import { specsOn } from "../../task/ladder.ts";
import { retryWhileUnavailable } from "../pacing.ts";
import type { ControllerContext } from "./context.ts";
import type { ResultReader } from "./read_results.ts";
import { storedResult } from "./settle_tasks.ts";
import type { TaskEntry, TaskState } from "./task_table.ts";

/**
 * Milliseconds of pause the second time that a task was found to be busy elsewhere; twice as long each
 * further time.
 */
const FIRST_PAUSE_MS = 20;

/**
 * Begins a task, or begins it again, as the scheduler wants.
 *
 * @param turn Its turn among those in the queue.
 */
export function startTask(
  context: ControllerContext,
  reader: ResultReader,
  hash: Hash,
  turn: number,
): void {
  const task = context.tasks.apply({ type: "started", hash, turn });
  if (!task) return;
  const { state, name } = task;
  if (state.at === "queued") return;
  // An earlier controller has left it like this: the scheduler is told how it ended before it decides about
  // it.
  if (state.at === "done" || (state.at === "failed" && state.countsAs === undefined)) {
    return reader.take(state.at, formatTaskName(name));
  }
  queueTask(context, reader, task);
}

/** Puts a task into `todo`, from wherever it is. */
export function queueTask(context: ControllerContext, reader: ResultReader, task: TaskEntry): void {
  const { runtime, tasks, leadership, report } = context;
  const { state, name: before, hash } = task;
  const name = state.at === "failed" && state.countsAs !== undefined
    ? nextTaskName(before, state.countsAs)
    : before;
  const isWanted = (): boolean => context.phase === "running" && task.open;
  afterPause(context, task, async () => {
    if (!isWanted()) {
      if (context.phase !== "closed" && tasks.apply({ type: "dropped", hash })) {
        report({ type: "withdrawn", hash });
      }
      return;
    }
    await retryWhileUnavailable(runtime, () => context.phase !== "closed", () => leadership.check());
    // Before it is there, since its result may be seen before we hear of it.
    if (!tasks.apply({ type: "queued", name })) return;
    try {
      await retryWhileUnavailable(runtime, isWanted, () => move(context, reader, task, state.at, before));
    } finally {
      tasks.apply({ type: "arrived", hash });
    }
  });
}

/**
 * Hosts may disagree for a minute about who computes something: what comes back as busy again and again is
 * not sent out as fast as that goes.
 */
function afterPause(
  context: ControllerContext,
  { state, busy, spec, name }: TaskEntry,
  job: () => Promise<void>,
): void {
  const { runtime: { machine: { clock }, config }, limiter, backlog, closing } = context;
  // What was there before has its place.
  if (state.at === "new") return backlog.add(spec, job, name.turn);
  if (state.at !== "waiting" || busy < 2) return limiter.push(job);
  const pause = Math.min(FIRST_PAUSE_MS * 2 ** (busy - 2), config.pollIntervalSec * 1000);
  clock.sleep(pause, closing).then(() => limiter.push(job), () => {/* the controller ends */});
}

async function move(
  { runtime: { store }, paths, nodes }: ControllerContext,
  reader: ResultReader,
  { hash, spec, name }: TaskEntry,
  from: TaskState["at"],
  before: TaskName,
): Promise<void> {
  if (from === "new" || from === "queued") {
    const node = nodes.get(hash)!;
    const { name: task, timeLimitSec } = node;
    const limit = timeLimitSec === undefined ? {} : { timeLimitSec };
    const needs = needsFromStart(node);
    const more = needs.ladder === undefined ? {} : { specs: specsOn(needs) };
    const file: TaskFile = { schema: 1, hash, name: task, spec: needs.spec, ...limit, ...more };
    return await enqueue(store, paths, file, name, spec);
  }
  // It may come back under the same name.
  if (from === "waiting") reader.forget(from, name);
  const to = join(todoDir(paths, spec), formatTaskName(name));
  if (from !== "withdrawn") await moveOut(store, paths, from, before, to);
  else await moveFile(store, join(paths.withdrawn, formatTaskName(before)), to);
}

/**
 * Compares the table with the files, and finds tasks whose file vanished, or is where nobody looked again.
 * Done when nothing has happened for a while, though the scheduler waits for something.
 */
export async function reconcile(context: ControllerContext, reader: ResultReader): Promise<void> {
  const { runtime: { store }, paths, tasks, limiter } = context;
  // What is done and was read closed its task.
  const listed = await listQueue(store, paths, { withDone: false });
  for (const task of tasks.tasks()) {
    if (!task.open) continue;
    const seen = listed.get(task.hash);
    const name = seen && parseTaskName(seen.file);
    if (!seen || !name) {
      // It waits for room.
      if (task.state.at === "new") continue;
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

async function restore(context: ControllerContext, reader: ResultReader, task: TaskEntry): Promise<void> {
  const { phase, artifactOf, tasks, report } = context;
  const { hash, name } = task;
  if (phase === "closed" || !task.open) return;
  const result = await storedResult(context, artifactOf(hash));
  if (!result) return queueTask(context, reader, task);
  if (tasks.apply({ type: "done", name })) report({ type: "done", hash, computed: result.computed });
}
