import { assertEquals, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { z } from "zod";
import { ValidationError } from "../../../lib/core/errors.ts";
import { defineTask } from "../../../lib/task/define.ts";
import { setParams } from "../../../lib/task/schema/set_params.ts";

const Data = defineTask({
  name: "set/Data",
  params: z.object({ size: z.int().default(10), source: z.object({ path: z.string() }).optional() }),
  create: () => 1,
});

enum Level {
  Low = 1,
  High,
}

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
    at: z.date().nullable().optional(),
    when: z.union([z.string(), z.date()]).optional(),
    days: z.set(z.date()).optional(),
    level: z.enum(Level).optional(),
    levels: z.array(z.enum(Level)).optional(),
    flag: z.stringbool().optional(),
    version: z.templateLiteral(["v", z.int()]).optional(),
    ids: z.set(z.bigint()).optional(),
    counts: z.map(z.int(), z.date()).optional(),
    points: z.map(z.object({ x: z.int() }), z.int()).optional(),
    models: z.map(z.string(), Data.schema).optional(),
    sides: z.record(z.enum(["left", "right"]), z.int()).optional(),
    key: z.instanceof(Uint8Array).optional(),
    wave: z.instanceof(Float32Array).optional(),
    seal: z.custom<Uint8Array>((value) => value instanceof Uint8Array && value.length === 2).optional(),
    caught: z.number().catch(5).optional(),
    mark: z.symbol().optional(),
    link: z.instanceof(URL).optional(),
    tags: z.array(z.string()).optional(),
    layers: z.array(z.object({ size: z.int() })).optional(),
    pair: z.tuple([z.number(), z.string()]).optional(),
    weights: z.record(z.string(), z.number()).optional(),
    limit: z.union([z.string(), z.number(), z.null()]).optional(),
    opt: z.discriminatedUnion("k", [
      z.object({ k: z.literal("a"), n: z.number() }),
      z.object({ k: z.literal("b"), text: z.string() }),
    ]).optional(),
    span: z.union([z.object({ from: z.date() }), z.object({ from: z.date(), to: z.date() })]).optional(),
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
      [["at=2026-01-31T08:30"], new Date("2026-01-31T08:30Z")],
      [["at=2026-01-31 08:30:15.5"], new Date("2026-01-31T08:30:15.500Z")],
      [["at=2026-01-31T08:30-0500"], new Date("2026-01-31T13:30Z")],
      [["at=2026-01"], new Date("2026-01-01")],
      [["at=null"], null],
      [["when=2026-01-31T08:30"], new Date("2026-01-31T08:30Z")],
      [["when=soon"], "soon"],
      [['days=["2026-01-31T08:30"]'], new Set([new Date("2026-01-31T08:30Z")])],
      [["days.0=2026-01-31"], new Set([new Date("2026-01-31")])],
      [["level=High"], 2],
      [["level=2"], 2],
      [['levels=["Low",2]'], [1, 2]],
      [["flag=yes"], true],
      [["version=v5"], "v5"],
      [['ids=[1,"12345678901234567890"]'], new Set([1n, 12345678901234567890n])],
      [['counts={"1":"2026-01-31"}'], new Map([[1, new Date("2026-01-31")]])],
      [
        ['counts=[[1,"2026-01-31"]]', "counts.2=2026-02-01"],
        new Map([[1, new Date("2026-01-31")], [2, new Date("2026-02-01")]]),
      ],
      [['points=[[{"x":1},2]]'], new Map([[{ x: 1 }, 2]])],
      [["sides.left=1", "sides.right=2"], { left: 1, right: 2 }],
      [["key=base64:AQI="], new Uint8Array([1, 2])],
      [["key=hex:0aFF"], new Uint8Array([10, 255])],
      [["key=[1,2]"], new Uint8Array([1, 2])],
      [["key=hex:"], new Uint8Array()],
      [["wave=[0.5,2]"], new Float32Array([0.5, 2])],
      [["seal=hex:0102"], new Uint8Array([1, 2])],
      [['limit="5"'], "5"],
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
      [
        ['span={"from":"2026-01-01","to":"2026-01-31"}'],
        { from: new Date("2026-01-01"), to: new Date("2026-01-31") },
      ],
      [
        ['span={"from":"2026-01-01"}', "span.to=2026-01-31"],
        { from: new Date("2026-01-01"), to: new Date("2026-01-31") },
      ],
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
    assertEquals(set('models={"a":{"size":1}}'), new Map([["a", Data({ size: 1 })]]));
    assertEquals(set("models.a.size=1"), new Map([["a", Data({ size: 1 })]]));
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
      ["at=1/31/2026", "as it must be a date, like 2026-01-31"],
      ["at=2026-02-30", "as it must be a date"],
      ["at=1700000000", "as it must be a date"],
      ["days=[5]", "Cannot set 'days.0' to '5' as it must be a date"],
      ["days={}", "as it must be JSON, a list"],
      ["level=Hihg", "must be one of '1', '2', 'Low', 'High'; did you mean 'High'?"],
      ["ids=[12345678901234567890]", "write it as a text"],
      ["counts=[1]", "no pair: it must be [[key, value], ...] or an object"],
      ["counts.x=2026-01-31", "Cannot set 'counts.x' to 'x' as it must be a number"],
      ["counts=5", "as it must be JSON, an object"],
      ["sides.lft=1", "did you mean 'left'? (valid keys of 'sides': 'left', 'right')"],
      ["weights.a.b=1", "keys that have a '.' can be given as JSON"],
      ["key=AQI=", "the bytes of a Uint8Array: 'base64:...', 'hex:...' or a JSON list of numbers"],
      ["key=hex:012", "the bytes of a Uint8Array"],
      ["wave=base64:AA==", "the bytes of a Float32Array"],
      ["caught=abc", "Cannot set 'caught' to 'abc' as it must be a number"],
      ["mark=x", "no text stands for what it takes (symbol): leave it out"],
      ["link=file:///x", "no text stands for what it takes (an instance of URL)"],
      ["tags=a,b", "as it must be JSON, a list like"],
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
