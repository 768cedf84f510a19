/** Follows signals for many at a time, with one listener for all that are told by the same signal. */
export class SharedSignals<T> {
  readonly #onAbort: (one: T, signal: AbortSignal) => void;
  readonly #told = new Map<AbortSignal, Set<T>>();

  /** @param onAbort Told of each that follows a signal, when that aborts. */
  constructor(onAbort: (one: T, signal: AbortSignal) => void) {
    this.#onAbort = onAbort;
  }

  /** This one is told when the signal aborts. */
  follow(signal: AbortSignal, one: T): void {
    const told = this.#told.get(signal);
    if (told) return void told.add(one);
    const all = new Set([one]);
    // One that is for a single attempt must not be kept for as long as this.
    for (const [other, those] of this.#told) if (those.size === 0) this.#told.delete(other);
    this.#told.set(signal, all);
    signal.addEventListener("abort", () => {
      for (const each of all) this.#onAbort(each, signal);
    }, { once: true });
  }

  /** This one is told no more. */
  forget(signal: AbortSignal, one: T): void {
    this.#told.get(signal)?.delete(one);
  }
}
