/** Somebody who waits for a slot. */
interface Waiting {
  readonly capacity: number;
  readonly go: () => void;
}

/** Bounds how many do something at the same time. Who has begun and goes on comes before who has not begun yet. */
export class Slots {
  #used = 0;
  readonly #resuming = new Set<Waiting>();
  readonly #starting = new Set<Waiting>();

  /**
   * Resolves when there is room.
   *
   * @param capacity How many may hold a slot at the same time.
   * @param options.first Goes on with what it has begun? @default false
   * @param options.signal Ends the waiting, which then rejects with its reason.
   */
  async take(
    capacity: number,
    { first = false, signal }: { first?: boolean; signal?: AbortSignal | undefined } = {},
  ): Promise<void> {
    signal?.throwIfAborted();
    if (this.#used < capacity) return void this.#used++;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const queue = first ? this.#resuming : this.#starting;
    const waiting: Waiting = { capacity, go: resolve };
    const onAbort = (): void => {
      queue.delete(waiting);
      reject(signal?.reason);
    };
    queue.add(waiting);
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
    for (const queue of [this.#resuming, this.#starting]) {
      for (const waiting of queue) {
        if (this.#used >= waiting.capacity) break;
        queue.delete(waiting);
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

  /** Waits for room, where it does not hold a slot already. Options as those of {@link Slots.take}. */
  async take(options: { first?: boolean; signal?: AbortSignal | undefined } = {}): Promise<void> {
    if (this.#held) return;
    await this.#slots.take(this.#capacity, options);
    if (this.#held) this.#slots.give();
    this.#held = true;
  }

  /** Gives it back, where it is held. */
  give(): void {
    if (!this.#held) return;
    this.#held = false;
    this.#slots.give();
  }
}
