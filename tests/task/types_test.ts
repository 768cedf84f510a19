import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { assertType, type IsExact } from "@std/testing/types";
import { z } from "zod";
import type { Artifact, Value } from "../../lib/task/artifact/artifact.ts";
import { defineTask } from "../../lib/task/define.ts";
import { grid } from "../../lib/task/grid.ts";

const Rows = defineTask({
  name: "types/Rows",
  params: z.object({ size: z.int().default(3), seed: z.string() }),
  create: ({ params }) => Array.from({ length: params.size }, (_, i) => `${params.seed}${i}`),
});

const Model = defineTask({
  name: "types/Model",
  params: z.object({ rows: Rows.schema, others: z.array(Rows.schema).optional() }),
  create: async ({ params, dir }) => {
    await Promise.resolve();
    assertType<IsExact<typeof dir, string>>(true);
    assertType<IsExact<typeof params.rows, Artifact<string[], { size: number; seed: string }>>>(true);
    return { path: "x", size: params.rows.params.size };
  },
  load: ({ value, params }) => {
    assertType<IsExact<typeof value, { path: string; size: number }>>(true);
    return new Map([[value.path, params.rows]]);
  },
  validate: ({ value }) => value.size > 0,
  spec: ({ others }) => others ? "gpu" : "default",
  timeLimit: ({ rows }) => rows.params.size,
  unhashed: ["others"],
});

const Optional = defineTask({
  name: "types/Optional",
  params: z.object({ a: z.number().optional(), b: z.string().default("x") }),
  create: ({ params }) => params.a ?? params.b,
});

const Factorial = defineTask({
  name: "types/Factorial",
  params: z.object({ n: z.int() }),
  dependencies: ({ n }): Artifact[] => n > 0 ? [Factorial({ n: n - 1 })] : [],
  create: ({ params }): number => params.n > 0 ? params.n * Factorial({ n: 0 }).params.n : 1,
});

/** As `get`'s signature is. */
declare function get<A extends Artifact>(artifact: A): Promise<Value<A>>;

describe("types", () => {
  it("flow from create and load into the artifact", () => {
    const rows = Rows({ seed: "a" });
    assertType<IsExact<Value<typeof rows>, string[]>>(true);
    assertType<IsExact<typeof rows.params, { size: number; seed: string }>>(true);
    const model = Model({ rows });
    type Loaded = Map<string, Artifact<string[], { size: number; seed: string }>>;
    assertType<IsExact<Value<typeof model>, Loaded>>(true);
    assertType<IsExact<Value<ReturnType<typeof Optional>>, string | number>>(true);
    assertType<IsExact<Value<ReturnType<typeof Factorial>>, number>>(true);
    assertEquals(Factorial({ n: 2 }).params, { n: 2 });
  });

  it("make a union of values from a union of artifacts", () => {
    const either = Rows({ seed: "a" }) as ReturnType<typeof Rows> | ReturnType<typeof Optional>;
    const value = () => get(either);
    assertType<IsExact<ReturnType<typeof value>, Promise<string[] | string | number>>>(true);
    assertEquals(either.name, "types/Rows");
  });

  it("let artifacts of any task stand where an Artifact is wanted", () => {
    const roots: Artifact[] = [Rows({ seed: "a" }), Optional(), Model({ rows: Rows({ seed: "b" }) })];
    assertEquals(roots.length, 3);
    const wide: Artifact<readonly string[], { seed: string }> = Rows({ seed: "a" });
    assertEquals(wide.params.seed, "a");
  });

  it("make wrong parameters compile errors", () => {
    const wrong = () => [
      // @ts-expect-error: a number is wanted
      Optional({ a: "1" }),
      // @ts-expect-error: seed is required
      Rows(),
      // @ts-expect-error: seed is required
      Rows({}),
      // @ts-expect-error: no such parameter
      Optional({ c: 1 }),
      // @ts-expect-error: an artifact of another task
      Model({ rows: Optional() }),
      // @ts-expect-error: parameters instead of an artifact
      Model({ rows: { seed: "a" } }),
      // @ts-expect-error: no such parameter to leave out
      defineTask({ name: "types/x", params: z.object({ a: z.string() }), create: () => 1, unhashed: ["b"] }),
      // @ts-expect-error: a legacy value of another type
      defineTask({ name: "types/y", params: z.object({ a: z.string() }), create: () => 1, legacy: { a: 1 } }),
    ];
    assertEquals(wrong.length, 0);
  });

  it("of grid() are the values of each list", () => {
    const points = grid({ lr: [0.1, 0.01], kind: ["a", "b"], rows: [Rows({ seed: "a" })] });
    assertType<IsExact<(typeof points)[number]["lr"], 0.1 | 0.01>>(true);
    assertType<IsExact<(typeof points)[number]["kind"], "a" | "b">>(true);
    assertEquals(points.length, 4);
  });
});
