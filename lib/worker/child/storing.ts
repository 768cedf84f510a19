/** So many results are brought to the disk together. */
const TOGETHER = 8;

/**
 * The results that wait to be brought to the disk, and those that are on their way there while the next tasks
 * are made.
 */
export class Storing {
  #waiting: (() => void)[] = [];
  #joined: Promise<void>[] = [];
  #leaving: Promise<unknown> = Promise.resolve();

  /** Resolves when the next ones leave. */
  join(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** @param told Resolves when the supervisor was told of one. */
  add(told: Promise<void>): void {
    this.#joined.push(told);
  }

  /** Sends them off when there are enough, and those before have arrived: what a crash costs stays small. */
  async fill(): Promise<void> {
    if (this.#joined.length < TOGETHER) return;
    await this.#leaving;
    this.leave();
  }

  /** Sends all off, and waits until they have arrived. */
  async empty(): Promise<void> {
    this.leave();
    await this.#leaving;
  }

  /** Sends all off. */
  leave(): void {
    const before = this.#leaving;
    this.#leaving = Promise.all([before, ...this.#joined.splice(0)]);
    for (const go of this.#waiting.splice(0)) go();
  }
}
