import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import type { Node } from "../../e2e/run_rig.ts";
import { exists, until } from "../../rig.ts";
import { ClusterPoolRig, DEADLINE_MS, reportOf } from "./cluster_pool_rig.ts";
import { describeOnSlurm } from "../suite.ts";

/** So many independent tasks. */
function many(count: number, does: string[] = []): Node[] {
  return Array.from({ length: count }, (_, i) => ({ id: `n${i}`, does }));
}

describeOnSlurm("runSlurm() with a pool of workers", (suite) => {
  suite.it("computes each spec's tasks in workers of that spec, and loads them the second time", async () => {
    await using rig = new ClusterPoolRig(suite.cluster);
    const leaves = many(6);
    const roots: Node[] = [
      { id: "top", spec: "gpu", needs: [...leaves, { id: "below", spec: "gpu", does: ["share"] }] },
      { id: "beside", needs: [{ id: "mid", spec: "gpu", needs: leaves.slice(0, 2) }] },
    ];
    const { summary, error, messages } = await reportOf(rig.start(roots));
    assertEquals({ error, computed: summary?.computed, retries: summary?.retries, nodes: summary?.nodes }, {
      error: undefined,
      computed: 10,
      retries: 0,
      nodes: 10,
    });
    await rig.left();
    rig.assertWhole(roots);
    const where = new Map(rig.starts().map(({ id, node, partition }) => [id, `${partition} ${node}`]));
    for (const id of ["top", "below", "mid"]) assertEquals(where.get(id), "gpu gpu1", messages.join("\n"));
    for (const id of ["beside", ...leaves.map((node) => node.id)]) {
      assertMatch(where.get(id)!, /^cpu cpu[12]$/);
    }
    assertEquals(rig.starts().length, 10);
    // A step would get one core, were it not told.
    const { scratchDir, ...share } = JSON.parse(rig.read("share-below"));
    assertEquals({ ...share, left: exists(scratchDir) }, {
      cpus: 2,
      gpus: ["0"],
      step: "CPUs=2",
      left: false,
    });
    const again = await reportOf(rig.start(roots));
    assertEquals({ error: again.error, computed: again.summary?.computed, cached: again.summary?.cached }, {
      error: undefined,
      computed: 0,
      cached: 2,
    });
    assertEquals(rig.starts().length, 10);
  });

  suite.it("keeps to a limit over all its workers, and computes what is urgent first", async () => {
    await using rig = new ClusterPoolRig(suite.cluster);
    const limited = many(4, ["alone license"]).map((node) => ({ ...node, takes: ["license"] }));
    // The longest chain ends in what can wait.
    const late: Node = { id: "late", priority: -1, needs: [{ id: "mid", needs: [{ id: "deep" }] }] };
    const roots: Node[] = [late, ...limited.slice(1), { ...limited[0]!, priority: 3 }];
    const options = { limits: { license: 1 }, maxComputeRetries: 0 };
    const { summary, error } = await reportOf(rig.start(roots, { options }));
    assertEquals({ error, computed: summary?.computed }, { error: undefined, computed: 7 });
    const begun = rig.starts().map(({ id }) => id);
    assertEquals(begun.filter((id) => id.startsWith("n"))[0], "n0", begun.join());
    const refused = await reportOf(rig.start([{ id: "more", takes: ["licence"] }], { options }));
    assertStringIncludes(refused.error!.message, "'licence', which is not set; did you mean 'license'?");
  });

  suite.it("computes forced tasks once more, and what depends on them where that is asked for", async () => {
    await using rig = new ClusterPoolRig(suite.cluster);
    const root: Node = { id: "b", task: "Other", needs: [{ id: "a" }] };
    const computed = async (options: object) =>
      (await reportOf(rig.start([root], { options }))).summary?.computed;
    assertEquals(await computed({}), 2);
    assertEquals(await computed({ force: ["pool/Job"] }), 1);
    assertEquals(await computed({ force: ["pool/Job"], forceDependents: true }), 2);
    assertEquals(rig.starts().map(({ id }) => id).sort(), ["a", "a", "a", "b", "b"]);
  });

  suite.it("counts retries as runLocal does", async () => {
    await using rig = new ClusterPoolRig(suite.cluster);
    const flaky: Node = { id: "flaky", does: ["rests", "failUntil 3"] };
    const bad: Node = { id: "bad", does: ["fail as it was told"] };
    const roots = [flaky, { id: "stays", needs: [bad] }];
    const options = { maxComputeRetries: 2, keepGoing: true };
    const { summary, error } = await reportOf(rig.start(roots, { options }));
    assertEquals({ name: error?.name, computed: summary?.computed, notRun: summary?.notRun }, {
      name: "RunFailedError",
      computed: 1,
      notRun: 1,
    });
    assertEquals(summary?.failures.map(({ kind, attempts }) => [kind, attempts]), [["compute", 3]]);
    assertStringIncludes(summary!.failures[0]!.error, "as it was told");
    assertEquals(["flaky", "bad"].map((id) => rig.starts(id).map(({ attempt }) => attempt)), [
      [1, 2, 3],
      [1, 2, 3],
    ]);
    const [first, second, third] = rig.starts("flaky").map(({ at }) => at);
    assert(second! - first! >= 2000 && third! - second! >= 2000, "after its own delay");
    await rig.left();
    rig.assertWhole([flaky]);
  });

  suite.it(
    "goes on without what failed where that is tolerated, and makes it again once that is mended",
    async () => {
      await using rig = new ClusterPoolRig(suite.cluster);
      const train = (does: string[]): Node => ({ id: "train", needs: [{ id: "raw", does }] });
      const top = (does: string[]): Node => ({
        id: "top",
        needs: [{ id: "mean", may: [train(does), { id: "good" }] }],
      });
      const { summary, error } = await reportOf(
        rig.start([top(["fail no rows"])], { options: { maxComputeRetries: 1 } }),
      );
      assertEquals([error?.name, summary?.computed, summary?.partial, summary?.notRun], [
        "RunFailedError",
        3,
        2,
        1,
      ]);
      assertEquals(summary?.failures.map(({ attempts, error }) => [attempts, error]), [[2, "no rows"]]);
      const value = rig.values().find((each) => each.startsWith("top("));
      assertMatch(
        value!,
        /^top\(mean\(without: pool\/Job\(\w+\) was not computed, .*no rows.*,good\(\)\)\)$/,
      );
      const mended = await reportOf(rig.start([top([])]));
      assertEquals([mended.error, mended.summary?.computed, mended.summary?.partial], [
        undefined,
        4,
        undefined,
      ]);
      assertEquals(rig.values().toSorted(), [
        "good()",
        "mean(train(raw()),good())",
        "raw()",
        "top(mean(train(raw()),good()))",
        "train(raw())",
      ]);
      await rig.left();
    },
  );

  suite.it("on Ctrl-C ends what runs, cancels its workers and leaves nothing behind", async () => {
    await using rig = new ClusterPoolRig(suite.cluster);
    const script = rig.start(many(8, ["heed runs"]));
    await until(() => rig.read("runs") !== "", "a task runs", DEADLINE_MS);
    script.kill("SIGINT");
    await until(() => !script.alive, "it has ended", DEADLINE_MS);
    const ended = await script.ended();
    assertEquals(ended.code, 130, ended.output);
    assertMatch(ended.stderr, /was stopped: cancelled [1-9]\d* worker/);
    assertEquals(await rig.jobs().then(running), []);
    assertEquals(rig.inProgress(), []);
    assertEquals(rig.values(), []);
    await rig.left();
  });

  suite.it("is helped by a worker that is started by hand on a machine without Slurm", async () => {
    await using rig = new ClusterPoolRig(suite.cluster);
    for (const node of suite.cluster.partitions.cpu!) await suite.cluster.setNodeState(node, "drain");
    try {
      const roots: Node[] = [{ id: "top", needs: many(5) }];
      const script = rig.start(roots);
      await until(() => rig.holder() !== undefined, "the run has begun", DEADLINE_MS);
      const worker = rig.furu(["worker", "--run", rig.run, "--spec", "default"], { SLURM_CONF: "" });
      const { summary, error } = await reportOf(script);
      assertEquals({ error, computed: summary?.computed }, { error: undefined, computed: 6 });
      const { code, output } = await worker.ended();
      assertEquals(code, 0, output);
      assertMatch(output, /it leaves: .*the run has ended; computed 6 tasks/);
      assertEquals(new Set(rig.starts().map(({ node }) => node)), new Set([undefined]));
      rig.assertWhole(roots);
    } finally {
      for (const node of suite.cluster.partitions.cpu!) await suite.cluster.setNodeState(node, "resume");
    }
  });
});

/** Jobs that are not just being tidied up. */
function running(jobs: string[]): string[] {
  return jobs.filter((line) => !line.endsWith(" CG"));
}
