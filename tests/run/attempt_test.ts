import {
  assert,
  assertEquals,
  assertLess,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { ComputeError, StoreError } from "../../lib/core/errors.ts";
import type { Files } from "../../lib/core/system/files.ts";
import { readEnds } from "../../lib/store/results/ends.ts";
import { systemFiles } from "../../lib/core/system/system_files.ts";
import { osError, Rig, testRuntime } from "../rig.ts";
import { artifactOf, getFrom } from "./rig.ts";

const forever = (signal: AbortSignal) =>
  new Promise<never>((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));

describe("an attempt of this process", () => {
  it("create that exceeds its time limit gets its signal and fails as the task's own failure", async () => {
    await using rig = new Rig();
    const runtime = testRuntime(rig.root);
    let reason: unknown;
    const artifact = artifactOf({
      timeLimit: 0.05,
      create: ({ signal }) =>
        forever(signal).catch((error) => {
          reason = error;
          throw error;
        }),
    });
    const error = await assertRejects(() => getFrom(runtime, artifact), ComputeError, "time limit of 0.05 s");
    assert(reason instanceof Error);
    assertStringIncludes(error.message, `${artifact}`);
    const [end] = await readEnds(runtime.store, runtime.store.paths(artifact));
    assertEquals({ kind: end?.kind, failure: end?.failure }, { kind: "failed", failure: "compute" });
  });

  it("create that ends within its time limit leaves no timer behind", async () => {
    await using rig = new Rig();
    const artifact = artifactOf({ timeLimit: 3600, create: () => 1 });
    assertEquals(await getFrom(testRuntime(rig.root), artifact), 1); // the test's own sanitizer proves it
  });

  it("a signal that aborts while computing ends the attempt as preempted and is what get rejects with", async () => {
    await using rig = new Rig();
    const runtime = testRuntime(rig.root);
    const abort = new AbortController();
    const reason = new Error("the user left");
    let signals = 0;
    const artifact = artifactOf({
      create: ({ signal, attempt }) => {
        if (attempt > 1) return "there";
        signals++;
        queueMicrotask(() => abort.abort(reason));
        return forever(signal);
      },
    });
    assertEquals(await assertRejects(() => getFrom(runtime, artifact, { signal: abort.signal })), reason);
    assertEquals(signals, 1);
    const [end] = await readEnds(runtime.store, runtime.store.paths(artifact));
    assertEquals({ kind: end?.kind, error: end?.error }, { kind: "preempted", error: "the user left" });
    assertEquals(await getFrom(runtime, artifact), "there");
  });

  it("a signal that has aborted before computes nothing", async () => {
    await using rig = new Rig();
    let creates = 0;
    const artifact = artifactOf({ create: () => ++creates });
    await assertRejects(
      () => getFrom(testRuntime(rig.root), artifact, { signal: AbortSignal.abort() }),
      DOMException,
    );
    assertEquals({ creates, tree: rig.tree() }, { creates: 0, tree: [] });
  });

  /** Writing fails with a code, for paths that match. */
  function failing(code: string, which: RegExp): Partial<Files> {
    return {
      write: (path, data, options) =>
        which.test(path) ? Promise.reject(osError(code)) : systemFiles.write(path, data, options),
    };
  }

  for (const code of ["ENOSPC", "EDQUOT", "EACCES", "EROFS", "EIO"]) {
    it(`${code} on a file of the value names file and cause, and leaves no success record`, async () => {
      await using rig = new Rig();
      const artifact = artifactOf({ create: () => new Uint8Array(9000) });
      const runtime = testRuntime(rig.root, { files: failing(code, /\.bin$/) });
      const error = await assertRejects(() => getFrom(runtime, artifact)) as Error;
      assertStringIncludes(error.message, code);
      assertStringIncludes(error.message, ".bin");
      assert(error instanceof StoreError, `${error.name}: the store's fault, not the task's`);
      assertEquals(rig.tree().filter((name) => name.endsWith(`${artifact.hash}.json`)), []);
      assertEquals((await getFrom(testRuntime(rig.root), artifact)).length, 9000);
    });
  }

  it("a full disk from the first byte on is a StoreError that names the claim", async () => {
    await using rig = new Rig();
    const artifact = artifactOf({ create: () => 1 });
    const runtime = testRuntime(rig.root, { files: failing("ENOSPC", /./) });
    const error = await assertRejects(() => getFrom(runtime, artifact), StoreError, "no space left");
    assertStringIncludes(error.message, runtime.store.paths(artifact).claim);
  });

  it("a disk that fills up while computing is a StoreError, and the artifact can be claimed again at once", async () => {
    await using rig = new Rig();
    let full = false;
    const artifact = artifactOf({
      create: ({ attempt }) => {
        full = attempt === 1;
        return attempt;
      },
    });
    const runtime = testRuntime(rig.root, {
      files: {
        write: (path, data, options) =>
          full ? Promise.reject(osError("ENOSPC")) : systemFiles.write(path, data, options),
      },
    });
    await assertRejects(() => getFrom(runtime, artifact), StoreError, "ENOSPC");
    assertEquals(rig.tree().filter((name) => name.endsWith(`${artifact.hash}.json`)), []);
    full = false;
    const started = performance.now();
    const next = testRuntime(rig.root, { config: { maxWaitSec: 5 } });
    assertEquals(typeof await getFrom(next, artifact), "number");
    assertLess(performance.now() - started, 4000);
  });

  it("a log that cannot be written is no reason to fail", async () => {
    await using rig = new Rig();
    const artifact = artifactOf({ create: ({ log }) => (log.info("hello"), 1) });
    assertEquals(await getFrom(testRuntime(rig.root, { files: failing("ENOSPC", /\.log$/) }), artifact), 1);
  });

  it("a result that cannot be brought to the disk is a StoreError with the file, and is not stored", async () => {
    await using rig = new Rig();
    const artifact = artifactOf({ create: ({ dir }) => Deno.writeTextFileSync(`${dir}/model`, "x") });
    const runtime = testRuntime(rig.root, { files: { sync: () => Promise.reject(osError("EIO")) } });
    const error = await assertRejects(() => getFrom(runtime, artifact)) as Error;
    assertStringIncludes(error.message, "EIO");
    assertStringIncludes(error.message, "/model");
    assert(error instanceof StoreError, error.name);
    assertEquals(rig.tree().filter((name) => name.endsWith(`${artifact.hash}.json`)), []);
  });

  it("a record that was written in part leaves no litter", async () => {
    await using rig = new Rig();
    const artifact = artifactOf({ create: () => 1 });
    const runtime = testRuntime(rig.root, {
      files: {
        write: async (path, data, options) => {
          await systemFiles.write(path, data.slice(0, 10), options);
          if (`${data}`.includes('"identity"')) throw osError("ENOSPC");
          await systemFiles.write(path, data, options);
        },
      },
    });
    await assertRejects(() => getFrom(runtime, artifact), StoreError, "ENOSPC");
    assertEquals(rig.tree().filter((name) => /\.tmp-|\.claim$/.test(name)), []);
  });

  it("a value that cannot be stored is told with the user's lines: where the task is, and who wanted it", async () => {
    await using rig = new Rig();
    const artifact = artifactOf({ create: () => ({ rows: [1, new URL("https://example.com")] }) });
    const error = await assertRejects(() => getFrom(testRuntime(rig.root), artifact), ComputeError);
    assertStringIncludes(
      error.message,
      `Cannot store value.rows[1] of ${artifact}: it is an instance of URL`,
    );
    assertMatch(error.message, /'create' returned it, of the task at file:.*\/tests\/run\/rig\.ts:\d+:\d+;/);
    const cause = error.cause as Error;
    assertMatch(cause.stack!, /\n {4}at create of test\/Task\d+ \(file:.*\/tests\/run\/rig\.ts:\d+:\d+\)$/);
    assertMatch(error.stack!, /\n {4}at .*attempt_test\.ts/);
    assertEquals(/\/lib\//.test(error.stack! + cause.stack!), false, error.stack);
  });
});
