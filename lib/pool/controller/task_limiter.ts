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
    const job = this.#waiting[this.#next];
    if (job) this.#next++;
    // A queue of ten thousand is not moved by one place ten thousand times.
    if (this.#next === this.#waiting.length) this.#waiting.length = this.#next = 0;
    return job;
  }
}
