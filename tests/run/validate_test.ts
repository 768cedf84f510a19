import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path/join";
import { ValidationError } from "../../lib/core/errors.ts";
import { findResult } from "../../lib/run/result.ts";
import type { Runtime } from "../../lib/run/runtime.ts";
import { plan } from "../../lib/plan/graph.ts";
import { storeStatus } from "../../lib/schedule/status_source.ts";
import type { Artifact } from "../../lib/task/artifact.ts";
import { osError, Rig, testRuntime, textOf } from "../rig.ts";
import { artifactOf, getFrom } from "./rig.ts";

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
