import type { Clock } from "../core/system/clock.ts";

/** Somebody who waits for a slot. */
interface Waiting {
  readonly capacity: number;
  readonly count: number;
  readonly go: () => void;
}

/** Deeper ones than this wait as equals: nothing is gained by telling them apart. */
const MAX_DEPTH = 64;

/**
 * Bounds how many do something at the same time. Of those that wait the deepest comes first, since others
 * wait for it; before all, who has begun and goes on. So what is begun is finished, rather than all begun at
 * once.
 */
export class Slots {
  readonly #inOrder: boolean;
  #used = 0;
  #waiting = 0;
  readonly #queues: Set<Waiting>[] = Array.from({ length: MAX_DEPTH + 2 }, () => new Set());

  /**
   * @param inOrder Whether nobody is to pass one that waits for several slots.
   * @default {false}
   */
  constructor(inOrder = false) {
    this.#inOrder = inOrder;
  }

  /**
   * Resolves when there is room.
   *
   * @param capacity How many may be held at the same time.
   * @param depth How many wait for what is done then, one for the other; `"resume"` for one that has begun.
   * @param signal Ends the waiting, which then rejects with its reason.
   * @param count How many are taken, at most `capacity`.
   */
  async take(
    capacity: number,
    depth: number | "resume" = 0,
    signal?: AbortSignal,
    count = 1,
  ): Promise<void> {
    signal?.throwIfAborted();
    const mayPass = !this.#inOrder || this.#waiting === 0 || depth === "resume";
    if (mayPass && this.#used + count <= capacity) return void (this.#used += count);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const queue = this.#queues[depth === "resume" ? MAX_DEPTH + 1 : Math.min(depth, MAX_DEPTH)]!;
    const waiting: Waiting = { capacity, count, go: resolve };
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

  /** Gives slots back, to those that wait next. */
  give(count = 1): void {
    this.#used -= count;
    for (let depth = MAX_DEPTH + 1; depth >= 0 && this.#waiting > 0; depth--) {
      const queue = this.#queues[depth]!;
      for (const waiting of queue) {
        if (this.#used + waiting.count > waiting.capacity) return;
        queue.delete(waiting);
        this.#waiting--;
        this.#used += waiting.count;
        waiting.go();
      }
    }
  }
}

/** What is taken of a limit. */
export interface LimitShare {
  /** The units of the limit. */
  readonly slots: Slots;
  /** How many there are. */
  readonly capacity: number;
  /** How many are taken. */
  readonly count: number;
}

/** One place among those that {@link Slots} bound, which its holder may give back and take again. */
export class Slot {
  readonly #slots: Slots;
  readonly #capacity: number;
  readonly #limits: readonly LimitShare[];
  #held = false;

  /**
   * Holds nothing yet.
   *
   * @param capacity How many may hold a slot at the same time.
   * @param limits Units of limits that go with it, always in the same order of limits: they are taken one
   * after the other, and before the slot, so that nobody waits for what another one holds who waits.
   */
  constructor(slots: Slots, capacity: number, limits: readonly LimitShare[] = []) {
    this.#slots = slots;
    this.#capacity = capacity;
    this.#limits = limits;
  }

  /** Waits for room, where it does not hold a slot already. See {@link Slots.take}. */
  async take(depth?: number | "resume", signal?: AbortSignal): Promise<void> {
    if (this.#held) return;
    let taken = 0;
    try {
      for (const { slots, capacity, count } of this.#limits) {
        await slots.take(capacity, depth, signal, count);
        taken++;
      }
      await this.#slots.take(this.#capacity, depth, signal);
    } catch (error) {
      this.#giveLimits(taken);
      throw error;
    }
    if (this.#held) {
      this.#slots.give();
      this.#giveLimits(taken);
    }
    this.#held = true;
  }

  /**
   * Takes the slot that another one holds, if it does, so that nobody who waits comes between. Its units of
   * limits are given back. One that needs such units itself waits for both.
   */
  takeFrom(other: Slot): void {
    if (this.#held || !other.#held || this.#slots !== other.#slots || this.#limits.length > 0) return;
    other.#held = false;
    this.#held = true;
    other.#giveLimits();
  }

  /** Gives it back, where it is held. */
  give(): void {
    if (!this.#held) return;
    this.#held = false;
    this.#slots.give();
    this.#giveLimits();
  }

  #giveLimits(most = this.#limits.length): void {
    for (const { slots, count } of this.#limits.slice(0, most)) slots.give(count);
  }
}

/** Options of an {@link OwnTime}. */
export interface OwnTimeOptions {
  /** Time. */
  clock: Clock;
  /**
   * Seconds that it may take.
   *
   * @default {no limit}
   */
  limitSec?: number | undefined;
  /** Told when these have passed. */
  onLimit: () => void;
  /**
   * The slot that it holds, which others may have while it waits.
   *
   * @default {none}
   */
  slot?: Slot | undefined;
}

/**
 * The time that an attempt spends itself: while its `create` waits for other artifacts to be computed,
 * neither does its time limit pass nor does it take up a slot.
 *
 *     runs --get--> waits --the last get is done--> queues for a slot --has it--> runs
 *      any of them --end()--> ended
 */
export class OwnTime {
  readonly #options: OwnTimeOptions;
  #leftMs: number | undefined;
  #running: { since: number; timer: AbortController } | undefined;
  #waits = 0;
  #takesSlot: AbortController | undefined;
  #ended = false;

  /** Begins to run. The slot is held already. */
  constructor(options: OwnTimeOptions) {
    this.#options = options;
    this.#leftMs = options.limitSec === undefined ? undefined : options.limitSec * 1000;
    this.#start();
  }

  /** What is left of its limit, in milliseconds; `Infinity` without one. */
  get leftMs(): number {
    if (this.#leftMs === undefined) return Infinity;
    const { since } = this.#running ?? {};
    return Math.max(0, this.#leftMs - (since === undefined ? 0 : this.#options.clock.monotonic() - since));
  }

  /** The slot of the attempt. */
  get slot(): Slot | undefined {
    return this.#options.slot;
  }

  /**
   * The attempt begins to wait for another artifact: its limit stands still. Its slot is for what it waits
   * for, or to be given back. Call what this returns when that is there.
   */
  wait(): () => Promise<void> {
    this.#waits++;
    this.#stop();
    return async () => {
      this.#waits--;
      if (this.#waits > 0 || this.#ended) return;
      await this.#takeSlot();
      // It may have ended meanwhile, or begun to wait for something else.
      if (this.#waits > 0 || this.#ended) this.slot?.give();
      else this.#start();
    };
  }

  /** The attempt has ended, or is not waited for any more. Its slot is its holder's to give back. */
  end(): void {
    this.#ended = true;
    this.#stop();
    this.#takesSlot?.abort();
  }

  async #takeSlot(): Promise<void> {
    this.#takesSlot = new AbortController();
    await this.slot?.take("resume", this.#takesSlot.signal).catch(() => {/* it has ended */});
  }

  #start(): void {
    if (this.#leftMs === undefined || this.#running) return;
    const { clock, onLimit } = this.#options;
    const timer = new AbortController();
    this.#running = { since: clock.monotonic(), timer };
    clock.sleep(this.#leftMs, timer.signal).then(onLimit, () => {/* it waits, or has ended in time */});
  }

  #stop(): void {
    if (!this.#running) return;
    const { since, timer } = this.#running;
    this.#running = undefined;
    this.#leftMs = Math.max(0, (this.#leftMs ?? 0) - (this.#options.clock.monotonic() - since));
    timer.abort();
  }
}
