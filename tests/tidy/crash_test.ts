import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import type { ArtifactPaths } from "../../lib/store/layout.ts";
import { attemptRemovals } from "../../lib/tidy/attempts.ts";
import { artifactRemoval, invalidation, unfinishedRemovals } from "../../lib/tidy/remove_artifact.ts";
import { readRecord } from "../../lib/store/read_record.ts";
import { readValue } from "../../lib/run/stored_value.ts";
import { testRuntime } from "../rig.ts";
import { apply, atEachStep, litterOf, type Plan, ref, survived, sweep, TidyRig } from "./rig.ts";

/** Removes what has a certain parameter, and what an earlier removal has left. */
const remove: Plan = async ({ context, graph, inUse }) => {
  const all = [...graph.artifacts.values()];
  const meant = all.filter(({ params }) => (params as { lr?: number } | undefined)?.lr === 1);
  const going = new Set([...meant, ...unfinishedRemovals(all, inUse)]);
  return await Promise.all(
    [...going].filter(({ hash }) => !inUse.reasons.has(hash)).map((artifact) =>
      artifactRemoval(context, artifact, inUse)
    ),
  );
};

/** A result with files and a failure before it, and one that is to stay. */
function twoResults(rig: TidyRig): { gone: ArtifactPaths; stays: ArtifactPaths } {
  const gone = rig.put("toy/Train", { lr: 1 }, { files: { "model.bin": "abc", "b.bin": "d" } });
  rig.fail(gone, 2, "ffffffffffff");
  const stays = rig.put("toy/Train", { lr: 2, of: ref(gone) }, { files: { "model.bin": "abc" } });
  return { gone, stays };
}

/** What is stored is whole, or not stored. */
async function assertWhole(rig: TidyRig, paths: ArtifactPaths, what: string): Promise<boolean> {
  const runtime = testRuntime(rig.root);
  const record = await readRecord(runtime.store, paths);
  if (record === undefined) return false;
  const read = await readValue(runtime, paths, record, "check");
  assert(read.ok, `${what}: ${read.ok ? "" : read.why}`);
  return true;
}

describe("a removal that is interrupted", () => {
  it("is finished by the next one, wherever it died, and never leaves half a result", async () => {
    const steps = await atEachStep(async (options) => {
      await using rig = new TidyRig();
      const { gone, stays } = twoResults(rig);
      const process = rig.process(options);
      const what = `${options.after ? "after" : "at"} step ${options.diesAt}`;
      await survived(apply(process.store, remove));
      rig.kill(process);
      await assertWhole(rig, gone, what);
      await apply(rig.process().store, remove);
      await sweep(rig.process().store);
      assertEquals(rig.tree().filter((name) => name.includes(gone.hash)), [], what);
      assertEquals(litterOf(rig), [], what);
      assert(await assertWhole(rig, stays, what), `${what}: the other one stays`);
      return { died: process.steps() >= options.diesAt };
    });
    assert(steps > 30, `${steps} steps`);
  });

  it("is finished by a third one when the second dies as well", async () => {
    await using count = new TidyRig();
    twoResults(count);
    const probe = count.process();
    await apply(probe.store, remove);
    // Deaths of the first while it removes; those of the second at every third of its steps.
    for (let first = 40; first < probe.steps(); first += 23) {
      await atEachStep(async (options) => {
        await using rig = new TidyRig();
        const { gone } = twoResults(rig);
        const one = rig.process({ diesAt: first });
        await survived(apply(one.store, remove));
        rig.kill(one);
        const two = rig.process(options);
        await survived(apply(two.store, remove));
        rig.kill(two);
        const what = `steps ${first} and ${options.diesAt}`;
        await assertWhole(rig, gone, what);
        await apply(rig.process().store, remove);
        await sweep(rig.process().store);
        assertEquals(rig.tree().filter((name) => name.includes(gone.hash)), [], what);
        assertEquals(litterOf(rig), [], what);
        return { died: two.steps() >= options.diesAt };
      }, { from: 21 + first % 3, stride: 3 });
    }
  });
});

describe("an invalidation that is interrupted", () => {
  it("has either happened or not", async () => {
    const plan: Plan = ({ context, graph, inUse }) =>
      Promise.resolve(
        [...graph.artifacts.values()]
          .filter(({ params, status }) =>
            status === "DONE" && (params as { lr?: number } | undefined)?.lr === 1
          )
          .map((artifact) => invalidation(context, artifact, inUse)),
      );
    await atEachStep(async (options) => {
      await using rig = new TidyRig();
      const { gone } = twoResults(rig);
      const process = rig.process(options);
      await survived(apply(process.store, plan));
      rig.kill(process);
      const what = `${options.after ? "after" : "at"} step ${options.diesAt}`;
      await assertWhole(rig, gone, what);
      await apply(rig.process().store, plan);
      const id = gone.hash.slice(0, 12);
      const names = rig.tree().filter((name) => name.includes(gone.hash)).map((name) =>
        name.split("/").at(-1)!
      );
      assertEquals(names.includes(`${gone.hash}.json`), false, what);
      assertEquals(names.includes(`1-${id}.replaced.json`), true, what);
      assertEquals(names.includes("model.bin"), true, what);
      return { died: process.steps() >= options.diesAt };
    });
  });
});

describe("removing failures that is interrupted", () => {
  it("leaves the result as it is, and is finished by the next one", async () => {
    const plan: Plan = async ({ context, graph, inUse }) =>
      await attemptRemovals(context, [...graph.artifacts.values()], {
        graph,
        inUse,
        options: { failed: true, replaced: true, before: Infinity },
      });
    await atEachStep(async (options) => {
      await using rig = new TidyRig();
      const { gone: paths } = twoResults(rig);
      const process = rig.process(options);
      await survived(apply(process.store, plan));
      rig.kill(process);
      const what = `${options.after ? "after" : "at"} step ${options.diesAt}`;
      assert(await assertWhole(rig, paths, what), what);
      await apply(rig.process().store, plan);
      await sweep(rig.process().store);
      assert(await assertWhole(rig, paths, what), what);
      assertEquals(rig.tree().filter((name) => name.includes("ffffffffffff")), [], what);
      assertEquals(rig.tree().filter((name) => name.endsWith(".claim")), [], what);
      assertEquals(litterOf(rig), [], what);
      return { died: process.steps() >= options.diesAt };
    });
  });
});
