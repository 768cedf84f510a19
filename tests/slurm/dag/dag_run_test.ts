import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import type { Node } from "../../e2e/run_rig.ts";
import type { Cluster } from "../cluster.ts";
import { until } from "../../rig.ts";
import { type DagReport, DagRig, jobField, reportOf } from "./dag_rig.ts";
import { describeOnSlurm } from "../suite.ts";

async function jobCount(cluster: Cluster): Promise<number> {
  const listed = await cluster.run("squeue", "-h", "-t", "all", "-o", "%i");
  return listed.split("\n").filter((line) => line !== "").length;
}

/** The counts of a run that are not zero, without that of all nodes; failures by their number. */
function counts({ summary }: DagReport): Record<string, number> {
  assert(summary);
  const { cached, computed, elsewhere, retries, notRun } = summary;
  const all = { cached, computed, elsewhere, retries, notRun };
  return Object.fromEntries(Object.entries(all).filter(([, count]) => count > 0));
}

/** Values that were made without something, by the ids of their nodes. */
function partialOf(rig: DagRig): Record<string, string> {
  const records = rig.tree().filter((path) => /^artifacts\/run\/Step\/\w+\.json$/.test(path))
    .map((path) => JSON.parse(Deno.readTextFileSync(`${rig.root}/${path}`)));
  const partial = records.filter((record) => record.partial !== undefined);
  return Object.fromEntries(partial.map(({ identity, value }) => [identity.params.id, value]));
}

describeOnSlurm("runSlurm() in DAG mode", (suite) => {
  suite.it(
    "submits a diamond over two partitions, wired with afterok, and another process follows",
    async () => {
      await using rig = new DagRig(suite.cluster);
      const base: Node = { id: "base", does: ["await go"] };
      const root: Node = {
        id: "top",
        needs: [{ id: "left", needs: [base] }, { id: "right", spec: "gpu", needs: [base] }],
      };
      const notify = ["sh", "-c", `cat >> '${rig.folder}/told'`];
      const { submitted } = await rig.run([root], { options: { detach: true, notify } });
      assert(submitted);
      const { ids, rootJobIds, runId } = submitted;
      assertEquals(rootJobIds, [ids.top]);
      const dependency = (id: string) => jobField(suite.cluster, ids[id]!, "Dependency");
      assertEquals(await dependency("base"), "(null)");
      assertEquals(await dependency("left"), `afterok:${ids.base}(unfulfilled)`);
      assertEquals(await dependency("right"), `afterok:${ids.base}(unfulfilled)`);
      assertEquals(
        (await dependency("top")).split(",").sort(),
        [ids.left, ids.right].map((id) => `afterok:${id}(unfulfilled)`).sort(),
      );
      assertEquals(await jobField(suite.cluster, ids.right!, "Partition"), "gpu");
      assertEquals(await jobField(suite.cluster, ids.left!, "Partition"), "cpu");
      const follower = rig.furu("follow", runId);
      rig.touch("go");
      const followed = await follower.ended();
      assertEquals(followed.code, 0, followed.output);
      assertStringIncludes(followed.stderr, "4 computed");
      const { event, status, mode, counts } = JSON.parse(Deno.readTextFileSync(`${rig.folder}/told`));
      assertEquals([event, status, mode, counts.computed], ["end", "succeeded", "dag", 4]);
      assertEquals(rig.created(), ["base", "left", "right", "top"]);
      assertEquals(rig.leftovers(), []);
      const record = rig.tree().find((path) => /^artifacts\/run\/Step\/\w+\.json$/.test(path))!;
      const { provenance } = JSON.parse(Deno.readTextFileSync(`${rig.root}/${record}`));
      assert(Object.values(ids).includes(provenance.slurm.jobId), JSON.stringify(provenance));
    },
  );

  suite.it("stops what depends on a failure, says so, and does all else", async () => {
    await using rig = new DagRig(suite.cluster);
    const failing: Node = { id: "b", does: ["fail out of beans"], needs: [{ id: "a" }] };
    const root: Node = { id: "d", needs: [{ id: "c", needs: [failing] }] };
    const report = await rig.run([root, { id: "else" }], { options: { maxComputeRetries: 0 } });
    assertEquals(report.error?.name, "RunFailedError");
    assertEquals(report.summary?.failures.map(({ error, kind, attempts }) => ({ error, kind, attempts })), [
      { error: "out of beans", kind: "compute", attempts: 1 },
    ]);
    assertEquals(counts(report), { computed: 2, notRun: 2 });
    assert(
      report.messages.some((text) => /cancelled 2 jobs that need run\/Step/.test(text)),
      `${report.messages}`,
    );
    assertEquals(rig.created(), ["a", "b", "else"]);
    assertEquals(rig.leftovers(), []);
    // What failed is refused as long as failures are not retried: nothing is submitted.
    const again = await rig.run([root], { options: { retryFailed: false } });
    assertEquals(again.error?.name, "RunFailedError");
    assertMatch(again.error!.message, /Nothing was submitted.*run\/Step\(\w{8}\) failed.*out of beans/s);
    assertEquals(again.messages, []);
  });

  suite.it("goes on without what failed where that is tolerated, and says what was made so", async () => {
    await using rig = new DagRig(suite.cluster);
    const train: Node = { id: "train", needs: [{ id: "raw", does: ["fail no rows"] }] };
    const mean: Node = { id: "mean", may: [train, { id: "good" }] };
    const report = await rig.run([{ id: "top", needs: [mean] }], { options: { maxComputeRetries: 0 } });
    assertEquals(report.error?.name, "RunFailedError");
    assertEquals(report.summary?.failures.map(({ error }) => error), ["no rows"]);
    assertEquals({ ...counts(report), partial: report.summary?.partial }, {
      computed: 3,
      notRun: 1,
      partial: 2,
    });
    assertEquals(rig.created().toSorted(), ["good", "mean", "raw", "top"]);
    assertEquals(partialOf(rig), { mean: "mean(no train,good())", top: "top(mean(no train,good()))" });
    assertEquals(rig.leftovers(), []);
    // As long as what failed is not tried again, what was made without it counts, and more can be made so.
    const roots: Node[] = [{ id: "top", needs: [mean] }, { id: "other", may: [train] }];
    const again = await rig.run(roots, { options: { retryFailed: false } });
    assertEquals(counts(again), { cached: 1, computed: 1, notRun: 1 });
    assertEquals(partialOf(rig).other, "other(no train)");
  });

  suite.it(
    "leaves out what is damaged and what needs that, names files and ways out, and does all else",
    async () => {
      await using rig = new DagRig(suite.cluster);
      const [a, b]: Node[] = [{ id: "a" }, { id: "b" }];
      await rig.run([a!, b!]);
      const records = rig.tree().filter((path) => /^artifacts\/run\/Step\/\w+\.json$/.test(path));
      for (const record of records) Deno.truncateSync(`${rig.root}/${record}`, 100);
      const roots = [a!, { id: "onA", needs: [a!] }, { id: "onB", needs: [b!] }, { id: "else" }];
      const report = await rig.run(roots);
      assertEquals(report.error?.name, "RunFailedError");
      const { computed, notRun } = report.summary!;
      assertEquals({ computed, notRun }, { computed: 1, notRun: 1 });
      assertEquals(report.summary?.failures.length, 2);
      for (const { error } of report.summary!.failures) {
        assertMatch(
          error,
          /Cannot use the result of run\/Step\(\w{8}\), which is damaged: .*is truncated.*--force/s,
        );
      }
      assert(
        report.messages.some((text) => /what depends on it are left out/.test(text)),
        `${report.messages}`,
      );
      assertEquals(rig.created(), ["a", "b", "else"]);
      assertEquals(rig.leftovers(), []);
      // Forced, all of it is made anew.
      const forced = await rig.run(roots, { options: { force: "ALL" } });
      assertEquals(forced.error, undefined);
    },
  );

  suite.it("shows what a task tells of its progress, here and to another process that follows", async () => {
    await using rig = new DagRig(suite.cluster);
    const root: Node = { id: "a", does: ["progress 0.5", "await go"] };
    const script = rig.start([root], { options: { progress: "json" } });
    const told = /"attempt_progress".*"fraction":0.5,"message":"half way"/;
    await until(() => told.test(script.stdout), "the run tells of it", 60_000);
    const runId = /"runId":"([^"]+)"/.exec(script.stdout)![1]!;
    const follower = rig.furu("follow", runId, "--json");
    await until(() => told.test(follower.stdout), "the follower tells of it", 60_000);
    rig.touch("go");
    assertEquals((await follower.ended()).code, 0);
    assertEquals((await reportOf(script)).summary?.computed, 1);
    assertEquals(rig.tree().filter((path) => /progress\/./.test(path)), []);
  });

  suite.it("retries inside of the job", async () => {
    await using rig = new DagRig(suite.cluster);
    const report = await rig.run([{ id: "flaky", does: ["failUntil 3"] }]);
    assertEquals(counts(report), { computed: 1, retries: 2 });
    assertEquals(rig.created(), ["flaky", "flaky", "flaky"]);
    assertEquals(report.messages, ["submitted 1 job"]);
  });

  suite.it("has nothing to do the second time", async () => {
    await using rig = new DagRig(suite.cluster);
    const root: Node = { id: "b", needs: [{ id: "a" }] };
    assertEquals(counts(await rig.run([root])), { computed: 2 });
    const again = await rig.run([root]);
    assertEquals(counts(again), { cached: 1 });
    assertEquals(again.messages, []);
    assertEquals(rig.created(), ["a", "b"]);
  });

  suite.it("computes forced nodes once more", async () => {
    await using rig = new DagRig(suite.cluster);
    const root: Node = { id: "b", task: "Other", needs: [{ id: "a" }] };
    await rig.run([root]);
    assertEquals(counts(await rig.run([root], { options: { force: ["run/Step"] } })), {
      cached: 1,
      computed: 1,
    });
    assertEquals(rig.created(), ["a", "a", "b"]);
    const both = { force: ["run/Step"], forceDependents: true };
    assertEquals(counts(await rig.run([root], { options: both })), { computed: 2 });
    assertEquals(rig.created(), ["a", "a", "a", "b", "b"]);
  });

  suite.it("neither gives up nor submits twice what is pending ten times longer than a lease", async () => {
    await using rig = new DagRig(suite.cluster);
    const leaseSec = 0.4;
    const config = { leaseSec };
    const root: Node = { id: "b", needs: [{ id: "a", does: ["touch runs", "await go"] }] };
    const { submitted } = await rig.run([root], { options: { detach: true }, config });
    await rig.there("runs");
    const pending = await rig.run([{ id: "c", needs: [root] }], { options: { detach: true }, config });
    const again = rig.start([root], { config });
    await until(() => /1 job of other runs is waited for/.test(again.stderr), "it follows", 60_000);
    const { claim, beatAt } = rig.claim();
    await until(
      () => rig.claim().beatAt - beatAt > 10 * leaseSec * 1000,
      `${claim} has been beaten for ten leases`,
      60_000,
    );
    rig.touch("go");
    const report = await reportOf(again);
    assertEquals(counts(report), { elsewhere: 1 });
    assertEquals(report.messages, ["submitted 0 jobs; 1 job of other runs is waited for"]);
    assertEquals(pending.submitted?.ids.b, submitted?.ids.b);
    assertEquals((await rig.furu("follow", pending.submitted!.runId).ended()).code, 0);
    assertEquals(rig.created(), ["a", "b", "c"]);
    assertEquals(rig.leftovers(), []);
  });

  suite.it("lets two submitters of the same roots submit each node once", async () => {
    await using rig = new DagRig(suite.cluster);
    const base: Node = { id: "base", does: ["await go"] };
    const roots = [1, 2, 3].map((i): Node => ({ id: `r${i}`, needs: [base] }));
    const before = await jobCount(suite.cluster);
    const both = [rig.start(roots), rig.start(roots)];
    await rig.there("created");
    rig.touch("go");
    const reports = await Promise.all(both.map(reportOf));
    for (const { summary, error } of reports) {
      assertEquals({ error, failures: summary?.failures }, { error: undefined, failures: [] });
    }
    // On a busy machine the second may begin to plan when some of it is stored already.
    for (const { summary } of reports) {
      const { nodes, cached, computed, elsewhere } = summary!;
      assertEquals(cached + computed + elsewhere, nodes);
    }
    const after = await jobCount(suite.cluster);
    assertEquals(after - before, 4);
    assertEquals(rig.created(), ["base", "r1", "r2", "r3"]);
    assertEquals(rig.leftovers(), []);
  });
});
