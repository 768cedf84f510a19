import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { z } from "zod";
import { exists, get, plan, settle, type Settled } from "../../../mod.ts";
import { ComputeError, ExecutionError, RunFailedError, StoreError } from "../../../lib/core/errors.ts";
import { artifactPaths } from "../../../lib/store/layout.ts";
import type { Lack, SuccessRecord } from "../../../lib/store/record.ts";
import type { Artifact } from "../../../lib/task/artifact/artifact.ts";
import { defineTask } from "../../../lib/task/define.ts";
import { runInline, type RunInlineOptions } from "../../../lib/testing/run_inline.ts";
import { type TestStore, withStore } from "../../../lib/testing/with_store.ts";

/** The numbers for which `create` of a task throws now, by its name. */
const failing: Record<"raw" | "train", Set<number>> = { raw: new Set(), train: new Set() };
let means = 0;

const Raw = defineTask({
  name: "settle/Raw",
  params: z.object({ i: z.int() }),
  create: ({ params }) => {
    if (failing.raw.has(params.i)) throw new Error(`no raw ${params.i}`);
    return params.i;
  },
});
const Train = defineTask({
  name: "settle/Train",
  params: z.object({ raw: Raw.schema }),
  create: async ({ params }) => {
    const value = await get(params.raw);
    if (failing.train.has(value)) throw new RangeError(`no train ${value}`);
    return 10 * value;
  },
});
const Mean = defineTask({
  name: "settle/Mean",
  params: z.object({ runs: z.array(Train.schema), how: z.enum(["settle", "get"]).default("settle") }),
  tolerate: ["runs"],
  create: async ({ params: { runs, how } }): Promise<(number | string)[]> => {
    means++;
    if (how === "get") return await Promise.all(runs.map((run) => get(run)));
    const settled = await Promise.all(runs.map(settle));
    return settled.map((each) =>
      each.status === "fulfilled" ? each.value : each.reason.message.split(";")[0]!
    );
  },
});
const Report = defineTask({
  name: "settle/Report",
  params: z.object({ mean: Mean.schema }),
  create: async ({ params }): Promise<string> => (await get(params.mean)).join(),
});

const runs = (count: number) => Array.from({ length: count }, (_, i) => Train({ raw: Raw({ i }) }));

/** Runs in a store of its own, with nothing that fails at first. */
async function inStore(test: (store: TestStore) => Promise<void>): Promise<void> {
  for (const set of Object.values(failing)) set.clear();
  means = 0;
  await withStore(test);
}

function recordOf({ root }: TestStore, artifact: Artifact): SuccessRecord {
  return JSON.parse(Deno.readTextFileSync(artifactPaths(root, artifact).record));
}

function lacksOf(store: TestStore, artifact: Artifact): Record<string, Omit<Lack, "name" | "hash">> {
  const { partial = [] } = recordOf(store, artifact);
  return Object.fromEntries(partial.map(({ name, hash, ...rest }) => [`${name}(${hash.slice(0, 8)})`, rest]));
}

async function failed(root: Artifact, options: RunInlineOptions = {}): Promise<RunFailedError> {
  return await assertRejects(() => runInline(root, options), RunFailedError);
}

async function stateOf(root: Artifact, of: Artifact = root): Promise<unknown> {
  const state = (await plan(root)).nodes.get(of.hash)?.state;
  return state?.status === "TODO" ? [state.reason, state.detail] : state?.status;
}

const stale = (why: string) => ["partial", `what is stored is partial, and ${why}`];

describe("settle(), in a run", () => {
  it("a task gets what succeeded and why the rest did not; its record and those of its dependents say so", async () => {
    await inStore(async (store) => {
      failing.train.add(1);
      failing.raw.add(2);
      const all = runs(3), [, one, two] = all as [Artifact, Artifact, Artifact];
      const mean = Mean({ runs: all }), report = Report({ mean });
      const { summary, message } = await failed(report);
      assertEquals([summary.failures.length, summary.partial, summary.notRun], [2, 2, 1]);
      assertStringIncludes(message, "2 results are partial: made without what failed");
      const raw = Raw({ i: 2 });
      assertEquals(await get(mean), [
        0,
        `${one} failed in attempt 1: RangeError: no train 1`,
        `${two} was not computed, as it needs what failed: ${raw} failed in attempt 1: no raw 2`,
      ]);
      const lacks = {
        [`${one}`]: { error: "RangeError: no train 1" },
        [`${two}`]: {
          error: `it needs ${raw}, which failed: no raw 2`,
          because: [{ name: raw.name, hash: raw.hash }],
        },
      };
      assertEquals(lacksOf(store, mean), lacks);
      const through = { name: mean.name, hash: mean.hash };
      const inherited = Object.entries(lacks).map(([key, lack]) => [key, { ...lack, through }]);
      assertEquals(lacksOf(store, report), Object.fromEntries(inherited));
      assertEquals(recordOf(store, all[0]!).partial, undefined);
    });
  });

  it("it stops counting when one of the missing succeeds, and so does all that was made of it", async () => {
    await inStore(async (store) => {
      failing.train.add(1).add(2);
      const all = runs(3), [, one] = all as [Artifact, Artifact];
      const mean = Mean({ runs: all }), report = Report({ mean });
      await failed(report);
      assert(await exists(report), "what failed has not changed");
      failing.train.delete(1);
      await get(one);
      assertEquals([await exists(report), await exists(mean)], [false, false]);
      assertEquals(await stateOf(report), stale(`${one} has succeeded since`));
      // The next run: the other one is tried again, too, and fails again.
      await failed(report);
      assertEquals(await get(report), `0,10,${all[2]} failed in attempt 2: RangeError: no train 2`);
      assertEquals(Object.keys(lacksOf(store, report)), [`${all[2]}`]);
      failing.train.clear();
      const { computed, partial } = await runInline(report);
      assertEquals([computed, partial], [3, undefined]);
      assertEquals([await get(report), recordOf(store, report).partial], ["0,10,20", undefined]);
      assertEquals(await stateOf(report), "DONE");
    });
  });

  it("what is to be tried again makes it be computed again; where failures are not retried it counts", async () => {
    await inStore(async (store) => {
      failing.train.add(0);
      const [zero] = runs(1) as [Artifact];
      const mean = Mean({ runs: runs(1) });
      await failed(mean);
      assertEquals(await stateOf(mean), stale(`${zero} is to be tried again`));
      const { cached, computed } = await runInline(mean, { retryFailed: false });
      assertEquals([cached, computed, means], [1, 0, 1]);
      await failed(mean);
      assertEquals(means, 2, "it was tried again, and failed again");
      // Without the end of the attempt nobody knows any more that it failed. Once it has, the same is right again.
      await Deno.remove(artifactPaths(store.root, zero).home, { recursive: true });
      const again = await failed(mean, { retryFailed: false });
      assertEquals([again.failures.length, means], [1, 2]);
      assertEquals(await exists(mean), true);
    });
  });

  it("retries come first, and a failure that only some tolerate stops those that do not", async () => {
    await inStore(async () => {
      failing.train.add(1);
      const all = runs(2), mean = Mean({ runs: all });
      const strict = defineTask({
        name: "settle/Strict",
        params: z.object({ run: Train.schema, mean: Mean.schema }),
        create: () => 1,
      })({ run: all[1]!, mean });
      const { summary } = await failed(strict, { maxComputeRetries: 2, keepGoing: true });
      assertEquals([summary.failures[0]?.attempts, summary.partial, summary.notRun], [3, 1, 1]);
      assertEquals(await get(mean), [0, `${all[1]} failed in attempt 3: RangeError: no train 1`]);
    });
  });

  it("damage is among what it goes without, as long as it is that damage", async () => {
    await inStore(async (store) => {
      const all = runs(2), [zero] = all as [Artifact];
      await runInline(all);
      const { record } = artifactPaths(store.root, zero);
      const good = await Deno.readTextFile(record);
      await Deno.writeTextFile(record, "{");
      const mean = Mean({ runs: all });
      // A plan takes what is stored by its name: it is found out when it is loaded.
      await runInline(mean);
      assertEquals(Object.keys(lacksOf(store, mean)), [`${zero}`]);
      assertEquals(await stateOf(mean), "DONE");
      await Deno.writeTextFile(record, good);
      assertEquals(await stateOf(mean), stale(`${zero} has succeeded since`));
    });
  });

  it("get of one that failed names settle, is not retried, and makes what catches it partial", async () => {
    await inStore(async (store) => {
      failing.train.add(0);
      const mean = Mean({ runs: runs(1), how: "get" });
      const { failures } = await failed(mean, { maxComputeRetries: 3, keepGoing: true });
      const own = failures.find(({ name }) => name === mean.name)!;
      assertStringIncludes(own.error, "which the task tolerates: use settle(artifact)");
      assertEquals([own.attempts, own.lasting], [1, true]);
      const catching = defineTask({
        name: "settle/Catching",
        params: z.object({ run: Train.schema }),
        tolerate: ["run"],
        create: async ({ params }) => await get(params.run).catch(() => -1),
      })({ run: runs(1)[0]! });
      await failed(catching);
      assertEquals(Object.keys(lacksOf(store, catching)), [`${runs(1)[0]}`]);
      const asking = defineTask({
        name: "settle/Asking",
        params: z.object({ run: Train.schema, mean: Mean.schema }),
        tolerate: ["run"],
        create: async ({ params }) => [await exists(params.run), await exists(params.mean)],
      })({ run: runs(1)[0]!, mean: Mean({ runs: runs(1) }) });
      await failed(asking);
      assertEquals(await get(asking), [false, true]);
      assertEquals(Object.keys(lacksOf(store, asking)), [`${runs(1)[0]}`]);
    });
  });

  it("what the task does not tolerate is an error that names the option, also where nothing failed", async () => {
    await inStore(async () => {
      const run = runs(1)[0]!, mean = Mean({ runs: [run] });
      const settling = (name: string, options: Record<string, unknown>, of: Artifact = run) =>
        defineTask({
          name: `settle/${name}`,
          params: z.object({ run: Train.schema, more: z.array(Train.schema).default([]) }),
          create: async () => (await settle(of)).status,
          ...options,
        })({ run });
      const cases: [Artifact, string][] = [
        [settling("Untold", {}), `add 'tolerate: ["run"]' to the options of task 'settle/Untold'`],
        [settling("Other", { tolerate: ["more"] }), `add 'tolerate: ["more","run"]' to the options`],
        [settling("Undeclared", {}, mean), "only what stands in its parameters can be settled"],
        [
          settling("Declared", { tolerate: ["run"], dependencies: () => [run] }),
          "its 'dependencies' name that one, too, and what they name is needed",
        ],
        [
          settling("None", {}, [run] as unknown as Artifact),
          "it is no artifact; for several of them: Promise.all(artifacts.map(settle))",
        ],
      ];
      for (const [artifact, text] of cases) {
        const { failures } = await failed(artifact, { maxComputeRetries: 0 });
        assertStringIncludes(failures[0]!.error, text);
      }
    });
  });
});

describe("settle(), outside of runs", () => {
  it("computes, and gives the error that get throws", async () => {
    await inStore(async () => {
      failing.train.add(1);
      const [zero, one] = runs(2) as [Artifact<number>, Artifact<number>];
      const settled = await Promise.all([zero, one].map(settle)) as Settled<Artifact<number>>[];
      assertEquals(settled[0], { status: "fulfilled", artifact: zero, value: 0 });
      const rejected = settled[1] as Extract<Settled, { status: "rejected" }>;
      assert(rejected.status === "rejected" && rejected.reason instanceof ComputeError);
      assertEquals([rejected.artifact, (rejected.reason.cause as Error).message], [one, "no train 1"]);
      await assertRejects(() => settle(3 as never), ExecutionError, "it is no artifact");
    });
  });

  it("inside of a get it goes on without, and the result counts until what failed has one", async () => {
    await inStore(async (store) => {
      failing.raw.add(1);
      const all = runs(2), report = Report({ mean: Mean({ runs: all }) });
      const text = await get(report);
      assertStringIncludes(text, `0,${all[1]} failed in attempt 1`);
      assertEquals(Object.keys(lacksOf(store, report)), [`${all[1]}`]);
      assertEquals([await get(report), await exists(report), means], [text, true, 1]);
      failing.raw.clear();
      assertEquals([await get(all[1]!), await exists(report)], [10, false]);
      assertEquals([await get(report), means], ["0,10", 2]);
    });
  });

  it("what says nothing of the artifact is thrown", async () => {
    await inStore(async (store) => {
      const run = runs(1)[0]!;
      await get(run);
      const { record } = artifactPaths(store.root, run);
      const newer = JSON.stringify({ ...recordOf(store, run), schema: 99 });
      await Deno.writeTextFile(record, newer);
      await assertRejects(() => settle(run), StoreError, "a newer furu made it");
    });
  });
});
