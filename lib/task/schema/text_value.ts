import type { z } from "zod";
import { ValidationError } from "../../core/errors.ts";
import { didYouMean, listNames } from "../../core/nearest.ts";
import { setOwn, typedArrayKind, typedArrayOver } from "../../core/json/tags.ts";
import { inputKindOf, inputOfText } from "./input_schema.ts";
import { accepts, type Children, childrenOf, type Def, defOf, type Schema, unwrap } from "./schema_walk.ts";
import { losesKeys } from "./unknown_keys.ts";

/**
 * The value that a text on the command line means for a schema.
 *
 * @param path Where it stands, for errors: `"data.size"`.
 * @throws {ValidationError} If the text is not allowed: names the path, the text and what is allowed.
 */
export function valueOfText(wrapped: Schema, text: string, path: string): unknown {
  const { schema, nullable } = unwrap(wrapped);
  if (nullable && text === "null") return null;
  if (childrenOf(schema)) return fromJson(schema, parseJson(schema, text, path), path);
  const def = defOf(schema);
  switch (def.type) {
    case "string":
    case "template_literal":
      return text;
    case "number":
      return parsed(Number(text), text.trim() !== "" && !Number.isNaN(Number(text)), "a number", text, path);
    case "nan":
      return parsed(NaN, text === "NaN", "NaN", text, path);
    case "boolean":
      return parsed(text === "true", text === "true" || text === "false", "true or false", text, path);
    case "bigint": {
      const valid = /^-?\d+n?$/.test(text);
      return parsed(valid && BigInt(text.replace(/n$/, "")), valid, "an integer", text, path);
    }
    case "date":
      return dateOfText(text, path);
    case "null":
      return parsed(null, text === "null", "null", text, path);
    case "enum":
    case "literal":
      return oneOf(namedValues(schema, def), text, path);
    case "union":
      return ofUnion(def.options, text, path);
    case "intersection":
      return valueOfText(def.left, text, path);
    case "custom":
      return ofCustom(schema, text, path);
    case "undefined":
    case "void":
    case "never":
    case "symbol":
    case "function":
    case "file":
      throw new ValidationError(
        `Cannot set '${path}' to '${text}' as no text stands for what it takes (${def.type}): leave it out`,
      );
    default:
      return guessed(text);
  }
}

/**
 * A value parsed from JSON, with the artifacts, dates, bigints, sets and the like that a schema wants in it.
 */
export function fromJson(wrapped: Schema, json: unknown, path: string): unknown {
  const { schema } = unwrap(wrapped);
  // What cannot be null is refused by the task's schema.
  if (json === null) return json;
  const def = defOf(schema);
  const children = childrenOf(schema);
  if (children && typeof json === "object") {
    if (def.type === "map") return mapOfJson(def, json, path);
    if (def.type === "set" && !Array.isArray(json)) throw notJson(schema, JSON.stringify(json), path);
    const below = ([key, item]: [string, unknown]) => {
      const child = children.of(key);
      return child ? fromJson(child, item, `${path}.${key}`) : item;
    };
    if (Array.isArray(json)) {
      const list = json.map((item, i) => below([String(i), item]));
      return def.type === "set" ? new Set(list) : list;
    }
    const value = Object.fromEntries(Object.entries(json).map((entry) => [entry[0], below(entry)]));
    return children.task ? children.task(value) : value;
  }
  switch (def.type) {
    case "set":
    case "map":
      throw notJson(schema, JSON.stringify(json), path);
    case "union":
      return firstAccepted(
        def.options,
        (option) => fromJson(option, json, path),
        path,
        () => JSON.stringify(json),
      );
    case "intersection":
      return children ? json : fromJson(def.left, json, path);
    case "date":
      return dateOfText(typeof json === "string" ? json : JSON.stringify(json), path);
    case "bigint":
      if (typeof json === "number" && !Number.isSafeInteger(json)) {
        throw new ValidationError(
          `Cannot set '${path}' to ${json} as JSON numbers are not exact there: write it as a text, "123"`,
        );
      }
      return typeof json === "string" || typeof json === "number"
        ? valueOfText(schema, String(json), path)
        : json;
    case "enum":
    case "literal":
      return namedValues(schema, def).find(([name, value]) => value === json || name === json)?.[1] ?? json;
    case "custom":
      return typeof json === "string" ? ofCustom(schema, json, path, json) : ofCustomJson(schema, json);
    default:
      return json;
  }
}

/** From an object, whose keys are texts for the schema of the keys, or from a list of pairs. */
function mapOfJson(
  { keyType, valueType }: z.core.$ZodMapDef,
  json: object,
  path: string,
): Map<unknown, unknown> {
  if (!Array.isArray(json)) {
    return new Map(
      Object.entries(json).map(([key, item]) => [
        valueOfText(keyType, key, `${path}.${key}`),
        fromJson(valueType, item, `${path}.${key}`),
      ]),
    );
  }
  return new Map(json.map((pair, i) => {
    if (!Array.isArray(pair) || pair.length !== 2) {
      throw new ValidationError(
        `Cannot set '${path}' as member ${i} of the list is no pair: it must be [[key, value], ...] ` +
          `or an object, {"key": value}`,
      );
    }
    return [fromJson(keyType, pair[0], `${path}.${i}.0`), fromJson(valueType, pair[1], `${path}.${i}.1`)];
  }));
}

/** Puts the parts that were set below a place together. */
export function assembled(schema: Schema, parts: Record<string, unknown>, path: string): unknown {
  const def = defOf(schema);
  switch (def.type) {
    case "array":
    case "tuple":
      return toList(parts, path);
    case "set":
      return new Set(toList(parts, path));
    case "map":
      return new Map(
        Object.entries(parts).map(([key, value]) => [valueOfText(def.keyType, key, `${path}.${key}`), value]),
      );
    default:
      return parts;
  }
}

function toList(value: Record<string, unknown>, path: string): unknown[] {
  const list = Object.values(value);
  const missing = list.findIndex((_, i) => !Object.hasOwn(value, i));
  if (missing < 0) return list;
  throw new ValidationError(
    `Cannot set members of '${path}' with gaps between them: '${path}.${missing}' is missing`,
  );
}

/** The parts of a whole that is given as JSON, by their keys, so that some can be set to something else. */
export function partsOfText(
  schema: Schema,
  children: Children,
  text: string,
  path: string,
): Record<string, unknown> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    json = undefined;
  }
  if (typeof json !== "object" || json === null) {
    throw new ValidationError(`Cannot set '${path}' to '${text}' and parts of it too, as it has no parts`);
  }
  const pairs = defOf(schema).type === "map" && Array.isArray(json);
  const parts: Record<string, unknown> = {};
  for (const [key, item] of pairs ? json as [string, unknown][] : Object.entries(json)) {
    const child = children.of(String(key));
    setOwn(parts, String(key), child ? fromJson(child, item, `${path}.${key}`) : item);
  }
  return parts;
}

const ISO_DATE =
  /^(\d{4}(?:-\d{2}(?:-\d{2})?)?)(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)(Z|[+-]\d{2}:?\d{2})?)?$/i;

/** A point in time that is the same in every time zone: without an offset it is UTC. */
function dateOfText(text: string, path: string): Date {
  const [, day, time, offset = "Z"] = ISO_DATE.exec(text.trim()) ?? [];
  if (day !== undefined && (time === undefined || day.length === 10)) {
    const zone = offset.toUpperCase().replace(/^([+-]\d{2})(\d{2})$/, "$1:$2");
    const date = new Date(time === undefined ? day : `${day}T${time}${zone}`);
    // V8 takes 31 February for 3 March.
    const midnight = new Date(day);
    const exists = !Number.isNaN(midnight.getTime()) && midnight.toISOString().startsWith(day);
    if (exists && !Number.isNaN(date.getTime())) return date;
  }
  throw new ValidationError(
    `Cannot set '${path}' to '${text}' as it must be a date, like 2026-01-31, 2026-01-31T08:30 (in UTC) ` +
      `or 2026-01-31T08:30+02:00`,
  );
}

/** For schemas that are a function: what it accepts, of all that the text can mean. */
function ofCustom(schema: Schema, text: string, path: string, json: unknown = guessed(text)): unknown {
  const input = inputKindOf(schema);
  if (input !== undefined) return inputOfText(input, text);
  const wanted = schema._zod.bag.Class as { readonly prototype: unknown; readonly name: string } | undefined;
  const kind = wanted && typedArrayKind(wanted.prototype);
  const bytes = bytesOfText(text);
  const view = bytes && typedArrayOver(kind ?? "Uint8Array", bytes);
  const meant = [view, ofCustomJson(schema, json), text].find((value) => accepts(schema, value));
  if (meant !== undefined) return meant;
  // Of the right kind, but refused: the task's schema says why.
  if (view && kind !== undefined) return view;
  if (kind !== undefined || accepts(schema, new Uint8Array())) {
    throw new ValidationError(
      `Cannot set '${path}' to '${text}' as it must be the bytes of a ${kind ?? "Uint8Array"}: ` +
        `'base64:...', 'hex:...' or a JSON list of numbers`,
    );
  }
  if (wanted === undefined) return json;
  throw new ValidationError(
    `Cannot set '${path}' to '${text}' as no text stands for what it takes (an instance of ${wanted.name})`,
  );
}

/** A list of numbers where a typed array is wanted. */
function ofCustomJson(schema: Schema, json: unknown): unknown {
  if (!Array.isArray(json) || accepts(schema, json)) return json;
  const wanted = (schema._zod.bag.Class ?? Uint8Array) as Uint8ArrayConstructor;
  const kind = typedArrayKind(wanted.prototype);
  if (kind === undefined) return json;
  try {
    const made = wanted.from(kind.startsWith("Big") ? json.map(BigInt) as never : json);
    return accepts(schema, made) ? made : json;
  } catch {
    return json; // no numbers
  }
}

function bytesOfText(text: string): Uint8Array<ArrayBuffer> | undefined {
  const [, encoding, data] = /^(base64|hex):(.*)$/s.exec(text) ?? [];
  if (encoding === "hex" && /^([\da-f]{2})*$/i.test(data!)) {
    return Uint8Array.from(data!.match(/../g) ?? [], (byte) => parseInt(byte, 16));
  }
  if (encoding !== "base64") return undefined;
  try {
    return Uint8Array.from(
      atob(data!.replaceAll("-", "+").replaceAll("_", "/")),
      (char) => char.charCodeAt(0),
    );
  } catch {
    return undefined;
  }
}

function ofUnion(options: readonly Schema[], text: string, path: string): unknown {
  // Everything is a string: any other form that fits is what was meant.
  const isText = (schema: Schema) => defOf(unwrap(schema).schema).type === "string";
  const ordered = [...options.filter((option) => !isText(option)), ...options.filter(isText)];
  return firstAccepted(
    ordered,
    // With quotes as in JSON it is a string for sure: `limit="5"`.
    (option) => valueOfText(option, isText(option) ? unquoted(text) : text, path),
    path,
    () => text,
  );
}

function unquoted(text: string): string {
  const value = text.startsWith('"') ? guessed(text) : text;
  return typeof value === "string" ? value : text;
}

/**
 * The first value that an option makes and takes whole; else one that the task's schema says what is wrong
 * with.
 */
function firstAccepted(
  options: readonly Schema[],
  make: (option: Schema) => unknown,
  path: string,
  text: () => string,
): unknown {
  const reasons: string[] = [];
  const made: { option: Schema; value: unknown }[] = [];
  for (const option of options) {
    try {
      const value = make(option);
      if (accepts(option, value) && !losesKeys(option, value)) return value;
      made.push({ option, value });
    } catch (error) {
      if (!(error instanceof ValidationError)) throw error;
      reasons.push(error.message);
    }
  }
  if (made.length > 0) return (made.find(({ option, value }) => accepts(option, value)) ?? made[0]!).value;
  throw new ValidationError(
    `Cannot set '${path}' to '${text()}' as none of its forms allows it: ${
      [...new Set(reasons)].join("; or ")
    }`,
  );
}

type Named = readonly (readonly [name: string, value: unknown])[];

/**
 * The values that are allowed, by the texts that stand for them: themselves, and the names that an enum gives
 * its numbers.
 */
function namedValues(schema: Schema, def: Extract<Def, { type: "enum" | "literal" }>): Named {
  const values = [...schema._zod.values ?? []];
  const named = values.map((value) => [String(value), value] as const);
  if (def.type === "literal") return named;
  const entries = Object.entries(def.entries).filter(([, value]) => values.includes(value));
  return [...named, ...entries.filter(([name]) => !named.some(([text]) => text === name))];
}

function oneOf(named: Named, text: string, path: string): unknown {
  const found = named.find(([name, value]) =>
    name === text || (typeof value === "bigint" && `${name}n` === text)
  );
  if (found) return found[1];
  const names = named.map(([name]) => name);
  throw new ValidationError(
    `Cannot set '${path}' to '${text}' as it must be one of ${listNames(names)}${didYouMean(text, names)}`,
  );
}

function parsed<T>(value: T, valid: boolean, expected: string, text: string, path: string): T {
  if (valid) return value;
  throw new ValidationError(`Cannot set '${path}' to '${text}' as it must be ${expected}`);
}

function parseJson(schema: Schema, text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw notJson(schema, text, path, cause);
  }
}

function notJson(schema: Schema, text: string, path: string, cause?: unknown): ValidationError {
  const isList = ["array", "tuple", "set"].includes(defOf(schema).type);
  return new ValidationError(
    `Cannot set '${path}' to '${text}' as it must be JSON, ${
      isList ? `a list like '["a", "b"]'` : `an object like '{"key": 1}'`
    } (or be set part by part: '${path}.${isList ? "0" : "<key>"}=...')`,
    { cause },
  );
}

/** For schemas that do not tell what they want: JSON, or else the text itself. */
function guessed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
