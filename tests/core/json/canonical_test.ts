import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import fc from "fast-check";
import { canonicalizeJson, canonicalJson, fromCanonical } from "../../../lib/core/json/canonical.ts";
import { ValidationError } from "../../../lib/core/errors.ts";
import { data, FakeArtifact, fakeReference, reversed, same } from "../data.ts";

const options = { artifactReference: fakeReference };
const artifact = (name: string, hash: string) => new FakeArtifact(name, hash);

describe("canonicalJson()", () => {
  it("gives equal text for equal data, whatever the order of keys, members and entries", () => {
    fc.assert(fc.property(data, (value) => {
      assertEquals(canonicalJson(reversed(value), options), canonicalJson(value, options));
    }));
  });

  it("gives different text for different data", () => {
    fc.assert(
      fc.property(data, data, (a, b) => {
        assertEquals(canonicalJson(a, options) === canonicalJson(b, options), same(a, b));
      }),
      { numRuns: 1000 },
    );
  });

  it("tells apart what is easily confused", () => {
    const values = [
      ...[1, "1", 1n, true, "true", null, "null", [], {}, new Map(), new Set(), [[]], [{}]],
      ...[new Date(0), "1970-01-01T00:00:00.000Z", 0, "\ud800", "\udc00", "\ufffd", "\\ud800"],
      ...[new Uint8Array(8), new Int8Array(8), new Float64Array(1), new BigInt64Array(1), new Uint8Array(7)],
      ...[{ $date: "x" }, { $$date: "x" }, { date: "x" }, { $artifact: ["a", "b"] }, artifact("a", "b")],
      ...[artifact("a", "c"), new Set([1, 2]), [1, 2], new Map([[1, 2]]), [[1, 2]], { 1: 2 }],
      ...[{ $bigint: "1" }, { $set: [1, 2] }, { $map: [[1, 2]] }, { $typed: ["Uint8Array", "AAAAAAAAAAA="] }],
    ];
    assertEquals(new Set(values.map((value) => canonicalJson(value, options))).size, values.length);
  });

  it("takes -0 for 0 and undefined properties for absent ones", () => {
    assertEquals(canonicalJson({ b: -0, a: undefined }), '{"b":0}');
  });

  it("sorts keys by code unit and writes no spaces", () => {
    assertEquals(
      canonicalJson({ b: [1, "x"], a: null, B: true, "\u{1F600}": 1, "\uFB00": 2, $z: 3, 10: 4, 9: 5 }),
      '{"$$z":3,"10":4,"9":5,"B":true,"a":null,"b":[1,"x"],"\u{1F600}":1,"\uFB00":2}',
    );
  });

  it("orders members of a Set by the bytes of their text, and entries of a Map by key, then value", () => {
    assertEquals(
      canonicalJson(new Set(["\u{1F600}", "\uFB00", "z", 10, 9])),
      '{"$set":["z","\uFB00","\u{1F600}",10,9]}',
    );
    const one = { k: 1 };
    const other = { k: 1 };
    assertEquals(
      canonicalJson(new Map([["b", 1], [one, 2], [other, 1]] as [unknown, number][])),
      '{"$map":[["b",1],[{"k":1},1],[{"k":1},2]]}',
    );
  });

  it("reads only the part of a buffer that a typed array shows", () => {
    const part = new Uint16Array(new Uint8Array([9, 9, 1, 0, 2, 0, 9, 9]).buffer, 2, 2);
    assertEquals(canonicalJson(part), canonicalJson(new Uint16Array([1, 2])));
  });

  it("keeps lone surrogates apart, as escapes", () => {
    assertEquals(canonicalJson("\ud800"), '"\\ud800"');
  });

  for (
    const [what, value, path, reason] of [
      ["NaN", { layers: [0, 0, { lr: NaN }] }, "params.layers[2].lr", "NaN"],
      ["an infinity", { a: -Infinity }, "params.a", "-Infinity"],
      ["undefined in an array", { a: [1, undefined] }, "params.a[1]", "undefined"],
      // deno-lint-ignore no-sparse-arrays
      ["a sparse array", { a: [1, , 2] }, "params.a[1]", "hole"],
      ["an invalid date", { "odd key": new Date(NaN) }, 'params["odd key"]', "invalid date"],
      ["a function", { f: () => 1 }, "params.f", "function"],
      ["a symbol", { s: Symbol("x") }, "params.s", "symbol"],
      ["a symbol as key", { s: { [Symbol("x")]: 1 } }, "params.s", "symbol"],
      ["a class instance", { u: new URL("file:///a") }, "params.u", "instance of URL"],
      ["a subclass of Map", { m: new (class Sub extends Map {})() }, "params.m", "instance of Sub"],
      ["a subclass of Set", { m: new (class Sub extends Set {})() }, "params.m", "instance of Sub"],
      ["a subclass of Array", { m: new (class Sub extends Array {})() }, "params.m", "instance of Sub"],
      ["NaN in a Map", { m: new Map([["k", NaN]]) }, "params.m[value 0]", "NaN"],
      ["a bad key of a Map", { m: new Map([[() => 1, 1]]) }, "params.m[key 0]", "function"],
      ["a bad member of a Set", { m: new Set([1, Symbol("x")]) }, "params.m[member 1]", "symbol"],
    ] as const
  ) {
    it(`refuses ${what} and names its path`, () => {
      const error = assertThrows(() => canonicalJson(value, { path: "params" }), ValidationError, reason);
      assert(error.message.includes(`${path}: `), error.message);
    });
  }

  it("refuses a cycle, naming both ends", () => {
    const loop: Record<string, unknown> = { a: { b: [] } };
    (loop as { a: { b: unknown[] } }).a.b.push(loop.a);
    assertThrows(() => canonicalJson(loop), ValidationError, "value.a.b[0]: it is value.a again");
  });

  it("accepts what is there twice without being in itself", () => {
    const shared = { x: 1 };
    assertEquals(canonicalJson([shared, shared]), '[{"x":1},{"x":1}]');
  });

  it("accepts 200 levels and refuses 201", () => {
    const nest = (levels: number) => {
      let value: unknown = 1;
      for (let i = 0; i < levels; i++) value = [value];
      return value;
    };
    assertEquals(canonicalJson(nest(200)).length, 401);
    assertThrows(() => canonicalJson(nest(201)), ValidationError, "deeper than 200");
    assertThrows(() => canonicalJson(nest(100_000)), ValidationError, "deeper than 200");
  });
});

describe("fromCanonical()", () => {
  it("restores what was encoded", () => {
    fc.assert(fc.property(data, (value) => {
      const json = JSON.parse(canonicalJson(value, options));
      assert(same(fromCanonical(json, { artifact }), value));
    }));
  });

  it("does not share anything with the JSON value", () => {
    const json = { a: [{ b: 1 }] };
    const value = fromCanonical(json, { artifact }) as typeof json;
    value.a[0]!.b = 2;
    assertEquals(json, { a: [{ b: 1 }] });
  });

  for (
    const json of [
      { $nonsense: 1 },
      { $bigint: "1.5" },
      { $bigint: 1 },
      { $date: "yesterday" },
      { $typed: ["Uint8Array", "?"] },
      { $typed: ["Float64Array", "AAAA"] },
      { $typed: ["Object", ""] },
      { $artifact: ["a"] },
      { $map: [[1]] },
      { $set: {} },
      { $path: "./a" },
      { $typedFile: ["Uint8Array", "a", 1] },
      { $date: "2020-01-01T00:00:00.000Z", other: 1 },
    ]
  ) {
    it(`refuses ${JSON.stringify(json)}`, () => {
      assertThrows(() => fromCanonical(json, { artifact }), ValidationError, "Cannot decode");
    });
  }
});

describe("canonicalizeJson()", () => {
  it("writes parsed canonical JSON again byte for byte", () => {
    fc.assert(fc.property(data, (value) => {
      const text = canonicalJson(value, options);
      assertEquals(canonicalizeJson(JSON.parse(text)), text);
      assertEquals(canonicalizeJson(reversed(JSON.parse(text))), text);
    }));
  });

  it("keeps the order of lists", () => {
    assertNotEquals(canonicalizeJson([1, 2]), canonicalizeJson([2, 1]));
  });
});

describe("canonicalJson()", () => {
  it("refuses what is too long, naming how long, the largest part, and what to do", () => {
    const value = { lr: 1, data: { names: ["a"], rows: ["x".repeat(2_000_000), "y".repeat(900_000)] } };
    const options = { path: "params", owner: "toy/Train", most: 1000, instead: "use a file" };
    const error = assertThrows(() => canonicalJson(value, options), ValidationError);
    assertEquals(
      error.message,
      "Cannot hash params of toy/Train: its JSON has 2,900,046 characters, at most 1,000 are possible; " +
        "the largest part is params.data.rows[0], with about 2 million; use a file",
    );
    assertEquals(canonicalJson("x".repeat(998), { most: 1000 }).length, 1000);
  });
});
