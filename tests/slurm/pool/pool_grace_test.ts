import { assert, assertEquals } from "@std/assert";
import { until } from "../../rig.ts";
import { describeOnSlurm } from "../suite.ts";
import { ClusterPoolRig, DEADLINE_MS, reportOf } from "./cluster_pool_rig.ts";

describeOnSlurm("a pool's task that is told to end", (suite) => {
  suite.it("has the time until Slurm kills its job for a checkpoint", async () => {
    await using rig = new ClusterPoolRig(suite.cluster);
    const script = rig.start([{ id: "a", does: ["saves 10000"] }], { options: { maxPreemptRetries: 1 } });
    await rig.begun("a");
    const [job] = await rig.jobs();
    await suite.cluster.run("scancel", job!.split(" ")[1]!);
    await until(() => rig.read("saved-a") !== "", "it has saved its checkpoint", DEADLINE_MS);
    const [before, left] = JSON.parse(rig.read("saved-a"));
    // The job has five minutes, of which the warning takes some; KillWait is 30 s.
    assert(before > 60_000 && before < 300_000, `${before}`);
    assert(left > 0 && left < 20_000, `${left}`);
    const { summary, error } = await reportOf(script);
    assertEquals({ error, computed: summary?.computed }, { error: undefined, computed: 1 });
    assertEquals(rig.starts("a").length, 2);
  });

  suite.it("since its job's time is up, spends no retry, and goes on from its checkpoint", async () => {
    await using rig = new ClusterPoolRig(suite.cluster);
    const options = { maxPreemptRetries: 0, maxComputeRetries: 0, specs: { default: { timeMin: 1 } } };
    const { summary, error } = await reportOf(rig.start([{ id: "a", does: ["saves 6000"] }], { options }));
    assertEquals({ error, computed: summary?.computed }, { error: undefined, computed: 1 }, rig.logs());
    assertEquals(rig.starts("a").length, 2);
  });
}, { settings: { KillWait: "30" } });
