/** How {@link medianMs} measures. */
export interface MeasureOptions {
  /**
   * How often it is measured.
   *
   * @default {5}
   */
  rounds?: number;
  /**
   * How often it is done before that, unmeasured.
   *
   * @default {1}
   */
  warmUp?: number;
  /**
   * Done before each time, unmeasured: clears what the last one left.
   *
   * @default {nothing}
   */
  before?: () => unknown;
}

/**
 * The median of the times that some work takes.
 *
 * @returns Milliseconds.
 */
export async function medianMs(work: () => unknown, options: MeasureOptions = {}): Promise<number> {
  const { rounds = 5, warmUp = 1, before } = options;
  const times: number[] = [];
  for (let round = -warmUp; round < rounds; round++) {
    await before?.();
    const begin = performance.now();
    await work();
    if (round >= 0) times.push(performance.now() - begin);
  }
  times.sort((a, b) => a - b);
  const middle = Math.floor(times.length / 2);
  return times.length % 2 === 1 ? times[middle]! : (times[middle - 1]! + times[middle]!) / 2;
}
