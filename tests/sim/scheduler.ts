import type { Parked, SimProcess } from "./process.ts";
import type { Random } from "./random.ts";

/** All that is waiting to happen, and the choice of what does. */
export class Scheduler {
  readonly #random: Random;
  readonly #parked: Parked[] = [];

  /** @param random Where choices are drawn from. */
  constructor(random: Random) {
    this.#random = random;
  }

  /** How much is waiting. */
  get size(): number {
    return this.#parked.length;
  }

  /** Adds something that waits. */
  add(parked: Parked): void {
    this.#parked.push(parked);
  }

  /** Takes something back; false when it was not waiting. */
  delete(parked: Parked): boolean {
    const at = this.#parked.indexOf(parked);
    if (at < 0) return false;
    this.#take(at);
    return true;
  }

  /** Takes back all that a process waits for. */
  deleteAll(process: SimProcess): void {
    for (let i = this.#parked.length - 1; i >= 0; i--) {
      if (this.#parked[i]?.process === process) this.#take(i);
    }
  }

  /** Takes one of those that can happen at `time`; where none can, the time at which the next one can. */
  take(time: number): Parked | number {
    let ready = 0;
    let earliest = Infinity;
    for (const parked of this.#parked) {
      const at = readyAt(parked);
      if (at <= time) ready++;
      else if (at < earliest) earliest = at;
    }
    if (ready === 0) return earliest;
    let left = this.#random.int(ready);
    const at = this.#parked.findIndex((parked) => readyAt(parked) <= time && left-- === 0);
    return this.#take(at);
  }

  /** The first few that wait, for people. */
  toString(): string {
    const shown = this.#parked.slice(0, 8).map((parked) => `${parked.process.label}: ${parked.what}`);
    return shown.join("; ");
  }

  #take(at: number): Parked {
    const taken = this.#parked[at] as Parked;
    const last = this.#parked.pop() as Parked;
    if (last !== taken) this.#parked[at] = last;
    return taken;
  }
}

/** World time from which it can happen. */
function readyAt(parked: Parked): number {
  return Math.max(parked.notBefore, parked.process.suspendedUntil);
}
