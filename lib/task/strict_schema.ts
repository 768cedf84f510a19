import { z } from "zod";
import { didYouMean } from "../core/nearest.ts";

type Schema = z.core.$ZodType;
type Def = z.core.$ZodTypes["_zod"]["def"];

/** `'lr', 'seed'`, or `none`, for errors that list what is allowed. */
export function listNames(names: readonly string[]): string {
  return names.length === 0 ? "none" : names.map((name) => `'${name}'`).join(", ");
}

/**
 * The same schema, but refusing keys that a plain `z.object` in it (at any depth) does not have; zod itself drops them
 * silently. `z.looseObject` and `catchall` below the top level stay as they are.
 *
 * Costs some 100 us for each object in it: to be kept.
 */
export function strictSchema(schema: z.ZodObject): z.ZodObject {
  return new Strictness().object(schema, true) as unknown as z.ZodObject;
}

class Strictness {
  // Also what ends the recursion in schemas that refer to themselves.
  readonly #done = new Map<Schema, Schema>();

  object(schema: z.core.$ZodObject, top: boolean): Schema {
    const { shape, catchall, error } = schema._zod.def;
    // Lazily, property by property: a shape may refer to the object that it belongs to.
    const strictShape: Record<string, Schema> = {};
    for (const key of Object.keys(shape)) {
      Object.defineProperty(strictShape, key, { enumerable: true, get: () => this.of(shape[key]!) });
    }
    const loose = catchall && catchall._zod.def.type !== "never" &&
      !(top && catchall._zod.def.type === "unknown");
    const strict = clone(schema, {
      shape: strictShape,
      catchall: loose ? this.of(catchall) : z.never(),
      error: (issue: z.core.$ZodRawIssue) => {
        if (issue.code === "unrecognized_keys") {
          return unknownKeys(issue.keys as string[], Object.keys(shape));
        }
        return error?.(issue as never);
      },
    });
    this.#done.set(schema, strict);
    return strict;
  }

  of(schema: Schema): Schema {
    const before = this.#done.get(schema);
    if (before) return before;
    const strict = this.#make(schema);
    this.#done.set(schema, strict);
    return strict;
  }

  #make(schema: Schema): Schema {
    const def = schema._zod.def as Def;
    switch (def.type) {
      case "object":
        return this.object(schema as z.core.$ZodObject, false);
      case "lazy":
        return clone(schema, { getter: () => this.of(def.getter()) });
      case "array":
        return this.#parts(schema, { element: def.element });
      case "record":
      case "map":
        return this.#parts(schema, { valueType: def.valueType });
      case "set":
        return this.#parts(schema, { valueType: def.valueType });
      case "intersection":
        return this.#parts(schema, { left: def.left, right: def.right });
      case "pipe":
        return this.#parts(schema, { in: def.in, out: def.out });
      case "tuple": {
        const items = def.items.map((item) => this.of(item));
        const rest = def.rest && this.of(def.rest);
        const same = rest === def.rest && items.every((item, i) => item === def.items[i]);
        return same ? schema : clone(schema, { items, rest });
      }
      case "union": {
        const options = def.options.map((option) => this.of(option));
        return options.every((option, i) => option === def.options[i]) ? schema : clone(schema, { options });
      }
      case "optional":
      case "nullable":
      case "default":
      case "prefault":
      case "nonoptional":
      case "success":
      case "catch":
      case "readonly":
        return this.#parts(schema, { innerType: def.innerType });
      default:
        return schema;
    }
  }

  #parts(schema: Schema, parts: Record<string, Schema>): Schema {
    const strict = Object.entries(parts).map(([key, part]) => [key, this.of(part)] as const);
    return strict.every(([key, part]) => part === parts[key])
      ? schema
      : clone(schema, Object.fromEntries(strict));
  }
}

/** With the same checks; merging definitions keeps what they compute when read (function defaults). */
function clone(schema: Schema, changes: Record<string, unknown>): Schema {
  return z.core.clone(schema, z.core.util.mergeDefs(schema._zod.def, changes) as never);
}

function unknownKeys(keys: readonly string[], valid: readonly string[]): string {
  const faults = keys.map((key) => `unknown key '${key}'${didYouMean(key, valid)}`);
  return `${faults.join(", ")} (valid keys: ${listNames(valid)})`;
}
