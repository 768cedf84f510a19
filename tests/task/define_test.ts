import { assert, assertEquals, assertNotEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { z } from "zod";
import { isSystemError, ValidationError } from "../../lib/core/errors.ts";
import { ARTIFACT, type Artifact, isArtifact } from "../../lib/task/artifact/artifact.ts";
import { defineTask } from "../../lib/task/define.ts";
import { findTask, taskNames } from "../../lib/task/artifact/registry.ts";
import { specOf, timeLimitOf } from "../../lib/task/requirements.ts";
import type { Task } from "../../lib/task/artifact/task.ts";

const Data = defineTask({
  name: "define/Data",
  params: z.object({ size: z.int().default(10), seed: z.int().default(0) }),
  create: ({ params }) => params.size,
});

// deno-lint-ignore no-explicit-any -- wrong definitions on purpose
const define = defineTask as (options: any) => any;
const valid = { name: "define/x", params: z.object({ a: z.number() }), create: () => 1 };

describe("defineTask()", () => {
  it("makes a function that gives artifacts", () => {
    const artifact = Data({ size: 5 });
    assert(isArtifact(artifact));
    assertEquals(artifact.name, "define/Data");
    assertEquals(artifact.params, { size: 5, seed: 0 });
    assertEquals(artifact[ARTIFACT].task, Data.definition);
    assertEquals(Data.name, "define/Data");
  });

  it("lets a task without required parameters be called with none, and mapped over", () => {
    assertEquals(Data().params, { size: 10, seed: 0 });
    assertEquals([{ seed: 1 }, { seed: 2 }].map(Data).map(({ params }) => params.seed), [1, 2]);
  });

  it("registers the definition by name", () => {
    assertEquals(findTask("define/Data"), Data.definition);
    assertEquals(findTask("define/Nothing"), undefined);
    assert(taskNames().includes("define/Data"));
  });

  it("knows the module that called it, also through native functions and whatever the stack limit", () => {
    assertEquals(Data.definition.module, import.meta.url);
    const limit = Error.stackTraceLimit;
    Error.stackTraceLimit = 0;
    try {
      const [task] = [{ ...valid, name: "define/Mapped" }].map((options) => defineTask(options));
      assertEquals(task!.definition.module, import.meta.url);
      assertEquals(Error.stackTraceLimit, 0);
    } finally {
      Error.stackTraceLimit = limit;
    }
    const given = defineTask({ ...valid, name: "define/Given", module: new URL("file:///other.ts") });
    assertEquals(given.definition.module, "file:///other.ts");
  });

  it("refuses a second definition of a name, naming both modules", () => {
    const message = assertThrows(
      () => define({ ...valid, name: "define/Data", module: "file:///second.ts" }),
      ValidationError,
    ).message;
    assertStringIncludes(message, "'define/Data'");
    assertStringIncludes(message, import.meta.url);
    assertStringIncludes(message, "file:///second.ts");
    assertThrows(() => define({ ...valid, name: "define/Data" }), ValidationError, "twice");
  });

  it("does not take the name for a definition that was refused", () => {
    assertThrows(() => define({ ...valid, name: "define/Refused", version: NaN }), ValidationError);
    assertEquals(findTask("define/Refused"), undefined);
  });

  for (
    const [what, change, message] of [
      ["a bad name", { name: "define/.x" }, "begins with a dot"],
      ["a misspelt option", { unhashd: [] }, "did you mean 'unhashed'?"],
      ["params that are no object", { params: z.string() }, "'params' must be a z.object"],
      ["no params", { params: undefined }, "'params' must be a z.object"],
      ["no create", { create: undefined }, "'create' must be a function"],
      ["a load that is no function", { load: "x" }, "'load' must be a function"],
      ["a bad spec", { spec: "a/b" }, "spec of task 'define/x' 'a/b'"],
      ["a bad version", { version: {} }, "'version' must be a string or a finite number"],
      ["a bad time limit", { timeLimit: 0 }, "above 0: current value is 0"],
      ["an unhashed parameter that is none", { unhashed: ["b"] }, "'b'"],
      ["a legacy parameter that is none", { legacy: { b: 1 } }, "(valid keys: 'a')"],
      ["a legacy value of another type", { legacy: { a: "x" } }, "'legacy' value of 'a'"],
      ["a legacy value without a form", { legacy: { a: NaN } }, "legacy.a of define/x: it is NaN"],
      [
        "a legacy value that a .catch() would replace",
        { params: z.object({ a: z.number().catch(5) }), legacy: { a: "x" } },
        "its schema makes 5 of it",
      ],
      [
        "a legacy value with a key that its schema drops",
        { params: z.object({ a: z.object({ b: z.int() }).optional() }), legacy: { a: { b: 1, c: 1 } } },
        "'legacy' value of 'a' can never be had",
      ],
      [
        "migrations that are no array",
        { migrations: {} },
        "'migrations' must be an array of { from, params }",
      ],
      [
        "a migration without from",
        { migrations: [{}] },
        "'migrations[0].from' must be an object with 'name'",
      ],
      [
        "a migration that is none",
        { migrations: [1] },
        "'migrations[0]' must be an object with 'from', 'params'",
      ],
      ["a misspelt field", { migrations: [{ from: {}, parms: 1 }] }, "did you mean 'params'?"],
      ["a misspelt source", { migrations: [{ from: { nmae: "a" } }] }, "did you mean 'name'?"],
      ["a source with a bad name", { migrations: [{ from: { name: ".x" } }] }, "begins with a dot"],
      [
        "a source with a bad version",
        { migrations: [{ from: { version: {} } }] },
        "from.version' must be a string",
      ],
      [
        "a migration of no function",
        { migrations: [{ from: {}, params: {} }] },
        "params' must be a function",
      ],
      ["a parameter that is both", { legacy: { a: 1 }, unhashed: ["a"] }, "one too many"],
    ] as const
  ) {
    it(`refuses ${what}`, () => {
      assertThrows(() => define({ ...valid, ...change }), ValidationError, message);
    });
  }

  it("takes legacy values of any form", () => {
    const values: [z.ZodType, unknown][] = [
      [z.set(z.int()), new Set([1])],
      [z.map(z.string(), z.date()), new Map([["a", new Date(0)]])],
      [z.union([z.string(), Data.schema]), Data()],
      [z.object({ b: z.int() }).nullable(), { b: 1 }],
      [z.instanceof(Uint8Array), new Uint8Array([1])],
      [z.string().transform(Number), 5],
      [z.int().optional(), undefined],
    ];
    values.forEach(([schema, value], i) =>
      define({ ...valid, name: `define/Legacy${i}`, params: z.object({ a: schema }), legacy: { a: value } })
    );
  });

  it("checks the names of parameters late where a getter refers to the task itself", () => {
    const make = (unhashed: "note" | "nota") => {
      const Chain: Task<z.ZodObject, number> = defineTask({
        name: `define/Chain-${unhashed}`,
        params: z.object({
          note: z.string().default(""),
          get below(): z.ZodType {
            return Chain.schema.optional();
          },
        }),
        unhashed: [unhashed as never],
        create: (): number => 1,
      }) as never;
      return Chain;
    };
    const chain = make("note");
    assertEquals(chain({ below: chain({ note: "a" }) }).hash, chain({ below: chain({ note: "b" }) }).hash);
    const odd = make("nota");
    for (let turn = 0; turn < 2; turn++) assertThrows(() => odd({}), ValidationError, "did you mean 'note'?");
  });

  it("reads a shape late, so that its getters may refer to tasks defined later", () => {
    const Tree = defineTask({
      name: "define/Tree",
      params: z.object({
        n: z.int(),
        get below(): z.ZodOptional<z.ZodType<Artifact, Artifact>> {
          return (Tree.schema as unknown as z.ZodType<Artifact, Artifact>).optional();
        },
      }),
      create: (): number => 1,
    });
    const leaf = Tree({ n: 1 });
    assertEquals(Tree({ n: 2, below: leaf })[ARTIFACT].dependencies, [leaf]);
  });
});

describe("Task.schema", () => {
  const Many = defineTask({
    name: "define/Many",
    params: z.object({
      list: z.array(Data.schema).default([]),
      record: z.record(z.string(), Data.schema).optional(),
      either: z.union([z.string(), Data.schema]).optional(),
      maybe: Data.schema.nullable().describe("described").optional(),
      refined: Data.schema.refine(({ params }) => params.size > 1, "must be larger").optional(),
      map: z.map(z.string(), Data.schema).optional(),
      set: z.set(Data.schema).optional(),
    }),
    create: () => 1,
  });

  it("accepts artifacts anywhere, each a dependency once", () => {
    const [a, b, c, d] = [1, 2, 3, 4].map((seed) => Data({ seed }));
    const many = Many({
      list: [a!, b!, a!],
      record: { x: b! },
      either: c!,
      maybe: null,
      refined: d!,
      map: new Map([["k", a!]]),
      set: new Set([b!]),
    });
    const hashes = new Set(many[ARTIFACT].dependencies.map(({ hash }) => hash));
    assertEquals(many[ARTIFACT].dependencies.length, 4);
    assertEquals(hashes, new Set([a, b, c, d].map((artifact) => artifact!.hash)));
    assert(many.params.list[0] === a, "artifacts stay the objects that they are");
  });

  it("accepts artifacts made by another copy of furu, and refuses those of another task", () => {
    const { name, hash, params, [ARTIFACT]: core } = Data();
    const foreign = { name, hash, params, [ARTIFACT]: core } as Artifact<
      number,
      { size: number; seed: number }
    >;
    assertEquals(Many({ list: [foreign] }).hash, Many({ list: [Data()] }).hash);
    assertThrows(
      () => Many({ list: [Many() as never] }),
      ValidationError,
      "params.list[0]: expected an artifact of define/Data",
    );
  });

  it("keeps the checks put upon it", () => {
    assertThrows(
      () => Many({ refined: Data({ size: 1 }) }),
      ValidationError,
      "params.refined: must be larger",
    );
  });
});

describe("an artifact", () => {
  it("is shown by name and short hash, in the console with all of its hash and its parameters", () => {
    const data = Data();
    assertEquals(`${data}`, `define/Data(${data.hash.slice(0, 8)})`);
    const Holder = defineTask({
      name: "define/Holder",
      params: z.object({ data: Data.schema }),
      create: () => 1,
    });
    const text = Deno.inspect(Holder({ data }), { colors: false });
    assertStringIncludes(text, Holder({ data }).hash);
    assertStringIncludes(text, `{ data: ${data} }`);
    assert(!text.includes("identity"));
  });

  it("is not equal to one with other parameters in the eyes of an assertion", () => {
    assertEquals(Data({ seed: 1 }), Data({ seed: 1 }));
    assertNotEquals(Data({ seed: 1 }), Data({ seed: 2 }));
  });
});

describe("specOf() and timeLimitOf()", () => {
  it("are constants or come from the parameters", () => {
    const Sized = defineTask({
      name: "define/Sized",
      params: z.object({ spec: z.string(), seconds: z.number() }),
      spec: ({ spec }) => spec,
      timeLimit: ({ seconds }) => seconds,
      create: () => 1,
    });
    assertEquals(specOf(Data()), "default");
    assertEquals(timeLimitOf(Data()), undefined);
    assertEquals(specOf(Sized({ spec: "gpu", seconds: 2 })), "gpu");
    assertEquals(timeLimitOf(Sized({ spec: "gpu", seconds: 2 })), 2);
    assertThrows(
      () => specOf(Sized({ spec: "../x", seconds: 2 })),
      ValidationError,
      "Cannot use spec of define/Sized(",
    );
    assertThrows(() => timeLimitOf(Sized({ spec: "gpu", seconds: -1 })), ValidationError, "above 0");
    const Reading = defineTask({
      name: "define/Reading",
      params: z.object({}),
      timeLimit: () => Number(Deno.readTextFileSync("/nowhere/limit")),
      create: () => 1,
    });
    // Whatever it throws, the system's own trouble with the store is another thing.
    const error = assertThrows(
      () => timeLimitOf(Reading()),
      ValidationError,
      "'timeLimit' of its task threw: NotFound",
    );
    assertEquals(isSystemError(error), false);
  });
});
