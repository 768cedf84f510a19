import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { join } from "@std/path/join";
import { SlurmError } from "../../../lib/core/errors.ts";
import { acquireLeadership } from "../../../lib/pool/leadership.ts";
import { enterQueue } from "../../../lib/queue/worker_dir.ts";
import { todoDir } from "../../../lib/queue/layout.ts";
import { until } from "../../rig.ts";
import { artifact, PoolRig, TIMING } from "../rig.ts";
import { Gate } from "../worker_rig.ts";

describe("the workers of a pool", () => {
  it("are submitted with the first task, not with the next look at the jobs", async () => {
    await using rig = new PoolRig();
    await rig.begin([artifact(() => 1)], { maxWorkers: 1 });
    // The next look would be after the test's limit of 20 s.
    const result = await rig.control({ timing: { ...TIMING, roundMs: 60_000 } });
    assertEquals(result?.summary.computed, 1);
  });

  it("count as never begun when their jobs run for long and no worker enters", async () => {
    await using rig = new PoolRig({ staleAfterSec: 0.2 });
    await rig.begin([artifact(() => 1)], { maxWorkers: 1 });
    rig.launcher.starts = false;
    const jobs = rig.launcher.jobs.bind(rig.launcher);
    rig.launcher.jobs = () => {
      for (const job of rig.launcher.list) job.state = { status: "running", text: "RUNNING" };
      return jobs();
    };
    const error = await assertRejects(() => rig.control(), SlurmError);
    assertMatch(error.message, /3 jobs in a row.*job-2.*it has run for 0.2 s, and its worker has not begun/);
    // One at a time: none is submitted beside one that may yet begin.
    assertEquals(rig.launcher.submitted.map(({ count }) => count), [1, 1, 1]);
  });

  it("do all of the work when no more can be submitted, and people are told once", async () => {
    await using rig = new PoolRig();
    const tasks = Array.from({ length: 8 }, () => artifact(() => 1));
    const gate = new Gate();
    await rig.begin([artifact(gate.create), ...tasks], { maxWorkers: 4 });
    const submit = rig.launcher.submit.bind(rig.launcher);
    rig.launcher.submit = async (request) => {
      const taken = await submit({ ...request, count: 1 });
      rig.launcher.refusal = new SlurmError("sbatch: error: submission from compute nodes is not allowed");
      return taken;
    };
    const controlled = rig.control();
    const refused = (): string[] => rig.messages.filter((text) => text.includes("cannot start workers"));
    await until(() => refused().length > 0 && gate.waiting === 1, "a submission was refused");
    gate.open();
    assertEquals((await controlled)?.summary.computed, 9);
    assertEquals({ list: rig.launcher.list.length, refused: refused().length }, { list: 1, refused: 1 });
    assertStringIncludes(refused()[0]!, "submission from compute nodes is not allowed");
  });

  it("are said to be submitted when they are, not while a limit of the site lets in none", async () => {
    await using rig = new PoolRig();
    await rig.begin([artifact(() => 1), artifact(() => 2), artifact(() => 3)], { maxWorkers: 3 });
    const submit = rig.launcher.submit.bind(rig.launcher);
    const limits = [0, 0, 2];
    rig.launcher.submit = (request) => {
      const count = limits.shift() ?? request.count;
      return count === 0 ? Promise.resolve({ taken: 0 }) : submit({ ...request, count });
    };
    await rig.control();
    const told = rig.messages.filter((text) => text.startsWith("submitted"));
    assertEquals(told[0], "submitted 2 workers of spec 'default'");
    assertEquals(limits, []);
  });

  it("leave tasks that fail when the last one is gone and no other can be submitted", async () => {
    await using rig = new PoolRig({ slurm: { refusalSec: 0 } });
    await rig.begin([artifact(() => 1), artifact(() => 2)], { maxWorkers: 1 });
    rig.launcher.planOf = () => ({ diesAt: { task: 1, begun: false }, loss: "node-failure" });
    const submit = rig.launcher.submit.bind(rig.launcher);
    rig.launcher.submit = async (request) => {
      const taken = await submit(request);
      rig.launcher.refusal = new SlurmError("sbatch: error: submission from compute nodes is not allowed");
      return taken;
    };
    const [failure] = (await rig.control())?.summary.failures ?? [];
    assertStringIncludes(failure?.error ?? "", "submission from compute nodes is not allowed");
    assertEquals(rig.files("done").length, 1);
  });

  it("of a detached run have an heir that waits for all that live, and whose lack ends nothing", async () => {
    await using rig = new PoolRig();
    const gate = new Gate();
    await rig.begin([artifact(gate.create), artifact(gate.create)], { maxWorkers: 2 });
    rig.run = { ...rig.run, detached: true };
    const heirs: string[][] = [];
    Object.assign(rig.launcher, {
      keepStandby: (keys: readonly string[]) => {
        heirs.push([...keys]);
        return heirs.length === 1 ? Promise.reject(new SlurmError("sbatch: busy")) : Promise.resolve();
      },
    });
    const controlled = rig.control();
    await until(() => gate.waiting === 2 && heirs.length > 0, "both work");
    gate.open();
    assertEquals((await controlled)?.summary.computed, 2);
    assertEquals(heirs.findLast((keys) => keys.length === 2), ["job-0", "job-1"]);
    assertEquals(
      rig.messages.filter((text) => /^cannot keep a standby controller: .*sbatch: busy$/.test(text)).length,
      1,
    );
  });
});

describe("the worker beside whose tasks a run is controlled", () => {
  it("takes no other spec's room while it has no task of its own", async () => {
    await using rig = new PoolRig();
    const stored = artifact(() => 1);
    await rig.begin([stored]);
    await rig.control();
    await rig.begin([artifact(() => 1, [stored], { spec: "other" })], { maxWorkers: 1 });
    const runtime = rig.process();
    const idle = await enterQueue(rig.process().store, rig.paths, { spec: "default", node: "n1", slots: 1 });
    const { files } = runtime.machine;
    const { open, list } = files;
    let opened = false;
    let rounds = 0;
    files.open = (path) => {
      opened ||= path === idle.files.record;
      return open.call(files, path);
    };
    // A round that begins after that look has its worker looked at.
    files.list = (path) => {
      if (opened && path === rig.paths.workers) rounds++;
      return list.call(files, path);
    };
    const jobs = rig.launcher.jobs.bind(rig.launcher);
    rig.launcher.jobs = async () => {
      await until(() => rounds > 0, "the controller knows of its own worker");
      return await jobs();
    };
    const claim = await acquireLeadership(runtime, rig.paths, { runId: rig.run.runId, worker: idle.id });
    assert(typeof claim === "object");
    assertEquals((await rig.control({ runtime, claim }))?.summary.computed, 1);
    assertEquals(rig.launcher.submitted.map(({ spec, count }) => [spec, count]), [["other", 1]]);
    await idle.leave();
  });
});

describe("a task that was withdrawn by somebody who thought to be the controller", () => {
  it("is put into the queue again", async () => {
    await using rig = new PoolRig();
    const only = artifact(() => 1);
    await rig.begin([only], { maxWorkers: 1 });
    rig.launcher.starts = false;
    const controlled = rig.control();
    const file = `${only.hash}.1.0.json`;
    await until(() => rig.files("todo").includes(file), "it is queued");
    await Deno.rename(join(todoDir(rig.paths, "default"), file), join(rig.paths.withdrawn, file));
    await until(() => rig.files("todo").includes(file), "it is queued again");
    await until(() => rig.launcher.list.length > 0, "a worker is submitted");
    rig.launcher.begin(rig.launcher.list[0]!);
    assertEquals((await controlled)?.summary.computed, 1);
    assert(rig.files("withdrawn").length === 0);
  });
});
