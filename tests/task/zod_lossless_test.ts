import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import fc from "fast-check";
import { z } from "zod";
import { furuErrorName } from "../../lib/core/errors.ts";
import type { TaskDefinition } from "../../lib/task/artifact/artifact.ts";
import { parseParams } from "../../lib/task/schema/parse.ts";
import { defOf } from "../../lib/task/schema/schema_walk.ts";

const keys = fc.constantFrom("a", "b", "c", "d");
const leaf = fc.constantFrom<z.ZodType>(
  z.number(),
  z.string(),
  z.literal([1, "x"]),
  z.enum(["x", "y"]),
  z.null(),
);

const { schema: schemas } = fc.letrec<{ schema: z.ZodType; object: z.ZodObject }>((tie) => ({
  object: fc.tuple(
    fc.dictionary(keys, tie("schema"), { maxKeys: 3, noNullPrototype: true }),
    fc.constantFrom(z.object, z.object, z.looseObject, z.strictObject),
  ).map(([shape, make]) => make(shape) as z.ZodObject),
  schema: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    leaf,
    tie("object"),
    tie("object"),
    tie("schema").map((inner) => z.array(inner)),
    tie("schema").map((inner) => z.set(inner)),
    tie("schema").map((inner) => inner.optional()),
    tie("schema").map((inner) => inner.nullable().readonly()),
    tie("schema").map((inner) => inner.default(1 as never)),
    tie("schema").map((inner) => z.lazy(() => inner)),
    fc.tuple(tie("schema"), tie("schema")).map((forms) => z.union(forms)),
    fc.array(tie("object"), { minLength: 2, maxLength: 3 }).map((forms) => z.union(forms)),
    fc.tuple(tie("object"), fc.tuple(tie("object"), tie("object"))).map(([side, forms]) =>
      side.and(z.union(forms))
    ),
    fc.tuple(tie("schema"), tie("schema")).map(([left, right]) => left.and(right)),
    fc.tuple(tie("object"), tie("object")).map(([left, right]) => left.and(right)),
    fc.tuple(tie("object"), tie("object")).map((forms) => z.xor(forms)),
    fc.tuple(tie("schema"), tie("schema")).map((items) => z.tuple(items)),
    fc.tuple(keys, tie("schema")).map(([, inner]) => z.record(z.string(), inner)),
    tie("schema").map((inner) => z.partialRecord(z.enum(["a", "b"]), inner)),
    tie("schema").map((inner) => z.map(z.string(), inner)),
  ),
}));

/** Inputs that mostly fit: now and then a key more, or another value. */
function inputOf(schema: z.core.$ZodType): fc.Arbitrary<unknown> {
  const def = defOf(schema);
  switch (def.type) {
    case "object": {
      const known = Object.fromEntries(Object.entries(def.shape).map(([key, part]) => [key, inputOf(part)]));
      const more = fc.dictionary(keys, fc.constantFrom(1, "x"), { maxKeys: 1, noNullPrototype: true });
      return fc.tuple(fc.record(known, { noNullPrototype: true }), fc.oneof(fc.constant({}), more))
        .map(([given, others]) => ({ ...others, ...given }));
    }
    case "array":
      return fc.array(inputOf(def.element), { maxLength: 2 });
    case "set":
      return fc.array(inputOf(def.valueType), { maxLength: 2 }).map((members) => new Set(members));
    case "map":
      return fc.dictionary(keys, inputOf(def.valueType), { maxKeys: 2 })
        .map((entries) => new Map(Object.entries(entries)));
    case "record":
      return fc.dictionary(keys, inputOf(def.valueType), { maxKeys: 2, noNullPrototype: true });
    case "tuple":
      return fc.tuple(...def.items.map(inputOf));
    case "union":
      return fc.oneof(...def.options.map(inputOf));
    case "intersection":
      return fc.tuple(inputOf(def.left), inputOf(def.right)).map(merged);
    case "lazy":
      return inputOf(def.getter());
    case "optional":
    case "default":
    case "nullable":
    case "readonly":
      return inputOf(def.innerType);
    default:
      return fc.constantFrom(1, "x", "x", null);
  }
}

/** What both sides of an intersection may take: the keys of both, at each depth. */
function merged([a, b]: [unknown, unknown]): unknown {
  if (!isRecord(a) || !isRecord(b)) return a;
  const shared = Object.keys(a).filter((key) => Object.hasOwn(b, key));
  return { ...a, ...b, ...Object.fromEntries(shared.map((key) => [key, merged([a[key], b[key]])])) };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

/** Does the output hold every key of the input, at any depth? */
function isWhole(input: unknown, output: unknown): boolean {
  if (typeof input !== "object" || input === null) return true;
  if (typeof output !== "object" || output === null) return false;
  // To `z.object` a collection is an object without keys.
  if (input instanceof Map) {
    return !(output instanceof Map) || isWhole([...input.values()], [...output.values()]);
  }
  if (input instanceof Set) return !(output instanceof Set) || isWhole([...input], [...output]);
  return Object.entries(input).every(([key, item]) =>
    Object.hasOwn(output, key) && isWhole(item, (output as Record<string, unknown>)[key])
  );
}

function zodMakes(schema: z.ZodObject, input: unknown): { data: unknown } | undefined {
  try {
    const result = schema.safeParse(input);
    return result.success ? { data: result.data } : undefined;
  } catch {
    return undefined; // an intersection whose sides make different things
  }
}

function furuMakes(schema: z.ZodObject, input: unknown): { data: unknown } | undefined {
  try {
    return { data: parseParams({ name: "zod/Property", params: schema } as TaskDefinition, input) };
  } catch (error) {
    assertEquals(furuErrorName(error), "ValidationError", String(error));
    return undefined;
  }
}

describe("of any schema and any input", () => {
  it("furu makes what zod makes, unless that lacks a key: then all keys, or an error", () => {
    const seen = { same: 0, refused: 0, chosen: 0 };
    fc.assert(
      fc.property(
        schemas.chain((schema) => fc.tuple(fc.constant(schema), inputOf(schema))),
        ([schema, x]) => {
          const params = z.object({ x: schema });
          const input = { x };
          const zod = zodMakes(params, input);
          const furu = furuMakes(params, input);
          if (!zod) return void assert(furu === undefined, "furu accepts what zod refuses");
          if (isWhole(input, zod.data)) {
            seen.same++;
            assertEquals(furu, zod);
          } else if (furu) {
            seen.chosen++;
            assert(isWhole(input, furu.data), "a key is lost");
          } else seen.refused++;
        },
      ),
      { numRuns: RUNS, seed: SEED },
    );
    // Each of the three ways is met often enough to mean something.
    assert(seen.same > 100 && seen.refused > 10 && seen.chosen > 0, JSON.stringify(seen));
  });
});

const RUNS = 2000;
const SEED = 9;
