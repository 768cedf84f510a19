import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { z } from "zod";
import { Rig, testMachine, testRuntime } from "../rig.ts";
import { withSum } from "../../lib/store/record.ts";
import { getFrom } from "../run/rig.ts";
import { define, type Defined, forget, planned, short } from "./rig.ts";

const n = z.object({ n: z.number() });
const renamed = (name: string, more: Defined = {}) =>
  define(name, { migrations: [{ from: { name: `${name}Old` } }], ...more });

/** One result of a task as it was, and what becomes of it. */
async function becomes(
  name: string,
  { was = {}, stored = { n: 1 }, is }: { was?: Defined; stored?: unknown; is: Defined },
): Promise<string> {
  await using rig = new Rig();
  const runtime = testRuntime(rig.root);
  const old = define(name, was)(stored);
  await getFrom(runtime, old);
  define(name, is);
  const plans = await planned(runtime, name);
  return plans.map((each) => short(each).replaceAll(`(${old.hash.slice(0, 8)})`, "")).join("\n");
}

describe("planMigrations()", () => {
  it("finds results of an older name, version or set of parameters, and gives them today's hash", async () => {
    await using rig = new Rig();
    const runtime = testRuntime(rig.root);
    const old = define("mp1/Old", { version: 1 });
    await getFrom(runtime, old({ n: 1 }));
    await getFrom(runtime, old({ n: 2 }));
    forget("mp1/Old");
    const New = define("mp1/New", {
      params: z.object({ m: z.object({ n: z.number() }), more: z.string().default("x") }),
      migrations: [{ from: { name: "mp1/Old", version: 1 }, params: ({ n }) => ({ m: { n } }) }],
    });
    const plans = await planned(runtime, "mp1/");
    assertEquals(
      new Set(plans.map(short)),
      new Set([
        `${old({ n: 1 })} ready ${New({ m: { n: 1 } })}`,
        `${old({ n: 2 })} ready ${New({ m: { n: 2 } })}`,
      ]),
    );
  });

  it("tells versions apart, and a missing one from all", async () => {
    for (
      const [version, from, count] of [
        [undefined, {}, 1],
        ["1", {}, 0],
        [1, { version: "1" }, 1],
        ["1", { version: 1 }, 1],
        [undefined, { version: 1 }, 0],
      ] as const
    ) {
      const found = await becomes("mp2/Task", {
        was: version === undefined ? {} : { version },
        is: { version: 2, migrations: [{ from }] },
      });
      assertEquals(found === "" ? 0 : found.split("\n").length, count, `${version} ${Deno.inspect(from)}`);
    }
  });

  it("leaves what the function gives nothing for, and takes the first migration that gives parameters", async () => {
    const is = (...migrations: NonNullable<Defined["migrations"]>): Defined => ({ version: 2, migrations });
    assertEquals(
      await becomes("mp3/Task", { is: is({ from: {}, params: () => undefined }) }),
      "mp3/Task left",
    );
    assertMatch(
      await becomes("mp3/Task", {
        is: is(
          { from: {}, params: () => undefined },
          { from: {}, params: () => ({ wrong: 1 }) },
          { from: {}, params: ({ n }) => ({ n: n + 1 }) },
        ),
      }),
      /^mp3\/Task ready mp3\/Task\(/,
    );
  });

  it("refuses what today's schema does not allow, with the path, and functions that are wrong", async () => {
    for (
      const [params, reason] of [
        [() => ({ n: "x" }), /refused: today's schema refuses them: params\.n: .*expected number/],
        [() => ({ n: 1, m: 1 }), /refused: today's schema refuses them: .*'m'/],
        [() => 3, /refused: its migration has to return parameters, synchronously: it returned 3$/],
        [() => Promise.resolve({ n: 1 }), /refused: its migration has to return parameters, synchronously/],
        [() => {
          throw new Error("oh");
        }, /refused: its migration threw: oh$/],
      ] as const
    ) {
      assertMatch(
        await becomes("mp4/Task", {
          is: { version: 2, migrations: [{ from: {}, params: params as never }] },
        }),
        reason,
      );
    }
  });

  it("passes over today's own results where only the parameters have changed", async () => {
    await using rig = new Rig();
    const runtime = testRuntime(rig.root);
    const old = define("mp5/Task")({ n: 1 });
    await getFrom(runtime, old);
    const Task = define("mp5/Task", {
      params: z.object({ m: z.number() }),
      migrations: [{ from: {}, params: ({ n }) => ({ m: n }) }],
    });
    await getFrom(runtime, Task({ m: 5 }));
    assertEquals((await planned(runtime, "mp5/")).map(short), [`${old} ready ${Task({ m: 1 })}`]);
    await getFrom(runtime, Task({ m: 1 }));
    assertEquals((await planned(runtime, "mp5/")).map(short), [`${old} exists ${Task({ m: 1 })}`]);
  });

  it("takes the legacy value for a parameter that is left out, before the default", async () => {
    await using rig = new Rig();
    const runtime = testRuntime(rig.root);
    await getFrom(runtime, define("mp6/TaskOld")({ n: 1 }));
    forget("mp6/TaskOld");
    const Task = renamed("mp6/Task", {
      params: n.extend({ how: z.string().default("new") }),
      legacy: { how: "old" },
    });
    const [only] = await planned(runtime, "mp6/");
    assert(only?.status === "ready");
    assertEquals(only.artifact.params, { n: 1, how: "old" });
    assertEquals(only.artifact.hash, Task({ n: 1, how: "old" }).hash);
  });

  it("without a function refuses a schema that makes something else of a parameter", async () => {
    const found = await becomes("mp7/Task", {
      is: {
        version: 2,
        params: z.object({ n: z.number().transform((value) => value * 2) }),
        migrations: [{ from: {} }],
      },
    });
    // What a transform made is not given to it again.
    assertMatch(found, /^mp7\/Task ready/);
    const clipped = await becomes("mp7/Task", {
      is: { version: 2, params: z.object({ n: z.number().overwrite(() => 7) }), migrations: [{ from: {} }] },
    });
    assertStringIncludes(
      clipped,
      "today's schema makes 7 of its parameter 'n', which was 1: give the migration",
    );
  });

  it("migrates from the bottom up, through tasks that have no migrations themselves", async () => {
    await using rig = new Rig();
    const runtime = testRuntime(rig.root);
    const tasks = (Data: ReturnType<typeof define>) => {
      const Train = define("mp8/Train", { params: z.object({ data: z.array(Data.schema), lr: z.number() }) });
      const Eval = define("mp8/Eval", { params: z.object({ of: z.map(z.string(), Train.schema) }) });
      const make = (size: number) =>
        Eval({ of: new Map([["a", Train({ data: [Data({ n: size }), Data({ n: 0 })], lr: 0.1 })]]) });
      return { Data, Train, make };
    };
    const before = tasks(define("mp8/DataOld"));
    for (const size of [1, 2]) {
      const root = before.make(size);
      const train = (root.params as { of: Map<string, never> }).of.get("a")!;
      for (const each of [...(train as { params: { data: never[] } }).params.data, train, root]) {
        await getFrom(runtime, each);
      }
    }
    const old = [before.make(1), before.make(2)];
    forget("mp8/DataOld");
    const today = tasks(renamed("mp8/Data"));
    const plans = await planned(runtime, "mp8/");
    assertEquals(plans.map(({ status }) => status), Array(7).fill("ready"));
    const moved = new Map(
      plans.map((each) => [each.from.hash as string, "artifact" in each && each.artifact]),
    );
    for (const [i, size] of [1, 2].entries()) {
      assertEquals((moved.get(old[i]!.hash) as { hash: string }).hash, today.make(size).hash);
    }
    const order = plans.map(({ from }) => from.name);
    assert(order.indexOf("mp8/Eval") > order.indexOf("mp8/Train"), order.join());
  });

  it("says why what is made of other results cannot be migrated", async () => {
    await using rig = new Rig();
    const runtime = testRuntime(rig.root);
    const Old = define("mp9/DataOld");
    const Train = define("mp9/Train", { params: z.object({ data: Old.schema }) });
    await getFrom(runtime, Train({ data: Old({ n: 1 }) }));
    forget("mp9/DataOld");
    const Data = renamed("mp9/Data");
    const of = (more: Defined = {}) =>
      define("mp9/Train", { params: z.object({ data: Data.schema }), ...more });
    of();
    // Nothing that is migrated is below it: its dependency was removed.
    assertEquals((await planned(runtime, "mp9/")).map(short), []);
    of({ version: 2, migrations: [{ from: {} }] });
    const [gone] = await planned(runtime, "mp9/");
    assertMatch(short(gone!), /refused: its artifact mp9\/DataOld\(.*\) is not stored, so that/);
    const New = define("mp9/Data", {
      migrations: [{ from: { name: "mp9/DataOld" }, params: () => undefined }],
    });
    await getFrom(runtime, define("mp9/DataOld")({ n: 1 }));
    forget("mp9/DataOld");
    assert(New);
    const left = (await planned(runtime, "mp9/")).map(short);
    assertMatch(left[0]!, /left$/);
    assertMatch(
      left[1]!,
      /refused: its artifact mp9\/DataOld\(.*\) is not migrated \(its migration leaves it out\)$/,
    );
  });

  it("knows what is below a result from the roots, where that is not stored", async () => {
    await using rig = new Rig();
    const runtime = testRuntime(rig.root);
    const Data = define("mp10/Data");
    const Train = define("mp10/Train", { params: z.object({ data: Data.schema }) });
    const old = Train({ data: Data({ n: 1 }) });
    await getFrom(runtime, old);
    assertEquals(rig.tree().some((name) => name.startsWith("artifacts/mp10/Data")), false);
    const New = define("mp10/Train", {
      version: 2,
      params: z.object({ data: Data.schema }),
      migrations: [{ from: {} }],
    });
    const root = New({ data: Data({ n: 1 }) });
    assertEquals((await planned(runtime, "mp10/", [root])).map(short), [`${old} ready ${root}`]);
  });

  it("takes the newest of several results that become the same artifact", async () => {
    await using rig = new Rig();
    let now = Date.parse("2026-01-01");
    const { clock } = testMachine();
    const runtime = testRuntime(rig.root, { machine: { clock: { ...clock, now: () => now += 1000 } } });
    const Old = define("mp11/Task", { params: z.object({ n: z.number(), debug: z.boolean() }) });
    await getFrom(runtime, Old({ n: 1, debug: false }));
    await getFrom(runtime, Old({ n: 1, debug: true }));
    const [one, other] = [Old({ n: 1, debug: false }), Old({ n: 1, debug: true })];
    const Task = define("mp11/Task", { migrations: [{ from: {}, params: ({ n }) => ({ n }) }] });
    assertEquals(
      new Set((await planned(runtime, "mp11/")).map(short)),
      new Set([
        `${other} ready ${Task({ n: 1 })}`,
        `${one} refused ${Task({ n: 1 })}: a newer result becomes the same artifact: ${other}`,
      ]),
    );
  });

  it("refuses what was made without something that failed", async () => {
    await using rig = new Rig();
    const runtime = testRuntime(rig.root);
    const Old = define("mp13/TaskOld");
    for (const n of [1, 2]) await getFrom(runtime, Old({ n }));
    const { record } = runtime.store.paths(Old({ n: 1 }));
    const { sum: _, ...whole } = JSON.parse(Deno.readTextFileSync(record));
    const lacks = [{ name: "mp13/Gone", hash: "0".repeat(32), error: "no" }];
    Deno.writeTextFileSync(record, withSum(JSON.stringify({ ...whole, partial: lacks })));
    forget("mp13/TaskOld");
    const Task = renamed("mp13/Task");
    assertEquals(
      new Set((await planned(runtime, "mp13/")).map(short)),
      new Set([
        `${Old({ n: 1 })} refused ${
          Task({ n: 1 })
        }: it is partial, made without what failed: compute it again`,
        `${Old({ n: 2 })} ready ${Task({ n: 2 })}`,
      ]),
    );
  });

  it("names a record that cannot be read, and goes on with the others", async () => {
    await using rig = new Rig();
    const runtime = testRuntime(rig.root);
    const Old = define("mp12/TaskOld");
    for (const n of [1, 2]) await getFrom(runtime, Old({ n }));
    Deno.writeTextFileSync(runtime.store.paths(Old({ n: 1 })).record, "{");
    forget("mp12/TaskOld");
    renamed("mp12/Task");
    const statuses = (await planned(runtime, "mp12/")).map(short).sort();
    assertEquals(statuses.length, 2);
    assert(statuses.some((text) => /refused: .*truncated or not JSON/.test(text)), statuses.join("\n"));
    assert(statuses.some((text) => / ready /.test(text)), statuses.join("\n"));
  });
});
