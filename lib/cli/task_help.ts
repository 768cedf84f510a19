import { z } from "zod";
import { defOf, unwrap } from "../task/schema_walk.ts";
import { taskOfSchema } from "../task/schema.ts";
import { findTask, taskNames } from "../task/registry.ts";
import { oneLine, truncate } from "../ui/text.ts";
import { table } from "../ui/table.ts";

/** The part of a JSON schema that a line of help is made of. */
interface Shape {
  type?: string | string[];
  enum?: unknown[];
  const?: unknown;
  anyOf?: Shape[];
  items?: Shape;
  default?: unknown;
  description?: string;
}

const LONGEST = 60;

/** The tasks that are defined, with the parameters of each, as lines for the help of a program. */
export function taskLines(): string[] {
  return taskNames().flatMap((name) => {
    const shape = Object.entries(findTask(name)!.params.shape) as [string, z.core.$ZodType][];
    const rows = shape.map(([key, schema]) => parameterRow(key, schema));
    return [name, ...table(rows).map((line) => `    ${line}`)];
  });
}

function parameterRow(key: string, schema: z.core.$ZodType): string[] {
  const shape = shapeOf(schema);
  const optional = schema._zod.optin === "optional";
  const preset = shape.default === undefined
    ? optional ? " (optional)" : ""
    : ` (default ${short(shape.default)})`;
  const task = taskOfSchema(unwrap(schema).schema)?.definition.name;
  return [
    `${key}: ${task === undefined ? typeText(shape) : `artifact of ${task}`}${preset}`,
    shape.description ?? "",
  ];
}

function shapeOf(schema: z.core.$ZodType): Shape {
  try {
    return z.toJSONSchema(schema, {
      io: "input",
      unrepresentable: "any",
      override: ({ zodSchema, jsonSchema }) => {
        const task = taskOfSchema(zodSchema);
        if (task !== undefined) jsonSchema.type = `artifact of ${task.definition.name}` as "string";
      },
    }) as Shape;
  } catch {
    return { type: defOf(schema).type }; // what JSON has no word for
  }
}

function typeText(shape: Shape): string {
  if (shape.enum !== undefined) return shape.enum.map(short).join(" | ");
  if (shape.const !== undefined) return short(shape.const);
  if (shape.anyOf !== undefined) return truncate(shape.anyOf.map(typeText).join(" | "), LONGEST);
  if (shape.type === "array") {
    return shape.items === undefined ? "array" : `array of ${typeText(shape.items)}`;
  }
  if (Array.isArray(shape.type)) return shape.type.join(" | ");
  return shape.type ?? "any value";
}

function short(value: unknown): string {
  return truncate(oneLine(JSON.stringify(value) ?? String(value)), LONGEST);
}
