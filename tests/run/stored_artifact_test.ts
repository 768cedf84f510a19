import { withSum } from "../../lib/store/record.ts";
import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { join } from "@std/path/join";
import { describe, it } from "@std/testing/bdd";
import { z } from "zod";
import { furuGlobals } from "../../lib/core/globals.ts";
import { ExecutionError, StoreError } from "../../lib/core/errors.ts";
import { makePlan } from "../../lib/plan/graph.ts";
import { checkComputable } from "../../lib/schedule/check_run.ts";
import { storeStatus } from "../../lib/schedule/status_source.ts";
import type { Runtime } from "../../lib/run/runtime.ts";
import { readEnds } from "../../lib/store/results/ends.ts";
import { ARTIFACT, type Artifact } from "../../lib/task/artifact/artifact.ts";
import { defineTask } from "../../lib/task/define.ts";
import type { TaskOptions } from "../../lib/task/definition.ts";
import { Rig, testRuntime, textOf } from "../rig.ts";
import { getFrom, recordOf } from "./rig.ts";

/** Defines a task as code that has changed would: what was defined before under its name is forgotten. */
// deno-lint-ignore no-explicit-any -- whatever a test computes
function define<S extends z.ZodObject>(name: string, options: Omit<TaskOptions<S, any, any>, "name">) {
  forget(name);
  return defineTask({ name, ...options });
}

/** From now on no module that is loaded defines the task. */
function forget(name: string): void {
  furuGlobals().tasks.delete(name);
}

/** The record of an artifact as an earlier version of furu wrote it. */
function makeOld(runtime: Runtime, artifact: Artifact): void {
  const { artifacts: _, sum: _sum, ...record } = recordOf(runtime, artifact);
  Deno.writeTextFileSync(runtime.store.paths(artifact).record, JSON.stringify(record));
}

/** A task whose value holds this, gotten. */
// deno-lint-ignore no-explicit-any -- whatever a test stores
async function stored(runtime: Runtime, value: unknown, n = 0): Promise<{ value: any; holder: Artifact }> {
  const holder = define("kept/Holder", { params: z.object({ n: z.number() }), create: () => value })({ n });
  return { value: await getFrom(runtime, holder), holder };
}

const again = async (runtime: Runtime, holder: Artifact) =>
  // deno-lint-ignore no-explicit-any -- whatever a test stores
  await getFrom(runtime, holder) as any;

const Train = () =>
  define("kept/Train", {
    params: z.object({
      seed: z.int().default(0),
      scale: z.number().default(2),
      norm: z.string().default("batch"),
      upper: z.string().transform((text) => text.toUpperCase()).default("A"),
    }),
    unhashed: ["scale"],
    legacy: { norm: "batch" },
    create: ({ params }) => params.seed + 1,
    load: ({ params, value }) => `${value * params.scale} ${params.norm} ${params.upper}`,
  });

describe("artifacts in stored values", () => {
  it("an artifact in a value is whole: it has its parameters, loads, computes, nests and is hashed as before", async () => {
    await using rig = new Rig();
    const runtime = testRuntime(rig.root);
    const train = Train()({ seed: 3, scale: 5, norm: "layer", upper: "xy" });
    await getFrom(runtime, train);
    const { value: best } = await stored(runtime, train);
    assertEquals(`${best}`, `${train}`);
    assertEquals(best.params, train.params);
    assert(Object.isFrozen(best.params));
    assertEquals(best[ARTIFACT].identity, train[ARTIFACT].identity);
    assertEquals(best[ARTIFACT].loadOnly, undefined);
    assertEquals(Deno.inspect(best), Deno.inspect(train));
    assertEquals(await getFrom(runtime, best), "20 layer XY");
    assertEquals(await getFrom(runtime, best, { force: true }), "20 layer XY");
    assertEquals(textOf(runtime.store.paths(train).record).includes('"identity":{'), true);
    const Eval = define("kept/Eval", {
      params: z.object({
        model: furuTask("kept/Train"),
        deep: z.array(z.map(z.string(), z.unknown())).default([]),
      }),
      create: ({ params }) => getFrom(runtime, params.model as Artifact),
    });
    assertEquals(Eval({ model: best }).hash, Eval({ model: train }).hash);
    assertEquals(await getFrom(runtime, Eval({ model: best })), "20 layer XY");
    Deno.removeSync(runtime.store.paths(train).record);
    assertEquals(await getFrom(runtime, best), "20 layer XY");
  });

  /** A schema that accepts the artifacts of a task that is defined elsewhere. */
  const furuTask = (name: string) =>
    z.custom<Artifact>((value) => (value as Artifact | undefined)?.name === name);

  it("artifacts come back from wherever they are in a value, also from a large one, and from below each other", async () => {
    await using rig = new Rig();
    const runtime = testRuntime(rig.root);
    const Node = define("kept/Node", {
      params: z.object({ n: z.int(), below: z.array(z.unknown()).default([]) }),
      create: ({ params }) => params.n,
    });
    let chain: Artifact = Node({ n: 0 });
    for (let n = 1; n < 3000; n++) chain = Node({ n, below: [chain, chain] });
    const many = Array.from({ length: 3000 }, (_, n) => Node({ n: -n - 1 }));
    const value = {
      map: new Map<unknown, unknown>([[many[0], new Set([many[1]])]]),
      list: [[{ deep: many[2] }]],
      text: "x".repeat(300_000),
      chain,
      many,
    };
    const { value: got, holder } = await stored(runtime, value);
    assertEquals(
      `${[...got.map.keys()]} ${[...[...got.map.values()][0]]} ${got.list[0][0].deep}`,
      `${many.slice(0, 3).join(" ")}`,
    );
    assertEquals(got.many.map(String), many.map(String));
    assertEquals(got.many[5].params, { below: [], n: -6 });
    let depth = 0;
    for (let at = got.chain; at.params.below.length > 0; at = at.params.below[1]) depth++;
    assertEquals(depth, 2999);
    assertEquals(got.chain.hash, chain.hash);
    const record = recordOf(runtime, holder) as unknown as Record<string, unknown>;
    assertEquals({ valueFile: record.valueFile, artifactsFile: record.artifactsFile, files: record.files }, {
      valueFile: "value.json",
      artifactsFile: "artifacts.json",
      files: true,
    });
    assert(textOf(runtime.store.paths(holder).record).length < 2000);
  });

  it("a few artifacts are kept in the record itself, each once", async () => {
    await using rig = new Rig();
    const runtime = testRuntime(rig.root);
    const train = Train()({ seed: 1 });
    const { holder } = await stored(runtime, [train, train, { again: train }]);
    assertEquals(Object.keys(recordOf(runtime, holder).artifacts!), [train.hash]);
    assertEquals(rig.tree().filter((name) => name.includes("Holder/")).length, 1);
    const { holder: none } = await stored(runtime, "no artifact", 1);
    assertEquals("artifacts" in recordOf(runtime, none), false);
  });

  it("a value that holds artifacts of artifacts can be stored, and stored again by whoever has it", async () => {
    await using rig = new Rig();
    const runtime = testRuntime(rig.root);
    const train = Train()({ seed: 9, scale: 3 });
    const { value: first } = await stored(runtime, { inner: train }, 1);
    const { value: second, holder } = await stored(runtime, { first, list: [first.inner] }, 2);
    assertEquals(second.list[0].params, train.params);
    forget("kept/Train");
    const { list: [foreign] } = await again(runtime, holder);
    const { value: third, holder: last } = await stored(runtime, foreign, 3);
    assertEquals(third.params, train.params);
    Train();
    const whole = await again(runtime, last);
    assertEquals({ loadOnly: whole[ARTIFACT].loadOnly, scale: whole.params.scale }, {
      loadOnly: undefined,
      scale: 3,
    });
  });

  it("an artifact whose task is not defined here can be loaded, looked at and used as a parameter, not computed", async () => {
    await using rig = new Rig();
    const runtime = testRuntime(rig.root);
    const Plain = define("kept/Plain", {
      params: z.object({ a: z.number(), deep: z.array(z.unknown()).default([]) }),
      create: ({ params }) => ({ a: params.a }),
      module: "file:///somewhere/plain.ts",
    });
    const low = Plain({ a: 1 });
    const plain = Plain({ a: 2, deep: [low] });
    await getFrom(runtime, plain);
    const { holder } = await stored(runtime, { plain, low });
    const Eval = define("kept/Eval", {
      params: z.object({ model: furuTask("kept/Plain") }),
      create: () => 1,
    });
    const expected = Eval({ model: plain }).hash;
    forget("kept/Plain");
    const got = await again(runtime, holder);
    assertEquals(await getFrom(runtime, got.plain), { a: 2 });
    assertEquals(Deno.inspect(got.plain), Deno.inspect(plain));
    assertEquals(got.plain[ARTIFACT].identity, plain[ARTIFACT].identity);
    assertEquals(got.plain[ARTIFACT].dependencies.map(String), [`${low}`]);
    const hints = [`Cannot compute ${low}`, "import the one that does (it was file:///somewhere/plain.ts)"];
    for (const act of [() => getFrom(runtime, got.low), () => getFrom(runtime, got.low, { force: true })]) {
      const { message } = await assertRejects(act, ExecutionError);
      for (const hint of hints) assertStringIncludes(message, hint);
    }
    assertEquals(rig.tree().filter((name) => name.includes(low.hash)), [], "nothing was begun");
    const evaluated = Eval({ model: got.plain });
    assertEquals(evaluated.hash, expected);
    assertEquals((await makePlan([evaluated], storeStatus(runtime))).counts, {
      done: 1,
      inProgress: 0,
      todo: 1,
      failed: 0,
    });
    const todo = await makePlan([Eval({ model: got.low })], storeStatus(runtime));
    const { message } = assertThrows(() => checkComputable(todo.nodes.values()), ExecutionError);
    for (const hint of hints) assertStringIncludes(message, hint);
    assertStringIncludes(
      JSON.stringify([...todo.nodes.values()].map(({ state }) => state)),
      "cannot be computed as",
    );
  });

  it("a value that its task's load would make something of is never returned without it", async () => {
    await using rig = new Rig();
    const runtime = testRuntime(rig.root);
    const train = Train()({ seed: 3 });
    await getFrom(runtime, train);
    const { holder } = await stored(runtime, train);
    forget("kept/Train");
    const best = await again(runtime, holder);
    const { message } = await assertRejects(() => getFrom(runtime, best), ExecutionError, "had a 'load'");
    assertStringIncludes(message, "import the one that does");
  });

  it("an artifact that is loaded without its task's validate says so, once", async () => {
    await using rig = new Rig();
    const checked = define("kept/Checked", { params: z.object({}), create: () => 1, validate: () => true })();
    const lines: string[] = [];
    const runtime = testRuntime(rig.root);
    await getFrom(runtime, checked);
    const { holder } = await stored(runtime, checked);
    forget("kept/Checked");
    const reader = testRuntime(rig.root, { lines });
    const got = await again(reader, holder);
    assertEquals([await getFrom(reader, got), await getFrom(reader, got)], [1, 1]);
    assertEquals(lines.length, 1);
    assertMatch(lines[0]!, /^warn kept\/Checked\(.*without the 'validate' of its task/);
  });

  it("a result of code that has changed since can be loaded by who finds it in a value, and is not computed anew", async () => {
    await using rig = new Rig();
    const runtime = testRuntime(rig.root);
    const params = z.object({ a: z.number() });
    const old = define("kept/Changed", { params, version: 1, create: () => "old" })({ a: 1 });
    await getFrom(runtime, old);
    const { holder } = await stored(runtime, old);
    define("kept/Changed", { params, version: 2, create: () => "new" });
    const got = await again(runtime, holder);
    assertEquals({ getFrom: await getFrom(runtime, got), hash: got.hash, params: got.params }, {
      getFrom: "old",
      hash: old.hash,
      params: { a: 1 },
    });
    await assertRejects(
      () => getFrom(runtime, got, { force: true }),
      ExecutionError,
      "the code of task 'kept/Changed' has changed since it was stored",
    );
    // Another version's `load` is not tried on it; the same version's is.
    define("kept/Changed", {
      params,
      version: 2,
      create: () => "new",
      load: ({ value }) => `loaded ${value}`,
    });
    assertEquals(await getFrom(runtime, await again(runtime, holder)), "old");
    define("kept/Changed", {
      params,
      version: 1,
      unhashed: ["a"],
      create: () => "x",
      load: ({ value }) => `loaded ${value}`,
    });
    assertEquals(await getFrom(runtime, await again(runtime, holder)), "loaded old");
  });

  it("load of changed code is never given a parameter that it does not know", async () => {
    await using rig = new Rig();
    const runtime = testRuntime(rig.root);
    const load = ({ params, value }: { params: { scale?: number }; value: number }) => value * params.scale!;
    const old = define("kept/Scaled", { params: z.object({ a: z.number() }), create: () => 10 })({ a: 1 });
    await getFrom(runtime, old);
    const { holder } = await stored(runtime, old);
    // Left out of the identity, so it is the same artifact: its value is the default, or the one that legacy names.
    const withDefault = z.object({ a: z.number(), scale: z.number().default(3) });
    define("kept/Scaled", { params: withDefault, unhashed: ["scale"], create: () => 10, load });
    assertEquals(await getFrom(runtime, await again(runtime, holder)), 30);
    define("kept/Scaled", { params: withDefault, legacy: { scale: 2 }, create: () => 10, load });
    assertEquals(await getFrom(runtime, await again(runtime, holder)), 20);
    // There is no saying what it is.
    define("kept/Scaled", {
      params: z.object({ a: z.number(), scale: z.number() }),
      unhashed: ["scale"],
      create: () => 10,
      load,
    });
    const unknown = await again(runtime, holder);
    await assertRejects(() => getFrom(runtime, unknown), ExecutionError, "Cannot read parameter 'scale'");
    await assertRejects(
      () => getFrom(runtime, unknown, { force: true }),
      ExecutionError,
      "'scale' cannot be known",
    );
    // Another artifact today, and no `load` when it was stored: the bare value is what `get` returned.
    define("kept/Scaled", { params: withDefault, create: () => 10, load });
    assertEquals(await getFrom(runtime, await again(runtime, holder)), 10);
  });

  it("in a value of an earlier furu an artifact's own record tells its parameters, but for unhashed ones", async () => {
    await using rig = new Rig();
    const runtime = testRuntime(rig.root);
    const Data = define("kept/Data", { params: z.object({ a: z.bigint() }), create: () => 1 });
    const Plain = define("kept/Plain", {
      params: z.object({ data: z.unknown(), norm: z.string().default("batch") }),
      legacy: { norm: "batch" },
      create: () => 5,
      load: ({ params, value }) => `${value} ${params.norm}`,
    });
    const data = Data({ a: 7n });
    const plain = Plain({ data });
    const train = Train()({ seed: 4, scale: 7 });
    for (const each of [data, plain, train]) await getFrom(runtime, each);
    const { holder } = await stored(runtime, { plain, train });
    makeOld(runtime, holder);
    const got = await again(runtime, holder);
    assertEquals(got.plain.params, plain.params);
    assertEquals(got.plain.params.data.params, { a: 7n });
    assertEquals(await getFrom(runtime, got.plain, { force: true }), "5 batch");
    // Its `load` uses a parameter that was not kept.
    await assertRejects(() => getFrom(runtime, got.train), ExecutionError, "Cannot read parameter 'scale'");
    await assertRejects(
      () => getFrom(runtime, got.train, { force: true }),
      ExecutionError,
      "'scale' cannot be known",
    );
    assertEquals(got.train.params.seed, 4);
    Deno.inspect(got.train);
    const Eval = define("kept/Eval", { params: z.object({ model: z.unknown() }), create: () => 1 });
    assertEquals(Eval({ model: got.train }).hash, Eval({ model: train }).hash);
    forget("kept/Plain");
    await assertRejects(
      async () => getFrom(runtime, (await again(runtime, holder)).plain),
      ExecutionError,
      "may have had a 'load'",
    );
  });

  it("of two artifacts of one hash that counts in a plan which can be computed", async () => {
    await using rig = new Rig();
    const runtime = testRuntime(rig.root);
    const train = Train()({ seed: 4 });
    const { holder } = await stored(runtime, train);
    forget("kept/Train");
    const foreign = await again(runtime, holder);
    const Pair = define("kept/Pair", {
      params: z.object({ n: z.number(), of: z.unknown() }),
      create: () => 1,
    });
    const pairs = [Pair({ n: 1, of: foreign }), Pair({ n: 2, of: train })];
    for (const roots of [pairs, pairs.toReversed(), [foreign, train], [train, foreign]]) {
      const { nodes } = await makePlan(roots, storeStatus(runtime));
      assertEquals(nodes.get(train.hash)!.artifact, train);
      checkComputable(nodes.values());
    }
  });

  it("in a value of an earlier furu an artifact without a record says that nothing is known of it", async () => {
    await using rig = new Rig();
    const runtime = testRuntime(rig.root);
    const train = Train()({ seed: 4 });
    const { holder } = await stored(runtime, [train]);
    makeOld(runtime, holder);
    const [got] = await again(runtime, holder);
    assertEquals(`${got}`, `${train}`);
    assertStringIncludes(Deno.inspect(got), "nothing is known of it but its hash");
    assertThrows(() => got.params, ExecutionError, "make it by calling its task");
    assertThrows(() => got[ARTIFACT].identity, ExecutionError);
    for (const force of [true, false]) {
      await assertRejects(() => getFrom(runtime, got, { force }), ExecutionError, `Cannot compute ${train}`);
    }
    // Such a value can be stored once more.
    const { value: [second] } = await stored(runtime, [got], 1);
    assertEquals(`${second}`, `${train}`);
  });

  it("what was kept of another artifact is refused, and names it", async () => {
    await using rig = new Rig();
    const runtime = testRuntime(rig.root);
    const train = Train()({ seed: 4 });
    const { holder } = await stored(runtime, train);
    const { record } = runtime.store.paths(holder);
    const whole = textOf(record).replace(/,"sum":"\w+"/, "");
    forget("kept/Train");
    for (
      const [from, to] of [['"seed":4', '"seed":5'], ['"task":"kept/Train"', '"task":"kept/Other"'], [
        '"params":{"seed"',
        '"params":7,"x":{"seed"',
      ]]
    ) {
      Deno.writeTextFileSync(record, withSum(whole.replace(from!, to!)));
      await assertRejects(() => again(runtime, holder), StoreError, `what is kept of ${train}`);
    }
  });

  it("no record is committed that its own reader would refuse, and the old one stays", async () => {
    const broken: [string, (artifact: Artifact) => Artifact][] = [
      ["identity", (artifact) => ({ ...artifact, [ARTIFACT]: { ...artifact[ARTIFACT], identity: "" } })],
      ["of another artifact", (artifact) => {
        const identity = artifact[ARTIFACT].identity.replace('"seed":6', '"seed":7');
        return { ...artifact, [ARTIFACT]: { ...artifact[ARTIFACT], identity } };
      }],
    ];
    for (const [what, breakIt] of broken) {
      const train = Train()({ seed: 6 });
      const bad = { ...breakIt(train), toString: () => `${train}` };
      // Such an attempt leaves its claim, which a second one would wait out: each has a store of its own.
      for (const force of [true, false]) {
        await using rig = new Rig();
        const runtime = testRuntime(rig.root);
        const record = () => textOf(runtime.store.paths(train).record);
        if (force) await getFrom(runtime, train);
        const before = record();
        const { message } = await assertRejects(() => getFrom(runtime, bad, { force }), Error, "", what);
        const refused = `Cannot store the result of ${train} as furu would refuse its record`;
        assertStringIncludes(message, `${refused}: this is a bug of furu`);
        assertEquals({ record: record(), stored: record() !== "" }, { record: before, stored: force });
      }
    }
  });

  it("a record is not committed when a file of its value is not there, or not whole, any more", async () => {
    await using rig = new Rig();
    const runtime = testRuntime(rig.root);
    const { write } = runtime.machine.files;
    runtime.machine.files.write = (path, data, options) =>
      write(path, path.endsWith(".bin") ? data.slice(0, 100) : data, options);
    const create = () => new Uint8Array(9000);
    const artifact = define("kept/Bytes", { params: z.object({}), create })();
    const { message } = await assertRejects(() => getFrom(runtime, artifact), Error);
    assertStringIncludes(message, "as it must have 9000 bytes: it has 100");
    assertEquals(textOf(runtime.store.paths(artifact).record), "");
  });

  it("a value that names the folder which its task has removed is an error of the attempt", async () => {
    await using rig = new Rig();
    const runtime = testRuntime(rig.root);
    const create = ({ dir }: { dir: string }) => (Deno.removeSync(dir), `${dir}/x`);
    const artifact = define("kept/Removed", { params: z.object({}), create })();
    const { message } = await assertRejects(() => getFrom(runtime, artifact), Error);
    assertMatch(message, /Cannot store the value of kept\/Removed\(.*its folder .* is gone/);
    assertEquals(textOf(runtime.store.paths(artifact).record), "");
  });

  it("paths into the store move with it, also those behind a symbolic link and those of other artifacts", async () => {
    await using rig = new Rig();
    const real = join(rig.folder, "disk", "real");
    Deno.mkdirSync(real, { recursive: true });
    Deno.symlinkSync(join(rig.folder, "disk"), join(rig.folder, "link"));
    const runtime = testRuntime(join(rig.folder, "link", "real"));
    const dep = define("kept/Model", {
      params: z.object({}),
      create: ({ dir }) => (Deno.writeTextFileSync(`${dir}/m`, "weights"), { model: `${dir}/m` }),
    })();
    const made = define("kept/Paths", {
      params: z.object({}),
      create: async ({ dir }) => {
        Deno.writeTextFileSync(`${dir}/own`, "own");
        const { model } = await getFrom(runtime, dep);
        return { own: Deno.realPathSync(`${dir}/own`), model, real: Deno.realPathSync(model) };
      },
    })();
    await getFrom(runtime, made);
    const moved = join(rig.folder, "moved");
    Deno.renameSync(real, moved);
    const after = testRuntime(moved);
    const value = await getFrom(after, made) as Record<string, string>;
    for (const path of Object.values(value)) assert(path.startsWith(`${moved}/`), path);
    assertEquals(Object.values(value).map(textOf), ["own", "weights", "weights"]);
    // When the other result is gone for good the paths are worth nothing: that is damage.
    const [folder] = recordOf(after, made).uses!;
    Deno.removeSync(join(moved, folder!), { recursive: true });
    const state =
      (await makePlan([made], { ...storeStatus(after), needsValidation: () => true })).nodes.get(made.hash)!
        .state;
    assertEquals(state.status, "FAILED");
    assertMatch(
      (state as { error?: string }).error!,
      /names files of another result, and their folder .* is gone/,
    );
  });

  it("a path into ctx.checkpointDir is an error of the attempt that says what to do", async () => {
    await using rig = new Rig();
    const runtime = testRuntime(rig.root);
    const bad = define("kept/Checkpoint", {
      params: z.object({}),
      create: ({ checkpointDir }) => ({ state: Deno.realPathSync(checkpointDir) + "/state.json" }),
    })();
    const { message } = await assertRejects(() => getFrom(runtime, bad), Error);
    assertStringIncludes(message, "Cannot store value.state of kept/Checkpoint(");
    assertStringIncludes(message, "write what is to stay to ctx.dir");
  });

  it("how an attempt ended can be read, whatever its signal's reason is", async () => {
    await using rig = new Rig();
    const runtime = testRuntime(rig.root);
    for (const reason of [{ message: 42 }, { message: { deep: 1 } }, 7, null]) {
      const stop = new AbortController();
      const create = async ({ signal }: { signal: AbortSignal }) => {
        const told = new Promise((resolve) => signal.addEventListener("abort", resolve));
        stop.abort(reason);
        await told;
        signal.throwIfAborted();
      };
      const artifact = define("kept/Stopped", { params: z.object({}), create })();
      await getFrom(runtime, artifact, { signal: stop.signal }).then(() => assert(false), () => {});
      const ends = await readEnds(runtime.store, runtime.store.paths(artifact));
      assertEquals(ends.at(-1)?.kind, "preempted");
    }
  });
});
