import { join } from "@std/path/posix/join";
import type { Hash } from "../core/hash.ts";
import { checkWord } from "../core/names.ts";
import { isNotThere } from "../store/file_steps.ts";
import { writeJson } from "../store/json_file.ts";
import { removeIfThere, type Store, storeError } from "../store/store.ts";
import { makeOrders } from "./orders.ts";
import { parseWorkerDir, type QueuePaths, todoDir } from "./layout.ts";
import { placeDirs } from "./shelf.ts";
import { endsOf, formatTaskName, parseTaskName, type TaskFile, type TaskName } from "./task_file.ts";

/**
 * Makes all folders of a run's queue, but for those of workers, which they make themselves. Harmless when
 * they exist.
 *
 * @param specs The specs of its tasks.
 * @throws {ValidationError} If a spec cannot be the name of a folder.
 * @throws {StoreError} If the store cannot be written.
 */
export async function makeQueue(store: Store, paths: QueuePaths, specs: readonly string[]): Promise<void> {
  for (const spec of specs) checkWord("spec", spec);
  const { artifacts, waiting, done, failed, withdrawn, workers, jobs, events } = paths;
  const bySpec = specs.flatMap((spec) => [todoDir(paths, spec), join(paths.running, spec)]);
  for (
    const dir of [
      artifacts,
      workers,
      jobs,
      events,
      paths.todo,
      paths.running,
      waiting,
      done,
      failed,
      withdrawn,
      ...bySpec,
    ]
  ) {
    try {
      await store.makeDir(dir);
    } catch (error) {
      throw storeError("make", dir, error);
    }
  }
  await makeOrders(store, paths);
}

/**
 * Puts a task into `todo`. A file of that name there is the same task, so that to replace it changes nothing.
 *
 * @param spec The spec of the workers that may take it now; by default the task's first one.
 * @throws {StoreError} If the queue cannot be written.
 */
export async function enqueue(
  store: Store,
  paths: QueuePaths,
  task: TaskFile,
  name: TaskName,
  spec: string = task.spec,
): Promise<void> {
  const path = join(todoDir(paths, spec), formatTaskName(name));
  await writeJson(store, path, task, { privateDir: paths.run });
}

/** Where a task can be. */
export type QueueState = "todo" | "withdrawn" | "waiting" | "running" | "failed" | "done";

/** Where a task was seen. */
export interface QueuedTask {
  /** What that means. */
  readonly state: QueueState;
  /** The name of its file, which has the counters. */
  readonly file: string;
  /** The folder that it was seen in. */
  readonly dir: string;
  /** The worker that has it, or had it when it was declared dead. */
  readonly worker?: string | undefined;
}

/** The later, the further: what is done was running before. */
const ORDER: readonly QueueState[] = ["todo", "withdrawn", "waiting", "running", "failed", "done"];

/** Options of {@link listQueue}. */
export interface ListQueueOptions {
  /**
   * Whether what is done and was read is listed, too: of a large run that is nearly all.
   *
   * @default {true}
   */
  readonly withDone?: boolean;
}

/**
 * Lists the whole queue: for a controller that begins, and for one that suspects that something was lost. A
 * file may move while this looks, so `todo` and `running` are listed again at the end; of several places the
 * furthest one counts. A task that is in none may still be there when listings are old: see `refreshQueue`,
 * or look twice before making it anew.
 *
 * @throws {StoreError} If a folder cannot be listed.
 */
export async function listQueue(
  store: Store,
  paths: QueuePaths,
  { withDone = true }: ListQueueOptions = {},
): Promise<Map<Hash, QueuedTask>> {
  const found = new Map<Hash, QueuedTask>();
  const look = async (state: QueueState, dir: string, worker?: string): Promise<void> => {
    for (const { name, isDirectory } of await store.list(dir)) {
      const hash = isDirectory ? undefined : parseTaskName(name)?.hash;
      if (hash === undefined) continue;
      const seen: QueuedTask = { state, file: name, dir, worker };
      const before = found.get(hash);
      if (!before || isFurther(seen, before)) found.set(hash, seen);
    }
  };
  const lookAtMoving = async (): Promise<void> => {
    for (const spec of await folders(store, paths.todo)) await look("todo", join(paths.todo, spec));
    for (const spec of await folders(store, paths.running)) {
      for (const name of await folders(store, join(paths.running, spec))) {
        const worker = parseWorkerDir(name);
        if (worker) await look("running", join(paths.running, spec, name), worker.id);
      }
    }
  };
  await lookAtMoving();
  for (const place of ["waiting", "done", "failed"] as const) {
    if (place === "done" && !withDone) await look(place, paths.done);
    else for (const dir of await placeDirs(store, paths, place)) await look(place, dir);
  }
  await look("withdrawn", paths.withdrawn);
  await lookAtMoving();
  return found;
}

/**
 * Lists the tasks in a folder that were not listed before.
 *
 * @param seen Names listed before; the new ones are added. The caller that moves a task away takes it out,
 * since it may come back.
 * @throws {StoreError} If the folder cannot be listed.
 */
export async function listNew(store: Store, dir: string, seen: Set<string>): Promise<string[]> {
  const fresh: string[] = [];
  for (const { name, isDirectory } of await store.list(dir)) {
    if (isDirectory || seen.has(name) || !parseTaskName(name)) continue;
    seen.add(name);
    fresh.push(name);
  }
  return fresh;
}

/**
 * Names of the folders in a folder.
 *
 * @throws {StoreError} If it cannot be listed.
 */
export async function folders(store: Store, dir: string): Promise<string[]> {
  return (await store.list(dir)).filter(({ isDirectory }) => isDirectory).map(({ name }) => name);
}

/** What is done stays done; else the name that more has happened to, then the further state. */
function isFurther(seen: QueuedTask, before: QueuedTask): boolean {
  if ((seen.state === "done") !== (before.state === "done")) return seen.state === "done";
  const more = ends(seen.file) - ends(before.file);
  return more !== 0 ? more > 0 : ORDER.indexOf(seen.state) > ORDER.indexOf(before.state);
}

function ends(file: string): number {
  const name = parseTaskName(file);
  return name ? endsOf(name) : -1;
}

/**
 * Has this host forget what it remembers of the queue's folders: a listing may be up to a minute old, but
 * none is older than the host's own last change of the folder. For a controller that comes later, which adds
 * what it sees in none of them.
 *
 * @param specs The specs of the run's tasks.
 * @throws {StoreError} If a folder cannot be written.
 */
export async function refreshQueue(store: Store, paths: QueuePaths, specs: readonly string[]): Promise<void> {
  const { running, waiting, done, failed, withdrawn } = paths;
  const ofWorkers = specs.map((spec) => join(running, spec));
  for (
    const dir of [
      ...specs.map((spec) => todoDir(paths, spec)),
      waiting,
      done,
      failed,
      withdrawn,
      ...ofWorkers,
    ]
  ) {
    await refresh(store, dir);
  }
  // What is done is known by its result.
  for (const place of ["waiting", "failed"] as const) {
    for (const dir of (await placeDirs(store, paths, place)).slice(1)) await refresh(store, dir);
  }
  for (const dir of ofWorkers) {
    for (const name of await folders(store, dir)) {
      if (parseWorkerDir(name)) await refresh(store, join(dir, name));
    }
  }
}

async function refresh(store: Store, dir: string): Promise<void> {
  try {
    await removeIfThere(store.machine, await store.writePrivate(dir, ""));
  } catch (error) {
    // That of a worker who has just left.
    if (!isNotThere(error)) throw storeError("write", dir, error);
  }
}
