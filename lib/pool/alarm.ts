import type { Clock } from "../core/system/clock.ts";

/** A sleep that can be ended early: loops look often while things happen, and seldom else. */
export class Alarm {
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
