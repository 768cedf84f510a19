/** Somebody who waits for a slot. */
interface Waiting {
  readonly capacity: number;
  readonly go: () => void;
}

/** Deeper ones than this wait as equals: nothing is gained by telling them apart. */
const MAX_DEPTH = 64;

/**
 * Bounds how many do something at the same time. Of those that wait the deepest comes first, since others wait for it;
 * before all, who has begun and goes on. So what is begun is finished, rather than all begun at once.
 */
export class Slots {
  #used = 0;
  #waiting = 0;
  readonly #queues: Set<Waiting>[] = Array.from({ length: MAX_DEPTH + 2 }, () => new Set());

  /**
   * Resolves when there is room.
   *
   * @param capacity How many may hold a slot at the same time.
   * @param depth How many wait for what is done then, one for the other; `"resume"` for one that has begun.
   * @param signal Ends the waiting, which then rejects with its reason.
   */
  async take(capacity: number, depth: number | "resume" = 0, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    if (this.#used < capacity) return void this.#used++;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const queue = this.#queues[depth === "resume" ? MAX_DEPTH + 1 : Math.min(depth, MAX_DEPTH)]!;
    const waiting: Waiting = { capacity, go: resolve };
    const onAbort = (): void => {
      if (queue.delete(waiting)) this.#waiting--;
      reject(signal?.reason);
    };
    queue.add(waiting);
    this.#waiting++;
    signal?.addEventListener("abort", onAbort);
    try {
      await promise;
    } finally {
      signal?.removeEventListener("abort", onAbort);
    }
  }

  /** Gives a slot back, to the next one that waits. */
  give(): void {
    this.#used--;
    for (let depth = MAX_DEPTH + 1; depth >= 0 && this.#waiting > 0; depth--) {
      const queue = this.#queues[depth]!;
      for (const waiting of queue) {
        if (this.#used >= waiting.capacity) return;
        queue.delete(waiting);
        this.#waiting--;
        this.#used++;
        waiting.go();
      }
    }
  }
}

/** One place among those that {@link Slots} bound, which its holder may give back and take again. */
export class Slot {
  readonly #slots: Slots;
  readonly #capacity: number;
  #held = false;

  /** Holds nothing yet. @param capacity How many may hold a slot at the same time. */
  constructor(slots: Slots, capacity: number) {
    this.#slots = slots;
    this.#capacity = capacity;
  }

  /** Waits for room, where it does not hold a slot already. See {@link Slots.take}. */
  async take(depth?: number | "resume", signal?: AbortSignal): Promise<void> {
    if (this.#held) return;
    await this.#slots.take(this.#capacity, depth, signal);
    if (this.#held) this.#slots.give();
    this.#held = true;
  }

  /** Takes what another one holds, if it does, so that nobody who waits comes between. */
  takeFrom(other: Slot): void {
    if (this.#held || !other.#held || this.#slots !== other.#slots) return;
    other.#held = false;
    this.#held = true;
  }

  /** Gives it back, where it is held. */
  give(): void {
    if (!this.#held) return;
    this.#held = false;
    this.#slots.give();
  }
}
