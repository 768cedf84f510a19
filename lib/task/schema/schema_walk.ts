import { z } from "zod";
import { type AnyTask, taskOfSchema } from "../artifact/task.ts";

/** Any schema. */
export type Schema = z.core.$ZodType;
/** The definition of any schema, told apart by `type`. */
export type Def = z.core.$ZodTypes["_zod"]["def"];

/** The definition of a schema. */
export function defOf(schema: Schema): Def {
  return schema._zod.def as Def;
}

/** Whether a schema accepts this input. It does not where it has to wait, or throws. */
export function accepts(schema: Schema, input: unknown): boolean {
  return fitOf(schema, input) === "fits";
}

/**
 * Tells whether this input fits a schema: `nearly` when all that is wrong are keys that a strict object does
 * not have, or refinements. Of a union zod takes such a form too, where it is the only one, since an
 * intersection around the union may know the keys.
 */
export function fitOf(schema: Schema, input: unknown): "fits" | "nearly" | "not" {
  try {
    const payload = schema._zod.run({ value: input, issues: [] }, { async: false });
    if (payload instanceof Promise) return "not";
    if (payload.issues.length === 0) return "fits";
    return !payload.aborted && payload.issues.every((issue) => issue.continue === true) ? "nearly" : "not";
  } catch {
    return "not";
  }
}

/** The schema that a lazy one stands for: always the same, whatever its getter makes anew. */
export function innerOfLazy(schema: Schema): Schema {
  return (schema as z.core.$ZodLazy)._zod.innerType;
}

const WRAPPERS = [
  "optional",
  "nullable",
  "default",
  "prefault",
  "nonoptional",
  "success",
  "catch",
  "readonly",
] as const;

/** The definition of a schema around one other, which looks at the same input. */
export type WrapperDef = Extract<Def, { type: typeof WRAPPERS[number] }>;

/** Whether a schema only wraps another one. */
export function isWrapper(def: Def): def is WrapperDef {
  return WRAPPERS.includes(def.type as never);
}

const PARTS: Readonly<Record<string, readonly string[]>> = {
  ...Object.fromEntries(WRAPPERS.map((type) => [type, ["innerType"]])),
  array: ["element"],
  tuple: ["items", "rest"],
  map: ["keyType", "valueType"],
  record: ["valueType"],
  set: ["valueType"],
  union: ["options"],
  intersection: ["left", "right"],
  pipe: ["in", "out"],
};

/**
 * The members of a definition that hold the schemas, or lists of schemas, that look at data. Those of
 * objects, and of lazy schemas, are to be read one by one, as getters may stand for them.
 */
export function namedParts(def: Def): Record<string, Schema | readonly Schema[]> {
  const members = (PARTS[def.type] ?? []).map((name) => [name, def[name as keyof Def]] as const);
  return Object.fromEntries(members.filter(([, part]) => part)) as Record<string, never>;
}

/** The schemas that a schema is made of, those that look at data. */
export function partsOf(schema: Schema): readonly Schema[] {
  const def = defOf(schema);
  if (def.type === "object") return [...Object.values(def.shape), ...(def.catchall ? [def.catchall] : [])];
  if (def.type === "lazy") return [innerOfLazy(schema)];
  return Object.values(namedParts(def)).flat();
}

/** As bits: all in a schema that makes an input worth looking at. */
export const REACHES = { keys: 1, catch: 2, prefault: 4, preprocess: 8 };
const reaches = new WeakMap<Schema, number>();

/** {@link REACHES} of the schema and all that is in it. */
export function reachOf(start: Schema): number {
  const known = reaches.get(start);
  if (known !== undefined) return known;
  let reach = 0;
  const all = new Set([start]);
  try {
    for (const schema of all) {
      const def = defOf(schema);
      if (def.type === "object") reach |= REACHES.keys;
      if (def.type === "record" && def.keyType._zod.values) reach |= REACHES.keys;
      if (def.type === "catch") reach |= REACHES.catch;
      if (def.type === "prefault") reach |= REACHES.prefault;
      if (def.type === "pipe" && defOf(def.in).type === "transform") reach |= REACHES.preprocess;
      for (const part of partsOf(schema)) all.add(part);
    }
  } catch {
    // A getter refers to what is not there yet: to be looked at again.
    return REACHES.keys | REACHES.catch;
  }
  reaches.set(start, reach);
  return reach;
}

/** A schema without what is around it. */
export interface Unwrapped {
  /** The schema that checks the input: no optional, default, pipe, lazy and the like any more. */
  schema: Schema;
  /** Whether `null` is accepted too. */
  nullable: boolean;
}

/** Takes off all that wraps the schema that looks at the input. */
export function unwrap(schema: Schema): Unwrapped {
  let nullable = false;
  for (;;) {
    const def = defOf(schema);
    nullable ||= def.type === "nullable";
    if (isWrapper(def) || def.type === "promise") schema = def.innerType;
    else if (def.type === "lazy") schema = innerOfLazy(schema);
    // `z.preprocess` is a pipe whose first part accepts anything.
    else if (def.type === "pipe") schema = defOf(def.in).type === "transform" ? def.out : def.in;
    else return { schema, nullable };
  }
}

/** Hands on what it is given. */
export const ANYTHING: Schema = z.unknown();

/** The keys and schemas below a schema. */
export interface Children {
  /** The keys that it names. */
  keys: string[];
  /** The schema of a key; `undefined` for one that is not allowed. */
  of: (key: string) => Schema | undefined;
  /** The task, when what stands below are the parameters of an artifact. */
  task?: AnyTask;
}

/**
 * The keys and schemas below an unwrapped schema; `undefined` when there are none, or they cannot be told.
 */
export function childrenOf(schema: Schema): Children | undefined {
  const task = taskOfSchema(schema);
  if (task) return { ...childrenOf(task.definition.params)!, task };
  const def = defOf(schema);
  switch (def.type) {
    case "object": {
      const { shape, catchall } = def;
      return {
        keys: Object.keys(shape),
        of: (key) =>
          Object.hasOwn(shape, key)
            ? shape[key]
            : catchall && defOf(catchall).type !== "never"
            ? catchall
            : undefined,
      };
    }
    case "record": {
      const names = def.keyType._zod.values;
      const keys = [...names ?? []].map(String);
      const others = def.mode === "loose" ? ANYTHING : undefined;
      return { keys, of: (key) => names === undefined || keys.includes(key) ? def.valueType : others };
    }
    case "map":
      return { keys: [], of: () => def.valueType };
    case "set":
      return { keys: [], of: (key) => isIndex(key) ? def.valueType : undefined };
    case "array":
      return { keys: [], of: (key) => isIndex(key) ? def.element : undefined };
    case "tuple":
      return {
        keys: def.items.map((_, i) => String(i)),
        of: (key) => isIndex(key) ? def.items[Number(key)] ?? def.rest ?? undefined : undefined,
      };
    case "intersection": {
      const sides = [def.left, def.right].flatMap((side) => childrenOf(unwrap(side).schema) ?? []);
      if (sides.length === 0) return undefined;
      return {
        keys: sides.flatMap(({ keys }) => keys),
        of: (key) => sides.map(({ of }) => of(key)).find((found) => found),
      };
    }
    default:
      return undefined;
  }
}

/** Whether it is the place of a member of a list, as people write it. */
function isIndex(key: string): boolean {
  return /^(0|[1-9]\d{0,8})$/.test(key);
}
