import { isSystemError } from "../core/errors.ts";
import type { Clock } from "../core/system/clock.ts";
import type { Runtime } from "../run/runtime.ts";

/**
 * A folder is left alone for no longer than this: one listing that was slow, once, says little of the next.
 */
const LONGEST_LISTING_PAUSE_MS = 30_000;
/** Milliseconds before the first repetition. */
const FIRST_PAUSE_MS = 50;

/**
 * How long a folder is left alone after it was listed, so that listings take a small part of the time however
 * slow the file server is.
 *
 * @param tookMs How long the listing took.
 * @param times How many times as long the pause is, within half a minute.
 * @returns Milliseconds.
 */
export function listingPause(tookMs: number, times: number): number {
  return Math.min(tookMs * times, LONGEST_LISTING_PAUSE_MS);
}

/**
 * Does something, and does it again while the system cannot, for a lease at most: a file server that is away
 * for a while ends no run.
 *
 * @param goOn Whether it is still wanted. If not, the error is thrown at once.
 * @param signal Ends a pause between two attempts; `goOn` is asked then as ever.
 */
export async function retryWhileUnavailable<T>(
  { machine: { clock }, store }: Runtime,
  goOn: () => boolean,
  step: () => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  const started = clock.monotonic();
  for (let pause = FIRST_PAUSE_MS;; pause = Math.min(2 * pause, store.leaseSec * 250)) {
    try {
      return await step();
    } catch (error) {
      const lasted = clock.monotonic() - started;
      if (!isSystemError(error) || !goOn() || lasted > store.leaseSec * 1000) throw error;
    }
    // An aborted one would make the pauses vanish.
    if (signal === undefined || signal.aborted) await clock.sleep(pause);
    else await clock.sleep(pause, signal).catch(() => {});
  }
}

/** A sleep that can be ended early: loops look often while things happen, and seldom otherwise. */
export class WakeUp {
  #awake = new AbortController();

  /** Ends the sleep that goes on, or else the next one at once. */
  wake(): void {
    this.#awake.abort();
  }

  /** Sleeps so many milliseconds at most. */
  async sleep(clock: Clock, ms: number): Promise<void> {
    const { signal } = this.#awake;
    try {
      if (!signal.aborted) await clock.sleep(ms, signal);
    } catch (error) {
      if (!signal.aborted) throw error;
    }
    if (signal.aborted) this.#awake = new AbortController();
  }
}

/** Does jobs beside each other, a bounded number at once. */
export class TaskLimiter {
  readonly #width: number;
  readonly #onError: (error: unknown) => void;
  readonly #waiting: (() => Promise<void>)[] = [];
  #next = 0;
  #active = 0;
  #still: (() => void)[] = [];

  /**
   * @param width How many jobs at once.
   * @param onError Receives what a job throws; the others go on.
   */
  constructor(width: number, onError: (error: unknown) => void) {
    this.#width = width;
    this.#onError = onError;
  }

  /** Adds a job; it begins when there is room. */
  push(job: () => Promise<void>): void {
    this.#waiting.push(job);
    if (this.#active < this.#width) this.#work();
  }

  /** Resolves when there is nothing left to be done. */
  async idle(): Promise<void> {
    if (this.#active > 0) await new Promise<void>((resolve) => this.#still.push(resolve));
  }

  async #work(): Promise<void> {
    this.#active++;
    // A caller that adds many jobs goes on adding before the first one begins.
    await Promise.resolve();
    for (let job = this.#take(); job; job = this.#take()) {
      try {
        await job();
      } catch (error) {
        this.#onError(error);
      }
    }
    if (--this.#active > 0) return;
    for (const resolve of this.#still.splice(0)) resolve();
  }

  #take(): (() => Promise<void>) | undefined {
    const job = this.#waiting.at(this.#next);
    if (job) this.#next++;
    // A queue of ten thousand is not moved by one place ten thousand times.
    if (this.#next === this.#waiting.length) this.#waiting.length = this.#next = 0;
    return job;
  }
}
