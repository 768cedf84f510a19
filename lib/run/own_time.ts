import type { Clock } from "../core/system/clock.ts";
import type { Slot } from "./slots.ts";

/** How the time of an attempt is kept. */
export interface OwnTimeOptions {
  /** Time. */
  clock: Clock;
  /** Seconds that it may take. @default no limit */
  limitSec?: number | undefined;
  /** Told when these have passed. */
  onLimit: () => void;
  /** The slot that it holds, which others may have while it waits. @default none */
  slot?: Slot | undefined;
}

/**
 * The time that an attempt spends itself: while its `create` waits for other artifacts to be computed, neither does its
 * time limit pass nor does it take up a slot.
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

  /** The slot of the attempt. */
  get slot(): Slot | undefined {
    return this.#options.slot;
  }

  /**
   * The attempt begins to wait for another artifact: its limit stands still. Its slot is for what it waits for, or to be
   * given back. Call what this returns when that is there.
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
