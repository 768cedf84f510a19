import type { Clock } from "../../core/system/clock.ts";

/** Lets through what was wanted for a while without a break: a chain of tasks needs a worker again in a moment. */
export class Lasting {
  readonly #clock: Clock;
  readonly #ms: number;
  readonly #since = new Map<string, number>();

  /** @param ms So long it has to be wanted. */
  constructor(clock: Clock, ms: number) {
    this.#clock = clock;
    this.#ms = ms;
  }

  /** What is wanted now. @returns What of that was wanted all the time. */
  of<T extends { readonly spec: string }>(wanted: readonly T[]): T[] {
    const now = this.#clock.monotonic();
    for (const spec of this.#since.keys()) {
      if (!wanted.some((each) => each.spec === spec)) this.#since.delete(spec);
    }
    for (const { spec } of wanted) if (!this.#since.has(spec)) this.#since.set(spec, now);
    return wanted.filter(({ spec }) => now - (this.#since.get(spec) ?? now) >= this.#ms);
  }

  /** It was done: the next time counts from anew. */
  done(spec: string): void {
    this.#since.delete(spec);
  }
}
