import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type { Node } from "../e2e/run_rig.ts";
import { until } from "../rig.ts";
import { DagRig, jobField } from "./dag/dag_rig.ts";
import { describeOnSlurm } from "./suite.ts";

const LENGTH = 10;
const idOf = (i: number): string => `c${i}`;

/** Each needs the one before; the first waits until the test says go. */
function chain(): Node {
  let node: Node = { id: idOf(0), does: ["await go"] };
  for (let i = 1; i < LENGTH; i++) node = { id: idOf(i), needs: [node] };
  return node;
}

describeOnSlurm("a chain in DAG mode", (suite) => {
  suite.it(`of ${LENGTH} is wired link by link, each computed once, in order`, async () => {
    await using rig = new DagRig(suite.cluster);
    const { submitted } = await rig.run([chain()], { options: { detach: true } });
    const { ids, runId, rootJobIds } = submitted!;
    assertEquals(Object.keys(ids).length, LENGTH);
    assertEquals(new Set(Object.values(ids)).size, LENGTH);
    assertEquals(rootJobIds, [ids[idOf(LENGTH - 1)]]);
    const dependencies = Array.from(
      { length: LENGTH },
      (_, i) => jobField(suite.cluster, ids[idOf(i)]!, "Dependency"),
    );
    assertEquals(
      await Promise.all(dependencies),
      Array.from(
        { length: LENGTH },
        (_, i) => i === 0 ? "(null)" : `afterok:${ids[idOf(i - 1)]}(unfulfilled)`,
      ),
    );
    const follower = rig.furu("follow", runId);
    rig.touch("go");
    await until(() => !follower.alive, "all of it is computed", 120_000);
    const { code, stderr } = await follower.ended();
    assertEquals(code, 0, stderr);
    assertStringIncludes(stderr, `${LENGTH} computed`);
    const order = Array.from({ length: LENGTH }, (_, i) => idOf(i));
    assertEquals(rig.read("created").trimEnd().split("\n"), order);
    assertEquals(rig.read("returned").trimEnd().split("\n"), order);
    for (const id of Object.values(ids)) {
      const [state, restarts] = await Promise.all(
        ["JobState", "Restarts"].map((field) => jobField(suite.cluster, id, field)),
      );
      // The result is there a moment before its job has ended.
      assert(["COMPLETED", "COMPLETING", "RUNNING"].includes(state!), state);
      assertEquals(restarts, "0");
    }
    await until(() => rig.leftovers().length === 0, `nothing is left over: ${rig.leftovers()}`);
  });
});
