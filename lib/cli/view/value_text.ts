import { plainParams } from "../../catalog/read_entries.ts";
import { FuruError } from "../../core/errors.ts";
import { isArtifact } from "../../task/artifact/artifact.ts";

/**
 * Any value as JSON for people and programs: a bigint as its digits, a date as ISO text, a Map with text keys
 * as an object (else as pairs), a Set and typed arrays as arrays, an artifact as
 * `{"$artifact":["name","hash"]}`; NaN and infinities as null. Arrays of numbers and the like stand on one
 * line.
 *
 * @throws {FuruError} If a value contains itself.
 */
export function valueText(value: unknown): string {
  return write(value, "", new Set()) ?? "null";
}

/** Parameters in canonical form as plain JSON, as {@link valueText} writes them. */
export function paramsJson(params: unknown): unknown {
  return params === undefined ? undefined : JSON.parse(valueText(plainParams(params)));
}

function write(given: unknown, indent: string, above: Set<unknown>): string | undefined {
  const value = unwrap(given);
  if (typeof value === "bigint") return `${value}`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  // `unwrap` makes new objects: what may come again is the given one.
  if (above.has(given)) throw new FuruError("Cannot print the value as JSON: it contains itself");
  above.add(given);
  const inner = `${indent}  `;
  const text = Array.isArray(value)
    ? writeArray(value, indent, inner, above)
    : writeObject(value as Record<string, unknown>, indent, inner, above);
  above.delete(given);
  return text;
}

function writeArray(items: readonly unknown[], indent: string, inner: string, above: Set<unknown>): string {
  // Array.from: the holes of a sparse array are null as well.
  const texts = Array.from(items, (item) => write(item, inner, above) ?? "null");
  const flat = items.every((item) => typeof item !== "object" || item === null);
  if (flat) return `[${texts.join(", ")}]`;
  return `[\n${texts.map((text) => inner + text).join(",\n")}\n${indent}]`;
}

function writeObject(
  value: Readonly<Record<string, unknown>>,
  indent: string,
  inner: string,
  above: Set<unknown>,
): string {
  const lines: string[] = [];
  for (const [key, item] of Object.entries(value)) {
    const text = write(item, inner, above);
    if (text !== undefined) lines.push(`${inner}${JSON.stringify(key)}: ${text}`);
  }
  return lines.length === 0 ? "{}" : `{\n${lines.join(",\n")}\n${indent}}`;
}

/** A value that JSON has no word for, as one that it has a word for. */
function unwrap(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (isArtifact(value)) return { $artifact: [value.name, value.hash] };
  if (value instanceof Map) {
    const keys = [...value.keys()];
    return keys.every((key) => typeof key === "string") ? fromPairs(value) : [...value];
  }
  if (value instanceof Set) return [...value];
  if (value instanceof DataView) return [...new Uint8Array(value.buffer, value.byteOffset, value.byteLength)];
  if (value instanceof ArrayBuffer) return [...new Uint8Array(value)];
  // Every other view is a typed array: its elements are numbers or bigints.
  if (ArrayBuffer.isView(value)) return Array.from(value as unknown as Iterable<number | bigint>);
  const { toJSON } = value as { toJSON?: unknown };
  return typeof toJSON === "function" ? toJSON.call(value) : value;
}

/** Unlike `Object.fromEntries` with a `__proto__` key, which is a key like any other here. */
function fromPairs(pairs: Iterable<[string, unknown]>): Record<string, unknown> {
  const object: Record<string, unknown> = Object.create(null);
  for (const [key, value] of pairs) object[key] = value;
  return object;
}
