import { ValidationError } from "../errors.ts";
import { inputJson, isInput } from "./input_file.ts";
import { toBase64 } from "./base64.ts";
import { bytesOf, MAX_DEPTH, TAG, type TypedArray, typedArrayKind } from "./tags.ts";

/** How {@link encodeTagged} encodes. */
export interface EncodeOptions {
  /** What is done, for errors: `"hash"` gives "Cannot hash params.lr". */
  action: string;
  /** Name of the whole value in errors: `"params"`. */
  path: string;
  /**
   * What it belongs to, for errors: `"toy/Train"`.
   *
   * @default {none}
   */
  owner?: string | undefined;
  /**
   * Equal values give equal text: keys and members sorted, `-0` as `0`, `undefined` properties left out, what
   * is no proper value an error. Otherwise everything is written so that it comes back as it was.
   */
  canonical: boolean;
  /**
   * The number of characters that are allowed.
   *
   * @default {what V8 takes as one string, 2^29 - 24}
   */
  most?: number | undefined;
  /**
   * What to do where they are too many, for errors.
   *
   * @default {nothing is said}
   */
  instead?: string | undefined;
  /**
   * The name and hash of an artifact; `undefined` for any other object.
   *
   * @default {nothing is an artifact}
   */
  artifactReference?: ((value: object) => readonly [string, string] | undefined) | undefined;
  /**
   * Whether paths and stamps of files and folders are written, too, in canonical JSON.
   *
   * @default {false}
   */
  inputPaths?: boolean | undefined;
  /**
   * JSON to be written for a string, or a key of a plain object, instead of itself; or what is wrong with it.
   *
   * @default {none}
   */
  string?: ((text: string) => string | { fault: string } | undefined) | undefined;
  /**
   * JSON to be written for a typed array instead of its bytes.
   *
   * @default {none}
   */
  typedArray?: ((kind: string, view: TypedArray) => string | undefined) | undefined;
}

/**
 * JSON text of a value, with tags (see `tags.ts`) for what JSON has no form for.
 *
 * @throws {ValidationError} naming the path of the first thing that cannot be encoded, or of the largest part
 * where the text would be too long.
 */
export function encodeTagged(value: unknown, options: EncodeOptions): string {
  let text: string | undefined;
  try {
    text = new Encoder(options).encode(value, 0);
  } catch (error) {
    if (!(error instanceof RangeError && /string length/i.test(error.message))) throw error;
  }
  if (text !== undefined && text.length <= (options.most ?? Infinity)) return text;
  throw tooLong(value, text?.length, options);
}

/** What V8 takes as one string, in characters. */
const MAX_TEXT = 2 ** 29 - 24;

function tooLong(value: unknown, length: number | undefined, options: EncodeOptions): ValidationError {
  const { action, path, owner, most = MAX_TEXT, instead } = options;
  const allowed = most.toLocaleString("en");
  const has = length === undefined
    ? `more than ${allowed} characters, the most that is possible`
    : `${length.toLocaleString("en")} characters, at most ${allowed} are possible`;
  const { at, size } = largestPart(value, options);
  const parts = [
    `Cannot ${action} ${path}${owner === undefined ? "" : ` of ${owner}`}: its JSON has ${has}`,
    ...(at === "" ? [] : [`the largest part is ${path}${at}, with about ${Math.round(size / 1e6)} million`]),
    ...(instead === undefined ? [] : [instead]),
  ];
  return new ValidationError(parts.join("; "));
}

/** Follows the largest member of the largest member as long as it is most of the whole. */
function largestPart(value: unknown, options: EncodeOptions): { at: string; size: number } {
  let at = "";
  let size = sizeOf(value, options, 0);
  for (let depth = 0; depth < MAX_DEPTH; depth++) {
    let largest: { key: string | number; item: unknown; size: number } | undefined;
    for (const [key, item] of membersOf(value, options)) {
      const own = sizeOf(item, options, depth);
      if (own > (largest?.size ?? 0)) largest = { key, item, size: own };
    }
    if (!largest || largest.size * 2 < size) return { at, size };
    ({ item: value, size } = largest);
    at += formatKey(largest.key);
  }
  return { at, size };
}

/** About how many characters it takes as JSON. */
function sizeOf(value: unknown, options: EncodeOptions, depth: number): number {
  if (typeof value === "string") return value.length + 2;
  if (typeof value !== "object" || value === null || depth > MAX_DEPTH) return 8;
  if (ArrayBuffer.isView(value)) return value.byteLength * 4 / 3;
  let size = 2;
  for (const [key, item] of membersOf(value, options)) {
    size += (typeof key === "string" ? key.length + 4 : 1) + sizeOf(item, options, depth + 1);
  }
  return size;
}

function* membersOf(value: unknown, options: EncodeOptions): Generator<[string | number, unknown]> {
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return;
  if (options.artifactReference?.(value)) return;
  if (Array.isArray(value)) { for (let i = 0; i < value.length; i++) yield [i, value[i]]; }
  else if (value instanceof Map) {
    let i = 0;
    for (const [key, item] of value) {
      yield [`[key ${i}]`, key];
      yield [`[value ${i++}]`, item];
    }
  } else if (value instanceof Set) {
    let i = 0;
    for (const member of value) yield [`[member ${i++}]`, member];
  } else yield* Object.entries(value);
}

/** What a class's instances are to be replaced by, where people often try them. */
const HINTS: Record<string, string> = {
  ArrayBuffer: "wrap it in a Uint8Array",
  Buffer: "use new Uint8Array(buffer)",
  DataView: "use a Uint8Array",
  Promise: "await it",
  RegExp: "use its source",
  URL: "use its href",
};

class Encoder {
  // The keys and objects from the root to what is encoded now: index = depth. Written over, never cleared.
  readonly #keys: (string | number)[] = [];
  readonly #above: object[] = [];
  readonly #options: EncodeOptions;
  readonly #canonical: boolean;
  readonly #string: EncodeOptions["string"];

  constructor(options: EncodeOptions) {
    this.#options = options;
    this.#canonical = options.canonical;
    this.#string = options.string;
  }

  encode(value: unknown, depth: number): string {
    switch (typeof value) {
      case "string":
        return this.#special(value, depth) ?? quote(value);
      case "number":
        if (this.#canonical ? Number.isFinite(value) : Number.isFinite(value) && !Object.is(value, -0)) {
          return String(value);
        }
        if (this.#canonical) this.#fail(depth, `is ${value}, only finite numbers are allowed`);
        return `{"${TAG.number}":"${Object.is(value, -0) ? "-0" : value}"}`;
      case "boolean":
        return value ? "true" : "false";
      case "bigint":
        return `{"${TAG.bigint}":"${value}"}`;
      case "undefined":
        if (this.#canonical) this.#fail(depth, "is undefined, which is allowed for properties only");
        return `{"${TAG.undefined}":true}`;
      case "object":
        return value === null ? "null" : this.#object(value, depth);
      default:
        return this.#fail(depth, `is a ${typeof value}, only data is allowed`);
    }
  }

  #object(value: object, depth: number): string {
    const reference = this.#options.artifactReference?.(value);
    if (reference) return `{"${TAG.artifact}":${JSON.stringify(reference)}}`;
    const prototype = Object.getPrototypeOf(value);
    if (prototype === Date.prototype) return this.#date(value as Date, depth);
    const kind = typedArrayKind(prototype);
    if (kind !== undefined) return this.#typedArray(kind, value as TypedArray);

    for (let i = 0; i < depth; i++) {
      if (this.#above[i] === value) {
        this.#fail(depth, `is ${this.#pathTo(i)} again, a cycle has no form as text`);
      }
    }
    if (depth >= MAX_DEPTH) this.#fail(depth, `is nested deeper than ${MAX_DEPTH} levels`);
    this.#above[depth] = value;
    if (prototype === Object.prototype || prototype === null) {
      return this.#plain(value as Record<string, unknown>, depth);
    }
    if (prototype === Array.prototype) return this.#array(value as unknown[], depth);
    if (prototype === Map.prototype) return this.#map(value as Map<unknown, unknown>, depth);
    if (prototype === Set.prototype) return this.#set(value as Set<unknown>, depth);
    return this.#instance(value, depth);
  }

  #plain(value: Record<string, unknown>, depth: number): string {
    if (Object.getOwnPropertySymbols(value).length > 0) {
      this.#fail(depth, "has a symbol for a key, only strings are allowed");
    }
    const keys = Object.keys(value);
    // By the keys as they are written: only those that begin with `$` differ, and all of them alike.
    if (this.#canonical) keys.sort();
    if (this.#string && this.#hasSpecial(keys, depth)) return this.#entries(value, keys, depth);
    let text = "{";
    for (const key of keys) {
      const item = value[key];
      if (item === undefined && this.#canonical) continue;
      this.#keys[depth] = key;
      if (text.length > 1) text += ",";
      text += quote(key.charCodeAt(0) === DOLLAR ? `$${key}` : key) + ":" + this.encode(item, depth + 1);
    }
    return text + "}";
  }

  #hasSpecial(keys: readonly string[], depth: number): boolean {
    for (const key of keys) {
      const special = this.#string?.(key);
      if (special === undefined) continue;
      this.#keys[depth] = key;
      if (typeof special === "object") this.#fail(depth + 1, special.fault);
      return true;
    }
    return false;
  }

  /** A plain object of which a key is special: JSON has no form for that. */
  #entries(value: Record<string, unknown>, keys: readonly string[], depth: number): string {
    const entries = keys.map((key) => {
      this.#keys[depth] = key;
      return `[${this.#special(key, depth + 1) ?? quote(key)},${this.encode(value[key], depth + 1)}]`;
    });
    return `{"${TAG.entries}":[${entries.join()}]}`;
  }

  #special(text: string, depth: number): string | undefined {
    const special = this.#string?.(text);
    return typeof special === "object" ? this.#fail(depth, special.fault) : special;
  }

  #array(value: unknown[], depth: number): string {
    let text = "[";
    for (let i = 0; i < value.length; i++) {
      this.#keys[depth] = i;
      const item = value[i];
      if (item === undefined && !(i in value)) {
        this.#fail(depth + 1, "is a hole, an array has to be filled");
      }
      text += (i > 0 ? "," : "") + this.encode(item, depth + 1);
    }
    return text + "]";
  }

  #map(value: Map<unknown, unknown>, depth: number): string {
    const entries: [string, string][] = [];
    for (const [key, item] of value) {
      this.#keys[depth] = `[key ${entries.length}]`;
      const keyText = this.encode(key, depth + 1);
      this.#keys[depth] = `[value ${entries.length}]`;
      entries.push([keyText, this.encode(item, depth + 1)]);
    }
    if (this.#canonical) entries.sort(([a, x], [b, y]) => compareText(a, b) || compareText(x, y));
    return `{"${TAG.map}":[${entries.map(([key, item]) => `[${key},${item}]`).join()}]}`;
  }

  #set(value: Set<unknown>, depth: number): string {
    const members: string[] = [];
    for (const member of value) {
      this.#keys[depth] = `[member ${members.length}]`;
      members.push(this.encode(member, depth + 1));
    }
    if (this.#canonical) members.sort(compareText);
    return `{"${TAG.set}":[${members.join()}]}`;
  }

  #date(value: Date, depth: number): string {
    if (!Number.isNaN(value.getTime())) return `{"${TAG.date}":"${value.toISOString()}"}`;
    if (this.#canonical) this.#fail(depth, "is an invalid date");
    return `{"${TAG.date}":null}`;
  }

  #typedArray(kind: string, view: TypedArray): string {
    return this.#options.typedArray?.(kind, view) ??
      `{"${TAG.typed}":["${kind}","${toBase64(bytesOf(view))}"]}`;
  }

  #instance(value: object, depth: number): string {
    if (isInput(value)) {
      const { inputPaths = false } = this.#options;
      const path = !this.#canonical || inputPaths
        ? (text: string) => this.encode(text, depth + 1)
        : undefined;
      return inputJson(value, { path, stamp: inputPaths });
    }
    const name = value.constructor?.name || "a class without a name";
    const hint = Object.hasOwn(HINTS, name) ? `, ${HINTS[name]}` : "";
    return this.#fail(depth, `is an instance of ${name}, only plain data is allowed${hint}`);
  }

  #fail(depth: number, what: string): never {
    const { action, owner } = this.#options;
    throw new ValidationError(
      `Cannot ${action} ${this.#pathTo(depth)}${owner === undefined ? "" : ` of ${owner}`}: it ${what}`,
    );
  }

  #pathTo(depth: number): string {
    return this.#options.path + this.#keys.slice(0, depth).map(formatKey).join("");
  }
}

const DOLLAR = 36;

/** As `JSON.stringify`, which for short strings takes several times as long as this. */
function quote(text: string): string {
  return text.length < 64 && /^[ !#-[\]-~]*$/.test(text) ? `"${text}"` : JSON.stringify(text);
}

/** A key as it is written after the path of what it belongs to: `.lr`, `[2]`, `["odd key"]`. */
export function formatKey(key: PropertyKey): string {
  if (typeof key === "number") return `[${key}]`;
  const text = String(key);
  if (/^[A-Za-z_$][\w$]*$/.test(text)) return `.${text}`;
  return /^\[(key|value|member) \d+\]$/.test(text) ? text : `[${JSON.stringify(text)}]`;
}

/** Orders texts by their UTF-8 bytes: by code point, which UTF-8 preserves and UTF-16 does not. */
export function compareText(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x === y) continue;
    // Halves of surrogate pairs stand for code points above all others.
    const high = (x & 0xf800) === 0xd800;
    if (high === ((y & 0xf800) === 0xd800)) return x - y;
    return high ? 1 : -1;
  }
  return a.length - b.length;
}
