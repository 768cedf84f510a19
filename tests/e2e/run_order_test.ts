import { assertEquals, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { type Node, Scene, until } from "./run_rig.ts";

/** A root over two nodes. */
function tree(id: string): Node {
  return { id, needs: [{ id: `${id}1` }, { id: `${id}2` }] };
}

/** The roots that were begun before the first one was done. */
async function order(window: "dfs" | "bfs" | number, roots: Node[]): Promise<string[]> {
  await using scene = await Scene.make();
  await scene.run(roots, { options: { window, maxWorkers: 1, isolation: "inline" } });
  return await scene.created();
}

describe("the window of a run", () => {
  const roots = [tree("a"), tree("b"), tree("c")];

  it("dfs does one root after another", async () => {
    const created = await order("dfs", roots);
    assertEquals(created.map((id) => id[0]), [..."aaabbbccc"]);
    assertEquals({ created2: created[2], created5: created[5], created8: created[8] }, {
      created2: "a",
      created5: "b",
      created8: "c",
    });
  });

  it("bfs does the lower nodes of all roots first", async () => {
    const created = await order("bfs", roots);
    assertEquals(created.slice(0, 6).sort(), ["a1", "a2", "b1", "b2", "c1", "c2"]);
  });

  it("k lets the next root in when one is done", async () => {
    await using scene = await Scene.make();
    const wait = (id: string) => ({ id, does: [`touch ${id}`, `await go-${id}`] });
    const run = scene.start(["a", "b", "c", "d"].map(wait), { options: { window: 2, maxWorkers: 4 } });
    await scene.appeared("a", "b");
    assertEquals((await scene.created()).sort(), ["a", "b"]);
    await scene.touch("go-b");
    await scene.appeared("c");
    assertEquals((await scene.created()).sort(), ["a", "b", "c"]);
    for (const id of ["a", "c", "d"]) await scene.touch(`go-${id}`);
    assertEquals((await run.ended).report?.summary?.computed, 4);
  });

  it("must be one of these", async () => {
    await using scene = await Scene.make();
    for (const window of [0, 1.5, -1, "sideways"] as never[]) {
      const report = await scene.run([{ id: "a" }], { options: { window } });
      assertEquals(report.error?.name, "ValidationError");
      assertStringIncludes(report.error!.message, '"dfs"');
    }
  });
});

describe("a run", () => {
  it("begins with the longest chain", async () => {
    const long = { id: "l3", needs: [{ id: "l2", needs: [{ id: "l1" }] }] };
    const created = await order("bfs", [{ id: "short" }, { id: "s2", needs: [{ id: "s1" }] }, long]);
    assertEquals(created.slice(0, 2), ["l1", created[1] === "l2" ? "l2" : "s1"]);
    assertEquals(created.indexOf("short") > 2, true, created.join());
  });

  it("keeps to maxWorkers, in all or by spec", async () => {
    await using scene = await Scene.make();
    const wait = (id: string, spec: string) => ({ id, spec, does: [`touch ${id}`, `await go`] });
    const nodes = [
      wait("a", "default"),
      wait("b", "default"),
      wait("c", "default"),
      wait("g", "gpu"),
      wait("h", "gpu"),
    ];
    const bySpec = scene.start(nodes, { options: { maxWorkers: { default: 2, gpu: 1 } } });
    await until("three have begun", async () => (await scene.created()).length === 3);
    const begun = await scene.created();
    assertEquals(begun.filter((id) => "gh".includes(id)).length, 1);
    await scene.touch("go");
    assertEquals((await bySpec.ended).report?.summary?.computed, 5);
  });

  for (const isolation of ["process", "inline"] as const) {
    it(`keeps to limits over all its workers, and begins what is urgent first (${isolation})`, async () => {
      await using scene = await Scene.make();
      const wait = (id: string, takes: string[], priority?: number) => ({
        ...{ id, takes, does: [`touch ${id}`, `await go-${id}`] },
        ...(priority === undefined ? {} : { priority }),
      });
      const urgent = { id: "root", needs: [wait("b", ["license"])], priority: 2 };
      const run = scene.start([
        wait("a", ["license"], -1),
        urgent,
        wait("free", []),
        wait("c", ["license"], 1),
      ], {
        options: { maxWorkers: 4, isolation, limits: { license: 1 } },
      });
      await scene.appeared("b", "free");
      assertEquals((await scene.created()).toSorted(), ["b", "free"]);
      for (const [before, next] of [["b", "c"], ["c", "a"]] as const) {
        await scene.touch(`go-${before}`);
        await scene.appeared(next);
        assertEquals((await scene.lines("returned")).includes(before), true);
      }
      for (const id of ["a", "free"]) await scene.touch(`go-${id}`);
      const { report } = await run.ended;
      assertEquals({ computed: report?.summary?.computed, told: report?.events.includes("limits") }, {
        computed: 5,
        told: true,
      });
    });
  }

  it("refuses what could never begin by its limits, before anything begins", async () => {
    await using scene = await Scene.make();
    const roots = [{ id: "a" }, { id: "b", takes: ["licence"] }];
    for (const limits of [undefined, { license: 3 }]) {
      const report = await scene.run(roots, limits ? { options: { limits } } : {});
      assertEquals(report.error?.name, "ConfigError");
      assertStringIncludes(report.error!.message, "takes 1 of limit 'licence', which is not set");
      assertStringIncludes(report.error!.message, limits ? "did you mean 'license'?" : "no limit is set");
    }
    assertEquals(await scene.created(), []);
    const set = await scene.run(roots, { env: { FURU_LIMITS: "licence=1" } });
    assertEquals(set.summary?.computed, 2);
  });

  it("has as many workers as there are cores by default", async () => {
    await using scene = await Scene.make();
    const cores = navigator.hardwareConcurrency;
    const roots = Array.from(
      { length: cores + 2 },
      (_, i) => ({ id: `${i}`, does: [`pid pid${i}`, "await go"] }),
    );
    const run = scene.start(roots);
    await until("all workers have begun", async () => (await scene.created()).length === cores);
    await scene.touch("go");
    assertEquals((await run.ended).report?.summary?.computed, cores + 2);
    const pids = await Promise.all(roots.map((_, i) => scene.appeared(`pid${i}`)));
    assertEquals(new Set(pids).size, cores);
  });

  it("refuses limits that are none", async () => {
    await using scene = await Scene.make();
    for (const maxWorkers of [0, 1.5, "4", { gpu: 0 }, []] as never[]) {
      const report = await scene.run([{ id: "a" }], { options: { maxWorkers } });
      assertEquals(report.error?.name, "ValidationError");
      assertStringIncludes(report.error!.message, "maxWorkers");
    }
  });
});

describe("forced tasks", () => {
  const roots: Node[] = [{ id: "top", needs: [{ id: "low", task: "Other" }, { id: "side" }] }];

  it("are computed once per run, also below what is stored, and only they", async () => {
    await using scene = await Scene.make();
    const first = await scene.run(roots);
    assertEquals(first.events.includes("message"), false);
    const report = await scene.run(roots, { options: { force: ["run/Other"] } });
    assertEquals(
      report.events.slice(0, 2),
      ["run_started", "message"],
      "what depends on them stays, and that is said",
    );
    assertEquals(
      { ok: report.ok, computed: report.summary?.computed },
      { ok: true, computed: 1 },
      report.error?.message,
    );
    assertEquals((await scene.created()).slice(3), ["low"]);
    await scene.run(roots, { options: { force: ["run/Other"] } });
    assertEquals((await scene.created()).slice(3), ["low", "low"]);
  });

  it("are all with FURU_ALWAYS_RERUN=ALL, dependencies before dependents", async () => {
    await using scene = await Scene.make();
    await scene.run(roots);
    await scene.run(roots, { env: { FURU_ALWAYS_RERUN: "ALL" } });
    const again = (await scene.created()).slice(3);
    assertEquals({ all: again.toSorted(), last: again[2] }, { all: ["low", "side", "top"], last: "top" });
  });

  it("keep the stored result when they fail", async () => {
    await using scene = await Scene.make();
    await scene.run([{ id: "a" }]);
    const failed = await scene.run([{ id: "a", does: ["fail boom"] }], {
      options: { force: ["run/Step"], maxComputeRetries: 0 },
    });
    assertEquals(failed.error?.name, "RunFailedError");
    assertEquals((await scene.run([{ id: "a" }])).summary?.cached, 1);
  });

  it("must exist: a mistyped name is an error that suggests the right one", async () => {
    await using scene = await Scene.make();
    const report = await scene.run(roots, { options: { force: ["run/Stepp"] } });
    assertEquals(report.error?.name, "ConfigError");
    assertStringIncludes(report.error!.message, "run/Step'");
    const fromEnv = await scene.run(roots, { env: { FURU_ALWAYS_RERUN: "run/Ohter" } });
    assertStringIncludes(fromEnv.error!.message, "run/Other'");
    assertEquals(await scene.created(), []);
  });
});
