import type { PoolState } from "./pool_state.ts";
import type { Member } from "./monitor_workers.ts";
import { type AttemptNow, readWorkerNow } from "../worker_now.ts";

/** Workers are asked what they compute no more often than this, in milliseconds. */
const INTERVAL_MS = 1000;

/** Tells of the attempts that workers make, as far as they say: for displays. Short ones are never seen. */
export class WorkerReports {
  readonly #state: PoolState;
  /** What each worker computed at the last look, by what tells attempts apart. */
  readonly #running = new Map<string, Map<string, AttemptNow>>();
  #lookedAt = -Infinity;

  constructor(state: PoolState) {
    this.#state = state;
  }

  /** Reads what the workers say, at most once a second. */
  async look(members: Iterable<Member>): Promise<void> {
    const { runtime: { machine: { clock }, store }, paths } = this.#state;
    if (clock.monotonic() - this.#lookedAt < INTERVAL_MS) return;
    this.#lookedAt = clock.monotonic();
    const gone = new Set(this.#running.keys());
    for (const { id } of members) {
      gone.delete(id);
      const now = await readWorkerNow(store, paths, id);
      if (now) this.#compare(id, now.tasks);
    }
    for (const id of gone) {
      this.#compare(id, []);
      this.#running.delete(id);
    }
  }

  #compare(worker: string, tasks: readonly AttemptNow[]): void {
    const { runtime: { machine: { clock } }, onEvent } = this.#state;
    const at = clock.now();
    const before = this.#running.get(worker) ?? new Map<string, AttemptNow>();
    const after = new Map(tasks.map((task) => [`${task.hash} ${task.attempt}`, task]));
    this.#running.set(worker, after);
    for (const [key, task] of before) if (!after.has(key)) this.#ended(task);
    for (const [key, task] of after) {
      const { hash, name, attempt, log, fraction, message } = task;
      const known = before.get(key);
      if (!known) {
        onEvent({
          type: "attempt_started",
          hash,
          name,
          attempt,
          worker,
          ...(log === undefined ? {} : { log }),
          at,
        });
      }
      if (fraction === undefined || (known?.fraction === fraction && known.message === message)) continue;
      onEvent({
        type: "attempt_progress",
        hash,
        name,
        fraction,
        ...(message === undefined ? {} : { message }),
        at,
      });
    }
  }

  /** How it ended is told by the events of its node, which come at about the same time. */
  #ended({ hash, name, attempt, log, since }: AttemptNow): void {
    const { runtime: { machine: { clock } }, onEvent, book } = this.#state;
    const place = book.get(hash)?.place;
    onEvent({
      type: "attempt_ended",
      hash,
      name,
      attempt,
      outcome: place === "done" ? "success" : place === "failed" ? "failed" : "preempted",
      durationMs: Math.max(0, clock.now() - since),
      ...(log === undefined ? {} : { log }),
      at: clock.now(),
    });
  }
}
