import { join } from "@std/path/posix/join";
import { hasName, moveFile } from "../store/file_steps.ts";
import { linkJson, readJson } from "../store/json_file.ts";
import type { Store } from "../store/store.ts";
import {
  fencedName,
  parseWorkerDir,
  parseWorkerFile,
  type QueuePaths,
  workerDir,
  workerFiles,
} from "./layout.ts";
import { folders } from "./queue.ts";
import { parseTaskName } from "./task_file.ts";
import { removeFolder } from "./worker_dir.ts";
import { type WorkerEnd, workerEndSchema, workerRecordSchema } from "./worker_record.ts";

/** A worker, by where its folder is. */
export interface WorkerKey {
  /** The spec of its tasks. */
  readonly spec: string;
  /** Its id. */
  readonly id: string;
}

/** The folder of a worker that was declared dead. */
export interface FencedFolder extends WorkerKey {
  /** Where it is now. */
  readonly dir: string;
  /** How the worker ended, where that can be read. */
  readonly end?: WorkerEnd | undefined;
  /** The names of the tasks in it. */
  readonly files: readonly string[];
}

/**
 * Declares a worker dead: writes how it ended, unless somebody else has; renames its folder, which is the
 * fence, if it made one; and removes its record, so that one that lives after all ends at once. Can be
 * repeated after any interruption.
 *
 * @returns How it ended: what was written first counts.
 * @throws {StoreError} If the queue cannot be written.
 */
export async function fenceWorker(
  store: Store,
  paths: QueuePaths,
  worker: WorkerKey,
  end: Pick<WorkerEnd, "kind" | "why" | "lack">,
): Promise<WorkerEnd> {
  const files = workerFiles(paths, worker.id);
  const judged = await judge(store, paths, worker.id, end);
  await moveAside(store, paths, worker);
  for (const path of [files.now, files.leave, files.record]) await store.remove(path);
  return judged;
}

/**
 * The folders of all workers that were declared dead, by anybody. A worker that was judged before it had made
 * its folder, and made it late, is fenced here. A task may turn up in a folder late: ask again each round,
 * until {@link removeFenced}.
 *
 * @throws {StoreError} If the queue cannot be read.
 */
export async function listFenced(store: Store, paths: QueuePaths): Promise<FencedFolder[]> {
  const judged = new Set<string>();
  for (const { name } of await store.list(paths.workers)) {
    const file = parseWorkerFile(name);
    if (file?.kind === "end") judged.add(file.id);
  }
  const found: FencedFolder[] = [];
  for (const spec of await folders(store, paths.running)) {
    for (const name of await folders(store, join(paths.running, spec))) {
      const worker = parseWorkerDir(name);
      if (!worker) continue;
      const { id } = worker;
      let dir: string | undefined = join(paths.running, spec, name);
      if (!worker.fenced) {
        if (!judged.has(id)) continue;
        dir = await moveAside(store, paths, { spec, id });
        if (dir === undefined) continue;
      }
      const files = (await store.list(dir)).map(({ name }) => name).filter((file) => parseTaskName(file));
      const end = await readEnd(store, paths, id);
      found.push({ spec, id, dir, end, files });
    }
  }
  return found;
}

/**
 * Removes the folder of a worker that was declared dead, if nothing is left in it: a late claim of that
 * worker then fails.
 *
 * @returns Whether it is gone.
 * @throws {StoreError} If it is empty and cannot be removed.
 */
export async function removeFenced(store: Store, { dir }: Pick<FencedFolder, "dir">): Promise<boolean> {
  return await removeFolder(store, dir);
}

/**
 * How a worker ended; nothing where nobody judged, or where it cannot be read.
 *
 * @throws {StoreError} If the system cannot read it.
 */
export async function readEnd(store: Store, paths: QueuePaths, id: string): Promise<WorkerEnd | undefined> {
  const parsed = await readJson(store, workerFiles(paths, id).end, workerEndSchema);
  return parsed && "value" in parsed ? parsed.value : undefined;
}

/** Links how a worker ended; gives what is linked then. */
async function judge(
  store: Store,
  paths: QueuePaths,
  id: string,
  { kind, why, lack }: Pick<WorkerEnd, "kind" | "why" | "lack">,
): Promise<WorkerEnd> {
  const files = workerFiles(paths, id);
  const record = await readJson(store, files.record, workerRecordSchema);
  const end: WorkerEnd = {
    schema: 1,
    id,
    kind,
    ...(lack === undefined ? {} : { lack }),
    why,
    at: new Date(store.machine.clock.now()).toISOString(),
    ...(record && "value" in record ? { worker: record.value } : {}),
  };
  if (await linkJson(store, files.end, end)) return end;
  return await readEnd(store, paths, id) ?? end;
}

/** Renames a worker's folder; gives its new path, or nothing where there is no such folder. */
async function moveAside(store: Store, paths: QueuePaths, worker: WorkerKey): Promise<string | undefined> {
  const from = workerDir(paths, worker.spec, worker.id);
  const to = join(paths.running, worker.spec, fencedName(worker.id, store.machine.randomId()));
  // A host may remember for a minute that a name is missing: the listing in between makes it look again.
  for (let turn = 0; turn < 3; turn++) {
    if (await moveFile(store, from, to)) return to;
    if (turn > 0 && !await hasName(store, from)) return undefined;
  }
  return undefined;
}
