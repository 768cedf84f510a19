import { setImmediate } from "node:timers";
import type { Clock } from "../../../lib/core/system/clock.ts";

/** How many turns of the event loop a world without anything to come is waited for. */
const PATIENCE = 1000;
/** What the wall clock of all machines says at the beginning. */
const BEGAN_AT = Date.UTC(2026, 0, 1);

/**
 * The time of a world in which nothing goes wrong: it jumps to the next thing that is to happen, by whole
 * milliseconds, so that many things happen in one turn of the event loop.
 */
export class TurningClock {
  /** Milliseconds since the world began. */
  time = 0;
  readonly #at = new Map<number, (() => void)[]>();
  /** The times of what is to come, as a binary heap. */
  readonly #heap: number[] = [];

  /** Has something happen so many milliseconds later. */
  after(ms: number, act: () => void): void {
    const at = this.time + Math.max(0, Math.ceil(ms));
    const acts = this.#at.get(at);
    if (acts) return void acts.push(act);
    this.#at.set(at, [act]);
    this.#add(at);
  }

  /** The clock of each machine. */
  readonly clock: Clock = {
    now: () => BEGAN_AT + this.time,
    monotonic: () => this.time,
    sleep: (ms, signal) => {
      if (signal?.aborted) return Promise.reject(signal.reason);
      return new Promise((resolve, reject) => {
        if (!signal) return this.after(ms, resolve);
        const onAbort = (): void => reject(signal.reason);
        signal.addEventListener("abort", onAbort, { once: true });
        this.after(ms, () => {
          if (signal.aborted) return;
          signal.removeEventListener("abort", onAbort);
          resolve();
        });
      });
    },
  };

  /**
   * Turns until that has ended.
   *
   * @throws {Error} If nothing is to come any more before.
   */
  async turnUntil<T>(ended: Promise<T>): Promise<T> {
    let isOver = false;
    const over = (): void => void (isOver = true);
    ended.then(over, over);
    for (let idle = 0; !isOver;) {
      const next = this.#take();
      if (next === undefined && ++idle > PATIENCE) {
        throw new Error(`The world stands still at ${this.time} ms`);
      }
      if (next !== undefined) {
        idle = 0;
        this.time = next;
        const acts = this.#at.get(next)!;
        this.#at.delete(next);
        for (const act of acts) act();
      }
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
    return await ended;
  }

  #add(at: number): void {
    const heap = this.#heap;
    let here = heap.push(at) - 1;
    while (here > 0) {
      const above = (here - 1) >> 1;
      if (heap[above]! <= at) break;
      heap[here] = heap[above]!;
      here = above;
    }
    heap[here] = at;
  }

  #take(): number | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    let here = 0;
    for (;;) {
      let below = 2 * here + 1;
      if (below >= heap.length) break;
      if (below + 1 < heap.length && heap[below + 1]! < heap[below]!) below++;
      if (heap[below]! >= last) break;
      heap[here] = heap[below]!;
      here = below;
    }
    heap[here] = last;
    return first;
  }
}
