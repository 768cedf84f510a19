import { assert, assertEquals } from "@std/assert";
import { join } from "@std/path/join";
import { describe, it } from "@std/testing/bdd";
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

describe("a stored value", () => {
  for (const [what, value] of Object.entries(VALUES)) {
    it(`get gives ${what} as it was: the first call, a later one and another process alike`, async () => {
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

  it("get gives the stored form from the first call on: not the object that create returned", async () => {
    await using rig = new Rig();
    const own = { rows: [1, 2] };
    const artifact = artifactOf({ create: () => own });
    const value = await getFrom(testRuntime(rig.root), artifact);
    assertEquals(value, own);
    assert(value !== own);
  });

  it("a small value costs one file, a large one lies in the attempt's folder", async () => {
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
    assert(
      textOf(runtime.store.paths(typed).record).length < 2000,
      "typed arrays above 4 KiB are not inline",
    );
  });

  it("a store can be moved: paths under ctx.dir follow it", async () => {
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
    assertEquals(after.beside, `${after.dir}-x`, "what is beside the folder moves with the store, too");
  });

  it("ctx.dir read and left empty leaves no folder, unless the value names it", async () => {
    await using rig = new Rig();
    const runtime = testRuntime(rig.root);
    const empty = artifactOf({ create: ({ dir }) => dir.length > 0 });
    const named = artifactOf({ create: ({ dir }) => dir });
    await getFrom(runtime, empty);
    assertEquals(recordOf(runtime, empty).files, false);
    assertEquals(rig.tree().filter((name) => name.endsWith(empty.hash)), []);
    assert(Deno.statSync(await getFrom(runtime, named)).isDirectory);
  });

  it("load turns the stored value into what get returns, on the first call too", async () => {
    await using rig = new Rig();
    const artifact = artifactOf({
      create: ({ dir }) => (Deno.writeTextFileSync(`${dir}/x`, "body"), { name: "x" }),
      load: ({ params, dir, value }) => `${value.name} ${textOf(`${dir}/x`)} ${params.lr}`,
    }, { lr: 3 });
    const runtime = testRuntime(rig.root);
    assertEquals(await getFrom(runtime, artifact), "x body 3");
    assertEquals(await getFrom(runtime, artifact), "x body 3");
  });
});
