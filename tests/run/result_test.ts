import { assert, assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path/join";
import { StoreError } from "../../lib/core/errors.ts";
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
