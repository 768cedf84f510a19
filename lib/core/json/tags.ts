/**
 * The tags of what JSON has no form for: an object with exactly one key, which begins with one `$`. Keys of
 * users' own objects that begin with `$` get one more, so that neither can be taken for the other. Used for
 * identities and parameters (canonical JSON) and for stored values; those marked so only in values.
 */
export const TAG = {
  /** `["name", "hash"]` */
  artifact: "$artifact",
  /** Decimal digits. */
  bigint: "$bigint",
  /** ISO 8601; `null` for an invalid date (in values only). */
  date: "$date",
  /** `[[key, value], ...]` */
  map: "$map",
  /** `[member, ...]` */
  set: "$set",
  /** `{"sha256": of its content}`; outside of identities also `path`, and to other processes `stamp`. */
  file: "$file",
  /** The same of a folder. */
  folder: "$folder",
  /** `["Float64Array", base64 of the little-endian bytes]` */
  typed: "$typed",
  /** In values only: `["Float64Array", name of a file with the bytes, their number]` */
  typedFile: "$typedFile",
  /** In values only: `"NaN"`, `"Infinity"`, `"-Infinity"`, `"-0"`. */
  number: "$number",
  /** In values only: `true`. */
  undefined: "$undefined",
  /** In values only: `.` and what follows the attempt's folder: `"./model.bin"`. */
  path: "$path",
  /** In values only: `.` and what follows the store's folder: `"./raw/rows.csv"`. */
  storePath: "$storePath",
  /** In values only: `[a $path or $storePath, query and fragment]` of a `file:` URL. */
  fileUrl: "$fileUrl",
  /** In values only: `[[key, value], ...]` of a plain object that has paths for keys. */
  entries: "$entries",
} as const;

/** The tag and the content of what JSON has no form for; nothing for any other value. */
export function tagOf(value: unknown): readonly [tag: string, content: unknown] | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  const [entry, more] = Object.entries(value);
  return entry && more === undefined && /^\$[^$]/.test(entry[0]) ? entry : undefined;
}

/** Whether it is an object of the user's: no array, and no tagged value. */
export function isPlainObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) && tagOf(value) === undefined;
}

/** How deep values may be nested. */
export const MAX_DEPTH = 200;

/** A typed array of any kind. */
export type TypedArray = ArrayBufferView & { readonly length: number };
type TypedArrayClass = { new (buffer: ArrayBuffer): TypedArray; readonly prototype: TypedArray };

const CLASSES: TypedArrayClass[] = [
  Int8Array,
  Uint8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float16Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
];
const CLASS_BY_KIND = new Map(CLASSES.map((type) => [type.name, type]));
const KIND_BY_PROTOTYPE = new Map<unknown, string>(CLASSES.map((type) => [type.prototype, type.name]));

/** The kind (`"Float64Array"`) of typed arrays with that prototype; `undefined` for all else. */
export function typedArrayKind(prototype: unknown): string | undefined {
  return KIND_BY_PROTOTYPE.get(prototype);
}

/**
 * A typed array over these bytes; `undefined` when there is no such kind or they are not a whole number of
 * elements.
 */
export function typedArrayOver(kind: string, bytes: Uint8Array<ArrayBuffer>): TypedArray | undefined {
  const type = CLASS_BY_KIND.get(kind);
  const size = (type as { BYTES_PER_ELEMENT?: number } | undefined)?.BYTES_PER_ELEMENT;
  if (type === undefined || bytes.byteLength % (size ?? 1) !== 0) return undefined;
  const whole = bytes.byteOffset === 0 && bytes.byteLength === bytes.buffer.byteLength;
  return new type(whole ? bytes.buffer : bytes.slice().buffer);
}

/**
 * The bytes of a typed array, not copied. Deno runs on little-endian machines only, so they are
 * little-endian.
 */
export function bytesOf(view: ArrayBufferView): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

/** Sets an own property, `__proto__` included, which plain assignment would take for the prototype. */
export function setOwn(target: Record<string, unknown>, key: string, value: unknown): void {
  if (key === "__proto__") {
    Object.defineProperty(target, key, { value, writable: true, enumerable: true, configurable: true });
  } else {
    target[key] = value;
  }
}
