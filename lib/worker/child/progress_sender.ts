const INTERVAL_MS = 100;

/**
 * Passes progress on at most every 100 ms, the latest report always: a tight loop may report each of its
 * turns.
 */
export class ProgressSender {
  readonly #send: (fraction: number, message: string | undefined) => void;
  #sentAt = -INTERVAL_MS;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #latest: { fraction: number; message: string | undefined } = { fraction: 0, message: undefined };
  #stopped = false;

  /** @param send Passes one report on. */
  constructor(send: (fraction: number, message: string | undefined) => void) {
    this.#send = send;
  }

  /**
   * Reports.
   *
   * @param fraction Brought into 0 to 1; NaN is 0.
   * @param message A few words.
   */
  report(fraction: number, message?: string): void {
    this.#latest = { fraction: Math.min(1, Math.max(0, Number(fraction) || 0)), message };
    if (this.#stopped || this.#timer !== undefined) return;
    const wait = this.#sentAt + INTERVAL_MS - performance.now();
    if (wait <= 0) this.#flush();
    else this.#timer = setTimeout(() => this.#flush(), wait);
  }

  /** Reports nothing more. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  #flush(): void {
    this.#timer = undefined;
    this.#sentAt = performance.now();
    this.#send(this.#latest.fraction, this.#latest.message);
  }
}
