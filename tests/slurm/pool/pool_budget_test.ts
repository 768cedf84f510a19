import { assertEquals, assertMatch } from "@std/assert";
import type { Node } from "../../e2e/run_rig.ts";
import { ClusterPoolRig, reportOf } from "./cluster_pool_rig.ts";
import { describeOnSlurm } from "../suite.ts";

/** A root over a task that does this. */
function over(...does: string[]): Node[] {
  return [{ id: "top", needs: [{ id: "a", does }] }];
}

describeOnSlurm("a pool's task that its worker never survives", (suite) => {
  suite.it("is a compute failure after maxComputeRetries + 1 starts when workers are killed", async () => {
    await using rig = new ClusterPoolRig(suite.cluster);
    const options = { maxComputeRetries: 2, maxPreemptRetries: 0 };
    const { summary, error } = await reportOf(rig.start(over("killWorker"), { options }));
    assertEquals(error?.name, "RunFailedError", error?.message);
    assertEquals(summary?.failures.map(({ kind, attempts }) => [kind, attempts]), [["compute", 3]]);
    assertMatch(summary!.failures[0]!.error, /^Its worker \S+ died: /);
    assertEquals(rig.starts().map(({ id, attempt }) => `${id}${attempt}`), ["a1", "a2", "a3"]);
    await rig.left();
    assertEquals({ inProgress: rig.inProgress(), values: rig.values() }, { inProgress: [], values: [] });
  });

  suite.it("is lost after maxPreemptRetries + 1 starts when their jobs are cancelled", async () => {
    await using rig = new ClusterPoolRig(suite.cluster);
    const options = { maxComputeRetries: 0, maxPreemptRetries: 2 };
    const { summary, error } = await reportOf(rig.start(over("cancelJob"), { options }));
    assertEquals(error?.name, "RunFailedError", error?.message);
    assertEquals(summary?.failures.map(({ kind }) => kind), ["lost"]);
    assertEquals(rig.starts().map(({ id, attempt }) => `${id}${attempt}`), ["a1", "a2", "a3"]);
    await rig.left();
    assertEquals({ inProgress: rig.inProgress(), values: rig.values() }, { inProgress: [], values: [] });
  });

  suite.it("is lost after maxPreemptRetries + 1 starts when their nodes go down", async () => {
    await using rig = new ClusterPoolRig(suite.cluster);
    const options = { maxComputeRetries: 0, maxPreemptRetries: 1 };
    const script = rig.start(over("ignore runs"), { options });
    const down: string[] = [];
    try {
      for (const times of [1, 2]) {
        const { node } = await rig.begun("a", times);
        down.push(node!);
        await suite.cluster.setNodeState(node!, "down");
      }
      const { summary, error } = await reportOf(script);
      assertEquals(error?.name, "RunFailedError", error?.message);
      assertEquals(summary?.failures.map(({ kind }) => kind), ["lost"]);
      assertEquals(rig.starts().length, 2);
      assertEquals({ inProgress: rig.inProgress(), values: rig.values() }, { inProgress: [], values: [] });
    } finally {
      for (const node of down) await suite.cluster.setNodeState(node, "resume");
    }
    await rig.left();
  });
});
