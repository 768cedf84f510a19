import { assertEquals, assertMatch } from "@std/assert";
import { join } from "@std/path/join";
import type { RunSummary } from "../../mod.ts";
import { type Script, textOf, until } from "../rig.ts";
import { DagRig, jobField } from "./dag/dag_rig.ts";
import { describeOnSlurm } from "./suite.ts";

const DEADLINE_MS = 120_000;

interface CounterReport {
  summary: RunSummary;
  /** Which attempts had saved something before the last one. */
  value?: string;
  message?: string;
}

async function reportOf(script: Script): Promise<CounterReport> {
  await until(() => !script.alive, "the run has ended", DEADLINE_MS);
  const { stdout, output } = await script.ended();
  const last = stdout.trim().split("\n").at(-1) ?? "";
  assertMatch(last, /^\{"summary"/, output);
  return JSON.parse(last);
}

/** How the attempts ended that did not succeed. */
function ends(rig: DagRig): { kind: string; error: string }[] {
  const paths = rig.tree().filter((path) => /\/end-\w+\.json$/.test(path));
  return paths.map((path) => JSON.parse(textOf(join(rig.root, path))));
}

describeOnSlurm("jobs in DAG mode that Slurm preempts", (suite) => {
  const start = (rig: DagRig, partition: string, times = 1, maxPreemptRetries = 5) =>
    rig.script("slurm/preempt_counter.ts", [partition, `${times}`, `${maxPreemptRetries}`]);

  /** Somebody more important takes all of a job's node for a moment. */
  async function preempt(jobId: string): Promise<void> {
    const node = await jobField(suite.cluster, jobId, "NodeList");
    const options = ["--partition=high", `--nodelist=${node}`, "--cpus-per-task=4", "--output=/dev/null"];
    await suite.cluster.run("sbatch", "--parsable", ...options, "--wrap=true");
  }

  suite.it("begin again from their checkpoint", async () => {
    await using rig = new DagRig(suite.cluster);
    const script = start(rig, "low");
    const id = await rig.jobOf("run1");
    await preempt(id);
    const { summary, value } = await reportOf(script);
    assertEquals({ computed: summary.computed, failures: summary.failures, value }, {
      computed: 1,
      failures: [],
      value: "1 ",
    });
    assertEquals(ends(rig).map(({ kind }) => kind), ["preempted"]);
    assertMatch(ends(rig)[0]!.error, /told to end \(SIGTERM\)/);
    assertEquals(await jobField(suite.cluster, id, "Restarts"), "1");
    assertEquals(rig.leftovers(), []);
    assertEquals(rig.tree().filter((path) => path.endsWith(".checkpoint")), []);
  });

  suite.it("put themselves back into the queue where the site warns them of the grace time", async () => {
    await using rig = new DagRig(suite.cluster);
    const script = start(rig, "warned");
    const id = await rig.jobOf("run1");
    await preempt(id);
    const { summary, value } = await reportOf(script);
    assertEquals({ computed: summary.computed, failures: summary.failures, value }, {
      computed: 1,
      failures: [],
      value: "1 ",
    });
    assertEquals(ends(rig).map(({ kind }) => kind), ["preempted"]);
    assertMatch(ends(rig)[0]!.error, /nearly up \(SIGUSR1\)/);
    assertEquals(await jobField(suite.cluster, id, "Restarts"), "1");
    assertEquals(rig.leftovers(), []);
  });

  suite.it("are given up as lost beyond maxPreemptRetries, although Slurm begins them again", async () => {
    await using rig = new DagRig(suite.cluster);
    const script = start(rig, "low", 9, 1);
    const id = await rig.jobOf("run1");
    await preempt(id);
    await rig.there("run2");
    await preempt(id);
    const { summary, message } = await reportOf(script);
    assertEquals({ computed: summary.computed, failures: summary.failures.map(({ kind }) => kind) }, {
      computed: 0,
      failures: ["lost"],
    });
    assertMatch(message!, /begun again 2 times; at most 1 \(maxPreemptRetries\)/);
    assertEquals(ends(rig).map(({ kind }) => kind).sort(), ["failed", "preempted", "preempted"]);
    assertEquals(rig.leftovers(), []);
  });

  suite.it("are lost, and said to be preempted, where Slurm does not begin them again", async () => {
    await using rig = new DagRig(suite.cluster);
    const script = start(rig, "cancelled");
    const id = await rig.jobOf("run1");
    await preempt(id);
    const { summary, message } = await reportOf(script);
    assertEquals({ computed: summary.computed, failures: summary.failures.map(({ kind }) => kind) }, {
      computed: 0,
      failures: ["lost"],
    });
    assertMatch(message!, new RegExp(`Slurm job ${id} ended without a result: preempted`, "i"));
    assertEquals(ends(rig).map(({ kind }) => kind), ["preempted"]);
    assertEquals(rig.leftovers(), []);
  });

  suite.it("are given up as lost, too, when their node crashes and takes the claim with it", async () => {
    await using rig = new DagRig(suite.cluster);
    const script = start(rig, "cpu", 9, 0);
    const id = await rig.jobOf("run1");
    const node = await jobField(suite.cluster, id, "NodeList");
    await suite.cluster.killSlurmd(node);
    await suite.cluster.setNodeState(node, "down");
    try {
      const { summary, message } = await reportOf(script);
      assertMatch(message!, /begun again 1 time; at most 0 \(maxPreemptRetries\)/);
      assertEquals({ computed: summary.computed, failures: summary.failures.map(({ kind }) => kind) }, {
        computed: 0,
        failures: ["lost"],
      });
      assertEquals(ends(rig).map(({ kind }) => kind).sort(), ["crashed", "failed"]);
      assertEquals(rig.leftovers(), []);
    } finally {
      await suite.cluster.startSlurmd(node);
      await suite.cluster.setNodeState(node, "resume");
    }
  });
}, {
  settings: {
    PreemptType: "preempt/partition_prio",
    PreemptMode: "REQUEUE",
    // Without it a job hears of its preemption only when the grace time is over.
    SlurmctldParameters: "preempt_send_user_signal",
  },
  overlays: {
    low: "Nodes=cpu1 PriorityTier=1 PreemptMode=REQUEUE",
    warned: "Nodes=cpu2 PriorityTier=1 PreemptMode=REQUEUE GraceTime=60",
    cancelled: "Nodes=gpu1 PriorityTier=1 PreemptMode=CANCEL",
    high: "Nodes=cpu1,cpu2,gpu1 PriorityTier=10 PreemptMode=OFF",
  },
});
