import { assertEquals, assertMatch } from "@std/assert";
import type { Node } from "../../e2e/run_rig.ts";
import { ClusterPoolRig, reportOf } from "./cluster_pool_rig.ts";
import { describeOnSlurm } from "../suite.ts";

const ROOTS: Node[] = [
  { id: "top", needs: Array.from({ length: 6 }, (_, i) => ({ id: `n${i}`, does: ["sleep 20"] })) },
];

describeOnSlurm("a pool with a node where nothing can start", (suite) => {
  suite.it(
    "uses that node no more after two tasks whose module does not import there, and says so",
    async () => {
      await using rig = new ClusterPoolRig(suite.cluster);
      rig.write("bad-node", "cpu1");
      const { summary, error, messages } = await reportOf(rig.start(ROOTS));
      assertEquals({ error, computed: summary?.computed, failures: summary?.failures }, {
        error: undefined,
        computed: 7,
        failures: [],
      }, messages.join("\n"));
      const excluded = messages.filter((text) => text.startsWith("node cpu1 is not used any more"));
      assertEquals(excluded.length, 1, messages.join("\n"));
      assertMatch(excluded[0]!, /made up: no library on cpu1/);
      await rig.left();
      rig.assertWhole(ROOTS);
      assertEquals(new Set(rig.starts().map(({ node }) => node)), new Set(["cpu2"]));
    },
  );

  suite.it("uses that node no more after two workers that have no folder for temporary files", async () => {
    await using rig = new ClusterPoolRig(suite.cluster);
    const setup = [`if [ "$SLURMD_NODENAME" = cpu1 ]; then export TMPDIR=/proc; fi`];
    const options = { specs: { default: { timeMin: 5, setup } } };
    const { summary, error, messages } = await reportOf(rig.start(ROOTS, { options }));
    assertEquals({ error, computed: summary?.computed, failures: summary?.failures }, {
      error: undefined,
      computed: 7,
      failures: [],
    }, messages.join("\n"));
    assertEquals(messages.filter((text) => text.startsWith("node cpu1 is not used any more")).length, 1);
    await rig.left();
    rig.assertWhole(ROOTS);
    assertEquals(new Set(rig.starts().map(({ node }) => node)), new Set(["cpu2"]));
  });

  suite.it("ends at once where a module imports on no node", async () => {
    await using rig = new ClusterPoolRig(suite.cluster);
    rig.write("bad-node", "*");
    const { summary, error, messages } = await reportOf(rig.start(ROOTS));
    assertEquals(error?.name, "RunFailedError", messages.join("\n"));
    assertEquals(summary?.failures[0]?.kind, "protocol");
    assertMatch(summary!.failures[0]!.error, /made up: no library on cpu[12]/);
    await rig.left();
    assertEquals({ inProgress: rig.inProgress(), values: rig.values() }, { inProgress: [], values: [] });
  });

  suite.it(
    "ends, too, where the only node of a partition cannot start it, and says what was wrong",
    async () => {
      await using rig = new ClusterPoolRig(suite.cluster);
      rig.write("bad-node", "gpu1");
      const { error, messages } = await reportOf(
        rig.start([{ id: "a", spec: "gpu" }, { id: "b", spec: "gpu" }]),
      );
      assertEquals(error?.name, "SlurmError", messages.join("\n"));
      assertMatch(error!.message, /gpu1: .*made up: no library on gpu1/);
      await rig.left();
      assertEquals(rig.values(), []);
    },
  );
});
