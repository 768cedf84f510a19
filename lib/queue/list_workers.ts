import { join } from "@std/path/posix/join";
import { listOrNothing, type Store, storeError } from "../store/store.ts";
import { parseWorkerDir, parseWorkerFile, type QueuePaths } from "./layout.ts";
import { folders } from "./list_queue.ts";

/** What there is of a worker. */
export interface KnownWorker {
  /** Its record is there: it lives, or nobody knows yet that it does not. */
  record: boolean;
  /** Somebody has judged how it ended. */
  end: boolean;
  /** It could not start tasks on its node. */
  unfit: boolean;
  /** It was asked to leave. */
  leave: boolean;
  /** The spec of its folder, where it has one that is not fenced. */
  folder?: string;
}

/**
 * All workers that a run ever had, by id, from two kinds of folders: watch those that have a record or a folder.
 *
 * @throws {StoreError} when a folder cannot be listed.
 */
export async function listWorkers(store: Store, paths: QueuePaths): Promise<Map<string, KnownWorker>> {
  const workers = new Map<string, KnownWorker>();
  const known = (id: string): KnownWorker => {
    let worker = workers.get(id);
    if (!worker) workers.set(id, worker = { record: false, end: false, unfit: false, leave: false });
    return worker;
  };
  try {
    for (const { name } of await listOrNothing(store.machine, paths.workers)) {
      const file = parseWorkerFile(name);
      if (file && file.kind !== "now") known(file.id)[file.kind] = true;
    }
  } catch (error) {
    throw storeError("list", paths.workers, error);
  }
  for (const spec of await folders(store, paths.running)) {
    for (const name of await folders(store, join(paths.running, spec))) {
      const worker = parseWorkerDir(name);
      if (worker && !worker.fenced) known(worker.id).folder = spec;
    }
  }
  return workers;
}
