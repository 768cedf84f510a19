import { assert, assertEquals, assertMatch } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { askToLeave } from "../../../lib/queue/requests.ts";
import { listWorkers } from "../../../lib/queue/worker_liveness.ts";
import { workerDir } from "../../../lib/queue/layout.ts";
import { exists, until } from "../../rig.ts";
import { artifact, PoolRig, within } from "../rig.ts";
import { Gate, WorkerRig } from "../worker_rig.ts";

describe("a worker that is asked to leave", () => {
  it("leaves when it is idle, long before it would have by itself, and leaves nothing behind", async () => {
    await using rig = new WorkerRig();
    await rig.begin([artifact(() => 1)], { idleTimeoutSec: 600 });
    const { ended } = rig.worker({ id: "w1" });
    const { store } = rig.process();
    await until(() => exists(workerDir(rig.paths, "default", "w1")), "it has entered");
    await askToLeave(store, rig.paths, "w1", "its room is needed");
    const { why } = await within(ended, "it leaves");
    assertEquals(why, "it was told to leave: its room is needed");
    assertEquals([...Deno.readDirSync(rig.paths.workers)], []);
  });

  it("finishes what it computes, and takes nothing more", async () => {
    await using rig = new WorkerRig();
    const gate = new Gate();
    await rig.queued([artifact(gate.create), artifact(gate.create)], { idleTimeoutSec: 600 });
    const { ended } = rig.worker({ id: "w1" });
    await rig.begun(1);
    await askToLeave(rig.process().store, rig.paths, "w1", "its room is needed");
    gate.open();
    // Orders are looked for once a second: the second task may be begun in between.
    const { computed, why } = await within(ended, "it leaves");
    assertMatch(why, /^it was told to leave/);
    assertEquals(rig.files("done").length, computed);
    assertEquals(rig.files("todo").length, 2 - computed);
  });

  it("counts as one that leaves also for a controller that comes later", async () => {
    await using rig = new WorkerRig();
    await rig.begin([artifact(() => 1)]);
    await askToLeave(rig.process().store, rig.paths, "w1", "?");
    assertEquals((await listWorkers(rig.process().store, rig.paths)).get("w1")?.leave, true);
  });
});

describe("a pool whose workers are all of a spec without tasks", () => {
  it("has idle ones leave for the tasks of another spec, and not before their time else", async () => {
    await using rig = new PoolRig();
    const first = Array.from({ length: 3 }, () => artifact(() => 1));
    const gate = new Gate();
    const second = artifact(gate.create, first, { spec: "other" });
    gate.open();
    // They would idle for ten minutes.
    await rig.begin([second], { maxWorkers: 2, idleTimeoutSec: 600 });
    const { summary } = (await rig.control())!;
    assertEquals({ computed: summary.computed, failures: summary.failures }, { computed: 4, failures: [] });
    assertEquals(rig.messages.filter((text) => text.startsWith("told ")), [
      "told 1 worker of spec 'default' to leave, as tasks of another spec need the room",
    ]);
    assertEquals(rig.launcher.submitted.map(({ spec, count }) => `${count} ${spec}`), [
      "2 default",
      "1 other",
    ]);
  });

  it("gives a spec without workers one, though another has more tasks than workers", async () => {
    await using rig = new PoolRig();
    const gate = new Gate();
    let before = 0;
    const many = Array.from({ length: 30 }, (_, i) => artifact(i < 2 ? gate.create : () => before++));
    const other = artifact(() => before, many.slice(0, 1), { spec: "other" });
    await rig.begin([...many, other], { maxWorkers: 2, idleTimeoutSec: 600 });
    const controlled = rig.control();
    await until(() => gate.waiting > 0, "some worker is at the gate");
    gate.open();
    const { summary } = (await controlled)!;
    assertEquals({ computed: summary.computed, failures: summary.failures }, { computed: 31, failures: [] });
    assert(rig.launcher.list.some(({ spec }) => spec === "other"));
  });
});
