import { join } from "@std/path/join";
import { errorText, ProtocolError } from "../../core/errors.ts";
import { writeFailure } from "../../queue/failure_file.ts";
import { hasName } from "../../queue/has_name.ts";
import { listNew } from "../../queue/list_queue.ts";
import { moveTask } from "../../queue/move_task.ts";
import { formatTaskName, parseTaskName, type TaskName } from "../../queue/task_name.ts";
import { describeOwner } from "../../store/claims/liveness.ts";
import { readClaim } from "../../store/claims/read_claim.ts";
import { concernsOneArtifact, isRefusal } from "../../store/store.ts";
import { judgeFailure } from "./judge_failure.ts";
import { retryWhileUnavailable } from "../pacing.ts";
import { tell } from "./context.ts";
import { noteResult, type PoolState } from "./pool_state.ts";
import { learnParams } from "../../remote/remote_artifact.ts";
import { type StoredResult, storedResult } from "./stored_result.ts";
import { endsOf, type TaskEntry } from "./task_table.ts";

/** The folders in which workers give tasks back. */
export type ResultPlace = "done" | "failed" | "waiting";

const PLACES: readonly ResultPlace[] = ["done", "failed", "waiting"];

/** Reads what is new in the folders in which workers give tasks back, and tells the scheduler. */
export class ResultReader {
  readonly #state: PoolState;
  readonly #seen: Readonly<Record<ResultPlace, Set<string>>> = {
    done: new Set(),
    failed: new Set(),
    waiting: new Set(),
  };

  /** How many files that were listed are being looked into. */
  #open = 0;
  #lookedAt = -Infinity;
  readonly #nodeOf: (provenance: StoredResult["provenance"]) => string | undefined;

  /** @param nodeOf The node that a result was computed on, where that is known. */
  constructor(state: PoolState, nodeOf: (provenance: StoredResult["provenance"]) => string | undefined) {
    this.#state = state;
    this.#nodeOf = nodeOf;
  }

  /** Lists the folders once. What is new is looked into beside that. @returns Whether there was anything. */
  async look(): Promise<boolean> {
    const { runtime: { store }, paths } = this.#state;
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
    return news;
  }

  /** A file is to count as new when it is listed again: it was moved away, or the scheduler did not wait for it before. */
  forget(place: ResultPlace, name: TaskName): void {
    this.#seen[place].delete(formatTaskName(name));
  }

  /** A task's file was seen in one of the folders. */
  take(place: ResultPlace, file: string): void {
    const { book } = this.#state;
    const name = parseTaskName(file);
    if (!name) return;
    const entry = book.get(name.hash) ?? book.learn(name, place);
    if (!entry) return this.#takeUnknown(place, file);
    // A listing can be old: the task is further already.
    if (isOld(place, name, entry)) return;
    if (!entry.open) {
      if (entry.place !== "done") Object.assign(entry, { place, name });
      return;
    }
    const { runtime, lane } = this.#state;
    const goOn = (): boolean => this.#state.phase !== "closed";
    this.#open++;
    lane.push(async () => {
      await retryWhileUnavailable(runtime, goOn, () => this.#read(place, entry, name));
      this.#open--;
      this.#settle();
    });
  }

  #settle(): void {
    if (this.#open === 0) this.#state.readAt = this.#lookedAt;
  }

  #takeUnknown(place: ResultPlace, file: string): void {
    if (place !== "failed") return;
    const path = join(this.#state.paths.failed, file);
    this.#state.broken(
      new ProtocolError(
        `Cannot go on with run ${this.#state.run.runId} as somebody put a task into its queue that is not of it: ` +
          `see ${path} and what is beside it`,
      ),
    );
  }

  async #read(place: ResultPlace, entry: TaskEntry, name: TaskName): Promise<void> {
    if (this.#state.phase === "closed" || !entry.open || isOld(place, name, entry)) return;
    switch (place) {
      case "done":
        return await this.#readDone(entry, name);
      case "failed":
        return await this.#readFailed(entry, name);
      case "waiting":
        return await this.#readWaiting(entry, name);
    }
  }

  /** No task is done without its success record. */
  async #readDone(entry: TaskEntry, name: TaskName): Promise<void> {
    const { runtime: { store }, role, paths } = this.#state;
    const result = await this.#resultOf(entry);
    if (typeof result === "object") return this.#done(entry, name, result);
    await role.check();
    const file = formatTaskName(name);
    await writeFailure(store, paths, file, {
      ...(result === undefined ? { kind: "lost" } : { kind: "compute", lasting: true }),
      error: result ?? `Its task file ${join(paths.done, file)} says that it is done, but there is no result`,
    });
    this.forget("done", name);
    this.forget("failed", name);
    await moveTask(store, join(paths.done, file), join(paths.failed, file));
  }

  async #readFailed(entry: TaskEntry, name: TaskName): Promise<void> {
    const { book, report, paths, runtime, role, artifactOf } = this.#state;
    const failure = await judgeFailure(this.#state, entry, name);
    if (failure.kind !== "protocol") {
      const result = await this.#resultOf(entry);
      // Somebody was first, and the first complete result wins.
      if (typeof result === "object") {
        await role.check();
        const file = formatTaskName(name);
        await moveTask(runtime.store, join(paths.failed, file), join(paths.done, file));
        return this.#done(entry, name, result);
      }
    }
    await learnParams(runtime, paths, artifactOf(entry.hash));
    if (isOld("failed", name, entry) || !book.close(entry)) return;
    Object.assign(entry, { place: "failed", name });
    if (failure.kind !== "protocol") entry.countsAs = failure.kind;
    noteResult(this.#state, entry.spec);
    report(failure);
  }

  async #readWaiting(entry: TaskEntry, name: TaskName): Promise<void> {
    const { runtime: { store }, artifactOf, book, report, paths } = this.#state;
    // It comes back under the same name: the listing may be of before it was put into the queue again.
    if (!await hasName(store, join(paths.waiting, formatTaskName(name)))) return this.forget("waiting", name);
    const claim = await readClaim(store, store.paths(artifactOf(entry.hash))).catch((error) => {
      // Whoever watches the node then says what is the matter with it.
      if (!concernsOneArtifact(error) || !isRefusal(error)) throw error;
      return undefined;
    });
    if (!book.close(entry)) return;
    Object.assign(entry, { place: "waiting", name, busy: entry.busy + 1 });
    noteResult(this.#state, entry.spec);
    report({
      type: "busy",
      hash: entry.hash,
      owner: claim ? describeOwner(claim) : "somebody outside of the run",
    });
  }

  #done(entry: TaskEntry, name: TaskName, { computed, provenance }: StoredResult): void {
    const { book, report, health } = this.#state;
    if (!book.close(entry)) return;
    Object.assign(entry, { place: "done", name });
    if (computed) {
      this.#state.startedWell = true;
      const node = health.suspects ? this.#nodeOf(provenance) : undefined;
      if (node !== undefined) health.good(node);
    }
    noteResult(this.#state, entry.spec);
    report({ type: "done", hash: entry.hash, computed });
  }

  /** The result, or nothing, or what is wrong with its record, which nobody but people can repair. */
  async #resultOf({ hash }: TaskEntry): Promise<StoredResult | string | undefined> {
    try {
      return await storedResult(this.#state, this.#state.artifactOf(hash));
    } catch (error) {
      if (!concernsOneArtifact(error) || !isRefusal(error)) throw error;
      tell(this.#state, "error", errorText(error));
      return errorText(error);
    }
  }
}

/** What is done stays done, whatever the name; else a name with fewer ends is one that the task had before. */
function isOld(place: ResultPlace, name: TaskName, entry: TaskEntry): boolean {
  return place !== "done" && endsOf(name) < endsOf(entry.name);
}
