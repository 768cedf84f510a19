import { basename } from "@std/path/posix/basename";
import { join } from "@std/path/posix/join";
import { errorCode, ProtocolError, StoreError } from "../core/errors.ts";
import type { Heartbeat } from "../core/system/machine.ts";
import { hasName, isNotThere, linkOurs, moveFile, tryMove } from "../store/file_steps.ts";
import { privateNameOwner } from "../store/layout.ts";
import type { SlurmJob } from "../store/record.ts";
import { listOrNothing, removeIfThere, type Store, storeError } from "../store/store.ts";
import { type FailureInit, writeFailure } from "./failure.ts";
import { type QueuePaths, todoDir, workerDir, type WorkerFiles, workerFiles } from "./layout.ts";
import { parseTaskName, readTask, type TaskFile } from "./task_file.ts";
import { newWorkerId, type WorkerRecord } from "./worker_record.ts";

/** What a {@link WorkerFolder} is made of; see `enterQueue`. */
export interface WorkerParts {
  /** What its record says. */
  readonly record: WorkerRecord;
  /** Its own folder. */
  readonly dir: string;
  /** Where it tells of itself. */
  readonly files: WorkerFiles;
  /** Its signs of life. */
  readonly heartbeat: Heartbeat;
  /** Aborted when it finds itself declared dead. */
  readonly lost: AbortController;
}

/** How often a leaving worker puts back what it finds in its folder. */
const MAX_TURNS = 5;

/**
 * A worker's own folder under `running/`. To rename that folder is the fence by which a worker is declared
 * dead: from then on each of its moves fails, and it never makes the folder anew.
 */
export class WorkerFolder {
  /** The worker's id. */
  readonly id: string;
  /** What its record says. */
  readonly record: WorkerRecord;
  /** Where it tells of itself. */
  readonly files: WorkerFiles;
  /** Aborts when its record or its folder is gone: it was declared dead. */
  readonly lost: AbortSignal;
  readonly #store: Store;
  readonly #paths: QueuePaths;
  readonly #dir: string;
  readonly #todo: string;
  readonly #heartbeat: Heartbeat;
  readonly #lost: AbortController;
  readonly #held: Set<string> = new Set();
  /** Names whose claim failed in an unclear way: they may turn up in the folder. */
  readonly #unclear: Set<string> = new Set();

  /** Made by `enterQueue`. */
  constructor(store: Store, paths: QueuePaths, { record, dir, files, heartbeat, lost }: WorkerParts) {
    this.#store = store;
    this.#paths = paths;
    this.#dir = dir;
    this.#todo = todoDir(paths, record.spec);
    this.#heartbeat = heartbeat;
    this.#lost = lost;
    this.id = record.id;
    this.record = record;
    this.files = files;
    this.lost = lost.signal;
  }

  /**
   * The tasks that may be claimed, in no order. What is no name of a task is left out.
   *
   * @throws {StoreError} If the folder cannot be listed.
   */
  async listTodo(): Promise<string[]> {
    const names = taskNames(await this.#store.list(this.#todo));
    const own = this.#unclear.size > 0 ? await this.#listOwn() ?? [] : [];
    return [...new Set([...names, ...own])].filter((name) => !this.#held.has(name));
  }

  /**
   * Claims a task: one rename into the own folder.
   *
   * @param file Its name, as listed.
   * @returns `lost` when somebody else was faster; `fenced` when this worker was declared dead.
   * @throws {StoreError} If that cannot be told; if it was claimed, it is listed again.
   */
  async claim(file: string): Promise<"claimed" | "lost" | "fenced"> {
    if (this.lost.aborted) return "fenced";
    // The same task again, from a controller that did not know better: it may be claimed when this one is
    // finished.
    if (this.#held.has(file)) return "lost";
    try {
      const move = await tryMove(this.#store, join(this.#todo, file), join(this.#dir, file));
      if (move === "moved") this.#held.add(file);
      if (move !== "no folder") return move === "moved" ? "claimed" : "lost";
    } catch (error) {
      this.#unclear.add(file);
      throw error;
    }
    this.#findGone();
    return "fenced";
  }

  /**
   * Reads a claimed task; `undefined` where its file is gone.
   *
   * @throws {ProtocolError} If it is truncated, foreign, of another artifact or for
   * another spec.
   */
  async read(file: string): Promise<TaskFile | undefined> {
    const path = join(this.#dir, file);
    const task = await readTask(this.#store, path);
    const { spec } = this.record;
    if (task && task.spec !== spec && !task.specs?.includes(spec)) {
      throw new ProtocolError(
        `Cannot use task file ${path}: it is for workers of spec '${task.spec}', this one has '${spec}'`,
      );
    }
    return task;
  }

  /**
   * Gives a claimed task back, not begun.
   *
   * @returns `false` when this worker was declared dead.
   */
  async putBack(file: string): Promise<boolean> {
    return await this.#move(file, this.#todo);
  }

  /**
   * The task's artifact is computed by somebody outside of the run.
   *
   * @returns `false` when declared dead.
   */
  async wait(file: string): Promise<boolean> {
    return await this.#move(file, this.#paths.waiting);
  }

  /**
   * The task's success record was read.
   *
   * @returns `false` when this worker was declared dead.
   */
  async done(file: string): Promise<boolean> {
    return await this.#move(file, this.#paths.done);
  }

  /**
   * The task failed: says how, then moves it.
   *
   * @param options `as`: the name that it gets in `failed/`.
   * @default {its own}
   * @returns `false` when this worker was declared dead.
   */
  async fail(file: string, failure: FailureInit, options: { as?: string } = {}): Promise<boolean> {
    const { as = file } = options;
    // Not after the fence: then the one who declared this worker dead says how its tasks failed.
    if (!await this.stillThere()) return false;
    const { id: worker, node, job } = this.record;
    const own = { worker, node, ...(job === undefined ? {} : { job }) };
    await writeFailure(this.#store, this.#paths, as, { ...own, ...failure });
    return await this.#move(file, this.#paths.failed, as);
  }

  /**
   * Whether the own folder is still there. If not, `lost` aborts.
   *
   * @throws {StoreError} If that cannot be told.
   */
  async stillThere(): Promise<boolean> {
    return !this.lost.aborted && await this.#listOwn() !== undefined;
  }

  /**
   * Leaves the queue: puts back what is in the folder, removes it, ends the heartbeat and removes the record.
   * A folder that cannot be removed is left with the record, whose owner is found dead.
   *
   * @throws {StoreError} If files cannot be moved or removed; the heartbeat has ended all the same.
   */
  async leave(): Promise<void> {
    let gone = false;
    try {
      gone = await this.#removeOwn();
    } finally {
      await this.#heartbeat.stop();
    }
    if (!gone) return;
    for (const path of [this.files.now, this.files.leave, this.files.record]) await this.#store.remove(path);
  }

  async #removeOwn(): Promise<boolean> {
    for (let turn = 0; turn < MAX_TURNS; turn++) {
      for (const file of await this.#listOwn() ?? []) await this.#move(file, this.#todo);
      try {
        if (await removeFolder(this.#store, this.#dir)) return true;
      } catch (error) {
        // Its answer may have been lost: the next turn finds nothing to remove.
        if (turn + 1 === MAX_TURNS) throw error;
      }
    }
    return false;
  }

  async #move(file: string, dir: string, as = file): Promise<boolean> {
    const from = join(this.#dir, file);
    for (let turn = 0;; turn++) {
      if (await moveFile(this.#store, from, join(dir, as))) break;
      const own = await this.#listOwn();
      if (!own) return false;
      // Gone from here by another hand, or moved on already after a lost answer: nothing is left to do.
      if (!own.includes(file)) break;
      if (turn === MAX_TURNS) {
        throw new StoreError(`Cannot move ${from} to ${dir}: it is listed and cannot be found`);
      }
    }
    this.#held.delete(file);
    return true;
  }

  /** The tasks in the own folder; nothing when the folder is gone. */
  async #listOwn(): Promise<string[] | undefined> {
    try {
      return taskNames(await this.#store.machine.files.list(this.#dir));
    } catch (error) {
      if (!isNotThere(error)) throw storeError("list", this.#dir, error);
      this.#findGone();
      return undefined;
    }
  }

  #findGone(): void {
    const { id } = this;
    this.#lost.abort(new StoreError(`Worker ${id} was declared dead: its folder ${this.#dir} is gone`));
  }
}

function taskNames(entries: readonly { name: string; isDirectory: boolean }[]): string[] {
  return entries.filter(({ name, isDirectory }) => !isDirectory && parseTaskName(name)).map(({ name }) =>
    name
  );
}

/** What a worker says of itself when it begins. */
export interface WorkerInit {
  /**
   * Its id.
   *
   * @default {a new one}
   */
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
 * Enters a queue as a worker: its record, its heartbeat, then its own folder, made once and never again. A
 * worker that was declared dead while it entered gets a folder whose `lost` has aborted, and in which nothing
 * can be claimed.
 *
 * @throws {StoreError} If the run's folder cannot be written, or has no queue for that spec.
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
    // From the beginning its time is by this host's clock, as `startedAt` is: a later one shows that it did
    // beat.
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
    unlink: true,
    intervalMs: store.heartbeatSec * 1000,
    onLost: (reason) => lost.abort(new StoreError(`Lost the record of worker ${record.id}: ${reason}`)),
  });
}

/**
 * Makes the worker's own folder: its parents are the run's business, and to make it again would undo the
 * fence.
 */
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

/**
 * Who judges a worker links its end before he looks for its folder; so who made it looks for the end
 * afterwards.
 */
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

/**
 * Removes the folder of a worker, if no task is in it. What a controller has left there that died while it
 * looked (see `refreshQueue`) goes with it.
 *
 * @returns Whether it is gone.
 */
export async function removeFolder(store: Store, dir: string): Promise<boolean> {
  if (await store.remove(dir)) return true;
  for (const { name } of await store.list(dir)) {
    if (privateNameOwner(name, store.machine.self)) await store.remove(join(dir, name));
  }
  return await store.remove(dir);
}
