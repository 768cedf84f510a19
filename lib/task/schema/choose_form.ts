import { z } from "zod";
import { defOf, innerOfLazy, namedParts, type Schema } from "./schema_walk.ts";

/** The form that is meant, for each union and each input of it where that is not the first that fits. */
export type Choices = ReadonlyMap<Schema, ReadonlyMap<unknown, Schema>>;

/** A schema in which unions can be told which of their forms to take. */
export interface ChoosingSchema {
  /** The schema, with these choices until others are made. */
  with(choices: Choices): z.ZodObject;
}

/**
 * The same schema, but for unions that take the form that is chosen for their input, instead of the first
 * that fits.
 *
 * Costs some 100 us for each object in it: to be kept, and made only where a choice has to be made.
 */
export function choosingSchema(schema: z.ZodObject): ChoosingSchema {
  return new Chooser(schema);
}

class Chooser implements ChoosingSchema {
  // Also what ends the recursion in schemas that refer to themselves.
  readonly #done = new Map<Schema, Schema>();
  readonly #schema: z.ZodObject;
  #choices: Choices = new Map();

  constructor(schema: z.ZodObject) {
    this.#schema = this.#of(schema) as unknown as z.ZodObject;
  }

  with(choices: Choices): z.ZodObject {
    this.#choices = choices;
    return this.#schema;
  }

  #of(schema: Schema): Schema {
    const before = this.#done.get(schema);
    if (before) return before;
    const made = this.#make(schema);
    this.#done.set(schema, made);
    return made;
  }

  #object(schema: z.core.$ZodObject): Schema {
    const { shape, catchall } = schema._zod.def;
    // Lazily, property by property: a shape may refer to the object that it belongs to.
    const changed: Record<string, Schema> = {};
    for (const key of Object.keys(shape)) {
      Object.defineProperty(changed, key, { enumerable: true, get: () => this.#of(shape[key]!) });
    }
    return clone(schema, { shape: changed, ...(catchall && { catchall: this.#of(catchall) }) });
  }

  #union(schema: z.core.$ZodUnion): Schema {
    const { options, inclusive } = schema._zod.def;
    const forms = options.map((option) => this.#of(option));
    const same = forms.every((form, i) => form === options[i]);
    // Exactly one form of `z.xor` and `z.discriminatedUnion` fits: nothing is to be chosen.
    if (inclusive === false) return same ? schema : clone(schema, { options: forms });
    const chosen = forms.map((form, i) =>
      z.custom((input) => this.#choices.get(schema)?.get(input) === options[i]).pipe(form)
    );
    return clone(schema, { options: [...chosen, ...forms] });
  }

  #make(schema: Schema): Schema {
    const def = defOf(schema);
    switch (def.type) {
      case "object":
        return this.#object(schema as z.core.$ZodObject);
      case "union":
        return this.#union(schema as z.core.$ZodUnion);
      case "lazy":
        // What zod keeps of the getter would hide the new one.
        return clone(schema, { getter: () => this.#of(innerOfLazy(schema)), _cachedInner: undefined });
      default:
        return this.#parts(schema, namedParts(def));
    }
  }

  #parts(schema: Schema, parts: ReturnType<typeof namedParts>): Schema {
    let same = true;
    const of = (part: Schema): Schema => {
      const made = this.#of(part);
      same &&= made === part;
      return made;
    };
    const changes = Object.entries(parts).map(([name, part]) =>
      [name, Array.isArray(part) ? part.map(of) : of(part as Schema)] as const
    );
    return same ? schema : clone(schema, Object.fromEntries(changes));
  }
}

/** With the same checks; merging definitions keeps what they compute when read (function defaults). */
function clone(schema: Schema, changes: Record<string, unknown>): Schema {
  return z.core.clone(schema, z.core.util.mergeDefs(schema._zod.def, changes) as never);
}
