import { assertEquals, assertRejects } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { SlurmError } from "../../../lib/core/errors.ts";
import { hasRemainingWork } from "../../../lib/pool/worker/static_fleet.ts";
import { until } from "../../rig.ts";
import { artifact, PoolRig, within } from "../rig.ts";
import { WorkerRig } from "../worker_rig.ts";

describe("where jobs cannot submit jobs", () => {
  it("a controller submits and cancels no workers, and ends the run when none is left for a task", async () => {
    await using rig = new PoolRig({ leaseSec: 2 });
    await rig.begin([artifact(() => 1), artifact(() => 2, [], { spec: "other" })], { keepGoing: true });
    Object.assign(rig.launcher, { canSubmit: false });
    rig.launcher.starts = false;
    const [first, spare] = [rig.launcher.add("default"), rig.launcher.add("default")];
    const controlled = rig.control();
    const refused = assertRejects(
      () => controlled,
      SlurmError,
      "Cannot compute 1 task of spec 'other' as none of its workers is left",
    );
    rig.launcher.begin(first);
    await until(() => rig.files("done").length === 1, "the other task is done");
    // More than there is work for: nobody could submit it again.
    assertEquals({ status: spare.state.status, cancelled: rig.launcher.cancelled }, {
      status: "pending",
      cancelled: [],
    });
    await refused;
    assertEquals(rig.launcher.submitted, []);
  });

  it("a worker that has nothing to do stays as long as there may be something for its spec", async () => {
    await using rig = new WorkerRig();
    const [now, later] = [artifact(() => 1), artifact(() => 2)];
    await rig.begin([now, later, artifact(() => 3, [], { spec: "other" })], { idleTimeoutSec: 0.2 });
    await rig.queue(now);
    const runtime = rig.process();
    rig.run = { ...rig.run, detached: true, config: { ...rig.run.config, slurm: { nodesSubmit: false } } };
    const { files } = runtime.machine;
    const list = files.list.bind(files);
    let looks = 0;
    files.list = (dir) => {
      if (dir === runtime.store.paths(later).taskDir) looks++;
      return list(dir);
    };
    const { ended } = rig.worker({ runtime });
    await until(() => looks > 0, "it has looked what is left");
    await rig.queue(later);
    const { why, computed } = await within(ended, "it leaves");
    assertEquals({ why, computed }, { why: "there was nothing to do for 0.2 s", computed: 2 });
  });

  it("there is nothing left for a spec when all of it is stored, unless that is made anew", async () => {
    await using rig = new PoolRig();
    const one = artifact(() => 1);
    await rig.begin([one, artifact(() => 2, [], { spec: "other" })]);
    const runtime = rig.process();
    const left = (spec: string, more: Partial<typeof rig.run> = {}) =>
      hasRemainingWork(runtime, { ...rig.run, ...more }, more.nodes ?? rig.run.nodes, spec);
    assertEquals(await left("default"), true);
    await rig.begin([one]);
    await rig.control();
    assertEquals(await left("default"), false);
    assertEquals(await left("none"), false);
    for (const more of [{ force: "ALL" as const }, { force: [one.name] }, { invalid: [one.hash] }]) {
      assertEquals(await left("default", more), true);
    }
  });
});
