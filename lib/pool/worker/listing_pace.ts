import type { Clock } from "../../core/system/clock.ts";
import { listingPause } from "../pacing.ts";

/** Two listings are at least so far apart; and by how much of the time since something happened, and of what one takes. */
const SHORTEST_PAUSE_MS = 10;
const PAUSE_PER_QUIET = 0.1;
const PAUSE_PER_LISTING = 5;

/** How often a worker lists its tasks: often while things happen, and seldom else. */
export class ListingPace {
  readonly #clock: Clock;
  readonly #longestQuietMs: number;
  #newsAt: number;
  #listed: { at: number; tookMs: number } | undefined;

  /** @param pollIntervalSec The longest pause while nothing happens. */
  constructor(clock: Clock, pollIntervalSec: number) {
    this.#clock = clock;
    this.#longestQuietMs = pollIntervalSec * 1000;
    this.#newsAt = clock.monotonic();
  }

  /** Was there any listing yet? */
  get begun(): boolean {
    return this.#listed !== undefined;
  }

  /** Milliseconds until the folder may be listed again; 0 or less when it may be now. */
  get dueIn(): number {
    if (!this.#listed) return 0;
    const { at, tookMs } = this.#listed;
    const now = this.#clock.monotonic();
    const quiet = Math.min((now - this.#newsAt) * PAUSE_PER_QUIET, this.#longestQuietMs);
    return at + Math.max(quiet, SHORTEST_PAUSE_MS, listingPause(tookMs, PAUSE_PER_LISTING)) - now;
  }

  /** Something happened. */
  news(): void {
    this.#newsAt = this.#clock.monotonic();
  }

  /** Lists. */
  async list<T>(listing: () => Promise<T>): Promise<T> {
    const before = this.#clock.monotonic();
    const listed = await listing();
    const at = this.#clock.monotonic();
    this.#listed = { at, tookMs: at - before };
    return listed;
  }
}
