import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path/join";
import { describe, it } from "@std/testing/bdd";
import { StoreError } from "../../lib/core/errors.ts";
import { findResult } from "../../lib/run/result.ts";
import type { Runtime } from "../../lib/run/runtime.ts";
import { makePlan } from "../../lib/plan/graph.ts";
import { storeStatus } from "../../lib/schedule/status_source.ts";
import type { Artifact } from "../../lib/task/artifact/artifact.ts";
import { osError, Rig, testRuntime, textOf } from "../rig.ts";
import { artifactOf, getFrom, recordOf } from "./rig.ts";

const exists = async (runtime: Runtime, artifact: Artifact) =>
  (await findResult(runtime, artifact, { tolerant: false, value: false })).state === "valid";
const planned = async (runtime: Runtime, artifact: Artifact) =>
  (await makePlan([artifact], storeStatus(runtime))).counts;

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
  "is of another schema version": (text) => text.replace('"schema":1', '"schema":0'),
  "has no schema version": (text) => text.replace('"schema":1,', ""),
  "lacks a field": (text) => text.replace('"files":false,', ""),
  "has a field of another type": (text) => text.replace('"attempt":1', '"attempt":"1"'),
  "has another identity's parameters": (text) => text.replace('"lr":0.5', '"lr":0.25'),
  "is of another task": (text) => text.replace(/"task":"test\/Task\d+"/, '"task":"other/Task"'),
  "has another value": (text) => text.replace('"value":[1]', '"value":[2]'),
  "has other provenance": (text) => text.replace('"test":true', '"test":false'),
  "was written anew by a program": (text) => JSON.stringify(JSON.parse(text), undefined, 2),
  "has an unknown tag in its value": (text) => text.replace('"value":[1]', '"value":{"$nothing":1}'),
};

/** What every word about a damaged result says. */
function assertNamesWayOut(message: string, artifact: Artifact, file: string): void {
  for (const each of [`${artifact}`, file, "{ force: true }", "FURU_RECOMPUTE_DAMAGED"]) {
    assertStringIncludes(message, each);
  }
}

/** For `get`, `exists` and a plan damage is the same, and changes nothing. */
async function assertDamaged(rig: Rig, artifact: Artifact, file: string): Promise<void> {
  const runtime = testRuntime(rig.root);
  const before = contents(rig);
  for (const act of [() => getFrom(runtime, artifact), () => exists(runtime, artifact)]) {
    assertNamesWayOut((await assertRejects(act, StoreError)).message, artifact, file);
  }
  const { status, ...state } =
    (await makePlan([artifact], storeStatus(runtime))).nodes.get(artifact.hash)!.state;
  assertEquals(status, "FAILED");
  assertNamesWayOut((state as { error: string }).error, artifact, file);
  assertEquals(contents(rig), before);
}

describe("a stored result", () => {
  for (const [what, damage] of Object.entries(DAMAGES)) {
    it(`a record that ${what} is damaged for get, exists and plan; force replaces it, and keeps it`, async () => {
      await using rig = new Rig();
      let creates = 0;
      const artifact = artifactOf({ create: () => (creates++, [1]) }, { lr: 0.5 });
      await getFrom(testRuntime(rig.root), artifact);
      const runtime = testRuntime(rig.root);
      const { record, home } = runtime.store.paths(artifact);
      const damaged = damage(textOf(record));
      assert(damaged !== textOf(record));
      Deno.writeTextFileSync(record, damaged);
      await assertDamaged(rig, artifact, record);
      assertEquals(creates, 1);
      assertEquals(await getFrom(runtime, artifact, { force: true }), [1]);
      assertEquals(creates, 2);
      assertEquals(await getFrom(testRuntime(rig.root), artifact), [1]);
      assertEquals(creates, 2);
      const kept = [...Deno.readDirSync(home)].filter(({ name }) => name.endsWith(".damaged.json"));
      assertEquals(kept.map(({ name }) => textOf(join(home, name))), [damaged]);
      // What replaced it can be replaced as any other.
      await getFrom(runtime, artifact, { force: true });
      assertEquals(creates, 3);
    });
  }

  it("with recomputeDamaged what is damaged is to do in a plan, and get computes it again", async () => {
    await using rig = new Rig();
    let creates = 0;
    const artifact = artifactOf({ create: () => (creates++, [1]) });
    const runtime = testRuntime(rig.root, { config: { recomputeDamaged: true } });
    await getFrom(runtime, artifact);
    Deno.truncateSync(runtime.store.paths(artifact).record, 20);
    const { state } = (await makePlan([artifact], storeStatus(runtime))).nodes.get(artifact.hash)!;
    assertEquals(state.status, "TODO");
    assertStringIncludes((state as { detail: string }).detail, "is truncated or not JSON");
    assertEquals(await exists(runtime, artifact), false);
    await getFrom(runtime, artifact);
    await getFrom(runtime, artifact);
    assertEquals(creates, 2);
  });

  it("a record of a newer furu is no damage: not even force replaces it, and each message says so", async () => {
    await using rig = new Rig();
    const artifact = artifactOf({ create: () => 1 });
    const runtime = testRuntime(rig.root, { config: { recomputeDamaged: true } });
    await getFrom(runtime, artifact);
    const { record } = runtime.store.paths(artifact);
    Deno.writeTextFileSync(record, textOf(record).replace('"schema":1', '"schema":2'));
    const before = contents(rig);
    for (
      const act of [
        () => getFrom(runtime, artifact),
        () => getFrom(runtime, artifact, { force: true }),
        () => exists(runtime, artifact),
      ]
    ) {
      const { message } = await assertRejects(act, StoreError);
      for (const each of [record, `${artifact}`, "a newer furu made it"]) assertStringIncludes(message, each);
    }
    const { state } = (await makePlan([artifact], storeStatus(runtime))).nodes.get(artifact.hash)!;
    assertEquals(state.status, "FAILED");
    assertEquals(contents(rig), before);
  });

  it("records of before there were checksums and sizes are as good as ever, whatever they hold", async () => {
    await using rig = new Rig();
    const artifact = artifactOf({ create: ({ dir }) => (Deno.writeTextFileSync(`${dir}/x`, "x"), [1]) });
    await getFrom(testRuntime(rig.root), artifact);
    const runtime = testRuntime(rig.root);
    const { record } = runtime.store.paths(artifact);
    const { sum: _sum, sizes: _sizes, ...old } = JSON.parse(textOf(record));
    Deno.writeTextFileSync(record, JSON.stringify({ ...old, value: [2] }, undefined, 1));
    assertEquals(await getFrom(runtime, artifact), [2]);
    assertEquals((await planned(runtime, artifact)).done, 1);
  });

  it("an editor's newline at the end of a record is no damage", async () => {
    await using rig = new Rig();
    const artifact = artifactOf({ create: () => [1] });
    await getFrom(testRuntime(rig.root), artifact);
    const { record } = testRuntime(rig.root).store.paths(artifact);
    Deno.writeTextFileSync(record, `${textOf(record)}\n`);
    assertEquals(await getFrom(testRuntime(rig.root), artifact), [1]);
  });

  it("a record that is a folder is a StoreError with its path", async () => {
    await using rig = new Rig();
    const runtime = testRuntime(rig.root);
    const artifact = artifactOf({ create: () => 1 });
    const { record } = runtime.store.paths(artifact);
    Deno.mkdirSync(record, { recursive: true });
    await assertRejects(() => getFrom(runtime, artifact), StoreError, record);
  });

  /** The folder of an artifact's result. */
  function filesOf(runtime: Runtime, artifact: Artifact): string {
    const { id, attempt } = recordOf(runtime, artifact);
    return join(runtime.store.paths(artifact).home, `${attempt}-${id}`);
  }

  const FILE_DAMAGES: Record<string, (dir: string) => string> = {
    "whose folder is gone": (dir) => (Deno.removeSync(dir, { recursive: true }), dir),
    "whose folder is a file": (dir) => {
      Deno.removeSync(dir, { recursive: true });
      Deno.writeTextFileSync(dir, "");
      return dir;
    },
    "that lost a typed array's file": (dir) => removed(join(dir, ".furu-value-0.bin")),
    "that lost its value's file": (dir) => removed(join(dir, "value.json")),
    "that lost a file of its own": (dir) => removed(join(dir, "model.bin")),
    "that lost a file in a folder": (dir) => removed(join(dir, "deep/er/y")),
    "whose typed array's file was cut": (dir) => cut(join(dir, ".furu-value-0.bin"), 5000),
    "whose value's file was cut": (dir) => cut(join(dir, "value.json"), 5000),
    "whose file was emptied": (dir) => cut(join(dir, "model.bin"), 0),
    "whose file grew": (dir) => cut(join(dir, "model.bin"), 100),
    "whose file is a folder now": (dir) => {
      const file = removed(join(dir, "model.bin"));
      Deno.mkdirSync(file);
      return file;
    },
  };

  function removed(file: string): string {
    Deno.removeSync(file);
    return file;
  }

  function cut(file: string, size: number): string {
    Deno.truncateSync(file, size);
    return file;
  }

  for (const [what, damage] of Object.entries(FILE_DAMAGES)) {
    it(`a result ${what} is damaged for get, exists and plan; force computes it again`, async () => {
      await using rig = new Rig();
      let creates = 0;
      const artifact = artifactOf({
        create: ({ dir }) => {
          creates++;
          Deno.writeTextFileSync(join(dir, "model.bin"), "model");
          Deno.mkdirSync(join(dir, "deep/er"), { recursive: true });
          Deno.writeTextFileSync(join(dir, "deep/er/y"), "y");
          return [new Float64Array(1000).fill(1), "x".repeat(300_000)];
        },
      });
      const runtime = testRuntime(rig.root);
      const value = await getFrom(runtime, artifact);
      await assertDamaged(rig, artifact, damage(filesOf(runtime, artifact)));
      assertEquals(creates, 1);
      assertEquals(await getFrom(runtime, artifact, { force: true }), value);
      assertEquals(await exists(testRuntime(rig.root), artifact), true);
      assertEquals(creates, 2);
    });
  }

  it("what was added to a result's folder, and a link in place of a file, is no damage", async () => {
    await using rig = new Rig();
    const artifact = artifactOf({ create: ({ dir }) => Deno.writeTextFileSync(`${dir}/x`, "x") });
    const runtime = testRuntime(rig.root);
    await getFrom(runtime, artifact);
    const dir = filesOf(runtime, artifact);
    Deno.writeTextFileSync(join(dir, "notes.txt"), "looked at it");
    Deno.renameSync(join(dir, "x"), join(rig.folder, "archived"));
    Deno.symlinkSync(join(rig.folder, "archived"), join(dir, "x"));
    await getFrom(runtime, artifact);
    assertEquals((await planned(testRuntime(rig.root), artifact)).done, 1);
  });

  it("a result with very many files has their number and bytes in its record, not their names", async () => {
    await using rig = new Rig();
    const artifact = artifactOf({
      create: ({ dir }) => {
        for (let i = 0; i < 1100; i++) Deno.writeTextFileSync(`${dir}/${i}`, "12");
      },
    });
    const runtime = testRuntime(rig.root);
    await getFrom(runtime, artifact);
    const { sizes, total } = recordOf(runtime, artifact);
    assertEquals({ sizes, total }, { sizes: undefined, total: { files: 1100, bytes: 2200 } });
    await getFrom(testRuntime(rig.root), artifact);
    Deno.removeSync(filesOf(runtime, artifact), { recursive: true });
    await assertDamaged(rig, artifact, filesOf(runtime, artifact));
  });

  it("an error of the operating system on a file of the value is not taken for a missing one", async () => {
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

  it("a store that cannot be written can be loaded from", async () => {
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
});
