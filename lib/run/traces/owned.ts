/** A timer, a listener or the like, which goes on by itself until it is taken down. */
export interface OwnedThing {
  /** In words. */
  what: string;
  /** Takes it down. */
  end: () => void;
}

/** The things that attempts set up and have not taken down. */
export class Owned<A> {
  readonly #current: () => A | undefined;
  readonly #all = new Map<unknown, { owner: A; thing: OwnedThing }>();

  /** @param current Whose code runs now. */
  constructor(current: () => A | undefined) {
    this.#current = current;
  }

  /**
   * Notes what the attempt that runs has set up.
   *
   * @param key What it is taken down by.
   */
  add(key: unknown, what: string, end: () => void): void {
    const owner = this.#current();
    if (owner !== undefined) this.#all.set(key, { owner, thing: { what, end } });
  }

  /** It ended, or was taken down. */
  delete(key: unknown): void {
    this.#all.delete(key);
  }

  /**
   * Takes down all that is left of an attempt.
   *
   * @returns What it was, in words.
   */
  end(attempt: A): string[] {
    return this.of(attempt).map(({ what, end }) => {
      try {
        end();
      } catch {
        // It has ended by itself.
      }
      return what;
    });
  }

  /** The things of an attempt that are left. */
  of(attempt: A): OwnedThing[] {
    return [...this.#all.values()].filter(({ owner }) => owner === attempt).map(({ thing }) => thing);
  }
}

type Functions = Record<string, (...args: unknown[]) => unknown>;

/**
 * Notes the timers, listeners, Web Workers and servers of attempts from now on. What it wraps does the same
 * as before.
 *
 * @param current Whose code runs now; what belongs to nobody is not noted.
 */
export function watchOwned<A>(current: () => A | undefined): Owned<A> {
  const owned = new Owned(current);
  watchTimers(owned, current);
  watchListeners(owned, globalThis, "addEventListener", "removeEventListener", "event");
  watchListeners(owned, Deno, "addSignalListener", "removeSignalListener", "signal");
  watchWorkers(owned, current);
  watchServers(owned);
  return owned;
}

function watchTimers<A>(owned: Owned<A>, current: () => A | undefined): void {
  const global = globalThis as unknown as Functions;
  for (const [set, clear] of [["setTimeout", "clearTimeout"], ["setInterval", "clearInterval"]] as const) {
    const [setting, clearing] = [global[set]!, global[clear]!];
    const watched = (callback: unknown, ...rest: unknown[]): unknown => {
      if (typeof callback !== "function" || current() === undefined) return setting(callback, ...rest);
      const timer = setting(function (this: unknown, ...args: unknown[]) {
        if (set === "setTimeout") owned.delete(Number(timer));
        return callback.apply(this, args);
      }, ...rest);
      owned.add(Number(timer), `a timer of ${set}`, () => clearing(timer));
      return timer;
    };
    Object.defineProperties(watched, Object.getOwnPropertyDescriptors(setting)); // what node:util promisifies
    global[set] = watched;
    global[clear] = (timer) => {
      if (timer !== undefined && timer !== null) owned.delete(Number(timer));
      return clearing(timer);
    };
  }
}

function watchListeners<A>(owned: Owned<A>, object: object, add: string, remove: string, what: string): void {
  const functions = object as unknown as Functions;
  const [adding, removing] = [functions[add]!, functions[remove]!];
  const ids = new WeakMap<object, number>();
  let last = 0;
  const keyOf = (name: unknown, listener: unknown): string => {
    const known = typeof listener === "function" || (typeof listener === "object" && listener !== null);
    if (known && !ids.has(listener)) ids.set(listener, ++last);
    return `${what} ${name} ${known ? ids.get(listener) : ""}`;
  };
  functions[add] = (...args) => {
    const result = adding.apply(object, args);
    owned.add(keyOf(args[0], args[1]), `a listener of the ${what} ${String(args[0])}`, () => {
      removing.apply(object, args);
    });
    return result;
  };
  functions[remove] = (...args) => {
    owned.delete(keyOf(args[0], args[1]));
    return removing.apply(object, args);
  };
}

let anyWorker = false;

/**
 * Whether a Web Worker was made since {@link watchOwned}: looking at all threads takes longer than all other
 * checks.
 */
export function hadWorkers(): boolean {
  return anyWorker;
}

function watchWorkers<A>(owned: Owned<A>, current: () => A | undefined): void {
  globalThis.Worker = new Proxy(Worker, {
    construct(target, args, newTarget): Worker {
      anyWorker = true;
      const worker: Worker = Reflect.construct(target, args, newTarget);
      if (current() === undefined) return worker;
      const terminate = worker.terminate.bind(worker);
      worker.terminate = () => {
        owned.delete(worker);
        terminate();
      };
      owned.add(worker, "a Web Worker", terminate);
      return worker;
    },
  });
}

function watchServers<A>(owned: Owned<A>): void {
  replaceWhenAsked("serve", (serve) => (...args: unknown[]): Deno.HttpServer => {
    const server = (serve as (...args: unknown[]) => Deno.HttpServer).apply(Deno, args);
    owned.add(server, "a server of Deno.serve", () => void server.shutdown());
    void server.finished.then(() => owned.delete(server));
    return server;
  });
}

/**
 * Puts something else in the place of a part of Deno that it loads when it is asked for: so is the other one
 * made then only.
 */
function replaceWhenAsked<K extends "Command" | "serve">(
  name: K,
  other: (original: typeof Deno[K]) => unknown,
): void {
  const before = Object.getOwnPropertyDescriptor(Deno, name);
  if (!before?.configurable) return;
  let made: unknown;
  const get = () => made ??= other((before.get?.() ?? before.value) as typeof Deno[K]);
  const set = (value: unknown) =>
    Object.defineProperty(Deno, name, { value, configurable: true, enumerable: true, writable: true });
  Object.defineProperty(Deno, name, { configurable: true, enumerable: true, get, set });
}

/**
 * Tells of the programs that `Deno.Command` starts from now on.
 *
 * @param started Called for each; gives the environment that marks it, or nothing.
 */
export function watchCommands(started: () => Record<string, string> | undefined): void {
  replaceWhenAsked("Command", (original) =>
    new Proxy(original, {
      construct(target, args: [string | URL, Deno.CommandOptions | undefined], newTarget): object {
        const mark = started();
        if (mark === undefined) return Reflect.construct(target, args, newTarget);
        const [program, options] = args;
        return Reflect.construct(
          target,
          [program, { ...options, env: { ...mark, ...options?.env } }],
          newTarget,
        );
      },
    }));
}

/** The used part of node's `process`. */
interface NodeProcess {
  on(event: string, listener: (name: PropertyKey, listener: unknown) => void): void;
  removeListener(event: PropertyKey, listener: unknown): void;
  getBuiltinModule(name: string): { ChildProcess: { prototype: { spawn: (options: NodeSpawn) => unknown } } };
}

interface NodeSpawn {
  env?: Record<string, string>;
  envPairs?: string[];
}

/**
 * Whether anything has loaded node's `process`: to ask for it would load it, which takes longer than a small
 * task.
 */
export function isNodeLoaded(): boolean {
  return Object.hasOwn(console, "_stdout");
}

/**
 * The same for listeners of node's `process`, and for the programs that its modules start.
 *
 * @param started As for {@link watchCommands}.
 */
export function watchNodeProcess<A>(
  owned: Owned<A>,
  started: () => Record<string, string> | undefined,
): void {
  const { process } = globalThis as unknown as { process: NodeProcess };
  const ids = new Map<unknown, number>();
  const keyOf = (name: PropertyKey, listener: unknown): string => {
    if (!ids.has(listener)) ids.set(listener, ids.size);
    return `process ${String(name)} ${ids.get(listener)}`;
  };
  process.on("newListener", (name, listener) => {
    owned.add(keyOf(name, listener), `a listener of process for ${String(name)}`, () => {
      process.removeListener(name, listener);
    });
  });
  process.on("removeListener", (name, listener) => owned.delete(keyOf(name, listener)));
  const { prototype } = process.getBuiltinModule("node:child_process").ChildProcess;
  const { spawn } = prototype;
  prototype.spawn = function (options) {
    const mark = started();
    if (mark === undefined) return spawn.call(this, options);
    const pairs = Object.entries(mark).map(([name, value]) => `${name}=${value}`);
    const { env, envPairs } = options;
    return spawn.call(this, {
      ...options,
      ...(env === undefined ? {} : { env: { ...env, ...mark } }),
      ...(envPairs === undefined ? {} : { envPairs: [...envPairs, ...pairs] }),
    });
  };
}
