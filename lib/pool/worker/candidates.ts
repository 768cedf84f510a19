import type { Clock } from "../../core/system/clock.ts";
import { parseTaskName } from "../../queue/task_file.ts";
import { listingPause } from "../pacing.ts";

/**
 * A list is too old to go on with after this many claims in a row that other workers won: one for so many
 * names of it, since a long list costs more to read again than a few claims that come to nothing.
 */
const LEAST_LOST_IN_A_ROW = 2;
const MOST_LOST_IN_A_ROW = 16;
const NAMES_PER_LOST = 256;

/**
 * The tasks that a worker may try to claim: those of the highest turn first, and of one turn in a random
 * order. Workers that listed the same folder seldom want the same task, and one listing serves for many
 * claims.
 */
export class Candidates {
  readonly #randomId: () => string;
  readonly #refused: Set<string> = new Set();
  #list: string[] = [];
  #lost = 0;
  /** So many may be lost in a row. */
  #bearable = 0;

  /**
   * Has none yet.
   *
   * @param randomId Gives hex digits.
   */
  constructor(randomId: () => string) {
    this.#randomId = randomId;
  }

  /**
   * Takes a new listing.
   *
   * @returns Whether there is anything to try.
   */
  fill(files: readonly string[]): boolean {
    this.#lost = 0;
    this.#list = shuffled(files.filter((file) => !this.#refused.has(file)), parseInt(this.#randomId(), 16));
    if (this.#list.some((file) => turnOfFile(file) !== 0)) {
      const turns = new Map(this.#list.map((file) => [file, turnOfFile(file)]));
      // The next one is taken from the end. Sorting keeps the order of equal ones.
      this.#list.sort((a, b) => turns.get(a)! - turns.get(b)!);
    }
    const bearable = Math.ceil(this.#list.length / NAMES_PER_LOST);
    this.#bearable = Math.min(Math.max(bearable, LEAST_LOST_IN_A_ROW), MOST_LOST_IN_A_ROW);
    return this.#list.length > 0;
  }

  /** Whether the list is used up. */
  get isEmpty(): boolean {
    return this.#list.length === 0;
  }

  /** The task to try next. `undefined` when the list is used up. */
  next(): string | undefined {
    return this.#list.pop();
  }

  /** Takes note whether the last one could be claimed. */
  tried(won: boolean): void {
    this.#lost = won ? 0 : this.#lost + 1;
    if (this.#lost >= this.#bearable) this.#list = [];
  }

  /** Leaves a task out from now on. */
  refuse(file: string): void {
    this.#refused.add(file);
  }
}

function turnOfFile(file: string): number {
  return parseTaskName(file)?.turn ?? 0;
}

/** Fisher and Yates' shuffle with the numbers of a linear congruential generator (Numerical Recipes). */
function shuffled(items: string[], seed: number): string[] {
  let state = seed % 2 ** 32;
  for (let at = items.length - 1; at > 0; at--) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const other = Math.floor(state / 2 ** 32 * (at + 1));
    [items[at], items[other]] = [items[other]!, items[at]!];
  }
  return items;
}

/**
 * The shortest pause between two listings; its part of the time since something happened, and of a listing's
 * time.
 */
const SHORTEST_PAUSE_MS = 10;
const PAUSE_PER_QUIET = 0.1;
const PAUSE_PER_LISTING = 5;

/**
 * The pause between a worker's listings of its tasks: short while things happen, and longer the longer
 * nothing does.
 */
export class PollBackoff {
  readonly #clock: Clock;
  readonly #longestQuietMs: number;
  #newsAt: number;
  #listed: { at: number; tookMs: number } | undefined;

  /**
   * Begins with a short pause.
   *
   * @param pollIntervalSec The longest pause while nothing happens, in seconds.
   */
  constructor(clock: Clock, pollIntervalSec: number) {
    this.#clock = clock;
    this.#longestQuietMs = pollIntervalSec * 1000;
    this.#newsAt = clock.monotonic();
  }

  /** Milliseconds since the last listing. */
  get age(): number {
    return this.#listed ? this.#clock.monotonic() - this.#listed.at : Infinity;
  }

  /** Whether there was any listing yet. */
  get begun(): boolean {
    return this.#listed !== undefined;
  }

  /** Milliseconds until the folder may be listed again. 0 or less when it may be listed now. */
  get dueIn(): number {
    if (!this.#listed) return 0;
    const { at, tookMs } = this.#listed;
    const now = this.#clock.monotonic();
    const quiet = Math.min((now - this.#newsAt) * PAUSE_PER_QUIET, this.#longestQuietMs);
    return at + Math.max(quiet, SHORTEST_PAUSE_MS, listingPause(tookMs, PAUSE_PER_LISTING)) - now;
  }

  /** Takes note that something happened. */
  news(): void {
    this.#newsAt = this.#clock.monotonic();
  }

  /** Lists, and takes note of how long that takes. */
  async list<T>(listing: () => Promise<T>): Promise<T> {
    const before = this.#clock.monotonic();
    const listed = await listing();
    const at = this.#clock.monotonic();
    this.#listed = { at, tookMs: at - before };
    return listed;
  }
}
