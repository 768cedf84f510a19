import { definitionsNoted } from "./definitions.ts";

/**
 * Watches what all code of a process shares: the global names, and the language's own objects. What a task
 * changed in them would reach whatever runs after it. A task may have changed the very functions that a check
 * would call, so these are kept from the start, and nothing below goes through an iterator.
 */
const { ownKeys, getOwnPropertyDescriptor, getPrototypeOf, isExtensible } = Reflect;
const { defineProperty, deleteProperty, setPrototypeOf } = Reflect;
const { is, keys: listedKeys, getOwnPropertySymbols, hasOwn } = Object;

/** Something that all code of a process shares and a task changed. */
export interface SharedChange {
  /** As code writes it: `Array.prototype.map`. */
  name: string;
  /**
   * `"global"` for a name that somebody added to `globalThis`, `"builtin"` for what the language or Deno
   * brings.
   */
  kind: "global" | "builtin";
  /** Whether it is as it was again. */
  restored: boolean;
}

interface Watched {
  object: object;
  name: string;
  prototype: object | null;
  extensible: boolean;
  /** The properties that hold a value, and these. */
  keys: PropertyKey[];
  values: unknown[];
  valueDescriptors: PropertyDescriptor[];
  /** Those that are computed, and how. */
  accessors: PropertyKey[];
  descriptors: PropertyDescriptor[];
  /** The number of names that `Object.keys` lists, of symbols, and of those in {@link UNLISTED}. */
  listed: number;
  symbols: number;
  unlisted: number;
  /** Keys whose loss their values would not show: it has the same by its prototype. */
  covering: PropertyKey[];
}

/** Deno makes some of its own parts when they are first used. */
const LAZY: Readonly<Record<string, readonly PropertyKey[]>> = {
  globalThis: ["nodeBootstrap", "MessageChannel", "MessagePort"],
  console: ["_stdout", "_stderr", "Console"],
  performance: ["eventLoopUtilization", "nodeTiming", "timerify", "markResourceTiming"],
};
/** Set by many who print a stack, and wholly put back by setting it again: not worth a word. */
const QUIET: Readonly<Record<string, readonly PropertyKey[]>> = {
  Error: ["stackTraceLimit", "prepareStackTrace"],
  console: ["indentLevel"],
};
/** Added by `Error.captureStackTrace` and node's `inherits`: no other names come unlisted and unnoted. */
const UNLISTED = ["stack", "super_"];
/** Code uses and extends these everywhere: they are looked at after each task. */
const COMMON =
  ("Object Function Array Number Boolean String Date Promise RegExp Error JSON Math Reflect Map Set " +
    "Deno console").split(" ");
const NAMES = COMMON.concat(
  ("Symbol BigInt TypeError Proxy ArrayBuffer Uint8Array WeakMap Iterator crypto performance EventTarget " +
    "AbortSignal URL AggregateError EvalError RangeError ReferenceError SyntaxError URIError Intl Atomics " +
    "SharedArrayBuffer DataView Int8Array Uint8ClampedArray Int16Array Uint16Array Int32Array Uint32Array " +
    "Float16Array Float32Array Float64Array BigInt64Array BigUint64Array WeakSet WeakRef " +
    "FinalizationRegistry Temporal WebAssembly Crypto Event AbortController URLSearchParams Blob " +
    "DOMException").split(" "),
);
/**
 * The rest takes as long again to look at, which a task of a millisecond would feel: in a long series of such
 * tasks it is looked at no more often than this.
 */
const REST_EVERY_MS = 10;
/** So many looks are at all of it nevertheless. */
const FIRST_LOOKS = 8;
/** The global names before a pipeline adds its own: furu is mostly loaded first. */
const PLATFORM = ownKeys(globalThis);

/** The shared parts of a process as they were once. */
export class Builtins {
  readonly #common: Watched[] = [];
  readonly #rest: Watched[] = [];
  readonly #thrifty: boolean;
  #looks = 0;
  #lookedAt = 0;
  /** The calls noted when all names were compared last. */
  #defined: number;

  /**
   * Looks at them now.
   *
   * @param thrifty Whether the rest may be looked at less often than the common ones.
   */
  constructor(thrifty: boolean) {
    this.#thrifty = thrifty;
    this.#defined = definitionsNoted();
    for (const [name, object] of sharedObjects()) {
      const isCommon = name === "globalThis" || COMMON.includes(name.replace(/\.prototype$/, ""));
      (isCommon ? this.#common : this.#rest).push(watch(name, object));
    }
  }

  /** Whether it is time to look at all. */
  #isDue(): boolean {
    if (!this.#thrifty) return true;
    const at = now();
    if (++this.#looks > FIRST_LOOKS && at - this.#lookedAt < REST_EVERY_MS) return false;
    this.#lookedAt = at;
    return true;
  }

  /** Whether all is as it was. */
  unchanged(): boolean {
    const isDue = this.#isDue();
    return allSame(this.#common, this.#knowsNames(isDue)) && (!isDue || allSame(this.#rest, false));
  }

  /** Whether names need not be compared, as no call since the last time can have added one unseen. */
  #knowsNames(isDue: boolean): boolean {
    const before = this.#defined;
    this.#defined = definitionsNoted();
    return !isDue && before === this.#defined;
  }

  /**
   * Makes all as it was, as far as that can be.
   *
   * @returns What was different.
   */
  putBack(): SharedChange[] {
    const changes: SharedChange[] = [];
    const isDue = this.#isDue();
    putBackAll(this.#common, changes, this.#knowsNames(isDue));
    // Who changed something common may have changed more.
    if (changes.length > 0 || isDue) putBackAll(this.#rest, changes, false);
    return changes;
  }
}

/** A task may have replaced it. */
const now = performance.now.bind(performance);

function allSame(watched: readonly Watched[], knowsNames: boolean): boolean {
  for (let i = 0; i < watched.length; i++) if (!same(watched[i]!, knowsNames)) return false;
  return true;
}

function putBackAll(watched: readonly Watched[], changes: SharedChange[], knowsNames: boolean): void {
  for (let i = 0; i < watched.length; i++) {
    if (!same(watched[i]!, knowsNames)) restore(watched[i]!, changes);
  }
}

function sharedObjects(): [string, object][] {
  const found: [string, object][] = [["globalThis", globalThis]];
  const seen = new Set<unknown>([globalThis]);
  const add = (name: string, object: unknown): void => {
    if (object === null || (typeof object !== "object" && typeof object !== "function") || seen.has(object)) {
      return;
    }
    seen.add(object);
    found.push([name, object]);
    const { prototype } = object as { prototype?: unknown };
    if (typeof object === "function") add(`${name}.prototype`, prototype);
  };
  for (const name of NAMES) add(name, (globalThis as unknown as Record<string, unknown>)[name]);
  for (const name of ["env", "errors", "stdout", "stderr"] as const) add(`Deno.${name}`, Deno[name]);
  for (const name of ["Intl", "Temporal"] as const) {
    const space = (globalThis as unknown as Record<string, object | undefined>)[name] ?? {};
    for (const key of ownKeys(space)) {
      add(`${name}.${String(key)}`, (space as Record<PropertyKey, unknown>)[key]);
    }
  }
  // Those without a name: what typed arrays, iterators, generators and async functions inherit from.
  const hidden = [
    Uint8Array.prototype,
    [][Symbol.iterator](),
    new Map()[Symbol.iterator](),
    new Set()[Symbol.iterator](),
    ""[Symbol.iterator](),
    (function* () {})(),
    (async function* () {})(),
    async function () {},
    function* () {},
    async function* () {},
  ];
  for (const example of hidden) {
    for (let above = getPrototypeOf(example); above !== null; above = getPrototypeOf(above)) {
      const { constructor } = above;
      const tag = (above as { [Symbol.toStringTag]?: unknown })[Symbol.toStringTag];
      add(`the prototype of ${String(tag ?? constructor?.name)}`, above);
      add(`%${constructor?.name}%`, constructor);
    }
  }
  return found;
}

function watch(name: string, object: object): Watched {
  const watched: Watched = {
    object,
    name,
    prototype: getPrototypeOf(object),
    extensible: isExtensible(object),
    keys: [],
    values: [],
    valueDescriptors: [],
    accessors: [],
    descriptors: [],
    listed: listedKeys(object).length,
    symbols: getOwnPropertySymbols(object).length,
    unlisted: unlistedCount(object),
    covering: [],
  };
  for (const key of ownKeys(object)) {
    const descriptor = getOwnPropertyDescriptor(object, key)!;
    if (isIn(LAZY[name], key)) continue;
    if ("value" in descriptor) {
      watched.keys.push(key);
      watched.values.push(descriptor.value);
      watched.valueDescriptors.push(descriptor);
      if (mayInherit(watched, key, descriptor.value)) watched.covering.push(key);
    } else {
      watched.accessors.push(key);
      watched.descriptors.push(descriptor);
    }
  }
  return watched;
}

/** Whether reading the property would give the same without it, or fail. */
function mayInherit({ object, prototype }: Watched, key: PropertyKey, value: unknown): boolean {
  if (prototype === null) return value === undefined;
  try {
    return is(Reflect.get(prototype, key, object), value);
  } catch {
    return true;
  }
}

/** The check that each task pays for: it compares, and makes nothing but lists of keys. */
function same(watched: Watched, knowsNames: boolean): boolean {
  const { object, prototype, extensible, keys, values, accessors, descriptors, covering } = watched;
  const isCounted = knowsNames && sameCounts(watched);
  if (!isCounted && !sameNames(watched)) return false;
  for (let i = 0; i < covering.length; i++) if (!hasOwn(object, covering[i]!)) return false;
  if (getPrototypeOf(object) !== prototype || isExtensible(object) !== extensible) return false;
  for (let i = 0; i < keys.length; i++) {
    if (!is((object as Record<PropertyKey, unknown>)[keys[i]!], values[i])) return false;
  }
  for (let i = 0; i < accessors.length; i++) {
    if (isCounted && !descriptors[i]!.enumerable) {
      // Without a call that is noted it could only have been deleted, and come again where it is counted.
      if (!hasOwn(object, accessors[i]!)) return false;
      continue;
    }
    const now = getOwnPropertyDescriptor(object, accessors[i]!);
    if (now === undefined || now.get !== descriptors[i]!.get || now.set !== descriptors[i]!.set) return false;
  }
  return true;
}

/** Whether it has as many properties as it had. */
function sameNames({ object, name, keys, accessors }: Watched): boolean {
  const known = keys.length + accessors.length;
  const { length } = ownKeys(object);
  return length === known || length === known + lazyCount(name, object);
}

/** The same where none can have come that `Object.keys` does not list; `false` where that is not sure. */
function sameCounts({ object, listed, symbols, unlisted }: Watched): boolean {
  return listedKeys(object).length === listed && getOwnPropertySymbols(object).length === symbols &&
    unlistedCount(object) === unlisted;
}

function unlistedCount(object: object): number {
  let count = 0;
  for (let i = 0; i < UNLISTED.length; i++) if (hasOwn(object, UNLISTED[i]!)) count++;
  return count;
}

function restore(watched: Watched, changes: SharedChange[]): void {
  const { object, name, keys, values, valueDescriptors, accessors, descriptors } = watched;
  const tell = (key: PropertyKey | undefined, restored: boolean): void => {
    if (restored && key !== undefined && isIn(QUIET[name], key)) return;
    changes[changes.length] = {
      name: pathOf(name, key),
      kind: object === globalThis && key !== undefined && !isIn(PLATFORM, key) ? "global" : "builtin",
      restored,
    };
  };
  for (let i = 0; i < keys.length; i++) {
    const now = getOwnPropertyDescriptor(object, keys[i]!);
    if (now !== undefined && "value" in now && is(now.value, values[i])) continue;
    tell(keys[i], put(object, keys[i]!, valueDescriptors[i]!));
  }
  for (let i = 0; i < accessors.length; i++) {
    const now = getOwnPropertyDescriptor(object, accessors[i]!);
    if (now !== undefined && now.get === descriptors[i]!.get && now.set === descriptors[i]!.set) continue;
    tell(accessors[i], put(object, accessors[i]!, descriptors[i]!));
  }
  const all = ownKeys(object);
  for (let i = 0; i < all.length; i++) {
    const key = all[i]!;
    if (isIn(keys, key) || isIn(accessors, key) || isIn(LAZY[name], key)) continue;
    tell(key, drop(object, key));
  }
  if (getPrototypeOf(object) !== watched.prototype) {
    tell("__proto__", setPrototypeOf(object, watched.prototype));
  }
  if (isExtensible(object) !== watched.extensible) tell(undefined, false);
}

function put(object: object, key: PropertyKey, descriptor: PropertyDescriptor): boolean {
  try {
    return defineProperty(object, key, descriptor);
  } catch {
    return false;
  }
}

function drop(object: object, key: PropertyKey): boolean {
  try {
    return deleteProperty(object, key);
  } catch {
    return false;
  }
}

function pathOf(name: string, key: PropertyKey | undefined): string {
  if (key === undefined) return name;
  if (typeof key === "symbol") return `${name}[Symbol(${key.description})]`;
  return name === "globalThis" ? String(key) : `${name}.${String(key)}`;
}

/** Without `includes`, which a task may have replaced. */
function isIn(keys: readonly PropertyKey[] | undefined, key: PropertyKey): boolean {
  if (keys === undefined) return false;
  for (let i = 0; i < keys.length; i++) if (keys[i] === key) return true;
  return false;
}

function lazyCount(name: string, object: object): number {
  const lazy = LAZY[name];
  if (lazy === undefined) return 0;
  let count = 0;
  for (let i = 0; i < lazy.length; i++) if (getOwnPropertyDescriptor(object, lazy[i]!)) count++;
  return count;
}
