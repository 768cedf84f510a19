import { basename } from "@std/path/posix/basename";
import { join } from "@std/path/posix/join";
import { errorCode, errorText } from "../core/errors.ts";
import { type Beat, HeartbeatSeries, readBeat } from "../store/claims/heartbeat_series.ts";
import { readJson } from "../store/json_file.ts";
import { listOrNothing, type Store } from "../store/store.ts";
import { readEnd } from "./fence.ts";
import { parseWorkerDir, parseWorkerFile, type QueuePaths, workerFiles } from "./layout.ts";
import { folders } from "./queue.ts";
import { type WorkerRecord, workerRecordSchema } from "./worker_record.ts";

/** What one look at a worker tells. */
export type WorkerLook =
  /** It may live. `everBeat`: it has given a sign of life since it began. */
  | { state: "alive"; record: WorkerRecord; everBeat: boolean }
  /** `gone`: provably; `silent`: it has not beaten for a whole lease; `judged`: somebody said so before. */
  | {
    state: "dead";
    by: "gone" | "silent" | "judged";
    record: WorkerRecord;
    why: string;
    everBeat: boolean;
  }
  /** There is neither its record nor its folder: it has left, or was declared dead and all is done. */
  | { state: "gone" }
  /** The file server did not answer: says nothing of the worker. */
  | { state: "unknown"; why: string };

/** Watches whether a worker lives, by the rules of a claim (ARCHITECTURE, "Dead or alive"). */
export class WorkerWatch {
  readonly #store: Store;
  readonly #paths: QueuePaths;
  readonly #id: string;
  readonly #series: HeartbeatSeries = new HeartbeatSeries();
  #record: WorkerRecord | undefined;
  #everBeat = false;
  #seen: string | undefined;

  /** @param id The worker's id. */
  constructor(store: Store, paths: QueuePaths, id: string) {
    this.#store = store;
    this.#paths = paths;
    this.#id = id;
  }

  /**
   * Pause no longer than this between two looks: looks that are further apart prove nothing. In milliseconds.
   */
  get longestPauseMs(): number {
    return (this.#record?.leaseSec ?? this.#store.leaseSec) * 250;
  }

  /**
   * Since when it has been looked at without a break, and did not beat: in monotonic milliseconds. `Infinity`
   * where the last look proves nothing.
   */
  get quietSince(): number {
    return this.#series.sameSince ?? Infinity;
  }

  /** Gives it a whole lease from now on: it could not beat, through no fault of its own. */
  pardon(): void {
    this.#series.forget();
  }

  /**
   * Looks once.
   *
   * @param mayBeJudged Whether somebody may have judged how it ended: a listing that shows no end saves the
   * look for it.
   */
  async look(mayBeJudged = true): Promise<WorkerLook> {
    try {
      return await this.#lookOnce(mayBeJudged);
    } catch (error) {
      const system = errorCode(error) ?? errorCode((error as Error).cause);
      if (system === undefined) throw error;
      this.#series.forget();
      return { state: "unknown", why: errorText(error) };
    }
  }

  async #lookOnce(mayBeJudged: boolean): Promise<WorkerLook> {
    const { machine } = this.#store;
    const before = machine.clock.monotonic();
    const beat = await readBeat(machine, workerFiles(this.#paths, this.#id).record);
    const record = beat ? await this.#recordOf() : undefined;
    if (!beat || !record) return await this.#lookWithoutRecord(before);
    const after = machine.clock.monotonic();
    this.#series.add(beat.seen, record.leaseSec * 1000, before, after);
    this.#noteBeat(beat, record);
    const everBeat = this.#everBeat;
    const dead = (by: "gone" | "silent" | "judged", why: string): WorkerLook => ({
      state: "dead",
      by,
      record,
      why,
      everBeat,
    });
    const end = mayBeJudged ? await readEnd(this.#store, this.#paths, this.#id) : undefined;
    if (end) return dead("judged", end.why);
    const { owner, leaseSec } = record;
    const process = `pid ${owner.pid} on ${owner.host}`;
    if (machine.isGone(owner)) return dead("gone", `its process ${process} is gone`);
    if (this.#series.expired) return dead("silent", `no heartbeat of ${process} for ${leaseSec} s`);
    return { state: "alive", record, everBeat };
  }

  /**
   * It has beaten when its file's time changed, or is later than when it began, both by the worker's own
   * clock.
   */
  #noteBeat({ seen, mtimeMs }: Beat, { leaseSec, startedAt }: WorkerRecord): void {
    const changed = this.#seen !== undefined && this.#seen !== seen;
    this.#seen = seen;
    this.#everBeat ||= changed || mtimeMs - Date.parse(startedAt) > leaseSec * 1000 / 6;
  }

  /** A folder without a record: somebody removed it. After a lease of that its tasks are nobody's. */
  async #lookWithoutRecord(before: number): Promise<WorkerLook> {
    // A host may remember for a minute that a name is missing; to list its folder makes it look again.
    const names = await listOrNothing(this.#store.machine, this.#paths.workers);
    const listed = names.some(({ name }) => name === basename(workerFiles(this.#paths, this.#id).record));
    const spec = await this.#specOfFolder();
    if (spec === undefined && !listed) {
      this.#series.forget();
      return { state: "gone" };
    }
    const record = this.#record ?? this.#made(spec);
    const after = this.#store.machine.clock.monotonic();
    this.#series.add("no record", record.leaseSec * 1000, before, after);
    const why = `its record was missing for ${record.leaseSec} s`;
    return this.#series.expired
      ? { state: "dead", by: "silent", record, why, everBeat: this.#everBeat }
      : { state: "unknown", why: `worker ${this.#id} has a folder and its record is missing` };
  }

  async #specOfFolder(): Promise<string | undefined> {
    for (const spec of await folders(this.#store, this.#paths.running)) {
      const names = await folders(this.#store, join(this.#paths.running, spec));
      if (names.includes(this.#id)) return spec;
    }
    return undefined;
  }

  /** The record, read once; one that cannot be read stands for nobody, so that the lease decides. */
  async #recordOf(): Promise<WorkerRecord | undefined> {
    if (this.#record) return this.#record;
    const parsed = await readJson(this.#store, workerFiles(this.#paths, this.#id).record, workerRecordSchema);
    if (parsed === undefined) return undefined;
    return this.#record = "value" in parsed ? parsed.value : this.#made(await this.#specOfFolder());
  }

  #made(spec: string | undefined): WorkerRecord {
    return {
      schema: 1,
      id: this.#id,
      spec: spec ?? "unknown",
      node: "unknown",
      owner: { host: "unknown", pid: 0 },
      slots: 1,
      leaseSec: this.#store.leaseSec,
      startedAt: new Date(this.#store.machine.clock.now()).toISOString(),
    };
  }
}

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
  /** Whether it has said what it computes. */
  now?: true;
  /** Whether it has a folder that is fenced. */
  fenced?: true;
}

/**
 * All workers that a run ever had, by id, from two kinds of folders: watch those that have a record or a
 * folder.
 *
 * @throws {StoreError} If a folder cannot be listed.
 */
export async function listWorkers(store: Store, paths: QueuePaths): Promise<Map<string, KnownWorker>> {
  const workers = new Map<string, KnownWorker>();
  const known = (id: string): KnownWorker => {
    let worker = workers.get(id);
    if (!worker) workers.set(id, worker = { record: false, end: false, unfit: false, leave: false });
    return worker;
  };
  for (const { name } of await store.list(paths.workers)) {
    const file = parseWorkerFile(name);
    if (file) known(file.id)[file.kind] = true;
  }
  for (const spec of await folders(store, paths.running)) {
    for (const name of await folders(store, join(paths.running, spec))) {
      const worker = parseWorkerDir(name);
      if (!worker) continue;
      if (worker.fenced) known(worker.id).fenced = true;
      else known(worker.id).folder = spec;
    }
  }
  return workers;
}
