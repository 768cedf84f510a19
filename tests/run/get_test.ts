import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path/join";
import { ComputeError, ExecutionError, StoreError, ValidationError } from "../../lib/core/errors.ts";
import { readEnds } from "../../lib/store/ends.ts";
import { Rig, testRuntime, textOf } from "../rig.ts";
import { artifactOf, getFrom, recordOf } from "./rig.ts";

const VALUES: Record<string, unknown> = {
  "null": null,
  "undefined": undefined,
  "a string": "a ü \u{1f600} \ud800 \0",
  "the empty string": "",
  "NaN": NaN,
  "infinities": [Infinity, -Infinity],
  "-0": -0,
  "a bigint": 2n ** 80n,
  "a date": new Date(86_400_000),
  "an invalid date": new Date(NaN),
  "a map": new Map<unknown, unknown>([[1, new Map()], [{ a: 1 }, new Set([undefined])]]),
  "a set": new Set([3, 1, "1", 2n]),
  "nested arrays": [[], [[]], [undefined, null]],
  "keys with $": { $date: 1, $: 2, $$a: 3, $artifact: ["x", "y"], $path: "./x" },
  "__proto__ as a key": JSON.parse('{"__proto__": {"a": 1}, "constructor": 2, "toJSON": 3}'),
  "undefined as a property": { a: undefined, b: 1 },
  "typed arrays": [new Uint8Array([1, 255]), new Float64Array([NaN, -0]), new BigInt64Array([-1n])],
  "large typed arrays": { x: new Float32Array(5000).fill(0.5), y: [new Uint16Array(10_000).fill(7)] },
  "an empty typed array": new Int32Array(0),
  "a value above 256 KiB": Array.from({ length: 40_000 }, (_, i) => `row ${i}`),
  "a large value with large typed arrays": ["x".repeat(300_000), new Uint8Array(100_000).fill(3)],
};

for (const [what, value] of Object.entries(VALUES)) {
  Deno.test(`get gives ${what} as it was: the first call, a later one and another process alike`, async () => {
    await using rig = new Rig();
    let creates = 0;
    const artifact = artifactOf({ create: () => (creates++, value) });
    const runtime = testRuntime(rig.root);
    assertEquals(await getFrom(runtime, artifact), value);
    assertEquals(await getFrom(runtime, artifact), value);
    assertEquals(await getFrom(testRuntime(rig.root), artifact), value);
    assertEquals(creates, 1);
  });
}

Deno.test("get gives the stored form from the first call on: not the object that create returned", async () => {
  await using rig = new Rig();
  const own = { rows: [1, 2] };
  const artifact = artifactOf({ create: () => own });
  const value = await getFrom(testRuntime(rig.root), artifact);
  assertEquals(value, own);
  assert(value !== own);
});

Deno.test("a small value costs one file, a large one lies in the attempt's folder", async () => {
  await using rig = new Rig();
  const small = artifactOf({ create: () => ({ a: 1 }) });
  const large = artifactOf({ create: () => "x".repeat(300_000) });
  const typed = artifactOf({ create: () => new Uint8Array(5000) });
  const runtime = testRuntime(rig.root);
  for (const artifact of [small, large, typed]) await getFrom(runtime, artifact);
  const files = (of: typeof small) =>
    rig.tree().filter((name) => name.includes(`${of.name}/`)).map((name) => name.split("/").at(-1));
  assertEquals(files(small), [`${small.hash}.json`]);
  const { attempt, id } = recordOf(runtime, large);
  assertEquals(files(large), [large.hash, `${large.hash}.json`, `${attempt}-${id}`, "value.json"]);
  assert(textOf(runtime.store.paths(typed).record).length < 2000, "typed arrays above 4 KiB are not inline");
});

Deno.test("a store can be moved: paths under ctx.dir follow it", async () => {
  await using rig = new Rig();
  const artifact = artifactOf({
    create: ({ dir }) => {
      Deno.writeTextFileSync(`${dir}/model.bin`, "weights");
      return { dir, model: `${dir}/model.bin`, map: new Map([[`${dir}/a`, 1]]), beside: `${dir}-x`, n: 1 };
    },
  });
  const before = await getFrom(testRuntime(rig.root), artifact);
  assertEquals(before.model, `${before.dir}/model.bin`);
  const moved = join(rig.folder, "moved");
  Deno.renameSync(rig.root, moved);
  const after = await getFrom(testRuntime(moved), artifact);
  assert(after.dir.startsWith(`${moved}/`));
  assertEquals(textOf(after.model), "weights");
  assertEquals([...after.map.keys()], [`${after.dir}/a`]);
  assertEquals(after.beside, `${before.dir}-x`, "only what goes on with a slash is below the folder");
});

Deno.test("ctx.dir read and left empty leaves no folder, unless the value names it", async () => {
  await using rig = new Rig();
  const runtime = testRuntime(rig.root);
  const empty = artifactOf({ create: ({ dir }) => dir.length > 0 });
  const named = artifactOf({ create: ({ dir }) => dir });
  await getFrom(runtime, empty);
  assertEquals(recordOf(runtime, empty).files, false);
  assertEquals(rig.tree().filter((name) => name.endsWith(empty.hash)), []);
  assert(Deno.statSync(await getFrom(runtime, named)).isDirectory);
});

Deno.test("an artifact in a value comes back as one that can be loaded, also where its task is not defined", async () => {
  await using rig = new Rig();
  const runtime = testRuntime(rig.root);
  const inner = artifactOf({ create: () => ({ deep: [1n] }) }, { lr: 0.1 });
  const unmade = artifactOf({ create: () => 1 });
  const outer = artifactOf({ create: () => ({ best: inner, other: [unmade] }) });
  await getFrom(runtime, inner);
  const { best, other } = await getFrom(runtime, outer);
  assertEquals(`${best}`, `${inner}`);
  assertEquals(await getFrom(runtime, best), { deep: [1n] });
  const error = await assertRejects(() => getFrom(runtime, other[0]));
  assertStringIncludes((error as Error).message, `Cannot compute ${unmade}`);
});

Deno.test("load turns the stored value into what get returns, on the first call too", async () => {
  await using rig = new Rig();
  const artifact = artifactOf({
    create: ({ dir }) => (Deno.writeTextFileSync(`${dir}/x`, "body"), { name: "x" }),
    load: ({ params, dir, value }) => `${value.name} ${textOf(`${dir}/x`)} ${params.lr}`,
  }, { lr: 3 });
  const runtime = testRuntime(rig.root);
  assertEquals(await getFrom(runtime, artifact), "x body 3");
  assertEquals(await getFrom(runtime, artifact), "x body 3");
});

Deno.test("a failing create is a ComputeError with the cause and the log's path; its end is recorded; the next get computes anew", async () => {
  await using rig = new Rig();
  const runtime = testRuntime(rig.root);
  const cause = new TypeError("no such column 'x'");
  const artifact = artifactOf({
    create: ({ attempt, log }) => {
      log.info("reading rows");
      if (attempt === 1) throw cause;
      return attempt;
    },
  });
  const error = await assertRejects(() => getFrom(runtime, artifact), ComputeError, "no such column 'x'");
  assertStringIncludes(error.message, `${artifact}`);
  assertEquals(error.cause, cause);
  assertEquals(error.artifact, `${artifact}`);
  assertStringIncludes(error.message, error.log!);
  assertMatch(textOf(error.log!), /reading rows\n[^]*TypeError: no such column 'x'\n\s+at /);
  const [end] = await readEnds(runtime.store, runtime.store.paths(artifact));
  assertEquals([end?.kind, end?.failure, end?.attempt], ["failed", "compute", 1]);
  assertStringIncludes(end?.error ?? "", "no such column 'x'");
  assertEquals(await getFrom(runtime, artifact), 2);
  assertEquals(await getFrom(runtime, artifact), 2);
});

for (const thrown of [undefined, null, "a string", 3, { code: 7 }, Object.create(null)]) {
  Deno.test(`create may throw ${Deno.inspect(thrown)}`, async () => {
    await using rig = new Rig();
    const artifact = artifactOf({
      create: () => {
        throw thrown;
      },
    });
    await assertRejects(
      () => getFrom(testRuntime(rig.root), artifact),
      ComputeError,
      `${artifact} failed in attempt 1`,
    );
  });
}

Deno.test("with retryFailed off the recorded error is thrown and nothing is computed; a forced get computes", async () => {
  await using rig = new Rig();
  let creates = 0;
  const artifact = artifactOf({
    create: () => {
      if (++creates === 1) throw new Error("bad luck");
      return creates;
    },
  });
  await assertRejects(() => getFrom(testRuntime(rig.root), artifact), ComputeError);
  const strict = testRuntime(rig.root, { config: { retryFailed: false } });
  const error = await assertRejects(() => getFrom(strict, artifact), ComputeError, "bad luck");
  assertStringIncludes(error.message, "retryFailed is off");
  assert(Deno.statSync(error.log!).isFile);
  assertEquals(creates, 1);
  assertEquals(await getFrom(strict, artifact, { force: true }), 2);
  assertEquals(await getFrom(strict, artifact), 2);
});

for (
  const [what, value, path] of [
    ["a function", { rows: [() => 1] }, "value.rows[0]"],
    ["a symbol", [Symbol("x")], "value[0]"],
    ["a class instance", { at: new URL("https://example.com") }, "value.at"],
  ] as const
) {
  Deno.test(`a value with ${what} fails the attempt, naming where it is, and nothing is stored`, async () => {
    await using rig = new Rig();
    const runtime = testRuntime(rig.root);
    const artifact = artifactOf({ create: () => value });
    const error = await assertRejects(() => getFrom(runtime, artifact), ComputeError, path);
    assert(error.cause instanceof ValidationError);
    assertEquals(rig.tree().filter((name) => name.endsWith(`${artifact.hash}.json`)), []);
  });
}

Deno.test("a forced get replaces the result and keeps the old record beside it", async () => {
  await using rig = new Rig();
  const runtime = testRuntime(rig.root);
  const artifact = artifactOf({ create: ({ attempt }) => attempt });
  assertEquals(await getFrom(runtime, artifact), 1);
  const old = recordOf(runtime, artifact);
  assertEquals(
    await getFrom(runtime, artifact, { force: true }),
    2 - 1 + (recordOf(runtime, artifact).attempt - 1),
  );
  const fresh = recordOf(runtime, artifact);
  assert(fresh.id !== old.id);
  const kept = rig.tree().filter((name) => name.endsWith(".replaced.json"));
  assertEquals(kept.length, 1);
  assertEquals(JSON.parse(textOf(join(rig.root, kept[0]!))), old);
});

Deno.test("a failed replacement leaves the old result", async () => {
  await using rig = new Rig();
  const runtime = testRuntime(rig.root);
  let fail = false;
  const artifact = artifactOf({
    create: () => {
      if (fail) throw new Error("not again");
      return "good";
    },
  });
  await getFrom(runtime, artifact);
  const before = textOf(runtime.store.paths(artifact).record);
  fail = true;
  await assertRejects(() => getFrom(runtime, artifact, { force: true }), ComputeError, "not again");
  assertEquals(textOf(runtime.store.paths(artifact).record), before);
  assertEquals(await getFrom(runtime, artifact), "good");
});

Deno.test("a forced get of what is not stored computes once", async () => {
  await using rig = new Rig();
  let creates = 0;
  const artifact = artifactOf({ create: () => ++creates });
  assertEquals(await getFrom(testRuntime(rig.root), artifact, { force: true }), 1);
});

Deno.test("two calls at once in one process compute once", async () => {
  await using rig = new Rig();
  const runtime = testRuntime(rig.root);
  let creates = 0;
  const artifact = artifactOf({
    create: async () => {
      await new Promise((resolve) => setTimeout(resolve, 20));
      return ++creates;
    },
  });
  assertEquals(await Promise.all([getFrom(runtime, artifact), getFrom(runtime, artifact)]), [1, 1]);
  assertEquals(creates, 1);
});

Deno.test("get of something that is no artifact says what it was given", async () => {
  await using rig = new Rig();
  // deno-lint-ignore no-explicit-any -- a caller without types
  await assertRejects(() => getFrom(testRuntime(rig.root), { lr: 1 } as any), ExecutionError, "{ lr: 1 }");
});

Deno.test("a store whose root is a file is a StoreError that names it", async () => {
  await using rig = new Rig();
  Deno.writeTextFileSync(rig.root, "");
  const artifact = artifactOf({ create: () => 1 });
  await assertRejects(() => getFrom(testRuntime(rig.root), artifact), StoreError, rig.root);
});
