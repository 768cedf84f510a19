/** Stand-in for `jsr:@std/testing/time`: what furu uses of it, written by hand. @module */

/** An error related to faking time. */
export class TimeError extends Error {
  /** @param message What cannot be done. */
  constructor(message: string) {
    super(message);
    this.name = "TimeError";
  }
}

// deno-lint-ignore no-explicit-any -- as the global functions are declared
type Callback = (...args: any[]) => void;
type Timer = { id: number; due: number; every?: number; callback: Callback; args: unknown[] };

const real = {
  Date: globalThis.Date,
  setTimeout: globalThis.setTimeout,
  clearTimeout: globalThis.clearTimeout,
  setInterval: globalThis.setInterval,
  clearInterval: globalThis.clearInterval,
};
let active: FakeTime | undefined;

/**
 * Overrides the global `Date` and timers with ones that move only when told to.
 * See https://jsr.io/@std/testing/doc/time/~/FakeTime.
 */
export class FakeTime {
  #start: number;
  #now: number;
  #lastId = 0;
  #timers = new Map<number, Timer>();

  /** @param start Where time begins. @default the real time */
  constructor(start?: number | string | Date | null) {
    if (active) throw new TimeError("Cannot construct FakeTime: time is already faked");
    this.#start = typeof start === "number"
      ? Math.floor(start)
      : new real.Date(start ?? real.Date.now()).valueOf();
    if (Number.isNaN(this.#start)) {
      throw new TimeError(`Cannot construct FakeTime: invalid start time ${this.#start}`);
    }
    this.#now = this.#start;
    this.#override();
    active = this;
  }

  #override(): void {
    const add = (callback: Callback, ms: number, args: unknown[], repeat: boolean): number => {
      const wait = Math.max(repeat ? 1 : 0, Math.floor(Number(ms) || 0));
      const id = ++this.#lastId;
      this.#timers.set(id, { id, due: this.#now + wait, callback, args, ...(repeat ? { every: wait } : {}) });
      return id;
    };
    const clear = (id?: number): void => void (id !== undefined && this.#timers.delete(Number(id)));
    globalThis.Date = new Proxy(real.Date, {
      apply: () => new real.Date(this.#now).toString(),
      construct: (target, args, newTarget) =>
        Reflect.construct(target, args.length === 0 ? [this.#now] : args, newTarget),
      get: (target, key) => key === "now" ? () => this.#now : Reflect.get(target, key),
    });
    Object.assign(globalThis, {
      setTimeout: (callback: Callback, ms = 0, ...args: unknown[]) => add(callback, ms, args, false),
      setInterval: (callback: Callback, ms = 0, ...args: unknown[]) => add(callback, ms, args, true),
      clearTimeout: clear,
      clearInterval: clear,
    });
  }

  #nextTimer(): Timer | undefined {
    let first: Timer | undefined;
    // Of several that are due together the one set first comes first: a Map keeps their order.
    for (const timer of this.#timers.values()) if (!first || timer.due < first.due) first = timer;
    return first;
  }

  /** Milliseconds since 1970 by the fake time; setting it calls what becomes due. */
  get now(): number {
    return this.#now;
  }
  set now(value: number) {
    if (value < this.#now) {
      throw new RangeError(
        `Cannot set current time in the past, time must be >= ${this.#now}: received ${value}`,
      );
    }
    for (let timer = this.#nextTimer(); timer && timer.due <= value; timer = this.#nextTimer()) {
      this.#now = timer.due;
      this.#timers.delete(timer.id);
      if (timer.every !== undefined) this.#timers.set(timer.id, { ...timer, due: timer.due + timer.every });
      timer.callback(...timer.args);
    }
    this.#now = value;
  }

  /** Where the fake time began. */
  get start(): number {
    return this.#start;
  }

  /** Resolves after real milliseconds. */
  delay(ms: number): Promise<void> {
    return new Promise((resolve) => real.setTimeout.call(globalThis, resolve, ms));
  }

  /** Runs all pending microtasks. */
  async runMicrotasks(): Promise<void> {
    await this.delay(0);
  }

  /** Adds milliseconds to the fake time. */
  tick(ms = 0): void {
    this.now += ms;
  }

  /** Runs all pending microtasks, then adds milliseconds to the fake time. */
  async tickAsync(ms = 0): Promise<void> {
    await this.runMicrotasks();
    this.now += ms;
  }

  /** Advances to the next timer. @returns Was there one? */
  next(): boolean {
    const timer = this.#nextTimer();
    if (timer) this.now = timer.due;
    return timer !== undefined;
  }

  /** Runs all pending microtasks, then advances to the next timer. @returns Was there one? */
  async nextAsync(): Promise<boolean> {
    await this.runMicrotasks();
    return this.next();
  }

  /** Restores real time. */
  restore(): void {
    if (active !== this) throw new TimeError("Cannot restore time: time is already restored");
    active = undefined;
    Object.assign(globalThis, real);
  }

  /** Restores real time. */
  [Symbol.dispose](): void {
    this.restore();
  }
}
