import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { ComputeError, ExecutionError } from "../../lib/core/errors.ts";
import { systemFiles } from "../../lib/core/system/system_files.ts";
import { withContext } from "../../lib/run/context.ts";
import { get } from "../../lib/api/get.ts";
import type { Artifact } from "../../lib/task/artifact/artifact.ts";
import { exists, osError, Rig, testRuntime, textOf } from "../rig.ts";
import { artifactOf, getFrom } from "./rig.ts";

describe("the context of create", () => {
  it("create is given frozen parameters, the attempt's number, the hash and a live signal; its functions can be taken apart", async () => {
    await using rig = new Rig();
    const artifact = artifactOf({
      create: ({ params, attempt, hash, signal, log, progress, dir }) => {
        log.info("taken apart", { n: 1 });
        progress(0.5, "half");
        assert(Object.isFrozen(params));
        return { params, attempt, hash, aborted: signal.aborted, dir: dir.endsWith(`/${hash}/x`) };
      },
    }, { lr: 0.1 });
    assertEquals(await getFrom(testRuntime(rig.root), artifact), {
      params: { lr: 0.1 },
      attempt: 1,
      hash: artifact.hash,
      aborted: false,
      dir: false,
    });
  });

  it("each attempt has a folder of its own", async () => {
    await using rig = new Rig();
    const dirs: string[] = [];
    const artifact = artifactOf({
      create: ({ dir, attempt }) => {
        dirs.push(dir);
        assertEquals([...Deno.readDirSync(dir)], []);
        Deno.writeTextFileSync(`${dir}/half`, "");
        if (attempt < 3) throw new Error("again");
        return dir;
      },
    });
    const runtime = testRuntime(rig.root);
    for (let n = 1; n < 3; n++) await assertRejects(() => getFrom(runtime, artifact), ComputeError);
    assertEquals(await getFrom(runtime, artifact), dirs[2]);
    assertEquals(new Set(dirs).size, 3);
  });

  it("checkpointDir survives failed attempts and is removed on success", async () => {
    await using rig = new Rig();
    const seen: string[] = [];
    let folder = "";
    const artifact = artifactOf({
      create: ({ checkpointDir, attempt }) => {
        folder = checkpointDir;
        seen.push(textOf(`${checkpointDir}/step`));
        Deno.writeTextFileSync(`${checkpointDir}/step`, `${attempt}`);
        if (attempt < 3) throw new Error("again");
        return 1;
      },
    });
    const runtime = testRuntime(rig.root);
    for (let n = 1; n < 3; n++) await assertRejects(() => getFrom(runtime, artifact), ComputeError);
    await getFrom(runtime, artifact);
    assertEquals(seen, ["", "1", "2"]);
    assert(!exists(folder));
  });

  for (const code of ["EXDEV", "EACCES", "EPERM"]) {
    it(`a checkpoint that cannot be moved (${code}) is left and said, and so is no reason to fail`, async () => {
      await using rig = new Rig();
      const seen: string[] = [];
      const lines: string[] = [];
      const artifact = artifactOf({
        create: ({ checkpointDir, attempt }) => {
          seen.push(textOf(`${checkpointDir}/step`));
          Deno.writeTextFileSync(`${checkpointDir}/step`, `${attempt}`);
          if (attempt < 4) throw new Error("again");
          return 1;
        },
      });
      const runtime = testRuntime(rig.root, {
        lines,
        files: {
          rename: (from, to) =>
            /\/[12]-[^/]*\.checkpoint$/.test(from)
              ? Promise.reject(osError(code))
              : systemFiles.rename(from, to),
        },
      });
      for (let n = 1; n < 4; n++) {
        await assertRejects(() => getFrom(runtime, artifact), ComputeError, "again");
      }
      await getFrom(runtime, artifact);
      assertEquals(seen, ["", "", "", "3"], "that of attempt 3 can be moved");
      const said = lines.filter((line) => line.includes(`(${code})`));
      assertEquals(said.map((line) => /attempt \d/.exec(line)?.[0]), ["attempt 1", "attempt 2", "attempt 1"]);
      assertEquals(
        rig.tree().filter((name) => name.includes("checkpoint")),
        [],
        "a success needs none of them",
      );
    });
  }

  it("what a task logs that never waits is in its log meanwhile, and fills no memory", async () => {
    await using rig = new Rig();
    let pieces = 0;
    let atEnd = 0;
    const line = "x".repeat(1000);
    const artifact = artifactOf({
      create: ({ log }) => {
        for (let i = 0; i < 5000; i++) log.info(line);
        atEnd = Deno.statSync(path).size;
        return 1;
      },
    });
    let path = "";
    const runtime = testRuntime(rig.root, {
      files: {
        appendNow: (file, data) => {
          pieces = Math.max(pieces, data.length);
          path = file;
          systemFiles.appendNow(file, data);
        },
      },
    });
    await getFrom(runtime, artifact);
    const whole = Deno.statSync(path).size;
    assert(whole > 5_000_000, "all of it is there in the end");
    assert(whole - atEnd < 70_000 && pieces < 70_000, `${whole - atEnd} bytes waited, ${pieces} at a time`);
  });

  it("a zombie's save by path fails once its checkpoint was taken over", async () => {
    await using rig = new Rig();
    let old = "";
    const artifact = artifactOf({
      create: ({ checkpointDir, attempt }) => {
        if (attempt === 1) {
          old = checkpointDir;
          throw new Error("again");
        }
        assert(checkpointDir !== old);
        try {
          Deno.writeTextFileSync(`${old}/step`, "");
          return "saved";
        } catch (error) {
          return (error as Error).name;
        }
      },
    });
    const runtime = testRuntime(rig.root);
    await assertRejects(() => getFrom(runtime, artifact), ComputeError);
    assertEquals(await getFrom(runtime, artifact), "NotFound");
  });

  it("get inside create uses the store of the get that led there, and computes dependencies", async () => {
    await using rig = new Rig();
    const inner = artifactOf({ create: () => 20 });
    const outer = artifactOf({ create: async () => await get(inner) + 1 });
    assertEquals(await getFrom(testRuntime(rig.root), outer), 21);
    assert(exists(testRuntime(rig.root).store.paths(inner).record));
  });

  it("get of an artifact inside its own create is an error that tells the way, not a wait", async () => {
    await using rig = new Rig();
    // deno-lint-ignore prefer-const -- the task refers to it
    let outer: Artifact;
    const inner: Artifact = artifactOf({ create: () => get(outer) });
    outer = artifactOf({ create: () => get(inner) });
    const error = await assertRejects(() => getFrom(testRuntime(rig.root), outer), ComputeError);
    assertMatch(error.message, new RegExp(`ExecutionError: Cannot get .*Task\\d+\\(\\w+\\) -> .* -> `));
  });

  it("the failure of a dependency tells of both", async () => {
    await using rig = new Rig();
    const inner = artifactOf({
      create: () => {
        throw new Error("deep down");
      },
    });
    const outer = artifactOf({ create: () => get(inner) });
    const error = await assertRejects(() => getFrom(testRuntime(rig.root), outer), ComputeError, "deep down");
    assert(error.message.includes(`${outer}`) && error.message.includes(`${inner}`), error.message);
    assert(error.cause instanceof ComputeError);
  });

  it("under an executor's context get only loads, also in timers that create has started", async () => {
    await using rig = new Rig();
    const runtime = testRuntime(rig.root);
    const stored = artifactOf({ create: () => "stored" });
    const missing = artifactOf({ create: () => "missing" });
    const node = artifactOf({ create: () => 1 });
    await getFrom(runtime, stored);
    const context = { mode: "executor", runtime, node, spec: "default" } as const;
    const later = <T>(act: () => Promise<T>) =>
      withContext(
        context,
        () => new Promise<T>((resolve, reject) => void setTimeout(() => act().then(resolve, reject))),
      );
    assertEquals(await later(() => get(stored)), "stored");
    const error = await assertRejects(() => later(() => get(missing))) as Error;
    assertEquals(error.name, "MissingArtifactError");
    for (const part of [`${missing}`, `asked for by ${node}`, "declare it"]) {
      assert(error.message.includes(part), part);
    }
    await assertRejects(
      () => later(() => get(stored, { force: true })),
      ExecutionError,
      `asked for by ${node}`,
    );
  });

  it("under an executor's context a forced get of the node needs the node's spec, unless it is stored", async () => {
    await using rig = new Rig();
    const runtime = testRuntime(rig.root);
    const node = artifactOf({ create: () => "value", spec: "gpu" });
    const force = () =>
      withContext(
        { mode: "executor", runtime, node, spec: "default" },
        () => get(node, { force: true }),
      );
    const error = await assertRejects(force) as Error;
    assertEquals(error.name, "SpecMismatchError");
    assert(error.message.includes("'gpu'") && error.message.includes("'default'"));
    await getFrom(runtime, node);
    assertEquals(await force(), "value");
  });

  it("under an executor's context an artifact that is invalid is missing, and the error says why", async () => {
    await using rig = new Rig();
    let stale = false;
    const runtime = testRuntime(rig.root);
    const artifact = artifactOf({ create: () => 1, validate: () => !stale });
    await getFrom(runtime, artifact);
    stale = true;
    const node = artifactOf({ create: () => 1 });
    const fresh = testRuntime(rig.root);
    const context = { mode: "executor", runtime: fresh, node, spec: "default" } as const;
    const error = await assertRejects(() => withContext(context, () => get(artifact))) as Error;
    assertEquals(error.name, "MissingArtifactError");
    assertMatch(error.message, /validate returned false/);
  });
});
