import { assert, assertEquals, assertGreater, assertMatch, assertStringIncludes } from "@std/assert";
import type { Node } from "../e2e/run_rig.ts";
import { type Ended, type Script, textOf, until } from "../rig.ts";
import type { Cluster } from "./cluster.ts";
import { DagRig, jobField, reportOf } from "./dag/dag_rig.ts";
import { describeOnSlurm } from "./suite.ts";

/** However loaded the machine is. */
const DEADLINE_MS = 120_000;

/** Waits for a script's end much longer than usual. */
async function patiently(script: Script): Promise<Ended> {
  await until(() => !script.alive, "the run has ended", DEADLINE_MS);
  return await script.ended();
}

/** The jobs in the order of their submission. */
async function jobsOf(cluster: Cluster): Promise<string[]> {
  const listed = await cluster.run("squeue", "-h", "-t", "all", "-S", "i", "-o", "%i");
  return listed.split("\n").filter((line) => line !== "");
}

/** What is stored. */
function records(rig: DagRig): string[] {
  return rig.tree().filter((path) => /^artifacts\/run\/Step\/\w+\.json$/.test(path));
}

describeOnSlurm("runSlurm() in DAG mode, where things are harsh", (suite) => {
  suite.it("runs the digits demo, and loads all of it the second time", async () => {
    await using rig = new DagRig(suite.cluster);
    const before = (await jobsOf(suite.cluster)).length;
    const first = await patiently(rig.script("slurm/harsh_digits.ts", []));
    assertEquals(first.code, 0, first.output);
    const { summary, leaderboard, testAccuracy, chart } = JSON.parse(first.stdout.trim().split("\n").at(-1)!);
    assertEquals({
      computed: summary.computed,
      failures: summary.failures,
      leaderboardCount: leaderboard.length,
    }, { computed: 4, failures: [], leaderboardCount: 2 });
    assertGreater(testAccuracy, 0.7);
    assertMatch(textOf(chart), /^<svg /);
    assertEquals((await jobsOf(suite.cluster)).length - before, 4);
    const again = await patiently(rig.script("slurm/harsh_digits.ts", []));
    assertStringIncludes(again.stdout, `"computed":0`);
    assertEquals((await jobsOf(suite.cluster)).length - before, 4);
  });

  // Slurm looks every 30 s which jobs have run out of time, so both are tried in one of these looks.
  suite.it("begins again what Slurm warns in time, and reports what reaches its limit", async () => {
    await using warned = new DagRig(suite.cluster);
    await using late = new DagRig(suite.cluster);
    const again = warned.start([{ id: "b", needs: [{ id: "a", does: ["heedOnce runs"] }] }]);
    const warnedId = await warned.jobOf("runs");
    const over = late.start([{ id: "b", needs: [{ id: "a", does: ["ignore runs"] }] }], {
      options: { maxComputeRetries: 0 },
    });
    const lateId = await late.jobOf("runs");
    await suite.cluster.run("scontrol", "update", `JobId=${warnedId}`, "EndTime=now+70");
    await suite.cluster.run("scontrol", "update", `JobId=${lateId}`, "EndTime=now+1");
    await patiently(again);
    const { summary, error } = await reportOf(again);
    assertEquals({ error, computed: summary?.computed }, { error: undefined, computed: 2 });
    assertEquals(await jobField(suite.cluster, warnedId, "Restarts"), "1");
    assertEquals(warned.created(), ["a", "a", "b"]);
    assertEquals(warned.leftovers(), []);
    await patiently(over);
    const report = await reportOf(over);
    assertEquals({ computed: report.summary?.computed, notRun: report.summary?.notRun }, {
      computed: 0,
      notRun: 1,
    }, `${report.error?.message}`);
    const [failure] = report.summary!.failures;
    assertEquals(failure?.kind, "lost");
    assertMatch(failure!.error, new RegExp(`^Slurm job ${lateId} ended without a result: timeout`, "i"));
    assertEquals(late.leftovers(), []);
  });

  suite.it("computes again what was on a node that crashed, and all comes out right", async () => {
    await using rig = new DagRig(suite.cluster);
    const root: Node = { id: "b", needs: [{ id: "a", does: ["heedOnce runs"] }, { id: "c" }] };
    const script = rig.start([root], { options: { maxPreemptRetries: 1 } });
    const id = await rig.jobOf("runs");
    const node = await jobField(suite.cluster, id, "NodeList");
    // The other one may be on the same node.
    await until(() => records(rig).length === 1, "the other one is stored", DEADLINE_MS);
    await suite.cluster.killSlurmd(node);
    await suite.cluster.setNodeState(node, "down");
    try {
      await patiently(script);
      const { summary, error } = await reportOf(script);
      assertEquals({ error, computed: summary?.computed, failures: summary?.failures }, {
        error: undefined,
        computed: 3,
        failures: [],
      });
      assertEquals(await jobField(suite.cluster, id, "Restarts"), "1");
      assertEquals(rig.created(), ["a", "a", "b", "c"]);
      const values = records(rig).map((path) => JSON.parse(textOf(`${rig.root}/${path}`)).value);
      assert(values.includes("b(a(),c())"), JSON.stringify(values));
      assertEquals(rig.leftovers(), []);
    } finally {
      await suite.cluster.startSlurmd(node);
      await suite.cluster.setNodeState(node, "resume");
    }
  });

  suite.it("gives up what lost its node more often than maxPreemptRetries allows", async () => {
    await using rig = new DagRig(suite.cluster);
    const script = rig.start([{ id: "b", needs: [{ id: "a", does: ["heedOnce runs"] }] }], {
      options: { maxPreemptRetries: 0 },
    });
    const id = await rig.jobOf("runs");
    const node = await jobField(suite.cluster, id, "NodeList");
    await suite.cluster.setNodeState(node, "down");
    try {
      await patiently(script);
      const { summary } = await reportOf(script);
      assertEquals({ computed: summary?.computed, notRun: summary?.notRun }, { computed: 0, notRun: 1 });
      assertEquals(summary?.failures.map(({ kind }) => kind), ["lost"]);
      assertEquals(rig.created(), ["a"]);
      assertEquals(rig.leftovers(), []);
    } finally {
      await suite.cluster.setNodeState(node, "resume");
    }
  });

  suite.it("leaves alone what pends ten times longer than the lease", async () => {
    await using rig = new DagRig(suite.cluster);
    const leaseSec = 0.5;
    const env = { FURU_LEASE_SECS: `${leaseSec}` };
    const roots: Node[] = [{ id: "b", needs: [{ id: "a" }] }];
    const before = (await jobsOf(suite.cluster)).length;
    for (const node of suite.cluster.partitions.cpu!) await suite.cluster.setNodeState(node, "drain");
    let both: Script[];
    try {
      const first = rig.start(roots, { env });
      await until(() => /submitted 2 jobs/.test(first.stderr), "it is submitted", DEADLINE_MS);
      const submitted = performance.now();
      await until(
        () => performance.now() - submitted > 10 * leaseSec * 1000,
        "it pends for long",
        DEADLINE_MS,
      );
      both = [first, rig.start(roots, { env })];
      await until(
        () => /submitted 0 jobs/.test(both[1]!.stderr),
        "the other one sees it",
        DEADLINE_MS,
      );
      assertEquals(both.map(({ alive }) => alive), [true, true]);
    } finally {
      for (const node of suite.cluster.partitions.cpu!) await suite.cluster.setNodeState(node, "resume");
    }
    await Promise.all(both.map(patiently));
    const reports = await Promise.all(both.map(reportOf));
    assertEquals(reports.map(({ error, summary }) => [error, summary?.computed, summary?.elsewhere]), [
      [undefined, 2, 0],
      // It looked no further than what somebody is at already.
      [undefined, 0, 1],
    ]);
    assertEquals((await jobsOf(suite.cluster)).length - before, 2);
    assertEquals(rig.created(), ["a", "b"]);
    assertEquals(rig.leftovers(), []);
  });

  suite.it("goes on when Slurm's controller was away for a while", async () => {
    await using rig = new DagRig(suite.cluster);
    const script = rig.start([{ id: "b", needs: [{ id: "a", does: ["touch runs", "await go"] }] }]);
    await rig.there("runs");
    await suite.cluster.stopController();
    rig.touch("go");
    await rig.there("returned");
    assertEquals(script.alive, true);
    await suite.cluster.startController();
    await patiently(script);
    const { summary, error } = await reportOf(script);
    assertEquals({ error, computed: summary?.computed, failures: summary?.failures }, {
      error: undefined,
      computed: 2,
      failures: [],
    });
    assertEquals(rig.created(), ["a", "b"]);
    assertEquals(rig.leftovers(), []);
  });
});

describeOnSlurm(
  "runSlurm() in DAG mode, where memory is watched",
  (suite) => {
    suite.it("counts a job that took too much as a failure of the task, with what Slurm said", async () => {
      await using rig = new DagRig(suite.cluster);
      const { stdout, output } = await patiently(rig.script("slurm/harsh_hungry.ts", []));
      const last = stdout.trim().split("\n").at(-1) ?? "";
      assertMatch(last, /^\[/, output);
      const failures = JSON.parse(last);
      assertEquals(failures.length, 1, output);
      assertEquals(failures[0].kind, "compute", failures[0].error);
      assertMatch(failures[0].error, /memory.*; it had too little memory, .* goes on with 'big'/i);
      assertMatch(textOf(failures[0].log), /exceeded memory limit/);
      assertStringIncludes(
        output,
        "in DAG mode a job keeps its spec: an attempt of harsh/Hungry that has too",
      );
      const again = await patiently(rig.script("slurm/harsh_hungry.ts", []));
      assertStringIncludes(again.stdout, `"computed":1`, "the next run begins with the next spec");
      // Killed right after it has claimed, it leaves the claim's temporary name for the next claimant to sweep.
      assertEquals(rig.leftovers().filter((path) => !path.includes("/.tmp-")), []);
    });
    suite.it("goes on in a pool with the next spec after too little memory", async () => {
      await using rig = new DagRig(suite.cluster);
      const { stdout, output } = await patiently(rig.script("slurm/harsh_hungry.ts", ["pool"]));
      const { computed, retries, failures } = JSON.parse(stdout.trim().split("\n").at(-1) ?? "");
      assertEquals({ computed, retries, failures }, { computed: 1, retries: 1, failures: [] }, output);
      assertMatch(output, /retry .* will try again with spec big, at most 1 time: .*exceeded memory limit/);
    });
  },
  {
    settings: {
      // Without memory as a resource there is no limit to exceed.
      SelectTypeParameters: "CR_CPU_Memory",
      // Computing processes have a process group of their own, which proctrack/pgid does not count.
      ProctrackType: "proctrack/linuxproc",
      JobAcctGatherType: "jobacct_gather/linux",
      JobAcctGatherFrequency: "1",
      JobAcctGatherParams: "OverMemoryKill",
    },
  },
);
