import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { z } from "zod";
import { ValidationError } from "../../lib/core/errors.ts";
import { furuGlobals } from "../../lib/core/globals.ts";
import type { Artifact } from "../../lib/task/artifact/artifact.ts";
import { defineTask } from "../../lib/task/define.ts";
import { mayBePartial, parametersWith, toleratedOf } from "../../lib/task/tolerated.ts";

const Run = defineTask({
  name: "tolerate/Run",
  params: z.object({ seed: z.int() }),
  create: ({ params }) => params.seed,
});
const [one, two, three] = [1, 2, 3].map((seed) => Run({ seed })) as [Artifact, Artifact, Artifact];

// deno-lint-ignore no-explicit-any -- wrong definitions on purpose
const define = defineTask as (options: any) => any;
let tasks = 0;

/** A task whose parameters hold artifacts in many ways. */
function taskOf(options: Record<string, unknown>) {
  return define({
    name: `tolerate/Task${++tasks}`,
    params: z.object({
      runs: z.array(Run.schema).default([]),
      best: Run.schema.optional(),
      byName: z.record(z.string(), z.object({ run: Run.schema })).default({}),
      any: z.unknown().optional(),
      count: z.int().default(1),
      names: z.array(z.string()).optional(),
    }),
    create: () => 1,
    ...options,
  });
}

describe("tolerate", () => {
  const wrong: [what: unknown, text: string][] = [
    ["runs", "its 'tolerate' must be a list of names of parameters: current value is \"runs\""],
    [[3], "must be a list of names of parameters"],
    [["rums"], "'tolerate' names a parameter that it does not have, 'rums'; did you mean 'runs'?"],
    [
      ["count"],
      "names a parameter that holds no artifacts, 'count' (those that do: 'runs', 'best', 'byName', 'any')",
    ],
    [["runs", "names"], "names a parameter that holds no artifacts, 'names'"],
  ];
  for (const [tolerate, text] of wrong) {
    it(`refuses ${JSON.stringify(tolerate)}`, () => {
      const { message } = assertThrows(() => taskOf({ tolerate }), ValidationError);
      assertStringIncludes(message, text);
    });
  }

  it("of a task that refers to one defined later is checked when it is used first", () => {
    const params = () =>
      z.object({
        get later() {
          return later.schema;
        },
      });
    const early = define({ name: "tolerate/Early", params: params(), create: () => 1, tolerate: ["latter"] });
    const later = define({ name: "tolerate/Later", params: z.object({}), create: () => 1 });
    assertThrows(() => early({ later: later() }), ValidationError, "did you mean 'later'?");
  });

  it("is no part of the hash", () => {
    const hashOf = (options: Record<string, unknown>) =>
      define({ name: "tolerate/Same", params: z.object({ run: Run.schema }), create: () => 1, ...options })({
        run: one,
      }).hash;
    const before = hashOf({});
    furuGlobals().tasks.delete("tolerate/Same");
    assertEquals(hashOf({ tolerate: ["run"] }), before);
  });
});

describe("toleratedOf()", () => {
  const cases: { name: string; options: Record<string, unknown>; params: unknown; is: Artifact[] }[] = [
    { name: "nothing by default", options: {}, params: { runs: [one] }, is: [] },
    {
      name: "what is in the named parameters, however deep",
      options: { tolerate: ["runs", "byName"] },
      params: { runs: [one], byName: { a: { run: two } }, best: three },
      is: [one, two],
    },
    {
      name: "nothing that stands in another parameter, too",
      options: { tolerate: ["runs"] },
      params: { runs: [one, two], best: two },
      is: [one],
    },
    {
      name: "nothing that 'dependencies' names",
      options: { tolerate: ["runs"], dependencies: () => [one, three] },
      params: { runs: [one, two] },
      is: [two],
    },
  ];
  for (const { name, options, params, is } of cases) {
    it(name, () => {
      assertEquals(toleratedOf(taskOf(options)(params)), new Set(is.map(({ hash }) => hash)));
    });
  }

  it("parametersWith() tells where an artifact stands", () => {
    const artifact = taskOf({})({ runs: [one, two], best: two, any: [{ two }] });
    assertEquals(parametersWith(artifact, two.hash), ["any", "best", "runs"]);
    assertEquals(parametersWith(artifact, three.hash), []);
  });
});

describe("mayBePartial()", () => {
  it("is what tolerates, and all that depends on it, over chains of any length", () => {
    const mean = taskOf({ tolerate: ["runs"] });
    const Chain = define({
      name: "tolerate/Chain",
      params: z.object({ of: z.unknown(), i: z.int() }),
      create: () => 1,
    });
    let above: Artifact = mean({ runs: [one] }), beside: Artifact = one;
    for (let i = 0; i < 5000; i++) [above, beside] = [Chain({ of: above, i }), Chain({ of: beside, i })];
    assertEquals([above, beside, one, mean({ best: one })].map(mayBePartial), [true, false, false, false]);
  });
});
