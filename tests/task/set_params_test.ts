import { assertEquals, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { z } from "zod";
import { ValidationError } from "../../lib/core/errors.ts";
import { defineTask } from "../../lib/task/define.ts";
import { setParams } from "../../lib/task/set_params.ts";

const Data = defineTask({
  name: "set/Data",
  params: z.object({ size: z.int().default(10), source: z.object({ path: z.string() }).optional() }),
  create: () => 1,
});

const Train = defineTask({
  name: "set/Train",
  params: z.object({
    data: Data.schema.describe("what to learn from").optional(),
    all: z.array(Data.schema).optional(),
    either: z.union([Data.schema, z.string()]).optional(),
    lr: z.number().default(0.1),
    shuffle: z.boolean().nullable().default(false),
    kind: z.enum(["adam", "sgd"]).default("adam"),
    bits: z.literal([8, 16, "auto"]).default(8),
    seed: z.bigint().optional(),
    name: z.string().optional(),
    at: z.date().optional(),
    tags: z.array(z.string()).optional(),
    layers: z.array(z.object({ size: z.int() })).optional(),
    pair: z.tuple([z.number(), z.string()]).optional(),
    weights: z.record(z.string(), z.number()).optional(),
    limit: z.union([z.string(), z.number(), z.null()]).optional(),
    opt: z.discriminatedUnion("k", [
      z.object({ k: z.literal("a"), n: z.number() }),
      z.object({ k: z.literal("b"), text: z.string() }),
    ]).optional(),
    both: z.object({ x: z.number() }).and(z.object({ y: z.string() })).optional(),
    anything: z.any().optional(),
    trimmed: z.preprocess((text) => String(text).trim(), z.string()).optional(),
    doubled: z.string().transform(Number).optional(),
  }),
  create: () => 1,
});

/** The parameter that these set. */
function set(...assignments: string[]): unknown {
  const [key] = assignments[0]!.split(/[.=]/);
  return (setParams(Train, assignments).params as Record<string, unknown>)[key!];
}

describe("setParams()", () => {
  for (
    const [assignments, expected] of [
      [["lr=1e-3"], 0.001],
      [["lr=-2"], -2],
      [["shuffle=true"], true],
      [["shuffle=null"], null],
      [["kind=sgd"], "sgd"],
      [["bits=16"], 16],
      [["bits=auto"], "auto"],
      [["seed=12345678901234567890"], 12345678901234567890n],
      [["seed=-1n"], -1n],
      [["name=5"], "5"],
      [["name="], ""],
      [["name=a=b"], "a=b"],
      [["at=2020-01-01"], new Date("2020-01-01")],
      [['tags=["a","b"]'], ["a", "b"]],
      [["tags.0=x", "tags.1=y"], ["x", "y"]],
      [["layers.1.size=2", "layers.0.size=1"], [{ size: 1 }, { size: 2 }]],
      [['layers=[{"size":1},{"size":2}]', "layers.1.size=5"], [{ size: 1 }, { size: 5 }]],
      [["pair.0=1", "pair.1=1"], [1, "1"]],
      [["weights.a=1", "weights.b=2"], { a: 1, b: 2 }],
      [["limit=5"], 5],
      [["limit=null"], null],
      [["limit=five"], "five"],
      [["opt.k=b", "opt.text=5"], { k: "b", text: "5" }],
      [['opt={"k":"a","n":1}'], { k: "a", n: 1 }],
      [["both.x=1", "both.y=1"], { x: 1, y: "1" }],
      [["anything=[1]"], [1]],
      [["anything=abc"], "abc"],
      [["trimmed= x "], "x"],
      [["doubled=4"], 4],
      [["lr=1", "lr=2"], 2],
    ] as [string[], unknown][]
  ) {
    it(`types ${assignments.join(" ")}`, () => assertEquals(set(...assignments), expected));
  }

  it("makes the artifacts inside from their own parameters", () => {
    assertEquals(set("data.size=5", "data.source.path=/a"), Data({ size: 5, source: { path: "/a" } }));
    assertEquals(set("data={}"), Data());
    assertEquals(set('data={"size":5}', "data.source.path=/a"), Data({ size: 5, source: { path: "/a" } }));
    assertEquals(set('all=[{"size":1},{"size":2}]'), [Data({ size: 1 }), Data({ size: 2 })]);
    assertEquals(set("all.0.size=1"), [Data({ size: 1 })]);
    assertEquals(set("either.size=1"), Data({ size: 1 }));
    assertEquals(set("either=x"), "x");
  });

  it("sets nothing when there is nothing to set", () => {
    assertEquals(setParams(Train, []).hash, Train().hash);
  });

  for (
    const [assignment, message] of [
      ["lrr=1", "Cannot set 'lrr' as there is no such key; did you mean 'lr'? (valid keys: 'data', "],
      ["data.sise=1", "did you mean 'size'? (valid keys of 'data': 'size', 'source')"],
      ["data.source.pat=1", "Cannot set 'data.source.pat'"],
      ["lr=abc", "Cannot set 'lr' to 'abc' as it must be a number"],
      ["lr=", "as it must be a number"],
      ["shuffle=yes", "as it must be true or false"],
      ["kind=sdg", "must be one of 'adam', 'sgd'; did you mean 'sgd'?"],
      ["seed=1.5", "as it must be an integer"],
      ["at=someday", "as it must be a date"],
      ["tags=a,b", "as it must be JSON"],
      ["tags.1=b", "'tags.0' is missing"],
      ["tags.x=b", "Cannot set 'tags.x'"],
      ["data=5", "params.data: expected an artifact of set/Data"],
      ["data.size=0.5", "Cannot make an artifact of set/Data"],
      ["lr.x=1", "nothing is below 'lr', which is a number"],
      ["opt.k=c", "Cannot set 'opt.k' to 'c'"],
      ["layers.0.size=x", "Cannot set 'layers.0.size' to 'x'"],
      ["lr", "must be '<path>=<value>'"],
      ["=1", "must be '<path>=<value>'"],
      ["data..size=1", "must be '<path>=<value>'"],
    ] as const
  ) {
    it(`refuses ${assignment}`, () => {
      assertThrows(() => setParams(Train, [assignment]), ValidationError, message);
    });
  }
});
