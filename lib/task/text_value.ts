import { ValidationError } from "../core/errors.ts";
import { didYouMean, listNames } from "../core/nearest.ts";
import { accepts, childrenOf, defOf, type Schema, unwrap } from "./schema_walk.ts";

/**
 * The value that a text on the command line means for a schema.
 *
 * @param path Where it stands, for errors: `"data.size"`.
 * @throws ValidationError naming the path, the text and what is allowed.
 */
export function valueOfText(wrapped: Schema, text: string, path: string): unknown {
  const { schema, nullable } = unwrap(wrapped);
  if (nullable && text === "null") return null;
  const children = childrenOf(schema);
  if (children) return fromJson(schema, parseJson(text, path), path);
  const def = defOf(schema);
  switch (def.type) {
    case "string":
    case "template_literal":
      return text;
    case "number":
      return parsed(Number(text), text.trim() !== "" && !Number.isNaN(Number(text)), "a number", text, path);
    case "boolean":
      return parsed(text === "true", text === "true" || text === "false", "true or false", text, path);
    case "bigint": {
      const valid = /^-?\d+n?$/.test(text);
      return parsed(valid && BigInt(text.replace(/n$/, "")), valid, "an integer", text, path);
    }
    case "date": {
      const date = new Date(text);
      return parsed(date, !Number.isNaN(date.getTime()), "a date", text, path);
    }
    case "null":
      return parsed(null, text === "null", "null", text, path);
    case "enum":
      return oneOf(Object.values(def.entries), text, path);
    case "literal":
      return oneOf(def.values, text, path);
    case "union":
      return ofUnion(def.options, text, path);
    default:
      return guessed(text);
  }
}

/** A value parsed from JSON, with the artifacts, dates and bigints that a schema wants in it. */
export function fromJson(wrapped: Schema, json: unknown, path: string): unknown {
  const { schema } = unwrap(wrapped);
  const children = childrenOf(schema);
  if (children && typeof json === "object" && json !== null) {
    const below = ([key, item]: [string, unknown]) => {
      const child = children.of(key);
      return child ? fromJson(child, item, `${path}.${key}`) : item;
    };
    if (Array.isArray(json)) return json.map((item, i) => below([String(i), item]));
    const value = Object.fromEntries(Object.entries(json).map((entry) => [entry[0], below(entry)]));
    return children.task ? children.task(value) : value;
  }
  const def = defOf(schema);
  if (def.type === "union") return fromJsonOfUnion(def.options, json, path);
  if (def.type === "date" && typeof json === "string") return valueOfText(schema, json, path);
  const wantsBigint = def.type === "bigint" && (typeof json === "string" || typeof json === "number");
  return wantsBigint ? valueOfText(schema, String(json), path) : json;
}

function ofUnion(options: readonly Schema[], text: string, path: string): unknown {
  // Everything is a string: any other form that fits is what was meant.
  const isText = (schema: Schema) => defOf(unwrap(schema).schema).type === "string";
  const ordered = [...options.filter((option) => !isText(option)), ...options.filter(isText)];
  return firstAccepted(ordered, (option) => valueOfText(option, text, path), path, text);
}

function fromJsonOfUnion(options: readonly Schema[], json: unknown, path: string): unknown {
  return firstAccepted(options, (option) => fromJson(option, json, path), path, JSON.stringify(json));
}

/** The first value that an option makes and accepts; one that is made but not accepted is left to the task's schema. */
function firstAccepted(
  options: readonly Schema[],
  make: (option: Schema) => unknown,
  path: string,
  text: string,
): unknown {
  const reasons: string[] = [];
  const made: unknown[] = [];
  for (const option of options) {
    try {
      const value = make(option);
      if (accepts(option, value)) return value;
      made.push(value);
    } catch (error) {
      if (!(error instanceof ValidationError)) throw error;
      reasons.push(error.message);
    }
  }
  if (made.length > 0) return made[0];
  throw new ValidationError(
    `Cannot set '${path}' to '${text}' as none of its forms allows it: ${
      [...new Set(reasons)].join("; or ")
    }`,
  );
}

function oneOf(values: readonly unknown[], text: string, path: string): unknown {
  const names = values.map(String);
  const index = names.indexOf(text);
  if (index >= 0) return values[index];
  throw new ValidationError(
    `Cannot set '${path}' to '${text}' as it must be one of ${listNames(names)}${didYouMean(text, names)}`,
  );
}

function parsed<T>(value: T, valid: boolean, expected: string, text: string, path: string): T {
  if (valid) return value;
  throw new ValidationError(`Cannot set '${path}' to '${text}' as it must be ${expected}`);
}

function parseJson(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new ValidationError(
      `Cannot set '${path}' to '${text}' as it must be JSON (or set what is below: '${path}.<key>=...')`,
      { cause },
    );
  }
}

/** For schemas that do not tell what they want: JSON, or else the text itself. */
function guessed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
