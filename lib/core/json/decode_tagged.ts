import { toFileUrl } from "@std/path/posix/to-file-url";
import { ValidationError } from "../errors.ts";
import { type InputFacts, inputFacts, type InputType, inputTypeOf, makeInput } from "./input_file.ts";
import { fromBase64 } from "./base64.ts";
import { MAX_DEPTH, setOwn, TAG, type TypedArray, typedArrayOver } from "./tags.ts";

/** How {@link decodeTagged} decodes. */
export interface DecodeOptions {
  /** Makes an artifact from its task's name and its hash. */
  artifact: (name: string, hash: string) => unknown;
  /**
   * Makes what stands for a file or a folder.
   *
   * @default {the parameter itself}
   */
  input?: (kind: InputType, facts: InputFacts) => unknown;
  /**
   * Makes a string of what `$path` holds.
   *
   * @default {such a tag is an error}
   */
  path?: (suffix: string) => string;
  /**
   * Makes a string of what `$storePath` holds.
   *
   * @default {such a tag is an error}
   */
  storePath?: (suffix: string) => string;
  /**
   * Makes a typed array whose bytes are in a file.
   *
   * @default {such a tag is an error}
   */
  typedFile?: (kind: string, file: string, bytes: number) => TypedArray;
}

// A Map within a Map takes three levels of JSON, so this is never too little for what was encoded.
const MAX_JSON_DEPTH = 3 * (MAX_DEPTH + 1);

const DOLLAR = 36;

/**
 * The value that was encoded as this JSON value. The JSON value itself is not changed, and shares nothing
 * with it.
 *
 * @throws {ValidationError} If a tag is unknown or does not hold what it should.
 */
export function decodeTagged(json: unknown, options: DecodeOptions): unknown {
  return decode(json, options, 0);
}

function decode(json: unknown, options: DecodeOptions, depth: number): unknown {
  if (typeof json !== "object" || json === null) return json;
  if (depth > MAX_JSON_DEPTH) throw new ValidationError("Cannot decode a value that is nested too deep");
  if (Array.isArray(json)) return json.map((item) => decode(item, options, depth + 1));
  const result: Record<string, unknown> = {};
  for (const key of Object.keys(json)) {
    const item = (json as Record<string, unknown>)[key];
    if (key.charCodeAt(0) !== DOLLAR) setOwn(result, key, decode(item, options, depth + 1));
    else if (key.startsWith("$$")) setOwn(result, key.slice(1), decode(item, options, depth + 1));
    else if (Object.keys(json).length === 1) return decodeTag(key, item, options, depth + 1);
    else throw new ValidationError(`Cannot decode tag '${key}' as other keys stand beside it`);
  }
  return result;
}

function decodeTag(tag: string, content: unknown, options: DecodeOptions, depth: number): unknown {
  switch (tag) {
    case TAG.artifact:
      if (isTuple(content, "string", "string")) return options.artifact(content[0], content[1]);
      break;
    case TAG.bigint:
      if (typeof content === "string" && /^-?\d+$/.test(content)) return BigInt(content);
      break;
    case TAG.date:
      if (content === null) return new Date(NaN);
      if (typeof content === "string" && !Number.isNaN(Date.parse(content))) return new Date(content);
      break;
    case TAG.map:
      if (Array.isArray(content) && content.every((entry) => Array.isArray(entry) && entry.length === 2)) {
        return new Map(decode(content, options, depth) as [unknown, unknown][]);
      }
      break;
    case TAG.set:
      if (Array.isArray(content)) return new Set(decode(content, options, depth) as unknown[]);
      break;
    case TAG.file:
    case TAG.folder: {
      const facts = inputFacts(decode(content, options, depth));
      if (facts) return (options.input ?? makeInput)(inputTypeOf(tag)!, facts);
      break;
    }
    case TAG.typed: {
      const array = isTuple(content, "string", "string")
        ? inlineTypedArray(content[0], content[1])
        : undefined;
      if (array) return array;
      break;
    }
    case TAG.typedFile:
      if (options.typedFile && isTuple(content, "string", "string", "number")) {
        return options.typedFile(content[0], content[1], content[2]);
      }
      break;
    case TAG.number:
      if (content === "NaN") return NaN;
      if (content === "-0" || content === "Infinity" || content === "-Infinity") return Number(content);
      break;
    case TAG.undefined:
      if (content === true) return undefined;
      break;
    case TAG.path:
      if (options.path && typeof content === "string" && /^\.($|\/)/.test(content)) {
        return options.path(content.slice(1));
      }
      break;
    case TAG.storePath:
      if (options.storePath && typeof content === "string" && /^\.($|\/)/.test(content)) {
        return options.storePath(content.slice(1));
      }
      break;
    case TAG.fileUrl:
      if (Array.isArray(content) && content.length === 2 && typeof content[1] === "string") {
        const path = decode(content[0], options, depth + 1);
        if (typeof path === "string" && path.startsWith("/")) return toFileUrl(path).href + content[1];
      }
      break;
    case TAG.entries:
      if (Array.isArray(content)) {
        const entries = decode(content, options, depth);
        if (isEntries(entries)) return fromEntries(entries);
      }
  }
  const text = JSON.stringify(content)?.slice(0, 80);
  throw new ValidationError(
    `Cannot decode tag '${tag}', it is unknown here or holds what it should not: ${text}`,
  );
}

function isEntries(entries: unknown): entries is [string, unknown][] {
  return (entries as unknown[]).every((entry) =>
    Array.isArray(entry) && entry.length === 2 && typeof entry[0] === "string"
  );
}

function fromEntries(entries: readonly [string, unknown][]): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  for (const [key, item] of entries) setOwn(result, key, item);
  return result;
}

function inlineTypedArray(kind: string, base64: string): TypedArray | undefined {
  let bytes;
  try {
    bytes = fromBase64(base64);
  } catch {
    return undefined;
  }
  return typedArrayOver(kind, bytes);
}

/** The value types of typeof names, as far as tags use them. */
interface TypeByName {
  string: string;
  number: number;
}

function isTuple<const Names extends readonly (keyof TypeByName)[]>(
  content: unknown,
  ...types: Names
): content is { [I in keyof Names]: TypeByName[Names[I]] } {
  return Array.isArray(content) && content.length === types.length &&
    types.every((type, i) => typeof content[i] === type);
}
