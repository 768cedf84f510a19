import { join } from "@std/path/join";
import type { Hash } from "../../core/hash.ts";
import { enqueue } from "../../queue/enqueue.ts";
import { todoDir } from "../../queue/layout.ts";
import { moveTask } from "../../queue/move_task.ts";
import { formatTaskName, nextTaskName } from "../../queue/task_name.ts";
import { retryWhileUnavailable } from "../pacing.ts";
import type { PoolState } from "./pool_state.ts";
import type { ResultReader } from "./read_results.ts";
import type { TaskEntry } from "./task_table.ts";

/** So long the second time that a task was found to be busy elsewhere, twice as long each further time. */
const FIRST_PAUSE_MS = 20;

/** Puts tasks into `todo`: new ones, and those that come back. */
export class TaskStarter {
  readonly #state: PoolState;
  readonly #reader: ResultReader;

  constructor(state: PoolState, reader: ResultReader) {
    this.#state = state;
    this.#reader = reader;
  }

  /** The scheduler wants a task to be begun, or to be begun again. */
  start(hash: Hash): void {
    const entry = this.#state.book.open(hash);
    const { place, name } = entry;
    if (place === "queued") return;
    // An earlier controller has left it like this: the scheduler is told how it ended before it decides about it.
    if (place === "done" || (place === "failed" && entry.countsAs === undefined)) {
      return this.#reader.forget(place, name);
    }
    this.begin(entry);
  }

  /** Puts a task into `todo`, from wherever it is. */
  begin(entry: TaskEntry): void {
    const { runtime } = this.#state;
    const { place, name } = entry;
    const next = place === "failed" && entry.countsAs !== undefined
      ? nextTaskName(name, entry.countsAs)
      : name;
    const wanted = (): boolean => this.#state.phase === "running" && entry.open;
    this.#afterPause(entry, async () => {
      if (!wanted()) return this.#withdraw(entry);
      await retryWhileUnavailable(
        runtime,
        () => this.#state.phase !== "closed",
        () => this.#state.role.check(),
      );
      // Before it is there, since its result may be seen before we hear of it.
      Object.assign(entry, { place: "queued", name: next });
      delete entry.countsAs;
      await retryWhileUnavailable(runtime, wanted, () => this.#move(entry, place, formatTaskName(name)));
    });
  }

  /**
   * Hosts may disagree for a minute about who computes something: what comes back as busy again and again is not sent out
   * as fast as that goes.
   */
  #afterPause({ place, busy }: TaskEntry, job: () => Promise<void>): void {
    const { runtime: { machine: { clock }, config }, lane, closing } = this.#state;
    if (place !== "waiting" || busy < 2) return lane.push(job);
    const pause = Math.min(FIRST_PAUSE_MS * 2 ** (busy - 2), config.pollIntervalSec * 1000);
    clock.sleep(pause, closing).then(() => lane.push(job), () => {/* the controller ends */});
  }

  async #move({ hash, spec, name }: TaskEntry, place: TaskEntry["place"], from: string): Promise<void> {
    const { runtime: { store }, paths, nodes } = this.#state;
    if (place === "new" || place === "queued") {
      const { name: task, timeLimitSec } = nodes.get(hash)!;
      const limit = timeLimitSec === undefined ? {} : { timeLimitSec };
      return await enqueue(store, paths, { schema: 1, hash, name: task, spec, ...limit }, name);
    }
    // It may come back under the same name.
    if (place === "waiting") this.#reader.forget(place, name);
    await moveTask(store, join(paths[place], from), join(todoDir(paths, spec), formatTaskName(name)));
  }

  #withdraw(entry: TaskEntry): void {
    if (this.#state.phase === "closed" || !this.#state.book.close(entry)) return;
    this.#state.report({ type: "withdrawn", hash: entry.hash });
  }
}
