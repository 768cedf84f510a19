import type { z } from "zod";
import { canonicalJson } from "../core/json/canonical.ts";
import { artifactReference, type TaskDefinition } from "../task/artifact/artifact.ts";
import { defOf, isWrapper, type Schema } from "../task/schema/schema_walk.ts";

/**
 * Whether a parameter of a task has its default: so an artifact that was stored before there was such a
 * parameter, or with another default, may be the one that is meant.
 *
 * @param path Where it is in the parameters: `opt.lr`.
 * @param value Its value, as canonical JSON has it.
 */
export function isDefault(task: TaskDefinition, path: string, value: unknown): boolean {
  let schema: Schema = task.params;
  for (const key of path.split(".")) {
    const def = defOf(bare(schema));
    const next = def.type === "object" ? (def.shape as Record<string, Schema>)[key] : undefined;
    if (next === undefined) return false;
    schema = next;
  }
  try {
    const standard = defaultIn(schema);
    return standard !== undefined &&
      canonicalJson(standard, { artifactReference }) === JSON.stringify(value);
  } catch {
    // Users' defaults are functions that may throw.
    return false;
  }
}

/** The schema within what only adds to it. */
function bare(schema: Schema): Schema {
  let inner = schema;
  for (let def = defOf(inner); isWrapper(def); def = defOf(inner)) inner = def.innerType;
  return inner;
}

function defaultIn(schema: Schema): unknown {
  for (let inner = schema, def = defOf(inner); isWrapper(def); inner = def.innerType, def = defOf(inner)) {
    if (def.type === "default") return def.defaultValue;
    // What is given in its place is parsed, and has defaults of its own.
    if (def.type === "prefault") return (inner as z.core.$ZodType & z.ZodType).parse(undefined);
  }
  return undefined;
}
