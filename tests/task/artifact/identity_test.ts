import { assert, assertEquals, assertNotEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import fc from "fast-check";
import { z } from "zod";
import { hashOfIdentity } from "../../../lib/core/json/canonical.ts";
import { ValidationError } from "../../../lib/core/errors.ts";
import { hashText } from "../../../lib/core/hash.ts";
import { ARTIFACT, type Artifact } from "../../../lib/task/artifact/artifact.ts";
import { defineTask } from "../../../lib/task/define.ts";
import { FakeArtifact, reversed, same } from "../../core/data.ts";
import { data } from "../../core/data.ts";

const Any = defineTask({ name: "identity/Any", params: z.object({ value: z.any() }), create: () => 1 });
const Data = defineTask({
  name: "identity/Data",
  params: z.object({ size: z.int().default(1000), seed: z.int() }),
  create: () => 1,
});
const Train = defineTask({
  name: "identity/Train",
  version: 2,
  params: z.object({ data: Data.schema, lr: z.number() }),
  create: () => 1,
});

/** Fake artifacts become real ones. */
function withArtifacts(value: unknown): unknown {
  if (value instanceof FakeArtifact) {
    return Data({ seed: value.name.charCodeAt(0) * 10 + Number(value.hash[0]) });
  }
  if (Array.isArray(value)) return value.map(withArtifacts);
  if (value instanceof Map) return new Map(withArtifacts([...value]) as [unknown, unknown][]);
  if (value instanceof Set) return new Set(withArtifacts([...value]) as unknown[]);
  if (typeof value !== "object" || value === null || Object.getPrototypeOf(value) !== Object.prototype) {
    return value;
  }
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withArtifacts(item)]));
}

describe("the hash of an artifact", () => {
  it("is golden: a change of these means a new scheme number", () => {
    const data = Data({ seed: 1 });
    assertEquals(
      data[ARTIFACT].identity,
      '{"params":{"seed":1,"size":1000},"scheme":1,"task":"identity/Data"}',
    );
    assertEquals<string>(data.hash, "53863add515b04b2e8a15f6ffc407233");
    const train = Train({ data, lr: 1e-3 });
    assertEquals(
      train[ARTIFACT].identity,
      `{"params":{"data":{"$artifact":["identity/Data","${data.hash}"]},"lr":0.001},` +
        `"scheme":1,"task":"identity/Train","version":2}`,
    );
    assertEquals<string>(train.hash, "ce3fe0df6f756da15b6d5028fbf420bf");
    const value = {
      big: 12345678901234567890n,
      date: new Date(1e12),
      map: new Map<unknown, unknown>([["b", new Set([2, 1])], ["a", null]]),
      typed: [new Float64Array([1.5, -0]), new Uint8Array([1, 2, 255]), new BigInt64Array([-1n])],
      $key: "\ud800 \u{1F600}\n",
      zero: -0,
    };
    assertEquals<string>(Any({ value }).hash, "b57c6912d947c30354ed8c22a21ee787");
  });

  it("is that of its identity, also when that was parsed from a record", () => {
    const { hash, [ARTIFACT]: { identity } } = Train({ data: Data({ seed: 3 }), lr: 0.5 });
    assertEquals(hash, hashText(identity));
    assertEquals(hash, hashOfIdentity(JSON.parse(identity)));
  });

  it("is equal for equal parameters, and for no others", () => {
    fc.assert(fc.property(data, data, (a, b) => {
      const hash = Any({ value: withArtifacts(a) }).hash;
      assertEquals(Any({ value: withArtifacts(reversed(a)) }).hash, hash);
      assertEquals(Any({ value: withArtifacts(b) }).hash === hash, same(a, b));
    }));
  });

  it("covers defaults as filled in", () => {
    assertEquals(Data({ seed: 1 }).hash, Data({ seed: 1, size: 1000 }).hash);
    assertNotEquals(Data({ seed: 1 }).hash, Data({ seed: 1, size: 999 }).hash);
  });

  it("differs by task and by version", () => {
    const params = z.object({ a: z.number() });
    const tasks = [
      defineTask({ name: "identity/V0", params, create: () => 1 }),
      defineTask({ name: "identity/V0b", params, create: () => 1 }),
      defineTask({ name: "identity/V0c", params, version: "1", create: () => 1 }),
    ];
    assertEquals(new Set(tasks.map((task) => task({ a: 1 }).hash)).size, 3);
    const [number, text] = [1, "1"].map((version) =>
      JSON.parse(
        defineTask({ name: `identity/${typeof version}`, params, version, create: () => 1 })({
          a: 1,
        })[ARTIFACT].identity,
      ).version
    );
    assertEquals({ number, text }, { number: 1, text: "1" });
  });
});

describe("unhashed parameters", () => {
  const File = defineTask({
    name: "identity/File",
    params: z.object({ path: z.string(), sha256: z.string(), from: Data.schema.optional() }),
    unhashed: ["path", "from"],
    create: () => 1,
  });

  it("do not count, but are there, and their artifacts are dependencies", () => {
    const data = Data({ seed: 1 });
    const [a, b] = [File({ path: "/a", sha256: "x" }), File({ path: "/b", sha256: "x", from: data })];
    assertEquals(a.hash, b.hash);
    assertEquals(b.params.path, "/b");
    assertEquals(b[ARTIFACT].dependencies, [data]);
    assertNotEquals(a.hash, File({ path: "/a", sha256: "y" }).hash);
  });

  it("have to have a form as text too, since workers get them", () => {
    const Loose = defineTask({
      name: "identity/LooseUnhashed",
      params: z.object({ a: z.any() }),
      unhashed: ["a"],
      create: () => 1,
    });
    assertThrows(() => Loose({ a: () => 1 }), ValidationError, "params.a of identity/LooseUnhashed");
  });
});

describe("legacy parameters", () => {
  it("are left out with the value that means what there was before", () => {
    const before = defineTask({ name: "identity/Old", params: z.object({ a: z.number() }), create: () => 1 });
    const after = defineTask({
      name: "identity/New",
      params: z.object({
        a: z.number(),
        norm: z.enum(["none", "batch"]).default("none"),
        shape: z.object({ k: z.number() }).default({ k: 3 }),
      }),
      legacy: { norm: "none", shape: { k: 3 } },
      create: () => 1,
    });
    const rename = (artifact: Artifact) =>
      artifact[ARTIFACT].identity.replace("identity/New", "identity/Old");
    assertEquals(rename(after({ a: 1 })), before({ a: 1 })[ARTIFACT].identity);
    assertEquals(after({ a: 1 }).params.norm, "none");
    assertStringIncludes(
      after({ a: 1, norm: "batch" })[ARTIFACT].identity,
      '"params":{"a":1,"norm":"batch"}',
    );
  });
});

describe("dependencies() that call each other", () => {
  const chain = (name: string, below: (n: number) => Artifact[]) => {
    const Chain: Task = defineTask({
      name,
      params: z.object({ n: z.int() }),
      dependencies: ({ n }): Artifact[] => below(n),
      create: (): number => 1,
    });
    return Chain;
  };
  type Task = (params: { n: number }) => Artifact<number, { n: number }>;

  it("may go deeper than calls can be nested, and are called a bounded number of times each", () => {
    let calls = 0;
    const Deep = chain("identity/Deep", (n) => {
      calls++;
      return n === 0 ? [] : [Deep({ n: n - 1 })];
    });
    let artifact: Artifact = Deep({ n: 5000 });
    assert(calls < 4 * 5000, `${calls} calls`);
    // Of the same hash as where nothing is deep.
    const texts: string[] = [];
    for (let n = 5000;; n--) {
      texts.push(`${artifact}`);
      const [below] = artifact[ARTIFACT].dependencies;
      if (!below) break;
      artifact = below;
    }
    assertEquals([texts.length, texts.at(-1), texts.at(-101)], [
      5001,
      `${Deep({ n: 0 })}`,
      `${Deep({ n: 100 })}`,
    ]);
  });

  it("may catch what they like", () => {
    const Catching = chain("identity/Catching", (n) => {
      try {
        return n === 0 ? [] : [Catching({ n: n - 1 })];
      } catch {
        return [];
      }
    });
    let depth = 0;
    for (let at: Artifact | undefined = Catching({ n: 1000 }); at; at = at[ARTIFACT].dependencies[0]) depth++;
    assertEquals(depth, 1001);
  });

  it("are told when a long chain of them is a circle, without its middle", () => {
    for (const length of [150, 450]) {
      const Ring = chain(`identity/Ring${length}`, (n) => [Ring({ n: (n + 1) % length })]);
      const { message } = assertThrows(() => Ring({ n: 0 }), ValidationError, "depends on itself");
      assert(message.length < 500, message);
      assertEquals(message.endsWith(`identity/Ring${length}({"n":0})`), true, message);
    }
  });
});

describe("dependencies()", () => {
  it("come after those in the parameters, each once, and count", () => {
    const [a, b] = [Data({ seed: 1 }), Data({ seed: 2 })];
    const Report = defineTask({
      name: "identity/Report",
      params: z.object({ z: Data.schema, more: z.boolean() }),
      dependencies: ({ z, more }) => more ? [b, z, b] : [],
      create: () => 1,
    });
    const report = Report({ z: a, more: true });
    assertEquals(report[ARTIFACT].dependencies, [a, b]);
    assertEquals(
      JSON.parse(report[ARTIFACT].identity).dependencies,
      [b, a].map(({ name, hash }) => ({ $artifact: [name, hash] })),
    );
    assert(!("dependencies" in JSON.parse(Report({ z: a, more: false })[ARTIFACT].identity)));
  });

  it("may go on from the same task, without the same artifact being made over and over", () => {
    let calls = 0;
    const Fibonacci = defineTask({
      name: "identity/Fibonacci",
      params: z.object({ n: z.int() }),
      dependencies: ({ n }): Artifact[] => {
        calls++;
        return n < 2 ? [] : [Fibonacci({ n: n - 1 }), Fibonacci({ n: n - 2 })];
      },
      create: (): number => 1,
    });
    assertEquals(Fibonacci({ n: 50 })[ARTIFACT].dependencies.map(({ params }) => params), [{ n: 49 }, {
      n: 48,
    }]);
    assertEquals(calls, 51);
  });

  it("that lead back to the artifact are an error naming the cycle", () => {
    const Loop = defineTask({
      name: "identity/Loop",
      params: z.object({ n: z.int() }),
      dependencies: ({ n }): Artifact[] => [Loop({ n: (n + 1) % 2 })],
      create: (): number => 1,
    });
    for (let again = 0; again < 2; again++) {
      assertThrows(
        () => Loop({ n: 0 }),
        ValidationError,
        'identity/Loop({"n":0}) -> identity/Loop({"n":1}) -> identity/Loop({"n":0})',
      );
    }
  });

  it("without an end are an error, not a crash", () => {
    const Endless = defineTask({
      name: "identity/Endless",
      params: z.object({ n: z.int() }),
      dependencies: ({ n }): Artifact[] => [Endless({ n: n + 1 })],
      create: (): number => 1,
    });
    assertThrows(() => Endless({ n: 0 }), ValidationError, "too deep");
  });

  it("that are no artifacts are errors", () => {
    const wrong: unknown[] = [undefined, [5], Promise.resolve([])];
    const Wrong = defineTask({
      name: "identity/Wrong",
      params: z.object({ what: z.int() }),
      dependencies: ({ what }) => wrong[what] as Artifact[],
      create: () => 1,
    });
    assertThrows(() => Wrong({ what: 0 }), ValidationError, "it is undefined");
    assertThrows(() => Wrong({ what: 1 }), ValidationError, "number 0 is 5");
    assertThrows(() => Wrong({ what: 2 }), ValidationError, "synchronously");
  });
});
