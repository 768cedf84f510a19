/** Questions that may be asked at once when none were for long. */
const BURST = 250;
/** Questions that each interval adds. */
const PER_INTERVAL = 20;
/** Questions at the same time. */
const AT_ONCE = 3;

/** Bounds the questions about single jobs: each costs Slurm's controller a call, as a list of all does. */
export class QuestionBudget {
  readonly #intervalMs: number;
  readonly #now: () => number;
  #left = BURST;
  #at = -Infinity;

  /**
   * @param intervalMs Milliseconds between two lists.
   * @param now The clock's monotonic time.
   */
  constructor(intervalMs: number, now: () => number) {
    this.#intervalMs = intervalMs;
    this.#now = now;
  }

  /**
   * Takes as many as may be asked at the same time.
   *
   * @param wanted How many there are to be asked.
   * @returns How many may be, 0 to `wanted`.
   */
  take(wanted: number): number {
    const now = this.#now();
    if (this.#at !== -Infinity) {
      this.#left = Math.min(BURST, this.#left + (now - this.#at) * PER_INTERVAL / this.#intervalMs);
    }
    this.#at = now;
    const taken = Math.min(wanted, AT_ONCE, Math.floor(this.#left));
    this.#left -= taken;
    return taken;
  }
}
