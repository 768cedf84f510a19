import { BinaryHeap } from "@std/data-structures/binary-heap";
import type { TaskLimiter } from "../pacing.ts";
import type { TaskTable } from "./task_table.ts";

/** A task that waits. */
interface Waiting {
  readonly turn: number;
  /** When it came, as a number that grows. */
  readonly order: number;
  readonly job: () => Promise<void>;
}

interface Line {
  readonly waiting: BinaryHeap<Waiting>;
  /** How many are on their way into the queue. */
  entering: number;
}

/**
 * Tasks that wait until there is room for them in `todo`: workers list that folder, so that it holds what
 * keeps them busy for a while, and not a million names. By spec, and there by their turns: of
 * equal ones the first that came.
 */
export class Backlog {
  readonly #most: number;
  readonly #tasks: Pick<TaskTable, "queuedBySpec">;
  readonly #limiter: Pick<TaskLimiter, "push">;
  readonly #lines = new Map<string, Line>();
  #order = 0;

  /**
   * @param most How many tasks of a spec are in the queue or at workers, at most.
   * @param tasks Knows how many there are.
   * @param limiter Does what puts a task into the queue.
   */
  constructor(most: number, tasks: Pick<TaskTable, "queuedBySpec">, limiter: Pick<TaskLimiter, "push">) {
    this.#most = most;
    this.#tasks = tasks;
    this.#limiter = limiter;
  }

  /** Has a task put into the queue as soon as there is room. */
  add(spec: string, job: () => Promise<void>, turn = 0): void {
    const line = this.#lines.get(spec) ?? { waiting: new BinaryHeap(byTurn), entering: 0 };
    this.#lines.set(spec, line);
    line.waiting.push({ turn, order: this.#order++, job });
    this.release(spec);
  }

  /** Begins what there is room for now. */
  release(spec: string): void {
    const line = this.#lines.get(spec);
    const queued = this.#tasks.queuedBySpec.get(spec) ?? 0;
    if (line) this.#begin(spec, line, this.#most - queued - line.entering);
  }

  /** Begins all of it, whether there is room or not: as nothing new begins any more, each job finds that. */
  flush(): void {
    for (const [spec, line] of this.#lines) this.#begin(spec, line, Infinity);
  }

  #begin(spec: string, line: Line, room: number): void {
    for (let each = 0; each < room; each++) {
      const next = line.waiting.pop();
      if (!next) return;
      line.entering++;
      this.#limiter.push(async () => {
        try {
          await next.job();
        } finally {
          line.entering--;
          this.release(spec);
        }
      });
    }
  }
}

function byTurn(a: Waiting, b: Waiting): number {
  return b.turn - a.turn || a.order - b.order;
}
