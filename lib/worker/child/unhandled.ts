import { AsyncLocalStorage } from "node:async_hooks";
import { isOlderDeno } from "../../core/system/deno_range.ts";
import { watchOwned } from "../../run/traces/owned.ts";

/** Before Deno 2.7 a rejection is told in the context of any code, as of a task that has long ended. */
const KNOWS_WHOSE = !isOlderDeno(Deno.version.deno, "2.7");

/** Whose code is running: set around all of an attempt. */
export interface CodeOwner<A> {
  /** Runs a function, and all that it starts, as part of an attempt. */
  within<T>(attempt: A, run: () => T): T;
  /** Runs a function, and all that it starts, as part of none. */
  outside<T>(run: () => T): T;
  /** Words for the things of an attempt that go on by themselves: timers, listeners, Web Workers, servers. */
  leftBy(attempt: A): string[];
}

/**
 * Catches every error that nobody handles and says which attempt it belongs to.
 *
 * @param onError Told what was thrown and by whose code; `undefined` where that is unknown.
 */
export function catchUnhandled<A>(onError: (error: unknown, attempt: A | undefined) => void): CodeOwner<A> {
  const storage = new AsyncLocalStorage<A | undefined>();
  globalThis.addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    onError(event.reason, KNOWS_WHOSE ? storage.getStore() : undefined);
  });
  globalThis.addEventListener("error", (event) => {
    event.preventDefault();
    onError(event.error ?? event.message, storage.getStore());
  });
  blameTimers((error) => onError(error, storage.getStore()));
  const owned = watchOwned(() => storage.getStore());
  return {
    within: (attempt, run) => storage.run(attempt, run),
    // Deno runs what `exit` imports in the context around it.
    outside: (run) => storage.run(undefined, run),
    leftBy: (attempt) => owned.of(attempt).map(({ what }) => what),
  };
}

/**
 * What a timer throws reaches the `error` event without its context, so an attempt would be blamed for the
 * timers of the one before: it is caught inside the timer instead.
 */
function blameTimers(onError: (error: unknown) => void): void {
  for (const name of ["setTimeout", "setInterval"] as const) {
    const original = globalThis[name] as unknown as (...args: unknown[]) => unknown;
    const guarded = (callback: unknown, ...rest: unknown[]): unknown => {
      if (typeof callback !== "function") return original(callback, ...rest);
      return original(function (this: unknown, ...args: unknown[]) {
        try {
          return callback.apply(this, args);
        } catch (error) {
          onError(error);
        }
      }, ...rest);
    };
    // What node:util promisifies.
    Object.defineProperties(guarded, Object.getOwnPropertyDescriptors(original));
    globalThis[name] = guarded as never;
  }
}
