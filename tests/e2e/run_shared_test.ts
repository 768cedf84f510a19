import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { walk } from "@std/fs/walk";
import { describe, it } from "@std/testing/bdd";
import { type Node, Scene } from "./run_rig.ts";

describe("two runs over the same roots at the same time", () => {
  it("create each artifact once and both end well", async () => {
    await using scene = await Scene.make();
    const layer = (name: string, needs: Node[]) =>
      Array.from({ length: 6 }, (_, i) => ({ id: `${name}${i}`, needs: needs.slice(i % 4, i % 4 + 3) }));
    const roots = layer("c", layer("b", layer("a", [])));
    const runs = [1, 2].map(() => scene.start(roots, { options: { maxWorkers: 2 } }));
    const reports = await Promise.all(runs.map(async (run) => (await run.ended).report));
    const created = await scene.created();
    assertEquals(created.length, new Set(created).size);
    assertEquals(created.length, 18);
    let total = 0;
    for (const report of reports) {
      assertEquals(report?.ok, true, report?.error?.message);
      total += report!.summary!.computed;
      const { computed, elsewhere, cached, nodes } = report!.summary!;
      assertEquals(computed + elsewhere + cached, nodes);
    }
    assertEquals(total, 18);
  });

  it("in one process: each artifact once too", async () => {
    await using scene = await Scene.make();
    const script = await scene.write(
      "both.ts",
      `import { runLocal } from "@furu/furu";
       import { Step } from "${new URL("./fixtures_run/step.ts", import.meta.url)}";
       const roots = [1, 2, 3].map((i) => Step({ id: "n" + i }));
       if (import.meta.main) await Promise.all([1, 2].map(() => runLocal(roots, { progress: "none" })));`,
    );
    const { code, stderr } = await scene.spawn([script]).ended;
    assertEquals(code, 0, stderr);
    assertEquals((await scene.created()).toSorted(), ["n1", "n2", "n3"]);
  });
});

describe("an artifact that another run computes", () => {
  const node: Node = { id: "a", does: ["pid a", "await go"] };

  it("is watched, and its result counts", async () => {
    await using scene = await Scene.make();
    const first = scene.start([node]);
    await scene.appeared("a");
    const second = scene.start([{ id: "top", needs: [node] }]);
    await scene.appeared("watched");
    await scene.touch("go");
    const report = (await second.ended).report!;
    assertEquals(
      { ok: report.ok, computed: report.summary?.computed, elsewhere: report.summary?.elsewhere },
      { ok: true, computed: 1, elsewhere: 1 },
    );
    assertEquals([report.summary?.retries], [0]);
    assertEquals((await first.ended).report?.ok, true);
    assertEquals(await scene.created(), ["a", "top"]);
  });

  it("is computed here after it failed there", async () => {
    await using scene = await Scene.make();
    const failing = { id: "a", does: ["pid a", "await go", "fail boom"] };
    const first = scene.start([failing], { options: { maxComputeRetries: 0 } });
    await scene.appeared("a");
    const second = scene.start([{ id: "a" }]);
    await scene.appeared("watched");
    await scene.touch("go");
    const report = (await second.ended).report!;
    assertEquals(
      { ok: report.ok, computed: report.summary?.computed },
      { ok: true, computed: 1 },
      report.error?.message,
    );
    assertEquals((await first.ended).report?.error?.name, "RunFailedError");
  });

  it("is computed here after its run was killed there", async () => {
    await using scene = await Scene.make();
    const first = scene.start([node]);
    await scene.appeared("a");
    const second = scene.start([{ id: "top", needs: [{ id: "a" }] }]);
    await scene.appeared("watched");
    first.kill("SIGKILL");
    const report = (await second.ended).report!;
    assertEquals(
      { ok: report.ok, computed: report.summary?.computed },
      { ok: true, computed: 2 },
      report.error?.message,
    );
    assertEquals((await scene.ends()).map(({ kind }) => kind), ["crashed"]);
  });

  it("is computed here again where it is forced: only this run's result counts", async () => {
    await using scene = await Scene.make();
    await scene.run([{ id: "a" }]);
    const first = scene.start([node], { options: { force: ["run/Step"] } });
    await scene.appeared("a");
    const second = scene.start([{ id: "a" }], { options: { force: ["run/Step"] } });
    await scene.appeared("watched");
    await scene.touch("go");
    assertEquals((await second.ended).report?.summary?.computed, 1);
    assertEquals((await first.ended).report?.summary?.computed, 1);
    assertEquals(await scene.created(), ["a", "a", "a"]);
  });

  it("fails as lost past the stale limit when its holder does not beat, naming the owner", async () => {
    await using scene = await Scene.make();
    const first = scene.start([node]);
    await scene.appeared("a");
    // Stopped it is alive and gives no sign of life, within its lease.
    first.kill("SIGSTOP");
    const second = scene.start([node], { config: { staleAfterSec: 0.5 } });
    const report = (await second.ended).report!;
    first.kill("SIGCONT");
    await scene.touch("go");
    assertEquals(report.summary?.failures[0]?.kind, "lost", JSON.stringify(report));
    assertMatch(report.error!.message, new RegExp(`pid ${first.pid}\\b.*stale limit`));
    assertEquals((await first.ended).report?.ok, true);
  });

  it("may take far longer than the stale limit when its holder beats", async () => {
    await using scene = await Scene.make();
    const first = scene.start([node], { config: { leaseSec: 1, heartbeatSec: 0.1 } });
    await scene.appeared("a");
    const second = scene.start([{ id: "a" }, { id: "clock", does: ["run sleep 2", "touch go"] }], {
      config: { staleAfterSec: 0.6 },
    });
    const report = (await second.ended).report!;
    assertEquals(
      { ok: report.ok, elsewhere: report.summary?.elsewhere },
      { ok: true, elsewhere: 1 },
      report.error?.message,
    );
    assertEquals((await first.ended).report?.ok, true);
  });
});

describe("a damaged record", () => {
  it("is a StoreError that names the file; nothing is recomputed or deleted", async () => {
    await using scene = await Scene.make();
    const below = { id: "low" };
    await scene.run([below]);
    const [record] = await Array.fromAsync(walk(scene.root, { match: [/[0-9a-f]{32}\.json$/] }));
    await Deno.truncate(record!.path, 20);
    const report = await scene.run([{ id: "top", needs: [below] }], { options: { maxComputeRetries: 1 } });
    assert(!report.ok);
    assertStringIncludes(report.error!.message, record!.path);
    assertStringIncludes(report.error!.message, "StoreError");
    assertEquals((await Deno.stat(record!.path)).size, 20);
    assert(!(await scene.created()).slice(1).includes("low"));
  });
});
