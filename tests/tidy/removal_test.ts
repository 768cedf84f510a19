import { assert, assertEquals, assertMatch } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { systemFiles } from "../../lib/core/system/system_files.ts";
import type { Files } from "../../lib/core/system/files.ts";
import type { ArtifactPaths } from "../../lib/store/layout.ts";
import { attemptRemovals } from "../../lib/tidy/attempts.ts";
import { litterRemovals } from "../../lib/tidy/litter.ts";
import {
  artifactRemoval,
  invalidation,
  keepOwner,
  removeEmptyTasks,
} from "../../lib/tidy/remove_artifact.ts";
import { type Removal, type RemovalReport, removeAll } from "../../lib/tidy/removal.ts";
import { usageOfTasks } from "../../lib/tidy/usage.ts";
import { exists, osError } from "../rig.ts";
import { know, type Known, ref, TidyRig } from "./rig.ts";

/** Removes artifacts as a process with such files. */
async function remove(
  rig: TidyRig,
  meant: readonly ArtifactPaths[],
  files: Partial<Files> = {},
): Promise<{ report: RemovalReport; removals: Removal[]; known: Known }> {
  const { store } = rig.process({ files });
  const known = await know(store);
  const removals: Removal[] = [];
  for (const { hash } of meant) {
    removals.push(await artifactRemoval(known.context, known.graph.artifacts.get(hash)!, known.inUse));
  }
  const end = keepOwner(store);
  const report = await removeAll(removals);
  await end();
  return { report, removals, known };
}

const namesOf = (rig: TidyRig, { hash }: ArtifactPaths) => rig.tree().filter((name) => name.includes(hash));

describe("removing an artifact", () => {
  it("takes away all of it, and the folder of a task in which nothing is left", async () => {
    await using rig = new TidyRig();
    const one = rig.put("deep/toy/Train", { lr: 1 }, { files: { "model.bin": "abc", "b.bin": "de" } });
    rig.fail(one, 2, "ffffffffffff");
    const stays = rig.put("toy/Data", { seed: 1 });
    const { report, removals, known } = await remove(rig, [one]);
    assertEquals(report.failed, []);
    assertEquals(report.removed.length, 1);
    // The record, two files that it tells of, and what the failed attempt left.
    assert(removals[0]!.bytes > 5 + 5 + 5 + 300, `${removals[0]!.bytes} bytes`);
    await removeEmptyTasks(known.context.store, ["deep/toy/Train", "toy/Data"]);
    assertEquals(rig.tree().filter((name) => /^artifacts\/deep/.test(name)), []);
    assertEquals(namesOf(rig, stays).length, 1);
    assertEquals(rig.tree().filter((name) => /\.(tmp|trash)-|^owners\/./.test(name)), []);
  });

  it("touches nothing of what belongs to somebody else, says so, and goes on with the others", async () => {
    await using rig = new TidyRig();
    const theirs = rig.put("toy/Train", { lr: 1 }, { files: { "model.bin": "abc" } });
    const ours = rig.put("toy/Train", { lr: 2 }, { files: { "model.bin": "abc" } });
    const before = namesOf(rig, theirs);
    const isTheirs = (path: string): boolean => path.startsWith(`${theirs.home}/`);
    const { report } = await remove(rig, [theirs, ours], {
      write: (path, data, options) =>
        isTheirs(path) ? Promise.reject(osError("EACCES")) : systemFiles.write(path, data, options),
      rename: (from, to) => isTheirs(from) ? Promise.reject(osError("EPERM")) : systemFiles.rename(from, to),
    });
    assertEquals(report.removed.map(({ hash }) => hash), [ours.hash]);
    assertEquals(report.failed.length, 1);
    assertMatch(report.failed[0]!.error, /Cannot remove what is in .*permission denied \(EACCES\)/);
    assertEquals(namesOf(rig, theirs), before);
  });

  it("tells of files that cannot be removed, and has removed the result all the same", async () => {
    await using rig = new TidyRig();
    const one = rig.put("toy/Train", { lr: 1 }, { files: { "model.bin": "abc", "theirs.bin": "de" } });
    const { report } = await remove(rig, [one], {
      remove: (path) =>
        path.endsWith("theirs.bin") ? Promise.reject(osError("EPERM")) : systemFiles.remove(path),
      removeTree: () => Promise.reject(osError("EPERM")),
    });
    assertEquals(report.removed.length, 1);
    assertMatch(report.failed[0]!.error, /cannot be removed: .*theirs\.bin \(EPERM\)$/);
    assertEquals(namesOf(rig, one), [], "it is gone from its place");
  });

  it("leaves files that somebody has open to NFS, without a complaint", async () => {
    await using rig = new TidyRig();
    const one = rig.put("toy/Train", { lr: 1 }, { files: { ".nfs0001": "abc", "b.bin": "de" } });
    const { report } = await remove(rig, [one], {
      remove: (path) => path.includes("/.nfs") ? Promise.reject(osError("EBUSY")) : systemFiles.remove(path),
      removeTree: () => Promise.reject(osError("EBUSY")),
    });
    assertEquals({ removed: report.removed.length, failed: report.failed, open: report.open }, {
      removed: 1,
      failed: [],
      open: 1,
    });
    assertEquals(namesOf(rig, one), []);
  });

  it("goes on when a folder is filled again while it is emptied", async () => {
    await using rig = new TidyRig();
    const one = rig.put("toy/Train", { lr: 1 }, { files: { "a.bin": "abc" } });
    let left = 2;
    const { report } = await remove(rig, [one], {
      remove: (path) => {
        // A process that was believed dead writes once more.
        if (left > 0 && path.includes(".trash-") && exists(path) && Deno.statSync(path).isDirectory) {
          left--;
          Deno.writeTextFileSync(`${path}/late${left}`, "x");
        }
        return systemFiles.remove(path);
      },
    });
    assertEquals([left, report.failed, report.open], [0, [], 0]);
    assertEquals(rig.tree().filter((name) => name.includes(".trash-")), []);
  });

  it("works on a disk that is full", async () => {
    for (const code of ["ENOSPC", "EDQUOT"]) {
      await using rig = new TidyRig();
      const one = rig.put("toy/Train", { lr: 1 }, { files: { "a.bin": "abc" } });
      const { report } = await remove(rig, [one], { write: () => Promise.reject(osError(code)) });
      assertEquals([report.removed.length, report.failed], [1, []], code);
      assertEquals(namesOf(rig, one), []);
    }
  });

  it("stops at once on a filesystem that is read-only", async () => {
    await using rig = new TidyRig();
    const one = rig.put("toy/Train", { lr: 1 });
    const error = await remove(rig, [one], { write: () => Promise.reject(osError("EROFS")) })
      .then(() => "", (error: Error) => error.message);
    assertMatch(error, /read-only/);
    assertEquals(namesOf(rig, one).length, 1);
  });

  it("removes folders that a task made read-only", async () => {
    await using rig = new TidyRig();
    const one = rig.put("toy/Train", { lr: 1 }, { files: { "a.bin": "abc" } });
    const folder = `${one.home}/1-${one.hash.slice(0, 12)}/locked`;
    Deno.mkdirSync(folder);
    Deno.writeTextFileSync(`${folder}/x`, "x");
    Deno.chmodSync(folder, 0o555);
    // As root nothing is refused: the system's answer is made up.
    const { report } = await remove(rig, [one], {
      remove: async (path) => {
        const dir = path.slice(0, path.lastIndexOf("/"));
        if ((Deno.statSync(dir).mode! & 0o200) === 0) throw osError("EACCES");
        await systemFiles.remove(path);
      },
    });
    assertEquals([report.removed.length, report.failed], [1, []]);
  });
});

describe("parts of artifacts", () => {
  it("files of a replaced or failed attempt stay that a value of another artifact names", async () => {
    await using rig = new TidyRig();
    const data = rig.put("toy/Data", { seed: 1 }, { files: { "a.bin": "abc" } });
    const id = data.hash.slice(0, 12);
    const process = rig.process();
    const first = await know(process.store);
    await removeAll([invalidation(first.context, first.graph.artifacts.get(data.hash)!, first.inUse)]);
    const folder = `artifacts/toy/Data/${data.hash}/1-${id}`;
    rig.put("toy/Train", { of: ref(data) }, { uses: [folder] });
    rig.put("toy/Data", { seed: 1 }, { more: { id: "bbbbbbbbbbbb", attempt: 2 } });
    const known = await know(process.store);
    const removals = await attemptRemovals(known.context, [...known.graph.artifacts.values()], {
      graph: known.graph,
      inUse: known.inUse,
      options: { failed: true, replaced: true, before: Infinity },
    });
    assertEquals((await removeAll(removals)).removed.length, 1);
    assertEquals(namesOf(rig, data).filter((name) => name.includes(`/1-${id}`)), [folder, `${folder}/a.bin`]);
  });

  it("young failures stay of what has no result; those of a result go", async () => {
    await using rig = new TidyRig();
    const done = rig.put("toy/Train", { lr: 1 });
    rig.fail(done, 1, "eeeeeeeeeeee", "2026-06-01T00:00:00.000Z");
    const failed = rig.process().store.paths({ name: "toy/Train", hash: "0".repeat(32) as never });
    rig.fail(failed, 1, "dddddddddddd", "2026-06-01T00:00:00.000Z");
    const { store } = rig.process();
    const plan = async (before: string) => {
      const { context, graph, inUse } = await know(store);
      const options = { failed: true, replaced: false, before: Date.parse(before) };
      return await attemptRemovals(context, [...graph.artifacts.values()], { graph, inUse, options });
    };
    assertEquals((await plan("2026-05-01")).map(({ hash }) => hash), [done.hash]);
    assertEquals((await plan("2026-07-01")).map(({ hash }) => hash).sort(), [done.hash, failed.hash].sort());
    await removeAll(await plan("2026-07-01"));
    assertEquals(namesOf(rig, failed), []);
    assertEquals(namesOf(rig, done).length, 1);
  });

  it("are counted where they belong", async () => {
    await using rig = new TidyRig();
    const one = rig.put("toy/Train", { lr: 1 }, { files: { "a.bin": "abc" } });
    rig.fail(one, 2, "ffffffffffff");
    Deno.writeTextFileSync(`${one.home}/3-cccccccccccc.replaced.json`, "1234567");
    const { store } = rig.process();
    const { graph } = await know(store);
    const [usage] = await usageOfTasks(store, [...graph.artifacts.values()]);
    const { results, checkpoints, replaced, failures, other, artifacts } = usage!;
    assertEquals({
      results: results.count,
      artifacts,
      checkpoints,
      replaced,
      failures: failures.count,
      other,
    }, {
      artifacts: 1,
      results: 1,
      checkpoints: { count: 1, bytes: 5 },
      replaced: { count: 1, bytes: 7 },
      failures: 1,
      other: { count: 0, bytes: 0 },
    });
    assertEquals(results.bytes, Deno.statSync(one.record).size + 3);
  });
});

describe("litter", () => {
  it("goes when its process is gone: claims beside results, owner files, private names; nothing of the living", async () => {
    await using rig = new TidyRig();
    const { tryClaim } = await import("../../lib/store/claims/claim.ts");
    const one = rig.put("toy/Train", { lr: 1 });
    const two = rig.put("toy/Train", { lr: 2 });
    const [dead, alive] = [rig.process(), rig.process()];
    await tryClaim(dead.store, one, { backend: "local" });
    await tryClaim(alive.store, two, { backend: "local" });
    await dead.store.writePrivate(one.taskDir, "x");
    await dead.store.writePrivate(rig.root, "x");
    await alive.store.writePrivate(rig.root, "x");
    rig.kill(dead);
    const { store } = rig.process();
    const { context, graph, inUse } = await know(store);
    const removals = await litterRemovals(context, { graph, inUse });
    assertEquals(removals.map(({ kind }) => kind).sort(), ["claim", "litter", "litter", "litter"]);
    const report = await removeAll(removals);
    assertEquals([report.failed, report.kept], [[], []]);
    assertEquals([exists(one.record), exists(one.claim), exists(two.claim)], [true, false, true]);
    assertEquals(rig.tree().filter((name) => /^owners\/[^/]+$/.test(name)).length, 1);
    assertEquals(rig.tree().filter((name) => name.includes(".tmp-")).length, 1);
  });
});
