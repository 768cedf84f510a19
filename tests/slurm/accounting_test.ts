import { assertEquals, assertMatch } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { systemClock } from "../../lib/core/system/clock.ts";
import { SlurmClient } from "../../lib/slurm/client/client.ts";
import type { JobState } from "../../lib/slurm/client/job_state.ts";
import { JobWatch } from "../../lib/slurm/jobs/job_watch.ts";
import { systemMachine } from "../../lib/core/system/system_machine.ts";
import { type JobEntry, parseAccounting } from "../../lib/slurm/client/parse_jobs.ts";
import { until } from "../rig.ts";
import { accountingAvailable } from "./cluster_accounting.ts";
import { startCluster } from "./cluster.ts";
import { DagRig } from "./dag/dag_rig.ts";
import { FakeClock, FakeSlurm, queueRow } from "./fake_slurm.ts";
import { ClusterPoolRig, reportOf } from "./pool/cluster_pool_rig.ts";
import { describeOnSlurm } from "./suite.ts";

const fixture = (name: string) => Deno.readTextFileSync(new URL(`fixtures/${name}`, import.meta.url));
const shown = ({ jobId, index, name, state }: JobEntry) => [
  index === undefined ? jobId : `${jobId}_${index}`,
  name,
  reasonOf(state),
];

function reasonOf(state: JobState): string {
  return state.status === "dead" ? state.reason : state.text;
}

/** What a real sacct (22.05 with slurmdbd and MariaDB) printed of jobs that ended in many ways. */
const ENDS = [
  ["1", "furu-completed", "completed"],
  ["2", "furu-failed", "failed"],
  ["3", "furu-timeout", "timeout"],
  ["4", "furu-cancelled", "cancelled"],
  ["5", "furu a b|c", "completed"],
  // Slurm calls it out of memory only where cgroups tell; here it was killed by Slurm's own watching.
  ["6", "furu-oom", "failed"],
  ["7_0", "furu-array", "completed"],
  ["7_1", "furu-array", "failed"],
  ["7_2", "furu-array", "completed"],
  ["8", "furu-requeued", "completed"],
  ["9", "furu-nodefail", "node-failure"],
  ["10", "furu-noderequeue", "completed"],
  ...[0, 1, 2, 3, 4, 5].map((i) => [`11_${i}`, "furu-waiting", "PENDING"]),
  ["12", "furu-pendcancelled", "cancelled"],
  ["13", "furu-signal", "failed"],
  ["14", "furu-deadline", "deadline"],
];
const sorted = (rows: (string | undefined)[][]) => rows.map((row) => row.join(" ")).sort();

describe("parseAccounting() of what sacct really prints", () => {
  it("tells how each job ended", () => {
    assertEquals(sorted((parseAccounting(fixture("sacct_jobs.txt")) ?? []).map(shown)), sorted(ENDS));
  });

  it("leaves steps out, and lets the last beginning of a job count", () => {
    const text = fixture("sacct_duplicates.txt");
    assertMatch(text, /^8\|REQUEUED\|.*^8\|COMPLETED\|/ms);
    assertMatch(text, /^10\|NODE_FAIL\|.*^10\|COMPLETED\|/ms);
    assertEquals(sorted((parseAccounting(text) ?? []).map(shown)), sorted(ENDS));
  });
});

describe("a JobWatch where the accounting lags", () => {
  it("does not take what has no name yet for another job's end, nor for its own", async () => {
    // For a second the database knows ended jobs as `allocation`, and tasks of arrays by their own ids.
    const early = fixture("sacct_early.txt");
    assertMatch(early, /^15\|COMPLETED\|allocation$/m);
    const slurm = new FakeSlurm();
    slurm.answers.scontrol = "AccountingStorageType = accounting_storage/slurmdbd\n";
    const row = (jobId: number, name: string, index?: number) =>
      `${queueRow({ jobId, name, state: "RUNNING", ...(index === undefined ? {} : { index }) })}\n`;
    slurm.answers.squeue = row(7, "furu-array", 0) + row(15, "furu-unnamed") + row(4, "furu-cancelled");
    slurm.answers.sacct = [early, early, early, early, fixture("sacct_jobs.txt")];
    const clock = new FakeClock();
    const watch = new JobWatch(
      { ...systemMachine(), clock },
      new SlurmClient({ env: {}, clock, run: slurm.run }),
    );
    const cluster = "fake";
    const task = { jobId: "7_0", name: "furu-array", cluster };
    const unnamed = { jobId: "15", name: "furu-unnamed", cluster };
    const cancelled = { jobId: "4", name: "furu-cancelled", cluster };
    const refs = [task, unnamed, cancelled];
    await Promise.all(refs.map((ref) => watch.state(ref)));
    slurm.answers.squeue = "";
    clock.ms += 10_000;
    const known = await Promise.all(refs.map((ref) => watch.state(ref, { until: "sure" })));
    assertEquals(known.map(reasonOf), ["completed", "vanished", "cancelled"]);
    assertEquals(clock.ms, 20_000);
  });
});

// The database (Debian's mariadb-server and slurmdbd) takes two seconds to come up; where it is not installed what it
// printed once, above, has to do.
if (accountingAvailable()) {
  describeOnSlurm("a client on a real Slurm with accounting", (suite) => {
    const makeClient = () =>
      new SlurmClient({
        env: { PATH: Deno.env.get("PATH")!, HOME: Deno.env.get("HOME") ?? "/", ...suite.cluster.env },
        clock: systemClock,
        intervalSec: 0.2,
      });
    const submit = async (name: string, wrap: string, ...more: string[]) => ({
      name,
      jobId: await suite.cluster.run(
        "sbatch",
        "--parsable",
        `--job-name=${name}`,
        "--output=/dev/null",
        ...more,
        `--wrap=${wrap}`,
      ),
    });
    /** Waits until the controller has forgotten these jobs. */
    const forgotten = async (...ids: (string | undefined)[]) => {
      const deadline = performance.now() + 60_000;
      for (;;) {
        const listed = (await suite.cluster.run("squeue", "-h", "-t", "all", "-o", "%A")).split("\n");
        if (!ids.some((id) => listed.includes(id!))) return;
        if (performance.now() > deadline) throw new Error(`Slurm still lists some of ${ids}: ${listed}`);
        await systemClock.sleep(100);
      }
    };

    suite.it(
      "finds out by itself that accounting works, and asks it about what Slurm has forgotten",
      async () => {
        await using rig = new DagRig(suite.cluster);
        // In the same wait: a run that nobody follows when its jobs end.
        const { submitted } = await rig.run([{ id: "b", needs: [{ id: "a", does: ["heed runs"] }] }], {
          options: { detach: true },
        });
        const good = await submit("furu-good", "true");
        const bad = await submit("furu-bad", "exit 3");
        const cancelled = await submit("furu cancelled|by hand", "sleep 100");
        const array = await submit("furu-array", "exit $((SLURM_ARRAY_TASK_ID % 2))", "--array=0-1");
        const lost = await submit("furu-lost", "sleep 100", "--partition=gpu", "--no-requeue");
        const again = await submit(
          "furu-again",
          '[ -n "$SLURM_RESTART_COUNT" ] && exit 4; sleep 100',
          "--partition=gpu",
          "--requeue",
          "--open-mode=append",
        );
        const running = async () =>
          (await suite.cluster.run("squeue", "-h", "-t", "R", "-o", "%A")).split("\n");
        const wanted = [cancelled, lost, again].map(({ jobId }) => jobId);
        const since = performance.now();
        for (let list = await running(); !wanted.every((id) => list.includes(id)); list = await running()) {
          if (performance.now() - since > 60_000) throw new Error(`not all of ${wanted} run: ${list}`);
          await systemClock.sleep(50);
        }
        await rig.there("runs");
        await suite.cluster.run("scancel", cancelled.jobId, submitted!.ids.a!, submitted!.ids.b!);
        await suite.cluster.setNodeState("gpu1", "down");
        await suite.cluster.setNodeState("gpu1", "resume");
        const direct = [good, bad, cancelled, array, lost, again].map(({ jobId }) => jobId);
        await forgotten(...direct, submitted!.ids.a, submitted!.ids.b);
        const client = makeClient();
        assertEquals((await client.listJobs({ mineAnd: [] }))?.length, 0);
        assertEquals(await client.hasAccounting(), true);
        const refs = [good, bad, cancelled, lost, again, { ...array, jobId: `${array.jobId}_0` }, {
          ...array,
          jobId: `${array.jobId}_1`,
        }, {
          ...good,
          cluster: "furu",
          name: "somebody else's",
        }];
        const watch = new JobWatch(systemMachine(), client);
        const known = await Promise.all(refs.map((ref) => watch.state(ref, { until: "sure" })));
        assertEquals(known.map(reasonOf), [
          "completed",
          "failed",
          "cancelled",
          "node-failure",
          "failed",
          "completed",
          "failed",
          "vanished",
        ]);
        assertMatch(known[2]!.text, /^CANCELLED by \d+$/);
        // The run learns it in the same way, long after.
        const { code, stderr } = await rig.furu("follow", submitted!.runId).ended();
        assertEquals(code, 1, stderr);
        assertMatch(stderr, /ended without a result: CANCELLED by \d+/i);
        await until(() => rig.leftovers().length === 0, `nothing is left over: ${rig.leftovers()}`);
      },
    );

    /** Another cluster that uses the store and the database, whose next job has the same id as the next one here. */
    const besides = async (name: string) => {
      const next = /NEXT_JOB_ID\s*= (\d+)/.exec(await suite.cluster.run("scontrol", "show", "config"))![1]!;
      return await startCluster({ beside: suite.cluster, name, settings: { FirstJobId: next } });
    };

    suite.it("runs a pool whose specs are on two clusters, where jobs have the same ids", async () => {
      await using east = await besides("east");
      await using rig = new ClusterPoolRig(suite.cluster);
      const gpu = { cluster: "east", partition: "gpu", gpus: 1, timeMin: 5 };
      const options = { detach: true, specs: { default: { timeMin: 5 }, gpu } };
      const needs = [{ id: "here", does: ["await here"] }, {
        id: "there",
        does: ["await there"],
        spec: "gpu",
      }];
      const report = await reportOf(rig.start([{ id: "root", needs }], { options }));
      assertEquals(report.error, undefined, report.messages.join("\n"));
      const [one, other] = await Promise.all([rig.begun("here"), rig.begun("there")]);
      const jobOf = async ({ pid }: { pid: number }) => {
        const text = await Deno.readTextFile(`/proc/${pid}/environ`);
        const field = (name: string) => new RegExp(`(?:^|\0)${name}=([^\0]*)`).exec(text)?.[1];
        return { id: field("SLURM_JOB_ID"), cluster: field("SLURM_CLUSTER_NAME") };
      };
      const [here, there] = [await jobOf(one), await jobOf(other)];
      assertEquals([here, there.cluster], [{ id: there.id, cluster: "furu" }, "east"]);
      // Its end says nothing of the job of that id which is elsewhere.
      await east.run("scancel", there.id!);
      await rig.begun("there", 2);
      rig.write("here");
      rig.write("there");
      const { code, stderr } = await rig.furu(["follow", rig.runs().at(-1)!]).ended();
      assertEquals(code, 0, stderr);
      assertEquals(rig.starts("here").length, 1);
      const status = await rig.furu(["status", "last"]).ended();
      assertMatch(status.stdout, /^on +furu \(default\); east \(gpu\)$/m);
      for (const cluster of [suite.cluster, east]) {
        const listed = () => cluster.run("squeue", "-h", "-t", "PD,R", "-o", "%j");
        for (const since = performance.now(); await listed() !== "";) {
          if (performance.now() - since > 60_000) throw new Error(`jobs are left: ${await listed()}`);
          await systemClock.sleep(100);
        }
      }
    });

    suite.it("sends jobs where the shell says, and cancels them from a shell that does not", async () => {
      await using north = await besides("north");
      await using rig = new DagRig(suite.cluster);
      const roots = [{ id: "b", needs: [{ id: "a", does: ["heed a"] }] }];
      const options = { detach: true };
      const { submitted } = await rig.run(roots, { options, env: { SLURM_CLUSTERS: "north" } });
      await rig.there("a");
      assertMatch(await north.run("squeue", "-h", "-o", "%i %T"), /PENDING[^]*RUNNING|RUNNING[^]*PENDING/);
      assertEquals(await suite.cluster.run("squeue", "-h"), "");
      const cancelled = await rig.furu("cancel", submitted!.runId).ended();
      assertEquals(cancelled.code, 0, cancelled.stderr);
      assertMatch(cancelled.stdout, /cancelled 2 jobs/);
      await until(() => rig.leftovers().length === 0, `nothing is left over: ${rig.leftovers()}`);
    });
  }, { accounting: true, settings: { MinJobAge: "2" } });
} else {
  console.log("MariaDB or slurmdbd is not installed: the tests on a real Slurm with accounting are left out");
}
