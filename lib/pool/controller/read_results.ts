import { join } from "@std/path/join";
import { type Blame, failureKind } from "../../core/attempt_end.ts";
import { errorText, ProtocolError } from "../../core/errors.ts";
import { readFailure, type TaskFailure, writeFailure } from "../../queue/failure.ts";
import { readEnd } from "../../queue/fence.ts";
import { listNew } from "../../queue/queue.ts";
import { isIn, moveOut, type ResultPlace, shelve } from "../../queue/shelf.ts";
import { formatTaskName, parseTaskName, type TaskName } from "../../queue/task_file.ts";
import { learnParams } from "../../remote/remote_artifact.ts";
import type { BackendEvent } from "../../schedule/backend.ts";
import { describeOwner } from "../../store/claims/liveness.ts";
import { readClaim } from "../../store/claims/read_claim.ts";
import { concernsOneArtifact, isRefusal, listOrNothing } from "../../store/store.ts";
import { afterTooLittle } from "../../task/ladder.ts";
import { retryWhileUnavailable } from "../pacing.ts";
import type { ControllerContext } from "./context.ts";
import type { Fleet } from "./fleet.ts";
import type { WorkerMonitor } from "./monitor_workers.ts";
import { type StoredResult, storedResult } from "./settle_tasks.ts";
import type { TaskEntry } from "./task_table.ts";

const PLACES: readonly ResultPlace[] = ["done", "failed", "waiting"];
/**
 * How often it is looked for the file that tells how a task failed, which another host wrote a moment ago.
 */
const FAILURE_LOOKS = 4;
/** Milliseconds between two looks whether workers that count as dead are gone. */
const HELD_LOOK_MS = 1000;

/** Reads what is new in the folders in which workers give tasks back, and tells the scheduler. */
export class ResultReader {
  readonly #context: ControllerContext;
  readonly #fleet: Fleet;
  readonly #monitor: WorkerMonitor;
  readonly #seen: Readonly<Record<ResultPlace, Set<string>>> = {
    done: new Set(),
    failed: new Set(),
    waiting: new Set(),
  };
  /** What was read, or tells nothing, and is still in the folder that is listed. */
  readonly #read: Readonly<Record<ResultPlace, Map<string, TaskName>>> = {
    done: new Map(),
    failed: new Map(),
    waiting: new Map(),
  };
  /** How many files that were listed are being looked into. */
  #reading = 0;
  #lookedAt = -Infinity;
  #readAt = -Infinity;
  /** Failed tasks that their workers may still compute, and since when that is waited for. */
  readonly #held = new Map<string, number>();
  #heldLookAt = -Infinity;

  constructor(context: ControllerContext, fleet: Fleet, monitor: WorkerMonitor) {
    this.#context = context;
    this.#fleet = fleet;
    this.#monitor = monitor;
  }

  /** All that workers had given back by then has been read; in monotonic milliseconds. */
  get readAt(): number {
    return this.#readAt;
  }

  /**
   * Lists the folders once. What is new is looked into beside that.
   *
   * @returns Whether there was anything.
   */
  async look(): Promise<boolean> {
    const { runtime: { store }, paths } = this.#context;
    const begun = store.machine.clock.monotonic();
    let news = false;
    for (const place of PLACES) {
      for (const file of await listNew(store, paths[place], this.#seen[place])) {
        this.take(place, file);
        news = true;
      }
    }
    this.#lookedAt = begun;
    this.#settle();
    if (begun - this.#heldLookAt >= HELD_LOOK_MS) {
      this.#heldLookAt = begun;
      for (const file of [...this.#held.keys()]) this.take("failed", file);
    }
    for (const place of PLACES) {
      if (this.#read[place].size > this.#context.timing.mostRead) this.#shelve(place);
    }
    return news;
  }

  /**
   * Has a file count as new when it is listed again: it was moved away, or the scheduler did not wait for it
   * before.
   */
  forget(place: ResultPlace, name: TaskName): void {
    const file = formatTaskName(name);
    this.#seen[place].delete(file);
    this.#read[place].delete(file);
  }

  /** Moves what was read away from the folder that is listed. A kill in between leaves some to the next. */
  #shelve(place: ResultPlace): void {
    const { runtime, limiter, paths, tasks } = this.#context;
    const goOn = (): boolean => this.#context.phase !== "closed";
    for (const [file, name] of this.#read[place]) {
      this.#read[place].delete(file);
      limiter.push(async () => {
        if (!goOn()) return;
        // One that is tried again has left; where the task itself is not, how it failed is.
        const task = tasks.get(name.hash);
        const stays = place === "done" || (task?.state.at === place && formatTaskName(task.name) === file);
        if (place === "waiting" && !stays) return;
        try {
          await shelve(runtime.store, paths, place, name, stays);
          this.#seen[place].delete(file);
        } catch {
          // It stays where it is for a while: a listing takes longer.
          this.#read[place].set(file, name);
        }
      });
    }
  }

  /** Takes in that a task's file was seen in one of the folders. */
  take(place: ResultPlace, file: string): void {
    const { tasks, runtime, limiter } = this.#context;
    const name = parseTaskName(file);
    if (!name) return;
    tasks.apply({ type: "found", name, at: place });
    const task = tasks.get(name.hash);
    if (!task) return this.#takeUnknown(place, file);
    // A listing can be old: the task is further already.
    if (!task.open || tasks.isOld(place, name)) return void this.#read[place].set(file, name);
    const goOn = (): boolean => this.#context.phase !== "closed";
    this.#reading++;
    limiter.push(async () => {
      this.#read[place].set(file, name);
      await retryWhileUnavailable(runtime, goOn, () => this.#readOne(place, task, name));
      this.#reading--;
      this.#settle();
    });
  }

  #settle(): void {
    if (this.#reading === 0) this.#readAt = this.#lookedAt;
  }

  #takeUnknown(place: ResultPlace, file: string): void {
    if (place !== "failed") return;
    const path = join(this.#context.paths.failed, file);
    this.#context.broken(
      new ProtocolError(
        `Cannot go on with run ${this.#context.run.runId} as somebody put a task into its queue that is not of it: ` +
          `see ${path} and what is beside it`,
      ),
    );
  }

  async #readOne(place: ResultPlace, task: TaskEntry, name: TaskName): Promise<void> {
    const { tasks, phase } = this.#context;
    if (phase === "closed" || !task.open || tasks.isOld(place, name)) return;
    switch (place) {
      case "done":
        return await this.#readDone(task, name);
      case "failed":
        return await this.#readFailed(task, name);
      case "waiting":
        return await this.#readWaiting(task, name);
    }
  }

  /** No task is done without its success record. */
  async #readDone(task: TaskEntry, name: TaskName): Promise<void> {
    const { runtime: { store }, leadership, paths } = this.#context;
    const result = await this.#resultOf(task);
    if (typeof result === "object") return this.#done(name, result);
    await leadership.check();
    const file = formatTaskName(name);
    await writeFailure(store, paths, file, {
      ...(result === undefined ? { kind: "lost" } : { kind: "compute", lasting: true }),
      error: result ?? `Its task file ${join(paths.done, file)} says that it is done, but there is no result`,
    });
    this.forget("done", name);
    this.forget("failed", name);
    await moveOut(store, paths, "done", name, join(paths.failed, file));
  }

  async #readFailed(task: TaskEntry, name: TaskName): Promise<void> {
    const { tasks, report, paths, runtime, leadership, artifactOf } = this.#context;
    if (await this.#mayStillRun(task, formatTaskName(name))) return;
    const failure = await this.#judgeFailure(task, name);
    if (failure.end.blame !== "protocol") {
      const result = await this.#resultOf(task);
      // Somebody was first, and the first complete result wins.
      if (typeof result === "object") {
        await leadership.check();
        const file = formatTaskName(name);
        await moveOut(runtime.store, paths, "failed", name, join(paths.done, file));
        return this.#done(name, result);
      }
    }
    await learnParams(runtime, paths, artifactOf(task.hash));
    const kind = failureKind(failure.end.blame);
    const countsAs = failure.raise ? failure.end.lack : kind === "protocol" ? undefined : kind;
    if (tasks.apply({ type: "failed", name, countsAs })) report(failure);
  }

  /**
   * Whether a task that takes units of limits failed since its worker counts as dead, which may still compute
   * it: it was only silent. Then the task is not told to have ended, so that its units count as taken, until
   * its process or its job is known to be gone, or for the stale limit.
   */
  async #mayStillRun({ hash }: TaskEntry, file: string): Promise<boolean> {
    const { nodes, runtime: { store, machine, config }, paths, phase, artifactOf, log } = this.#context;
    const { limits } = nodes.get(hash)!;
    if (limits === undefined || phase !== "running") return false;
    const { worker: id } = await readFailureForSure(this.#context, file);
    // Who gave it back itself has ended it.
    const worker = id === undefined ? undefined : (await readEnd(store, paths, id))?.worker;
    const job = worker?.job === undefined ? undefined : this.#fleet.jobs.get(worker.job);
    const now = machine.clock.monotonic();
    const since = this.#held.get(file) ?? now;
    // That Slurm does not know a job is no proof that it has ended.
    const hasEnded = job?.state.status === "dead" && !job.state.vanished;
    const isOver = !worker || machine.isGone(worker.owner) || hasEnded ||
      now - since >= config.staleAfterSec * 1000;
    if (isOver) this.#held.delete(file);
    else if (!this.#held.has(file)) {
      this.#held.set(file, since);
      log.warn(
        `worker ${id} may still compute ${artifactOf(hash)}: what that takes of limits ` +
          `(${Object.keys(limits).join(", ")}) counts as taken until the worker's job has ended`,
      );
    }
    return !isOver;
  }

  async #readWaiting({ hash }: TaskEntry, name: TaskName): Promise<void> {
    const { runtime: { store }, artifactOf, tasks, report, paths } = this.#context;
    // It comes back under the same name: the listing may be of before it was put into the queue again.
    if (!await isIn(store, paths, "waiting", name)) return this.forget("waiting", name);
    const claim = await readClaim(store, store.paths(artifactOf(hash))).catch((error) => {
      // The scheduler, who watches the node then, meets the same and says so.
      if (!concernsOneArtifact(error) || !isRefusal(error)) throw error;
      return undefined;
    });
    if (!tasks.apply({ type: "busy", name })) return;
    const owner = claim ? describeOwner(claim) : "somebody outside of the run";
    this.#context.owners.set(hash, owner);
    report({ type: "busy", hash, owner });
  }

  #done(name: TaskName, { computed, provenance }: StoredResult): void {
    const { tasks, report } = this.#context;
    if (!tasks.apply({ type: "done", name })) return;
    if (computed) {
      const node = this.#fleet.hasSuspects ? this.#monitor.nodeOf(provenance) : undefined;
      this.#fleet.note({ type: "goodStart", node });
    }
    report({ type: "done", hash: name.hash, computed });
  }

  /** The result, or nothing, or what is wrong with its record, which nobody but people can repair. */
  async #resultOf({ hash }: TaskEntry): Promise<StoredResult | string | undefined> {
    try {
      return await storedResult(this.#context, this.#context.artifactOf(hash));
    } catch (error) {
      if (!concernsOneArtifact(error) || !isRefusal(error)) throw error;
      this.#context.log.error(errorText(error));
      return errorText(error);
    }
  }

  /**
   * The report of a task's file in `failed/`, with the counters in its name and what is written beside it.
   * The counters are of what was before: the failure itself is added.
   */
  async #judgeFailure({ hash, spec }: TaskEntry, name: TaskName): Promise<FailedTask> {
    const file = formatTaskName(name);
    const failure = await readFailureForSure(this.#context, file);
    const blame = this.#blameOf(failure);
    const { attempt, lost } = name;
    const { stack, log, logTail, lasting, lack } = failure;
    const where = `(task file ${join(this.#context.paths.failed, file)}, artifact ${hash}, spec '${spec}', ` +
      `worker ${failure.worker ?? "unknown"}, attempt ${
        failure.storeAttempt ?? attempt
      }, kind ${failure.kind})`;
    const error = blame === "protocol" ? `${failure.error}\n${where}` : failure.error;
    const { end, raise } = afterTooLittle(this.#context.nodes.get(hash)!, spec, {
      outcome: "failed",
      blame,
      error,
      stack,
      log,
      logTail,
      lasting,
      lack,
    });
    return {
      type: "failed",
      hash,
      failedEnds: blame === "compute" && !raise ? attempt : attempt - 1,
      lostEnds: blame === "lost" && !raise ? lost + 1 : lost,
      end,
      ...(raise ? { raise } : {}),
      ...endedAt(failure),
    };
  }

  /** That a node cannot begin a task is the node's fault, unless nothing has begun anywhere. */
  #blameOf({ kind, node, job, error }: TaskFailure): Blame {
    if (kind === "compute") this.#fleet.note({ type: "goodStart", node });
    if (kind !== "start") return kind;
    this.#fleet.note({ type: "badStart", node, job, why: error });
    return this.#fleet.canStartElsewhere ? "lost" : "protocol";
  }
}

/** By the clock of its worker. */
function endedAt({ at }: TaskFailure): { endedAt?: number } {
  const ms = Date.parse(at);
  return Number.isNaN(ms) ? {} : { endedAt: ms };
}

type FailedTask = Extract<BackendEvent, { type: "failed" }>;

async function readFailureForSure(
  { runtime: { store }, paths }: ControllerContext,
  file: string,
): Promise<TaskFailure> {
  for (let look = 1;; look++) {
    const failure = await readFailure(store, paths, file);
    if (failure) return failure;
    if (look === FAILURE_LOOKS) break;
    // A host may remember for a minute that the name is missing; to list its folder makes it look again.
    await listOrNothing(store.machine, paths.failed);
    await store.machine.clock.sleep(20 * 2 ** look);
  }
  return { schema: 1, kind: "compute", error: "It failed, and nothing tells how", at: "" };
}
