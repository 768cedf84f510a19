import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { z } from "zod";
import { ValidationError } from "../../lib/core/errors.ts";
import { ARTIFACT, type Artifact } from "../../lib/task/artifact/artifact.ts";
import { defineTask } from "../../lib/task/define.ts";
import { defOf, partsOf, type Schema } from "../../lib/task/schema/schema_walk.ts";

const A = defineTask({ name: "forms/A", params: z.object({ s: z.int().default(0) }), create: () => 1 });
const B = defineTask({ name: "forms/B", params: z.object({ s: z.int().default(0) }), create: () => 1 });
const a = `{"$artifact":["forms/A","${A().hash}"]}`;
const given = "current value is";
const wrongTask = `expected an artifact of forms/A, ${given} ${B()}`;
const MISSING = Symbol("is not given");

enum Num {
  One = 1,
  Two,
}
const inner = z.object({ a: z.number(), bc: z.string().optional() });
const unknown = "params.x: unknown key 'b'; did you mean 'bc'? (valid keys: 'a', 'bc')";
const typo = { a: 1, b: "x" };
const either = z.union([z.object({ a: z.number() }), z.object({ a: z.number(), b: z.number() })]);
const tagged = z.discriminatedUnion("k", [
  z.object({ k: z.literal("adam"), lr: z.number() }),
  z.object({ k: z.literal("sgd"), mu: z.number() }),
]);
type Tree = { v: number; kids?: Tree[] | undefined };
const tree: z.ZodType<Tree> = z.object({
  v: z.number(),
  get kids() {
    return z.array(tree).optional();
  },
});
const parsedText = (out: z.ZodType) => z.preprocess((v) => typeof v === "string" ? JSON.parse(v) : v, out);

/** An error that says this. */
const err = (text: string) => ({ text });
type Case = readonly [input: unknown, identity: string | { text: string }];

// What goes in, and the JSON of the identity or the error that comes out; "" is no parameter at all.
const FORMS: Record<string, readonly [schema: () => z.ZodType, ...cases: Case[]]> = {
  email: [() => z.email(), ["a@b.org", '"a@b.org"'], [
    "x",
    err('Invalid email address, current value is "x"'),
  ]],
  "ISO date": [() => z.iso.date(), ["2026-01-31", '"2026-01-31"'], ["31.1.26", err("Invalid ISO date")]],
  string: [() => z.string(), ["x", '"x"'], [5, err(`params.x: expected string, ${given} 5`)]],
  number: [() => z.number(), [-0, "0"], [NaN, err("expected number")], [Infinity, err("expected number")]],
  int: [() => z.int(), [1, "1"], [1.5, err("expected int")]],
  multipleOf: [() => z.number().multipleOf(5), [5, "5"], [
    7,
    err("must be a multiple of 5, current value is 7"),
  ]],
  bigint: [() => z.bigint(), [5n, '{"$bigint":"5"}'], [5, err("expected bigint")]],
  int64: [() => z.int64(), [5n, '{"$bigint":"5"}'], [2n ** 64n, err("Too big")]],
  boolean: [() => z.boolean(), [true, "true"], ["yes", err("expected boolean")]],
  date: [
    () => z.date(),
    [new Date(0), '{"$date":"1970-01-01T00:00:00.000Z"}'],
    [new Date(NaN), err("expected date")],
    ["2020-01-01", err("expected date")],
  ],
  symbol: [() => z.symbol(), [Symbol("s"), err("params.x of")], [1, err("expected symbol")]],
  undefined: [() => z.undefined(), [undefined, ""], [1, err("expected undefined")]],
  void: [() => z.void(), [undefined, ""], [1, err("expected void")]],
  null: [() => z.null(), [null, "null"], [1, err("expected null")]],
  nan: [() => z.nan(), [NaN, err("only finite numbers")], [1, err("expected NaN")]],
  never: [() => z.never(), [1, err("expected never")]],
  any: [
    () => z.any(),
    [{ k: [1] }, '{"k":[1]}'],
    [new Uint8Array([1, 2]), '{"$typed":["Uint8Array","AQI="]}'],
    [MISSING, err("params.x: is missing")],
    [() => 1, err("it is a function")],
  ],
  unknown: [() => z.unknown(), [undefined, ""], [new URL("file:///x"), err("params.x of")]],
  enum: [() => z.enum(["adam", "sgd"]), ["sgd", '"sgd"'], ["sdg", err("did you mean 'sgd'?")]],
  "numeric enum": [() => z.enum(Num), [Num.Two, "2"], ["One", err("expected one of 1|2")]],
  "large enum": [
    () => z.enum(Array.from({ length: 500 }, (_, i) => `option${i}`)),
    ["optin7", err("...")],
    ["optin7", err("did you mean 'option7'?")],
  ],
  literal: [() => z.literal(["a", 5, null, 3n]), [5, "5"], [3n, '{"$bigint":"3"}'], ["b", err("one of")]],
  template: [() => z.templateLiteral(["v", z.int()]), ["v5", '"v5"'], ["w5", err("text that matches ^v")]],
  stringbool: [() => z.stringbool(), ["yes", "true"], ["ja", err("expected one of")]],
  array: [() => z.array(inner), [[{ a: 1 }], '[{"a":1}]'], [[typo], err("params.x[0]: unknown key 'b'")]],
  tuple: [
    () => z.tuple([z.int(), inner.optional()]),
    [[1], "[1]"],
    [[1, typo], err("params.x[1]: unknown key 'b'")],
    [[1, { a: 1 }, 2], err("Too big")],
  ],
  object: [
    () => inner,
    [{ bc: undefined, a: 1 }, '{"a":1}'],
    [typo, err(unknown)],
    [{ b: "x" }, err(unknown)],
    [{ b: "x" }, err("params.x.a: is missing, expected number")],
    [JSON.parse('{"a":1,"__proto__":1}'), err("unknown key '__proto__'")],
    [
      new (class {
        a = 1;
        c = 2;
      })(),
      err("unknown key 'c'"),
    ],
  ],
  strictObject: [() => z.strictObject({ a: z.int(), bc: z.any().optional() }), [typo, err(unknown)]],
  looseObject: [
    () => z.looseObject({ o: inner.optional() }),
    [{ b: 1 }, '{"b":1}'],
    [{ o: typo }, err("params.x.o: unknown key 'b'")],
  ],
  catchall: [
    () => z.object({ a: z.int() }).catchall(inner),
    [{ a: 1, b: { a: 1 } }, '{"a":1,"b":{"a":1}}'],
    [{ a: 1, b: typo }, err("params.x.b: unknown key 'b'")],
  ],
  record: [
    () => z.record(z.string().regex(/^k/), inner),
    [{ k: { a: 1 } }, '{"k":{"a":1}}'],
    [{ k: typo }, err("params.x.k: unknown key 'b'")],
    [{ x: { a: 1 } }, err("params.x.x: is no valid key: ")],
  ],
  "record of an enum": [
    () => z.record(z.enum(["left", "right"]), z.int()),
    [{ right: 1, left: 2 }, '{"left":2,"right":1}'],
    [{ left: 1 }, err("params.x.right: is missing")],
    [{ left: 1, right: 1, wrong: 1 }, err("params.x: unknown key 'wrong' (valid keys: 'left', 'right')")],
  ],
  partialRecord: [
    () => z.partialRecord(z.enum(["left", "right"]), z.int()),
    [{ left: 1 }, '{"left":1}'],
    [{ lft: 1 }, err("unknown key 'lft'; did you mean 'left'?")],
  ],
  looseRecord: [
    () => z.looseRecord(z.string().regex(/^k/), inner),
    [{ k: { a: 1 }, other: { z: 1 } }, '{"k":{"a":1},"other":{"z":1}}'],
    [{ k: typo }, err("params.x.k: unknown key 'b'")],
  ],
  map: [
    () => z.map(z.union([z.string(), inner]), inner),
    [
      new Map<unknown, unknown>([["k", { a: 1 }], [{ a: 1 }, { a: 2 }]]),
      '{"$map":[["k",{"a":1}],[{"a":1},{"a":2}]]}',
    ],
    [new Map([["k", typo]]), err("params.x.k: unknown key 'b'")],
    [new Map([[typo, { a: 1 }]]), err("params.x[key 0]: unknown key 'b'")],
    [
      new Map([[{ a: 1 }, { a: "y" }]]),
      err('params.x: the value of { a: 1 }.a: expected number, current value is "y"'),
    ],
    [new Map([[{ a: "y" }, { a: 1 }]]), err("params.x: a key.a: expected number")],
    [{ k: 1 }, err("expected map")],
  ],
  set: [
    () => z.set(inner),
    [new Set([{ a: 2 }, { a: 1 }]), '{"$set":[{"a":1},{"a":2}]}'],
    [new Set([{ a: 1 }, typo]), err("params.x[member 1]: unknown key 'b'")],
    [[1], err("expected set")],
  ],
  union: [
    () => z.union([z.string(), inner]),
    ["x", '"x"'],
    [typo, err(unknown)],
    [{ a: "x" }, err('params.x.a: expected number, current value is "x"')],
    [5, err("params.x: expected string; or expected object, current value is 5")],
    [MISSING, err("params.x: is missing, expected string; or expected object")],
  ],
  "union whose first form lacks keys": [
    () => either,
    [{ a: 1, b: 2 }, '{"a":1,"b":2}'],
    [{ a: 1 }, '{"a":1}'],
    [{ a: 1, c: 2 }, err("params.x: unknown key 'c' (valid keys: 'a')")],
    [{ aa: 1 }, err("unknown key 'aa'; did you mean 'a'? (valid keys: 'a', 'b')")],
  ],
  "union with anything": [() => z.union([inner, z.any()]), [typo, '{"a":1,"b":"x"}']],
  "union with a catch": [() => z.union([inner, z.number().catch(5)]), [typo, err(unknown)]],
  "unions of unions": [
    () =>
      z.union([
        z.union([z.object({ a: z.union([z.number(), z.string()]) }), z.object({ b: z.int() })]),
        z.null(),
      ]),
    [{ a: true }, err("params.x.a: expected number; or expected string, current value is true")],
    [{ d: 1 }, err("params.x: unknown key 'd' (valid keys: 'a', 'b')")],
  ],
  discriminatedUnion: [
    () => tagged,
    [{ k: "sgd", mu: 1 }, '{"k":"sgd","mu":1}'],
    [{ k: "adam", lr: 1, mu: 1 }, err("params.x: unknown key 'mu' (valid keys: 'k', 'lr')")],
    [{ k: "adam", lrr: 1 }, err("unknown key 'lrr'; did you mean 'lr'? (valid keys: 'k', 'lr')")],
    [
      { k: "sdg" },
      err("params.x.k: expected one of 'adam', 'sgd', current value is \"sdg\"; did you mean 'sgd'?"),
    ],
    [{}, err("params.x.k: is missing")],
  ],
  xor: [
    () => z.xor([z.object({ a: z.number() }), z.object({ b: z.number() })]),
    [{ b: 1 }, '{"b":1}'],
    [{ b: 1, c: 1 }, err("unknown key 'c'")],
    [{ a: 1, b: 1 }, err("fits the forms 1 and 2, but has to fit exactly one")],
  ],
  intersection: [
    () => z.object({ o: inner }).and(z.object({ o: z.object({ c: z.int() }), d: z.int() })),
    [{ o: { a: 1, c: 1 }, d: 1 }, '{"d":1,"o":{"a":1,"c":1}}'],
    [{ o: { a: 1, c: 1 }, d: 1, e: 1 }, err("params.x: unknown key 'e' (valid keys: 'o', 'd')")],
    [{ o: { a: 1, c: 1, b: 1 }, d: 1 }, err("params.x.o: unknown key 'b'; did you mean 'bc'?")],
  ],
  "intersection with a union": [
    () => either.and(z.object({ c: z.int() })),
    [{ a: 1, b: 2, c: 3 }, '{"a":1,"b":2,"c":3}'],
    [{ a: 1, c: 3, d: 1 }, err("params.x: unknown key 'd'")],
  ],
  "intersection with a record": [
    () => z.object({ a: z.int() }).and(z.record(z.templateLiteral(["x-", z.string()]), z.int())),
    [{ a: 1, "x-y": 1 }, '{"a":1,"x-y":1}'],
    [{ a: 1, y: 1 }, err("params.x: unknown key 'y'")],
  ],
  optional: [() => inner.optional(), [MISSING, ""], [undefined, ""], [typo, err(unknown)]],
  exactOptional: [() => z.exactOptional(inner), [MISSING, ""], [undefined, err("is missing")], [
    typo,
    err(unknown),
  ]],
  nullable: [() => inner.nullable(), [null, "null"], [typo, err(unknown)]],
  nonoptional: [() => inner.optional().nonoptional(), [{ a: 1 }, '{"a":1}'], [
    MISSING,
    err("params.x: is missing"),
  ]],
  default: [() => inner.default({ a: 5 }), [MISSING, '{"a":5}'], [typo, err(unknown)]],
  prefault: [() => inner.prefault({ a: 5 }), [MISSING, '{"a":5}'], [typo, err(unknown)]],
  "prefault with a typo": [() => inner.prefault(typo as never), [{ a: 1 }, '{"a":1}'], [
    MISSING,
    err(unknown),
  ]],
  catch: [
    () => inner.catch({ a: 0 }),
    [{ a: 1 }, '{"a":1}'],
    [typo, err(unknown)],
    [{ b: 1 }, err(unknown)],
    [{ a: "x" }, '{"a":0}'],
    [5, '{"a":0}'],
    [MISSING, '{"a":0}'],
  ],
  "catch of a part": [
    () => z.object({ lr: z.number().catch(7) }),
    [{ lr: "x" }, '{"lr":7}'],
    [{ lrr: 1 }, err("unknown key 'lrr'; did you mean 'lr'?")],
  ],
  success: [() => z.success(inner), [{ a: 1 }, "true"], [typo, err(unknown)]],
  readonly: [() => inner.readonly(), [{ a: 1 }, '{"a":1}'], [typo, err(unknown)]],
  transform: [() => inner.transform(({ a }) => a), [{ a: 1 }, "1"], [typo, err(unknown)]],
  "pipe into an object": [
    () => z.string().transform((text) => ({ a: text.length, made: 1 })).pipe(inner as never),
    ["abc", '{"a":3}'],
    [5, err("expected string")],
  ],
  "pipe of anything": [() => z.any().pipe(inner), [{ a: 1 }, '{"a":1}'], [typo, err(unknown)]],
  preprocess: [
    () => parsedText(inner),
    ['{"a":1}', '{"a":1}'],
    [JSON.stringify(typo), err(unknown)],
    [typo, err(unknown)],
  ],
  "preprocess of a union": [
    () => parsedText(either),
    [{ a: 1, b: 2 }, '{"a":1,"b":2}'],
    ['{"a":1,"b":2}', err("unknown key 'b'")],
  ],
  codec: [
    () =>
      z.codec(inner, z.object({ n: z.number() }), {
        decode: ({ a }) => ({ n: a, m: 1 }),
        encode: ({ n }) => ({ a: n }),
      }),
    [{ a: 1 }, '{"n":1}'],
    [typo, err(unknown)],
    [{ n: 1 }, err("unknown key 'n'")],
  ],
  "inverted codec": [
    () => z.invertCodec(z.codec(z.string(), z.number(), { decode: Number, encode: String })),
    [5, '"5"'],
    ["5", err("expected number")],
  ],
  lazy: [() => z.lazy(() => inner), [{ a: 1 }, '{"a":1}'], [typo, err(unknown)]],
  recursive: [
    () => tree,
    [{ v: 1, kids: [{ v: 2 }] }, '{"kids":[{"v":2}],"v":1}'],
    [{ v: 1, kids: [{ v: 2, kid: [] }] }, err("params.x.kids[0]: unknown key 'kid'; did you mean 'kids'?")],
  ],
  json: [() => z.json(), [{ a: [1, null] }, '{"a":[1,null]}'], [
    new Date(0),
    err("params.x: expected string"),
  ]],
  file: [() => z.file(), [new File([], "x"), err("params.x of")], [1, err("expected file")]],
  promise: [() => z.promise(z.number()), [Promise.resolve(1), err("parsed synchronously")]],
  function: [() => z.function() as never, [() => 1, err("it is a function")], [1, err("expected function")]],
  instanceof: [
    () => z.instanceof(Uint8Array),
    [new Uint8Array([1, 2]), '{"$typed":["Uint8Array","AQI="]}'],
    [5, err("expected Uint8Array, current value is 5")],
  ],
  custom: [() => z.custom((v) => v === "ab"), ["ab", '"ab"'], [
    "b",
    err('Invalid input, current value is "b"'),
  ]],
  refine: [() => inner.refine(() => false, "no\ngood"), [
    { a: 1 },
    err("params.x: no good, current value is { a: 1 }"),
  ]],
  "refine with abort": [
    () => z.string().refine(() => false, { error: "one", abort: true }).refine(() => false, "two"),
    ["x", err('not allowed: params.x: one, current value is "x"')],
  ],
  artifact: [() => A.schema, [A(), a], [B(), err(wrongTask)], [
    MISSING,
    err("expected an artifact of forms/A"),
  ]],
  "artifact or object": [
    () => z.union([A.schema, z.object({ path: z.string() })]),
    [A(), a],
    [{ path: "x" }, '{"path":"x"}'],
    [{ pat: "x" }, err("unknown key 'pat'; did you mean 'path'?")],
    [B(), err("expected an artifact of forms/A")],
  ],
  "artifact as a key": [() => z.map(A.schema, z.int()), [new Map([[A(), 1]]), `{"$map":[[${a},1]]}`], [
    new Map([[B(), 1]]),
    err(`a key: ${wrongTask}`),
  ]],
  "artifact in a set": [() => z.set(A.schema), [new Set([A()]), `{"$set":[${a}]}`], [
    new Set([B()]),
    err(wrongTask),
  ]],
  "artifact in a record": [() => z.record(z.string(), A.schema), [
    { k: B() },
    err(`params.x.k: ${wrongTask}`),
  ]],
  "artifact in a tuple": [() => z.tuple([z.lazy(() => A.schema)]), [[A()], `[${a}]`], [
    [B()],
    err(wrongTask),
  ]],
  "artifact with a transform": [() => A.schema.transform((made) => ({ made })), [A(), `{"made":${a}}`]],
  "artifact in an intersection": [() => A.schema.and(z.any()), [A(), a], [B(), err(wrongTask)]],
};

let count = 0;

function make(schema: z.ZodType, input: unknown): Artifact {
  const task = defineTask({ name: `forms/T${count++}`, params: z.object({ x: schema }), create: () => 1 });
  return task((input === MISSING ? {} : { x: input }) as never);
}

/** What `console.warn` is given meanwhile. */
function warnings(action: () => void): string[] {
  const [lines, warn] = [[] as string[], console.warn];
  console.warn = (line: string) => lines.push(line);
  try {
    action();
  } finally {
    console.warn = warn;
  }
  return lines;
}

describe("each form of zod", () => {
  for (const [name, [schema, ...cases]] of Object.entries(FORMS)) {
    it(`has its identity or error: ${name}`, () => {
      for (const [input, expected] of cases) {
        if (typeof expected === "string") {
          warnings(() => {
            const { params } = JSON.parse(make(schema(), input)[ARTIFACT].identity);
            assertEquals(params, JSON.parse(expected === "" ? "{}" : `{"x":${expected}}`));
          });
          continue;
        }
        const { message } = assertThrows(() => make(schema(), input), ValidationError);
        assertStringIncludes(message, expected.text);
        for (const line of message.split("\n")) assert(line.length < 1000, line);
      }
    });
  }

  it("is in this table, text formats aside", () => {
    const traits = new Set<string>();
    const all = new Set<Schema>(Object.values(FORMS).map(([schema]) => schema()));
    for (const schema of all) {
      for (const trait of schema._zod.traits) traits.add(trait);
      for (const part of partsOf(schema)) all.add(part);
      const def = defOf(schema);
      if (def.type === "record") all.add(def.keyType);
    }
    const isForm = (value: unknown) => typeof value === "function" && "init" in value;
    const missing = Object.entries(z).filter(([name, value]) => /^Zod[A-Z]/.test(name) && isForm(value))
      .map(([name]) => name).filter((name) => !traits.has(name) && !TEXTS.has(name));
    assertEquals(missing, [], "a form of zod without a line in the table");
  });
});

// All that are strings with a pattern of their own, and two that are errors.
const TEXTS = new Set(
  ("Base64 Base64URL CIDRv4 CIDRv6 CUID CUID2 CreditCard CustomStringFormat E164 Email Emoji Error GUID IBAN IPv4 IPv6 " +
    "ISODate ISODateTime ISODuration ISOTime JWT KSUID MAC NanoID RealError StringFormat ULID URL UUID XID")
    .split(" ").map((name) => `Zod${name}`),
);

describe("a .catch()", () => {
  it("that replaces what was given says so once, and where", () => {
    const task = defineTask({
      name: "forms/Caught",
      params: z.object({ o: z.object({ kind: z.enum(["adam", "sgd"]).catch("adam") }) }),
      create: () => 1,
    });
    const lines = warnings(() => {
      for (let i = 0; i < 2; i++) task({ o: { kind: "sdg" as never } });
      task({ o: {} as never });
    });
    assertEquals(lines.length, 1);
    assertStringIncludes(lines[0]!, "forms/Caught");
    assertStringIncludes(lines[0]!, 'params.o.kind: Invalid option: expected one of "adam"|"sgd"');
  });
});
