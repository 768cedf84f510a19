import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path/join";
import { describe, it } from "@std/testing/bdd";
import { ComputeError, ExecutionError, StoreError, ValidationError } from "../../../lib/core/errors.ts";
import { readEnds } from "../../../lib/store/results/ends.ts";
import { Rig, testRuntime, textOf } from "../../rig.ts";
import { artifactOf, getFrom, recordOf } from "../rig.ts";

describe("get()", () => {
  it("a failing create is a ComputeError with the cause and the log's path; its end is recorded; the next get computes anew", async () => {
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
    const { kind, failure, attempt } = end ?? {};
    assertEquals({ kind, failure, attempt }, { kind: "failed", failure: "compute", attempt: 1 });
    assertStringIncludes(end?.error ?? "", "no such column 'x'");
    assertEquals(await getFrom(runtime, artifact), 2);
    assertEquals(await getFrom(runtime, artifact), 2);
  });

  for (const thrown of [undefined, null, "a string", 3, { code: 7 }, Object.create(null)]) {
    it(`create may throw ${Deno.inspect(thrown)}`, async () => {
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

  it("with retryFailed off the recorded error is thrown and nothing is computed; a forced get computes", async () => {
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
    it(`a value with ${what} fails the attempt, naming where it is, and nothing is stored`, async () => {
      await using rig = new Rig();
      const runtime = testRuntime(rig.root);
      const artifact = artifactOf({ create: () => value });
      const error = await assertRejects(() => getFrom(runtime, artifact), ComputeError, path);
      assert(error.cause instanceof ValidationError);
      assertEquals(rig.tree().filter((name) => name.endsWith(`${artifact.hash}.json`)), []);
    });
  }

  it("tries again what its task says, with its delay, and throws what failed last", async () => {
    await using rig = new Rig();
    const runtime = testRuntime(rig.root);
    let creates = 0;
    const options = { retries: 2, retryDelaySec: 0.001 };
    const flaky = artifactOf({
      ...options,
      create: ({ attempt }) => {
        creates++;
        if (attempt < 3) throw new Error("busy");
        return attempt;
      },
    });
    assertEquals([await getFrom(runtime, flaky), creates], [3, 3]);
    const failing = (retryable: boolean) =>
      artifactOf({
        ...options,
        retryable: () => retryable,
        create: ({ attempt }) => {
          throw new Error(`no ${attempt}`);
        },
      });
    await assertRejects(() => getFrom(runtime, failing(true)), ComputeError, "failed in attempt 3: no 3");
    await assertRejects(
      () => getFrom(runtime, failing(false)),
      ComputeError,
      "failed in attempt 1: no 1\nnot tried again: 'retryable' of its task says so",
    );
    const off = testRuntime(rig.root, { config: { retryFailed: false } });
    await assertRejects(() => getFrom(off, failing(true)), ComputeError, "failed in attempt 1");
  });

  it("a forced get replaces the result and keeps the old record beside it", async () => {
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

  it("a failed replacement leaves the old result", async () => {
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

  it("a forced get of what is not stored computes once", async () => {
    await using rig = new Rig();
    let creates = 0;
    const artifact = artifactOf({ create: () => ++creates });
    assertEquals(await getFrom(testRuntime(rig.root), artifact, { force: true }), 1);
  });

  it("two calls at once in one process compute once", async () => {
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

  it("get of something that is no artifact says what it was given", async () => {
    await using rig = new Rig();
    // deno-lint-ignore no-explicit-any -- a caller without types
    await assertRejects(() => getFrom(testRuntime(rig.root), { lr: 1 } as any), ExecutionError, "{ lr: 1 }");
  });

  it("a store whose root is a file is a StoreError that names it", async () => {
    await using rig = new Rig();
    Deno.writeTextFileSync(rig.root, "");
    const artifact = artifactOf({ create: () => 1 });
    await assertRejects(() => getFrom(testRuntime(rig.root), artifact), StoreError, rig.root);
  });
});
