import { z } from "zod";
import { defOf, isWrapper, unwrap } from "../task/schema/schema_walk.ts";
import { typedArrayKind } from "../core/json/tags.ts";
import { isArtifact } from "../task/artifact/artifact.ts";
import { inputKindOf } from "../task/schema/input_schema.ts";
import { taskOfSchema } from "../task/artifact/task.ts";
import { findTask, taskNames } from "../task/artifact/registry.ts";
import { oneLine, truncate } from "../ui/text.ts";
import { definitions } from "./help.ts";

/** The part of a JSON schema that a line of help is made of. */
interface Shape {
  type?: string | string[];
  enum?: unknown[];
  const?: unknown;
  anyOf?: Shape[];
  items?: Shape;
  prefixItems?: Shape[];
  default?: unknown;
  description?: string;
}

const LONGEST = 60;

const INDENT = "    ";

/**
 * The tasks that are defined, with the parameters of each, as lines for the help of a program.
 *
 * @param width Columns that lines may take.
 */
export function taskLines(width: number): string[] {
  return taskNames().flatMap((name) => {
    const rows = parameterRows(findTask(name)!.params.shape, "", []);
    return [name, ...definitions(rows, width - INDENT.length).map((line) => `${INDENT}${line}`)];
  });
}

/**
 * A row for each field of an object, and those of objects and artifacts in it, by the names that `--set`
 * takes.
 */
function parameterRows(
  shape: Readonly<Record<string, z.core.$ZodType>>,
  prefix: string,
  above: readonly z.core.$ZodType[],
): [term: string, meaning: string][] {
  return Object.entries(shape).flatMap(([name, schema]) => {
    const { schema: inner } = unwrap(schema);
    const def = defOf(inner);
    const inside = taskOfSchema(inner)?.definition.params.shape ?? (def.type === "object" ? def.shape : {});
    // A schema may contain itself.
    const isOpened = !above.includes(inner);
    return [
      parameterRow(`${prefix}${name}`, schema),
      ...(isOpened ? parameterRows(inside, `${prefix}${name}.`, [...above, inner]) : []),
    ];
  });
}

function parameterRow(key: string, schema: z.core.$ZodType): [term: string, meaning: string] {
  const shape = shapeOf(schema);
  const optional = schema._zod.optin === "optional";
  const value = presetOf(schema) ?? shape.default;
  const preset = value === undefined ? optional ? " (optional)" : "" : ` (default ${short(value)})`;
  const task = taskOfSchema(unwrap(schema).schema)?.definition.name;
  return [
    `${key}: ${task === undefined ? typeText(shape) : `artifact of ${task}`}${preset}`,
    shape.description ?? "",
  ];
}

/** The value of a parameter that is not given, as it is: JSON has no form for some. */
function presetOf(schema: z.core.$ZodType): unknown {
  const def = defOf(schema);
  if (def.type === "default" || def.type === "prefault") return def.defaultValue;
  return isWrapper(def) ? presetOf(def.innerType) : undefined;
}

function shapeOf(schema: z.core.$ZodType): Shape {
  try {
    return z.toJSONSchema(schema, {
      io: "input",
      unrepresentable: "any",
      override: ({ zodSchema, jsonSchema }) => {
        const words = wordsFor(zodSchema);
        if (words !== undefined) jsonSchema.type = words as "string";
        // An enum's numbers can be set by their names, too.
        const def = defOf(zodSchema);
        const names = def.type === "enum" ? Object.keys(def.entries).filter((name) => !/^\d/.test(name)) : [];
        if (jsonSchema.enum?.every((value) => typeof value === "number")) jsonSchema.enum = names;
      },
    }) as Shape;
  } catch {
    return { type: defOf(schema).type }; // what JSON has no word for
  }
}

/** A word for what JSON has none for, with the form in which it can be set. */
function wordsFor(schema: z.core.$ZodType): string | undefined {
  const task = taskOfSchema(schema);
  if (task !== undefined) return `artifact of ${task.definition.name}`;
  switch (defOf(schema).type) {
    case "date":
      return "date (2026-01-31T08:30Z)";
    case "bigint":
      return "bigint";
    case "set":
      return "set (a JSON list)";
    case "map":
      return "map (a JSON object)";
    case "custom": {
      const input = inputKindOf(schema);
      if (input !== undefined) return `${input} (its path)`;
      const { Class } = schema._zod.bag as { Class?: { prototype: unknown; name: string } };
      if (Class === undefined) return undefined;
      return typedArrayKind(Class.prototype) ? `${Class.name} (base64:... or hex:...)` : Class.name;
    }
    default:
      return undefined;
  }
}

function typeText(shape: Shape): string {
  if (shape.enum !== undefined) return shape.enum.map(short).join(" | ");
  if (shape.const !== undefined) return short(shape.const);
  if (shape.anyOf !== undefined) return truncate(shape.anyOf.map(typeText).join(" | "), LONGEST);
  if (shape.prefixItems !== undefined) {
    return truncate(`list of ${shape.prefixItems.map(typeText).join(", ")}`, LONGEST);
  }
  if (shape.type === "array") {
    return shape.items === undefined ? "array" : `array of ${typeText(shape.items)}`;
  }
  if (Array.isArray(shape.type)) return shape.type.join(" | ");
  return shape.type ?? "any value";
}

function short(value: unknown): string {
  return truncate(oneLine(textOf(value)), LONGEST);
}

function textOf(value: unknown): string {
  if (value instanceof Date) return JSON.stringify(value);
  const isPlain = typeof value !== "object" || value === null || Array.isArray(value) ||
    Object.getPrototypeOf(value) === Object.prototype;
  if (!isPlain) return isArtifact(value) ? String(value) : Deno.inspect(value, { breakLength: Infinity });
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return Deno.inspect(value, { breakLength: Infinity }); // a bigint
  }
}
