import type { LimitUse } from "../../core/event.ts";
import type { Clock } from "../../core/system/clock.ts";

/** It is told no more often, in milliseconds. */
const INTERVAL_MS = 1000;

/** Tells how much of the limits of a run is taken when that has changed, at most once a second. */
export class LimitNotice implements Disposable {
  readonly #clock: Clock;
  readonly #tell: (limits: LimitUse[]) => void;
  readonly #closing = new AbortController();
  #told = "[]";
  #toldAt = -Infinity;
  /** What is told when the second is over. */
  #next: (() => LimitUse[]) | undefined;

  /** Tells nothing yet. */
  constructor(clock: Clock, tell: (limits: LimitUse[]) => void) {
    this.#clock = clock;
    this.#tell = tell;
  }

  /**
   * Something has changed, maybe.
   *
   * @param use How much is taken.
   */
  look(use: () => LimitUse[]): void {
    if (this.#next) return void (this.#next = use);
    const waitMs = this.#toldAt + INTERVAL_MS - this.#clock.monotonic();
    if (waitMs <= 0) return this.#say(use());
    this.#next = use;
    this.#clock.sleep(waitMs, this.#closing.signal).then(() => {
      const limits = this.#next!();
      this.#next = undefined;
      this.#say(limits);
    }, () => {/* the run has ended */});
  }

  /** Tells nothing more. */
  [Symbol.dispose](): void {
    this.#closing.abort();
  }

  #say(limits: LimitUse[]): void {
    const text = JSON.stringify(limits);
    if (text === this.#told) return;
    this.#told = text;
    this.#toldAt = this.#clock.monotonic();
    this.#tell(limits);
  }
}
