import { basename } from "@std/path/posix/basename";
import { errorCode, StoreError } from "../core/errors.ts";
import type { Heartbeat } from "../core/system/machine.ts";
import { linkOurs } from "../store/file_steps.ts";
import type { SlurmJob } from "../store/record.ts";
import { listOrNothing, removeIfThere, type Store, storeError } from "../store/store.ts";
import { hasName, isNotThere } from "../store/file_steps.ts";
import { type QueuePaths, workerDir, type WorkerFiles, workerFiles } from "./layout.ts";
import { WorkerFolder } from "./worker_folder.ts";
import { newWorkerId, type WorkerRecord } from "./worker_record.ts";

/** What a worker says of itself when it begins. */
export interface WorkerInit {
  /** Its id. @default a new one */
  id?: string;
  /** The spec of the tasks that it takes. */
  spec: string;
  /** The node that it runs on. */
  node: string;
  /** The key by which its launcher knows it. */
  job?: string;
  /** The Slurm job that it runs in. */
  slurm?: SlurmJob;
  /** How many tasks it computes at the same time. */
  slots: number;
  /** When it has to end, as ISO 8601 by its own clock. */
  endsAt?: string;
}

/**
 * Enters a queue as a worker: its record, its heartbeat, then its own folder, made once and never again. A worker that was
 * declared dead while it entered gets a folder whose `lost` has aborted, and in which nothing can be claimed.
 *
 * @throws {StoreError} when the run's folder cannot be written, or has no queue for that spec.
 */
export async function enterQueue(store: Store, paths: QueuePaths, init: WorkerInit): Promise<WorkerFolder> {
  const { machine } = store;
  const record: WorkerRecord = {
    schema: 1,
    ...init,
    id: init.id ?? newWorkerId(machine, init.slurm),
    owner: machine.self,
    leaseSec: store.leaseSec,
    startedAt: new Date(machine.clock.now()).toISOString(),
  };
  const files = workerFiles(paths, record.id);
  const lost = new AbortController();
  const dir = workerDir(paths, record.spec, record.id);
  const heartbeat = await begin(store, paths, record, files, lost);
  try {
    await makeOnce(store, dir);
    const folder = new WorkerFolder(store, paths, { record, dir, files, heartbeat, lost });
    if (await wasJudged(store, paths, files)) {
      await removeIfThere(machine, dir);
      lost.abort(new StoreError(`Worker ${record.id} was declared dead while it began`));
    }
    return folder;
  } catch (error) {
    // Without its folder it is nobody; one that cannot even be removed is found dead by its heartbeat.
    await heartbeat.stop();
    for (const path of [dir, files.record]) await removeIfThere(machine, path).catch(() => {});
    throw storeError("enter", paths.run, error);
  }
}

/** Writes and links the record, and begins to beat for it. */
async function begin(
  store: Store,
  paths: QueuePaths,
  record: WorkerRecord,
  files: WorkerFiles,
  lost: AbortController,
): Promise<Heartbeat> {
  const { machine } = store;
  let temporary: string | undefined;
  try {
    temporary = await store.writePrivate(paths.workers, JSON.stringify(record), { sync: true });
    // From the beginning its time is by this host's clock, as `startedAt` is: a later one shows that it did beat.
    using file = await machine.files.open(temporary);
    await file.touch();
    if (!await linkOurs(store, temporary, files.record)) {
      throw new StoreError(`Cannot enter ${paths.run} as worker ${record.id}: that id is taken`);
    }
  } catch (error) {
    if (temporary !== undefined) await removeIfThere(machine, temporary).catch(() => {/* swept by gc */});
    throw storeError("write", files.record, error);
  }
  return machine.beat({
    path: temporary,
    intervalMs: store.heartbeatSec * 1000,
    onLost: (reason) => lost.abort(new StoreError(`Lost the record of worker ${record.id}: ${reason}`)),
  });
}

/** Makes the worker's own folder: its parents are the run's business, and to make it again would undo the fence. */
async function makeOnce(store: Store, dir: string): Promise<void> {
  const { files } = store.machine;
  try {
    await files.mkdir(dir);
  } catch (error) {
    // The id is new: what is there is ours, and only the answer was lost.
    if (isNotThere(error) || !await hasName(store, dir)) throw storeError("make", dir, error);
  }
  if (!await store.isShared()) return;
  try {
    await files.chmod(dir, 0o2775);
  } catch (error) {
    if (!isNotThere(error)) throw storeError("make", dir, error);
  }
}

/** Who judges a worker links its end before he looks for its folder; so who made it looks for the end afterwards. */
async function wasJudged(store: Store, paths: QueuePaths, files: WorkerFiles): Promise<boolean> {
  const names = await listOrNothing(store.machine, paths.workers);
  if (names.some(({ name }) => name === basename(files.end))) return true;
  try {
    using _record = await store.machine.files.open(files.record);
    return false;
  } catch (error) {
    if (errorCode(error) === "ENOENT") return true;
    throw error;
  }
}
