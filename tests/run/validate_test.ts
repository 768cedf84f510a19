import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path/join";
import { describe, it } from "@std/testing/bdd";
import nodeAssert from "node:assert";
import { statSync } from "node:fs";
import { z } from "zod";
import { ComputeError, StoreError, ValidationError } from "../../lib/core/errors.ts";
import { findResult } from "../../lib/run/result.ts";
import type { Runtime } from "../../lib/run/runtime.ts";
import { makePlan } from "../../lib/plan/graph.ts";
import { storeStatus } from "../../lib/schedule/status_source.ts";
import type { Artifact } from "../../lib/task/artifact/artifact.ts";
import { osError, Rig, testRuntime, textOf } from "../rig.ts";
import { artifactOf, getFrom } from "./rig.ts";

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

describe("validate", () => {
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
    it(`a result whose validate ${what} does not exist, is TODO, and is computed again`, async () => {
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

  it("a bug of validate is told by exists, and counts as invalid, with its stack logged, in get and plan", async () => {
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
    const { message, cause } = await assertRejects(
      () => exists(testRuntime(rig.root), artifact),
      ValidationError,
    );
    assertStringIncludes(message, `the validate of ${artifact}: it threw RangeError: off by one`);
    assert(cause instanceof RangeError);
    const lines: string[] = [];
    const runtime = testRuntime(rig.root, { lines });
    assertEquals((await planned(runtime, artifact)).todo, 1);
    assertStringIncludes(lines.join("\n"), `validate of ${artifact} threw`);
    assertStringIncludes(lines.join("\n"), "RangeError: off by one\n    at ");
    assertEquals(await getFrom(runtime, artifact), 2);
  });

  const named = (name: string, message = "") => Object.assign(new Error(message), { name });

  /** What a validator says of its value by an error, in its own words or in those of what it called. */
  const REFUSING: Record<string, () => unknown> = {
    "a missing file (Deno)": () => Deno.statSync("/nowhere/at/all"),
    "a missing file (node)": () => statSync("/nowhere/at/all"),
    "a missing file, wrapped": () => {
      throw new Error("no model", { cause: new Deno.errors.NotFound("model.bin") });
    },
    "a missing file, with a code alone": () => {
      throw osError("ENOENT");
    },
    "a file where a folder should be": () => Deno.readDirSync("/dev/null"),
    "a folder where a file should be": () => Deno.readTextFileSync("/tmp"),
    "a file that is no JSON": () => JSON.parse("{"),
    "node:assert": () => nodeAssert.equal(1, 2),
    "@std/assert": () => assertEquals(1, 2),
    "zod": () => z.string().parse(1),
    "console.assert's kind": () => {
      throw named("AssertionError", "not so");
    },
  };

  for (const [what, refuse] of Object.entries(REFUSING)) {
    it(`a validate that fails by ${what} refuses its value: not there, to do, computed again`, async () => {
      await using rig = new Rig();
      let creates = 0;
      let stale = false;
      const artifact = artifactOf({
        create: () => ++creates,
        validate: ({ value }) => void (stale && value === 1 && refuse()),
      });
      await getFrom(testRuntime(rig.root), artifact);
      stale = true;
      assertEquals(await exists(testRuntime(rig.root), artifact), false);
      assertEquals((await planned(testRuntime(rig.root), artifact)).todo, 1);
      assertEquals(await getFrom(testRuntime(rig.root), artifact), 2);
    });

    it(`a fresh value that validate refuses by ${what} fails its attempt, with the artifact's name`, async () => {
      await using rig = new Rig();
      const artifact = artifactOf({ create: () => 1, validate: () => void refuse() });
      const error = await assertRejects(() => getFrom(testRuntime(rig.root), artifact), ComputeError);
      assertStringIncludes(error.message, `Cannot store the value of ${artifact}: its validate threw`);
    });
  }

  /** What says nothing of the value: nobody could look. */
  const UNKNOWING: Record<string, () => unknown> = {
    ...Object.fromEntries(
      ["EIO", "ESTALE", "EMFILE", "ENFILE", "ENOMEM", "ETIMEDOUT", "EACCES", "ECONNREFUSED"].map((
        code,
      ) => [code, () => {
        throw osError(code);
      }]),
    ),
    "PermissionDenied": () => {
      throw new Deno.errors.PermissionDenied("no");
    },
    "an EIO that is wrapped": () => {
      throw new Error("cannot look", { cause: osError("EIO") });
    },
    "a request that took too long": () => {
      throw new DOMException("too long", "TimeoutError");
    },
    "another artifact that furu could not load": () => {
      throw new StoreError("Cannot read x.json");
    },
  };

  for (const [what, fail] of Object.entries(UNKNOWING)) {
    it(`a validate that fails by ${what} fails whoever asked, with its name, and touches nothing`, async () => {
      await using rig = new Rig();
      let creates = 0;
      let failing = false;
      const artifact = artifactOf({ create: () => ++creates, validate: () => void (failing && fail()) });
      await getFrom(testRuntime(rig.root), artifact);
      failing = true;
      const before = contents(rig);
      for (const act of [getFrom, exists]) {
        const { message } = await assertRejects(
          async () => void await act(testRuntime(rig.root), artifact),
          StoreError,
        );
        assertStringIncludes(message, `${artifact}`);
        assertStringIncludes(message, "its validate threw");
      }
      const other = artifactOf({ create: () => 1 });
      const { nodes } = await makePlan([artifact, other], storeStatus(testRuntime(rig.root)));
      assertEquals([...nodes.values()].map(({ status }) => status), ["FAILED", "TODO"]);
      assertStringIncludes((nodes.get(artifact.hash)!.state as { error: string }).error, `${artifact}`);
      assertEquals(contents(rig), before);
      assertEquals(creates, 1);
      failing = false;
      assertEquals(await getFrom(testRuntime(rig.root), artifact), 1);
    });
  }

  it("a fresh value that validate refuses fails the attempt instead of being computed for ever", async () => {
    await using rig = new Rig();
    let creates = 0;
    const artifact = artifactOf({ create: () => ++creates, validate: () => false });
    await assertRejects(() => getFrom(testRuntime(rig.root), artifact), Error, "its validate returned false");
    assertEquals(creates, 1);
    assertEquals(rig.tree().filter((name) => name.endsWith(`${artifact.hash}.json`)), []);
  });

  it("a validate that contradicts itself cannot make get compute for ever", async () => {
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

  it("a record is validated once in a process", async () => {
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
});
