import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path/join";
import { StoreError, ValidationError } from "../../lib/core/errors.ts";
import { findResult } from "../../lib/run/result.ts";
import type { Runtime } from "../../lib/run/runtime.ts";
import { plan } from "../../lib/plan/graph.ts";
import { storeStatus } from "../../lib/schedule/status_source.ts";
import type { Artifact } from "../../lib/task/artifact.ts";
import { osError, Rig, testRuntime, textOf } from "../rig.ts";
import { artifactOf, getFrom, recordOf } from "./rig.ts";

const exists = async (runtime: Runtime, artifact: Artifact) =>
  (await findResult(runtime, artifact, { tolerant: false, value: false })).state === "valid";
const planned = async (runtime: Runtime, artifact: Artifact) =>
  (await plan([artifact], storeStatus(runtime))).counts;

/** All files of a store with their contents. */
function contents(rig: Rig): Record<string, string> {
  return Object.fromEntries(
    rig.tree().filter((name) => Deno.statSync(join(rig.root, name)).isFile)
      .map((name) => [name, textOf(join(rig.root, name))]),
  );
}

const DAMAGES: Record<string, (text: string) => string> = {
  "is empty": () => "",
  "is truncated": (text) => text.slice(0, text.length / 2),
  "lacks its last byte": (text) => text.slice(0, -1),
  "is not JSON": () => "<html>quota exceeded</html>",
  "is JSON null": () => "null",
  "is a JSON array": () => "[]",
  "holds NULs": (text) => "\0".repeat(text.length),
  "is of another schema version": (text) => text.replace('"schema":1', '"schema":2'),
  "has no schema version": (text) => text.replace('"schema":1,', ""),
  "lacks a field": (text) => text.replace('"files":false,', ""),
  "has a field of another type": (text) => text.replace('"attempt":1', '"attempt":"1"'),
  "has another identity's parameters": (text) => text.replace('"lr":0.5', '"lr":0.25'),
  "is of another task": (text) => text.replace(/"task":"test\/Task\d+"/, '"task":"other/Task"'),
  "has an unknown tag in its value": (text) => text.replace('"value":[1]', '"value":{"$nothing":1}'),
};

for (const [what, damage] of Object.entries(DAMAGES)) {
  Deno.test(`a record that ${what} is a StoreError with its path, and nothing is changed`, async () => {
    await using rig = new Rig();
    let creates = 0;
    const artifact = artifactOf({ create: () => (creates++, [1]), validate: () => true }, { lr: 0.5 });
    await getFrom(testRuntime(rig.root), artifact);
    const runtime = testRuntime(rig.root);
    const { record } = runtime.store.paths(artifact);
    const damaged = damage(textOf(record));
    assert(damaged !== textOf(record));
    Deno.writeTextFileSync(record, damaged);
    const before = contents(rig);
    for (
      const act of [
        () => getFrom(runtime, artifact),
        () => getFrom(runtime, artifact, { force: true }),
        () => exists(runtime, artifact),
        () => planned(runtime, artifact),
      ]
    ) await assertRejects(act, StoreError, record);
    assertEquals(creates, 1);
    assertEquals(contents(rig), before);
  });
}

Deno.test("a record that is a folder is a StoreError with its path", async () => {
  await using rig = new Rig();
  const runtime = testRuntime(rig.root);
  const artifact = artifactOf({ create: () => 1 });
  const { record } = runtime.store.paths(artifact);
  Deno.mkdirSync(record, { recursive: true });
  await assertRejects(() => getFrom(runtime, artifact), StoreError, record);
});

Deno.test("a record whose value file is torn is a StoreError with the file, and nothing is changed", async () => {
  await using rig = new Rig();
  const runtime = testRuntime(rig.root);
  for (const value of ["x".repeat(300_000), new Uint8Array(9000)]) {
    const artifact = artifactOf({ create: () => value });
    await getFrom(runtime, artifact);
    const file = join(
      rig.root,
      rig.tree().find((name) => name.includes(artifact.hash) && /value.*n$/.test(name))!,
    );
    Deno.truncateSync(file, 5000);
    const before = contents(rig);
    await assertRejects(() => getFrom(runtime, artifact), StoreError, file);
    assertEquals(contents(rig), before);
  }
});

for (const gone of ["the folder", "a typed array's file", "the value's file"]) {
  Deno.test(`a result with files is invalid when ${gone} is gone, and computed again`, async () => {
    await using rig = new Rig();
    const runtime = testRuntime(rig.root);
    const artifact = artifactOf({
      create: ({ attempt }) => [attempt, new Float64Array(1000).fill(1), "x".repeat(300_000)],
    });
    await getFrom(runtime, artifact);
    const { id } = recordOf(runtime, artifact);
    const home = runtime.store.paths(artifact).home;
    const dir = join(home, [...Deno.readDirSync(home)].find(({ name }) => name.endsWith(id))!.name);
    if (gone === "the folder") Deno.removeSync(dir, { recursive: true });
    else {
      const file = [...Deno.readDirSync(dir)].find(({ name }) =>
        name.endsWith(gone === "the value's file" ? ".json" : ".bin")
      );
      Deno.removeSync(join(dir, file!.name));
    }
    if (gone === "the folder") assertEquals(await exists(testRuntime(rig.root), artifact), false);
    await getFrom(runtime, artifact);
    assert(recordOf(runtime, artifact).id !== id, "computed again");
    assertEquals(await exists(testRuntime(rig.root), artifact), true);
  });
}

for (
  const [what, validate] of [
    ["returns false", () => false],
    ["throws a ValidationError", () => {
      throw new ValidationError("too few rows");
    }],
    [
      "rejects with a ValidationError of another copy",
      () => Promise.reject(Object.assign(new Error("too few rows"), { name: "ValidationError" })),
    ],
  ] as const
) {
  Deno.test(`a result whose validate ${what} does not exist, is TODO, and is computed again`, async () => {
    await using rig = new Rig();
    let creates = 0;
    const artifact = artifactOf({
      create: () => ++creates,
      validate: ({ value }) => value === 1 && creates >= 1 && stale ? validate() : true,
    });
    let stale = false;
    await getFrom(testRuntime(rig.root), artifact);
    stale = true;
    assertEquals(await exists(testRuntime(rig.root), artifact), false);
    assertEquals((await planned(testRuntime(rig.root), artifact)).todo, 1);
    assertEquals(await getFrom(testRuntime(rig.root), artifact), 2);
    assertEquals(await getFrom(testRuntime(rig.root), artifact), 2);
  });
}

Deno.test("a bug of validate is thrown by exists, and counts as invalid, with its stack logged, in get and plan", async () => {
  await using rig = new Rig();
  let creates = 0;
  let buggy = false;
  const artifact = artifactOf({
    create: () => ++creates,
    validate: ({ value }) => {
      if (buggy && value === 1) throw new RangeError("off by one");
    },
  });
  await getFrom(testRuntime(rig.root), artifact);
  buggy = true;
  await assertRejects(() => exists(testRuntime(rig.root), artifact), RangeError, "off by one");
  const lines: string[] = [];
  const runtime = testRuntime(rig.root, { lines });
  assertEquals((await planned(runtime, artifact)).todo, 1);
  assertStringIncludes(lines.join("\n"), "RangeError: off by one\n    at ");
  assertEquals(await getFrom(runtime, artifact), 2);
});

Deno.test("an error of the operating system in validate fails whoever asked and touches nothing", async () => {
  await using rig = new Rig();
  let creates = 0;
  let failing = false;
  const artifact = artifactOf({
    create: () => ++creates,
    validate: () => {
      if (failing) throw osError("EIO");
    },
  });
  await getFrom(testRuntime(rig.root), artifact);
  failing = true;
  const before = contents(rig);
  for (const act of [getFrom, exists, planned]) {
    const runtime = testRuntime(rig.root);
    await assertRejects(async () => void await act(runtime, artifact), Error, "EIO");
  }
  assertEquals(contents(rig), before);
  assertEquals(creates, 1);
});

Deno.test("an error of the operating system on a file of the value is not taken for a missing one", async () => {
  await using rig = new Rig();
  const artifact = artifactOf({ create: () => new Uint8Array(9000) });
  await getFrom(testRuntime(rig.root), artifact);
  const before = contents(rig);
  for (const code of ["EIO", "ESTALE", "EMFILE", "EACCES"]) {
    const runtime = testRuntime(rig.root, { files: { readBytes: () => Promise.reject(osError(code)) } });
    await assertRejects(() => getFrom(runtime, artifact), Error, code);
    assertEquals(contents(rig), before);
  }
});

Deno.test("a fresh value that validate refuses fails the attempt instead of being computed for ever", async () => {
  await using rig = new Rig();
  let creates = 0;
  const artifact = artifactOf({ create: () => ++creates, validate: () => false });
  await assertRejects(() => getFrom(testRuntime(rig.root), artifact), Error, "its validate returned false");
  assertEquals(creates, 1);
  assertEquals(rig.tree().filter((name) => name.endsWith(`${artifact.hash}.json`)), []);
});

Deno.test("a validate that contradicts itself cannot make get compute for ever", async () => {
  await using rig = new Rig();
  let creates = 0;
  let looks = 0;
  const artifact = artifactOf({
    create: () => {
      if (++creates > 5) throw new Error("computed for ever");
      return creates;
    },
    validate: () => ++looks % 2 === 1,
  });
  assertEquals(await getFrom(testRuntime(rig.root), artifact), 1);
});

Deno.test("a record is validated once in a process", async () => {
  await using rig = new Rig();
  let looks = 0;
  const artifact = artifactOf({ create: () => 1, validate: () => void looks++ });
  await getFrom(testRuntime(rig.root), artifact);
  looks = 0;
  const runtime = testRuntime(rig.root);
  for (let i = 0; i < 3; i++) await getFrom(runtime, artifact);
  await exists(runtime, artifact);
  assertEquals(looks, 1);
});

Deno.test("a store that cannot be written can be loaded from", async () => {
  await using rig = new Rig();
  const artifact = artifactOf({
    create: ({ dir }) => [`${dir}/x`, new Uint8Array(9000), "x".repeat(300_000)],
  });
  const value = await getFrom(testRuntime(rig.root), artifact);
  const refuse = () => Promise.reject(osError("EROFS"));
  const readOnly = testRuntime(rig.root, {
    files: {
      write: refuse,
      sync: refuse,
      link: refuse,
      rename: refuse,
      remove: refuse,
      removeTree: refuse,
      mkdir: refuse,
      chmod: refuse,
      mkdirNow: () => {
        throw osError("EROFS");
      },
    },
  });
  assertEquals(await getFrom(readOnly, artifact), value);
  assertEquals(await exists(readOnly, artifact), true);
  const other = artifactOf({ create: () => 1 });
  await assertRejects(() => getFrom(readOnly, other), StoreError, "read-only (EROFS)");
});
