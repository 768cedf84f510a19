import type { Clock } from "../core/system/clock.ts";
import { ExecutionError } from "../core/errors.ts";
import { furuGlobals } from "../core/globals.ts";
import { chainText } from "../core/hash.ts";
import type { Artifact } from "../task/artifact/artifact.ts";
import { type LimitUnits, NO_UNITS } from "../core/settings/limits.ts";
import { type LimitShare, Slot, Slots } from "./slots.ts";

/**
 * One artifact that this process computes for interactive `get`s, or tries to claim. All calls that want it
 * share it: it goes on while one of them does.
 */
export class Computation {
  /** The artifact that is computed. */
  readonly artifact: Artifact;
  /** The length of the chain of computations that wait for this one, one for the other. */
  readonly depth: number;
  /** Resolves at its end: `true` when the result is there, `false` when somebody else computes it. */
  readonly done: Promise<boolean>;
  readonly #unwanted = new AbortController();
  /** The computations that its `create` waits for now, and at how many places it waits for each. */
  readonly #waitsFor = new Map<Computation, number>();
  #wanted = 0;

  /**
   * @param by The one whose `create` is the first to want it.
   * @param compute Begins.
   */
  constructor(
    artifact: Artifact,
    by: Computation | undefined,
    compute: (computation: Computation) => Promise<boolean>,
  ) {
    this.artifact = artifact;
    this.depth = by ? by.depth + 1 : 0;
    // Not at once: it is to be found by others before anything of it runs.
    this.done = Promise.resolve().then(() => compute(this));
    // Those that wait for it are told; when none does any more, nobody has to be.
    this.done.catch(() => {});
  }

  /** Aborts when nobody wants it any more. */
  get unwanted(): AbortSignal {
    return this.#unwanted.signal;
  }

  /**
   * Waits for its end. Who stops waiting leaves the others alone; the last one ends the computation, and
   * waits until it has ended.
   *
   * @param by The computation whose `create` waits.
   * @param signal Ends the waiting of this caller.
   * @throws What it failed with. The reason of what ended the waiting. {@link ExecutionError} where it waits
   * itself for the one that wants to wait.
   */
  async wait(by: Computation | undefined, signal: AbortSignal | undefined): Promise<boolean> {
    // Given up just now by all that wanted it: the caller looks again when it has ended.
    if (this.unwanted.aborted) return await this.done.then(() => true, () => true);
    if (by) {
      this.#refuseCycle(by);
      by.#waitsFor.set(this, (by.#waitsFor.get(this) ?? 0) + 1);
    }
    this.#wanted++;
    const aborted = Promise.withResolvers<never>();
    const onAbort = (): void => {
      // Of a chain the one below is told after this one has returned: chains are longer than calls can be
      // nested.
      queueMicrotask(() => this.#leave(signal?.reason, aborted.reject));
    };
    if (signal?.aborted) onAbort();
    else signal?.addEventListener("abort", onAbort);
    try {
      return await (signal ? Promise.race([this.done, aborted.promise]) : this.done);
    } finally {
      signal?.removeEventListener("abort", onAbort);
      if (by) {
        const times = by.#waitsFor.get(this) ?? 1;
        if (times > 1) by.#waitsFor.set(this, times - 1);
        else by.#waitsFor.delete(this);
      }
    }
  }

  #leave(reason: unknown, reject: (reason: unknown) => void): void {
    if (--this.#wanted > 0) return reject(reason);
    this.#unwanted.abort(reason);
    this.done.then(() => reject(reason), reject);
  }

  /** A computation that waits for itself, by whatever way, would wait for ever. */
  #refuseCycle(by: Computation): void {
    const from = new Map<Computation, Computation | undefined>([[this, undefined]]);
    for (const [at] of from) {
      if (at === by) {
        const way: Computation[] = [];
        for (let on: Computation | undefined = by; on; on = from.get(on)) way.push(on);
        const names = [...way.reverse(), this].map(({ artifact }) => `${artifact}`);
        // Each waits for the next one.
        throw new ExecutionError(
          `Cannot get ${this.artifact}: it is being computed, and waits itself for what asks for it ` +
            `(${chainText(names)})`,
          { artifact: `${this.artifact}` },
        );
      }
      for (const next of at.#waitsFor.keys()) if (!from.has(next)) from.set(next, at);
    }
  }
}

/** The event loop is never kept busy for much longer than this by furu itself. */
const PAUSE_EVERY_MS = 50;

/** The state that all `get`s of one process share. */
export class Computations {
  readonly #running = new Map<string, Computation>();
  #lastPause = 0;
  /** One for each `create` that runs. */
  readonly #creates = new Slots();
  /** The units of limits, by name. */
  readonly #limits = new Map<string, Slots>();
  /** One for each look at what another process does: each holds a file open. */
  readonly looks: Slots = new Slots();

  /**
   * Lets timers and signals have their turn, now and then: small results can follow each other without any
   * pause.
   */
  async pause(clock: Clock): Promise<void> {
    const now = clock.monotonic();
    if (now - this.#lastPause < PAUSE_EVERY_MS) return;
    this.#lastPause = now;
    await clock.sleep(0);
  }

  /**
   * The computation of an artifact that goes on, else one that begins now. One that nobody wants any more,
   * and that is about to end, is waited for first.
   *
   * @param key Stands for the artifact in its store.
   * @param by The one whose `create` wants it.
   */
  async shared(
    key: string,
    artifact: Artifact,
    by: Computation | undefined,
    compute: (computation: Computation) => Promise<boolean>,
  ): Promise<Computation> {
    for (let running; (running = this.#running.get(key))?.unwanted.aborted;) {
      await running.done.catch(() => {/* told to those who wanted it */});
    }
    const running = this.#running.get(key);
    if (running) return running;
    // Made here, as slots are: of two copies of furu in a process each would not know the other's private
    // members.
    const computation = new Computation(artifact, by, compute);
    this.#running.set(key, computation);
    const forget = (): void => void this.#running.delete(key);
    computation.done.then(forget, forget);
    return computation;
  }

  /**
   * A slot for a `create`, not held yet.
   *
   * @param capacity How many may run at the same time.
   * @param takes The units of limits that it takes.
   * @param limits How many units there are.
   */
  slot(capacity: number, takes: LimitUnits = NO_UNITS, limits: LimitUnits = NO_UNITS): Slot {
    const shares = Object.entries(takes).map(([name, count]): LimitShare => {
      const slots = this.#limits.get(name) ?? new Slots(true);
      this.#limits.set(name, slots);
      return { slots, capacity: limits[name]!, count };
    });
    return new Slot(this.#creates, capacity, shares);
  }
}

/** The one {@link Computations} of this process, for all copies of furu in it. */
export function sharedComputations(): Computations {
  return (furuGlobals().computations ??= new Computations()) as Computations;
}
