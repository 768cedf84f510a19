/** Numbers that look random and are the same for the same seed (mulberry32 over a scrambled seed). */
export class Random {
  #state: number;

  /** @param seed Any integer; neighbours give unrelated sequences. */
  constructor(seed: number) {
    let state = Math.imul(seed ^ (seed >>> 16), 0x85ebca6b);
    state = Math.imul(state ^ (state >>> 13), 0xc2b2ae35);
    this.#state = (state ^ (state >>> 16)) >>> 0;
  }

  /** From 0 up to, not including, 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number from 0 up to, not including, `below`. */
  int(below: number): number {
    return Math.floor(this.next() * below);
  }

  /** True with the given probability; draws nothing for 0, so that a fault that is off changes nothing. */
  chance(probability: number): boolean {
    return probability > 0 && this.next() < probability;
  }

  /** One of the items. @throws {RangeError} There is none. */
  pick<T>(items: readonly T[]): T {
    if (items.length === 0) throw new RangeError("Cannot pick from an empty list");
    return items[this.int(items.length)] as T;
  }

  /** From `low` (above 0) to `high`, every order of magnitude alike: durations worth trying have no scale. */
  scale(low: number, high: number): number {
    return low * Math.exp(this.next() * Math.log(high / low));
  }

  /** That many hex digits. */
  hex(digits: number): string {
    let text = "";
    while (text.length < digits) text += this.int(2 ** 24).toString(16).padStart(6, "0");
    return text.slice(0, digits);
  }

  /** The same items in another order, in place. */
  shuffle<T>(items: T[]): T[] {
    for (let i = items.length - 1; i > 0; i--) {
      const j = this.int(i + 1);
      const kept = items[i] as T;
      items[i] = items[j] as T;
      items[j] = kept;
    }
    return items;
  }
}
