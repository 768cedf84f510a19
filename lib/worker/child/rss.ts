/** Milliseconds for which an answer is good. */
const KEPT_MS = 20;

/** The memory of this process, asked for now and then: a tiny task takes little more time than to ask. */
export class Rss {
  #bytes = 0;
  #until = -Infinity;

  /** How many bytes it has, or had a moment ago. */
  get bytes(): number {
    const now = performance.now();
    if (now > this.#until) {
      this.#bytes = Deno.memoryUsage().rss;
      this.#until = now + KEPT_MS;
    }
    return this.#bytes;
  }
}
