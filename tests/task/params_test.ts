import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { z } from "zod";
import { ValidationError } from "../../lib/core/errors.ts";
import { defineTask } from "../../lib/task/define.ts";

let count = 0;

/** The parameters that a fresh task with this shape makes of these. */
function parse(shape: z.core.$ZodLooseShape | z.ZodObject, params: unknown): Record<string, unknown> {
  const schema = shape instanceof z.ZodObject ? shape : z.object(shape as z.core.$ZodShape);
  const task = defineTask({ name: `params/T${count++}`, params: schema as z.ZodObject, create: () => 1 });
  return task(params as never).params as Record<string, unknown>;
}

function errorOf(shape: Parameters<typeof parse>[0], params: unknown): string {
  return assertThrows(() => parse(shape, params), ValidationError).message;
}

describe("unknown keys", () => {
  it("are errors with the valid ones and the nearest, the missing one told too", () => {
    const message = errorOf({ seed: z.int(), lr: z.number() }, { sede: 1, lr: 1 });
    assertStringIncludes(message, "unknown key 'sede'; did you mean 'seed'? (valid keys: 'seed', 'lr')");
    assertStringIncludes(message, "params.seed: is missing, expected ");
  });

  const inner = z.object({ a: z.number().optional(), text: z.string().optional() });
  type Node = { value: number; next?: Node | undefined };
  const recursive: z.ZodType<Node, Node> = z.object({
    value: z.number(),
    get next() {
      return recursive.optional();
    },
  });
  for (
    const [where, shape, params, path] of [
      ["an object", { x: inner }, { x: { tex: 1 } }, "params.x"],
      ["an array", { x: z.array(inner) }, { x: [{}, { tex: 1 }] }, "params.x[1]"],
      ["a record", { x: z.record(z.string(), inner) }, { x: { k: { tex: 1 } } }, "params.x.k"],
      ["a tuple", { x: z.tuple([z.number(), inner]) }, { x: [1, { tex: 1 }] }, "params.x[1]"],
      ["the rest of a tuple", { x: z.tuple([z.number()], inner) }, { x: [1, { tex: 1 }] }, "params.x[1]"],
      ["a default", { x: inner.default({}) }, { x: { tex: 1 } }, "params.x"],
      ["an optional", { x: inner.optional() }, { x: { tex: 1 } }, "params.x"],
      ["a nullable", { x: inner.nullable() }, { x: { tex: 1 } }, "params.x"],
      ["a union", { x: z.union([z.string(), inner]) }, { x: { tex: 1 } }, "params.x"],
      ["a Map", { x: z.map(z.string(), inner) }, { x: new Map([["k", { tex: 1 }]]) }, "params.x.k"],
      ["a lazy schema", { x: z.lazy(() => inner) }, { x: { tex: 1 } }, "params.x"],
      ["an intersection", { x: inner.and(z.object({ b: z.number() })) }, { x: { b: 1, tex: 1 } }, "params.x"],
      ["a transform", { x: inner.transform(({ a }) => a ?? 0) }, { x: { tex: 1 } }, "params.x"],
      ["a readonly", { x: inner.readonly() }, { x: { tex: 1 } }, "params.x"],
      ["a refined object", { x: inner.refine(() => true) }, { x: { tex: 1 } }, "params.x"],
      ["a loose object", { x: z.looseObject({ y: inner }) }, { x: { any: 1, y: { tex: 1 } } }, "params.x.y"],
      [
        "a recursive schema",
        { x: recursive },
        { x: { value: 1, next: { value: 1, tex: 1 } } },
        "params.x.next",
      ],
      [
        "a strict object",
        { x: z.strictObject({ text: z.string().optional() }) },
        { x: { tex: 1 } },
        "params.x",
      ],
    ] as const
  ) {
    it(`are found in ${where}`, () => {
      assertStringIncludes(errorOf(shape, params), `${path}: unknown key 'tex'`);
    });
  }

  it("decide which form of a union is meant", () => {
    const either = z.union([z.object({ a: z.number() }), z.object({ a: z.number(), b: z.number() })]);
    assertEquals(parse({ x: either }, { x: { a: 1, b: 2 } }), { x: { a: 1, b: 2 } });
  });

  it("decide it wherever the union is, in what recurs too", () => {
    type Node = { v: number; next?: Node };
    const node: z.ZodType<Node> = z.lazy(() =>
      z.union([z.object({ v: z.number() }), z.object({ v: z.number(), next: node })])
    ) as never;
    const params = { x: [{ v: 1, next: { v: 2, next: { v: 3 } } }], y: 1 };
    assertEquals(parse({ x: z.array(node), y: z.number() }, params), params);
    assertStringIncludes(
      errorOf({ x: z.array(node) }, { x: [{ v: 1, next: { v: 2, nxt: { v: 3 } } }] }),
      "unknown key 'n",
    );
  });

  it("are found in a lazy schema that zod has used before", () => {
    const lazy = z.lazy(() => inner);
    z.object({ x: lazy }).parse({ x: {} });
    assertStringIncludes(errorOf({ x: lazy }, { x: { tex: 1 } }), "unknown key 'tex'");
  });

  it("cost no more with each level of unions than zod's own parse does", () => {
    let node: z.ZodType = z.object({ v: z.number() });
    let params: unknown = { v: 1 };
    for (let level = 0; level < 40; level++) {
      node = z.union([z.object({ next: node }), z.object({ next: node, more: z.number() })]);
      params = { next: params, ...(level % 2 ? { more: 1 } : {}) };
    }
    assertEquals(parse({ x: node }, { x: params }), { x: params });
  });

  it("are allowed in loose objects, but not at the top", () => {
    assertEquals(parse({ x: z.looseObject({}) }, { x: { any: 1 } }), { x: { any: 1 } });
    assertStringIncludes(errorOf(z.looseObject({ a: z.number() }), { a: 1, b: 2 }), "unknown key 'b'");
  });

  it("are allowed where a catchall types them", () => {
    assertEquals(parse({ x: z.object({}).catchall(z.number()) }, { x: { any: 1 } }), { x: { any: 1 } });
  });
});

describe("wrong values", () => {
  for (
    const [what, shape, params, expected] of [
      ["type", { lr: z.number() }, { lr: "x" }, 'params.lr: expected number, current value is "x"'],
      ["missing", { lr: z.number() }, {}, "params.lr: is missing, expected number"],
      ["enum", { k: z.enum(["adam", "sgd"]) }, { k: "sdg" }, "did you mean 'sgd'?"],
      ["deep", { a: z.array(z.object({ b: z.int() })) }, { a: [{ b: 1 }, { b: 0.5 }] }, "params.a[1].b: "],
      [
        "check",
        { n: z.number().min(3) },
        { n: 1 },
        "params.n: Too small: expected number to be >=3, current value is 1",
      ],
      ["refinement", { n: z.number().refine(() => false, "no good") }, { n: 1 }, "params.n: no good"],
      [
        "union at its root",
        { u: z.union([z.number(), z.string()]) },
        { u: true },
        "expected number; or expected string",
      ],
      [
        "union below",
        { u: z.union([z.string(), z.object({ a: z.number() })]) },
        { u: { a: "x" } },
        'params.u.a: expected number, current value is "x"',
      ],
      [
        "discriminated union",
        {
          u: z.discriminatedUnion("k", [
            z.object({ k: z.literal("a"), n: z.int() }),
            z.object({ k: z.literal("b") }),
          ]),
        },
        { u: { k: "a", n: "x" } },
        "params.u.n: expected ",
      ],
      [
        "discriminator",
        { u: z.discriminatedUnion("k", [z.object({ k: z.literal("a") }), z.object({ k: z.literal("b") })]) },
        { u: { k: "c" } },
        "params.u.k: expected one of 'a', 'b', current value is \"c\"",
      ],
      [
        "missing union",
        { u: z.union([z.number(), z.string()]) },
        {},
        "params.u: is missing, expected number; or exp",
      ],
      [
        "missing artifact",
        { a: defineTask({ name: "params/A", params: z.object({}), create: () => 1 }).schema },
        {},
        "params.a: is missing, expected an artifact of params/A",
      ],
      ["record key", { r: z.record(z.enum(["a"]), z.int()) }, { r: { a: 1, b: 1 } }, "params.r"],
      ["no object", { lr: z.number() }, 5, "params: expected object, current value is 5"],
      ["null", { lr: z.number() }, null, "params: expected object"],
    ] as const
  ) {
    it(`are told with task, path and what is allowed: ${what}`, () => {
      const message = errorOf(shape, params);
      assert(/^Cannot make an artifact of params\/T\d+ as /.test(message), message);
      assertStringIncludes(message, expected);
    });
  }

  it("keep zod's own error as the cause", () => {
    const error = assertThrows(() => parse({ lr: z.number() }, {}), ValidationError);
    assert(error.cause instanceof z.ZodError);
  });

  it("of schemas that wait or throw are told so", () => {
    const waiting = z.number().refine(() => Promise.resolve(true));
    assertStringIncludes(errorOf({ x: waiting }, { x: 1 }), "asynchronous refinement or transform");
    assertStringIncludes(
      errorOf({ x: z.number().transform((n) => Promise.resolve(n)) }, { x: 1 }),
      "asynchronous",
    );
    const throwing = z.number().transform(() => {
      throw new Error("boom");
    });
    assertStringIncludes(errorOf({ x: throwing }, { x: 1 }), "its schema threw: boom");
  });

  it("are told up to a number that can be read", () => {
    const keys = Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`k${i}`, i]));
    assertStringIncludes(errorOf({ a: z.number().optional() }, keys), "'k19', 980 more (valid keys: 'a')");
    assertStringIncludes(errorOf({ a: z.array(z.string()) }, { a: Array(1000).fill(1) }), "\n  and 980 more");
  });

  it("that contain themselves are told so", () => {
    const node: z.ZodType = z.object({
      get next() {
        return node.optional();
      },
    });
    const cycle: Record<string, unknown> = {};
    cycle.next = cycle;
    const { message } = assertThrows(() => parse({ x: node }, { x: cycle }), ValidationError);
    assert(/a cycle has no form|contain themselves/.test(message), message);
  });

  it("that no text stands for name their path", () => {
    assertStringIncludes(
      errorOf({ x: z.string().transform((text) => ({ at: new URL(text) })) }, { x: "file:///a" }),
      "params.x.at of params/T",
    );
    assertStringIncludes(errorOf({ x: z.any() }, { x: [1, () => 1] }), "params.x[1]");
  });
});

describe("parsed parameters", () => {
  it("are frozen at every depth", () => {
    const params = parse({ a: z.any() }, {
      a: { list: [{ n: 1 }], map: new Map([["k", { n: 1 }]]), set: new Set([1]), date: new Date(0) },
    }) as { a: { list: { n: number }[]; map: Map<string, { n: number }>; set: Set<number>; date: Date } };
    for (
      const change of [
        () => (params.a as unknown) = 1,
        () => params.a.list.push({ n: 2 }),
        () => params.a.list[0]!.n = 2,
        () => params.a.map.set("k", { n: 2 }),
        () => params.a.map.get("k")!.n = 2,
        () => params.a.set.delete(1),
        () => params.a.date.setTime(5),
      ]
    ) assertThrows(change, TypeError);
  });

  it("are the caller's objects no more, so that neither side can change the other's", () => {
    const mine = { list: [1], bytes: new Uint8Array([1]), date: new Date(0) };
    const { a } = parse({ a: z.any() }, { a: mine }) as { a: typeof mine };
    mine.list.push(2);
    mine.bytes[0] = 9;
    mine.date.setTime(9);
    assertEquals(a, { list: [1], bytes: new Uint8Array([1]), date: new Date(0) } as never);
  });

  it("do not share a default between artifacts that could change it", () => {
    const shape = { a: z.array(z.number()).default([1]), at: z.date().default(() => new Date(5)) };
    assertEquals(parse(shape, {}), { a: [1], at: new Date(5) });
  });

  it("are the same wherever the hash is the same: order, -0 and undefined do not come through", () => {
    const shape = { r: z.record(z.string(), z.number()), s: z.set(z.number()), z: z.number(), u: z.any() };
    const params = parse(shape, { r: { b: 1, a: 2 }, s: new Set([3, 1, 2]), z: -0, u: undefined }) as {
      r: object;
      s: Set<number>;
      z: number;
    };
    assertEquals(Object.keys(params.r), ["a", "b"]);
    assertEquals([...params.s], [1, 2, 3]);
    assert(Object.is(params.z, 0));
    assertEquals(Object.keys(params), ["r", "s", "z"]);
  });
});
