import { AsyncLocalStorage } from "node:async_hooks";

/** Whose code is running: set around all of an attempt. */
export interface Blame<A> {
  /** Runs a function, and all that it starts, as part of an attempt. */
  within<T>(attempt: A, run: () => T): T;
  /** The timers and listeners of an attempt that still wait, in words. */
  leftBy(attempt: A): string[];
}

/**
 * Catches every error that nobody handles and says which attempt it belongs to.
 *
 * @param onError Told what was thrown and by whose code; `undefined` where that is unknown.
 */
export function catchUnhandled<A>(onError: (error: unknown, attempt: A | undefined) => void): Blame<A> {
  const storage = new AsyncLocalStorage<A>();
  globalThis.addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    onError(event.reason, storage.getStore());
  });
  globalThis.addEventListener("error", (event) => {
    event.preventDefault();
    onError(event.error ?? event.message, storage.getStore());
  });
  const owned = watchOwned(storage);
  blameTimers((error) => onError(error, storage.getStore()), owned);
  return {
    within: (attempt, run) => storage.run(attempt, run),
    leftBy: (attempt) => owned.of(attempt),
  };
}

/** What an attempt set up in its process and has not taken down: kept by what it is taken down with. */
class Owned<A> {
  readonly #current: () => A | undefined;
  readonly #all = new Map<unknown, { owner: A; what: string }[]>();

  constructor(current: () => A | undefined) {
    this.#current = current;
  }

  add(key: unknown, what: string): void {
    const owner = this.#current();
    if (owner !== undefined) this.#all.set(key, [...this.#all.get(key) ?? [], { owner, what }]);
  }

  delete(key: unknown): void {
    this.#all.delete(key);
  }

  of(attempt: A): string[] {
    const found: string[] = [];
    for (const list of this.#all.values()) {
      for (const { owner, what } of list) if (owner === attempt) found.push(what);
    }
    return found;
  }
}

/** Notes the listeners that attempts add; those of a process outlive whoever added them. */
function watchOwned<A>(storage: AsyncLocalStorage<A>): Owned<A> {
  const owned = new Owned(() => storage.getStore());
  const ids = new WeakMap<object, number>();
  let last = 0;
  const keyOf = (name: unknown, listener: unknown): string => {
    if (typeof listener !== "function" && (typeof listener !== "object" || listener === null)) {
      return `${name}`;
    }
    if (!ids.has(listener)) ids.set(listener, ++last);
    return `${name} ${ids.get(listener)}`;
  };
  const pairs = [
    [globalThis, "addEventListener", "removeEventListener", "event"],
    [Deno, "addSignalListener", "removeSignalListener", "signal"],
  ] as const;
  for (const [object, add, remove, what] of pairs) {
    const functions = object as unknown as Record<string, (...args: unknown[]) => unknown>;
    const [adding, removing] = [functions[add]!, functions[remove]!];
    functions[add] = function (...args) {
      const result = adding.apply(object, args);
      owned.add(keyOf(args[0], args[1]), `a listener of the ${what} ${String(args[0])}`);
      return result;
    };
    functions[remove] = function (...args) {
      owned.delete(keyOf(args[0], args[1]));
      return removing.apply(object, args);
    };
  }
  return owned;
}

/**
 * What a timer throws reaches the `error` event without its context, so an attempt would be blamed for the timers of
 * the one before: it is caught inside the timer instead. Those that wait still are known by who set them.
 */
function blameTimers<A>(onError: (error: unknown) => void, owned: Owned<A>): void {
  for (const name of ["setTimeout", "setInterval"] as const) {
    const original = globalThis[name] as unknown as (...args: unknown[]) => unknown;
    const guarded = (callback: unknown, ...rest: unknown[]): unknown => {
      if (typeof callback !== "function") return original(callback, ...rest);
      const timer = original(function (this: unknown, ...args: unknown[]) {
        if (name === "setTimeout") owned.delete(keyOf(timer));
        try {
          return callback.apply(this, args);
        } catch (error) {
          onError(error);
        }
      }, ...rest);
      owned.add(keyOf(timer), `a timer of ${name}`);
      return timer;
    };
    Object.defineProperties(guarded, Object.getOwnPropertyDescriptors(original)); // what node:util promisifies
    globalThis[name] = guarded as never;
  }
  for (const name of ["clearTimeout", "clearInterval"] as const) {
    const original = globalThis[name] as (timer: unknown) => void;
    globalThis[name] = ((timer: unknown): void => {
      if (timer !== undefined && timer !== null) owned.delete(keyOf(timer));
      original(timer);
    }) as never;
  }
}

/** The number of a timer, which may be an object that becomes one. */
function keyOf(timer: unknown): number {
  return Number(timer);
}
