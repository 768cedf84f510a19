import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { join } from "@std/path/join";
import { describe, it } from "@std/testing/bdd";
import { TimeIsUp } from "../../../lib/core/system/stop_time.ts";
import { todoDir, workerDir } from "../../../lib/queue/layout.ts";
import { askToStop } from "../../../lib/queue/requests.ts";
import { fenceWorker } from "../../../lib/queue/fence.ts";
import { listWorkers } from "../../../lib/queue/worker_liveness.ts";
import { releaseClaim } from "../../../lib/store/claims/attempt_end.ts";
import { tryClaim } from "../../../lib/store/claims/claim.ts";
import { readEnds } from "../../../lib/store/results/ends.ts";
import { ARTIFACT, type Artifact, type CreateContext } from "../../../lib/task/artifact/artifact.ts";
import { exists, until } from "../../rig.ts";
import { artifact } from "../rig.ts";
import { Gate, WorkerRig } from "../worker_rig.ts";

const quick = (): number => 1;

/** Resolves when it has ended; a worker that does not within 15 s fails the test. */
async function end<T>(ended: Promise<T>, what = "the worker leaves"): Promise<T> {
  let over = false;
  const watched = ended.finally(() => over = true);
  watched.catch(() => {});
  await until(() => over, what);
  return await watched;
}

/** The one worker of the run. */
async function workerId(rig: WorkerRig): Promise<string> {
  const workers = await listWorkers(rig.process().store, rig.paths);
  return [...workers.keys()][0]!;
}

describe("a pool's worker", () => {
  it("computes what is queued for its spec alone, and leaves when it has had nothing to do", async () => {
    await using rig = new WorkerRig();
    const [a, b, gpu] = await rig.queued([
      artifact(quick),
      artifact(quick),
      artifact(quick, [], { spec: "gpu" }),
    ]);
    const { why, computed } = await end(rig.worker().ended);
    assertEquals(computed, 2);
    assertStringIncludes(why, "nothing to do for 0.2 s");
    assertEquals(rig.files("done"), [a!, b!].toSorted());
    assertEquals(rig.files("todo"), [gpu!]);
    const { store } = rig.process();
    assertEquals(await listWorkers(store, rig.paths), new Map(), "nothing of it is left");
  });

  it("names itself in the claims of its attempts", async () => {
    await using rig = new WorkerRig();
    const gate = new Gate();
    const root = artifact(gate.create);
    await rig.queued([root]);
    const worker = rig.worker();
    await rig.begun(1);
    const claim = JSON.parse(Deno.readTextFileSync(worker.runtime.store.paths(root).claim));
    assertEquals({ backend: claim.backend, worker: claim.worker, run: claim.run }, {
      backend: "slurm-pool",
      worker: await workerId(rig),
      run: rig.run.runId,
    });
    gate.open();
    assertEquals((await end(worker.ended)).computed, 1);
  });

  it("computes as many at once as it has slots, and no more", async () => {
    await using rig = new WorkerRig();
    const gate = new Gate();
    await rig.queued(Array.from({ length: 5 }, () => artifact(gate.create)));
    const worker = rig.worker({ slots: 3 });
    await rig.begun(3);
    assertEquals(rig.files("running").length, 3);
    gate.open();
    assertEquals((await end(worker.ended)).computed, 5);
    assertEquals(gate.most, 3);
  });

  it("shares the queue with others: each task is computed once", async () => {
    await using rig = new WorkerRig();
    let created = 0;
    await rig.queued(Array.from({ length: 60 }, () => artifact(() => ++created)));
    const workers = [1, 2, 3].map(() => rig.worker({ slots: 2 }));
    const results = await Promise.all(workers.map(({ ended }) => end(ended)));
    assertEquals(created, 60);
    assertEquals(results.reduce((sum, { computed }) => sum + computed, 0), 60);
    assertEquals(rig.files("done").length, 60);
  });

  it("writes how a task failed, with its attempt, its log and where that was", async () => {
    await using rig = new WorkerRig();
    const [file] = await rig.queued([artifact(() => {
      throw new RangeError("too large");
    })]);
    await end(rig.worker({ node: "n7" }).ended);
    assertEquals(rig.files("failed"), [file!]);
    const failure = (await rig.failure(file!))!;
    assertEquals({ kind: failure.kind, node: failure.node, storeAttempt: failure.storeAttempt }, {
      kind: "compute",
      node: "n7",
      storeAttempt: 1,
    });
    assertStringIncludes(failure.error, "too large");
    assertStringIncludes(failure.stack ?? "", "RangeError");
    assertMatch(failure.log ?? "", /1-[0-9a-f]+\.log$/);
  });

  it("reports as done what somebody else had stored already", async () => {
    await using rig = new WorkerRig();
    const root = artifact(quick);
    const [file] = await rig.queued([root]);
    await end(rig.worker().ended);
    const again = await rig.queue(root, { lost: 1 });
    const { computed } = await end(rig.worker().ended);
    assertEquals({ computed, done: rig.files("done") }, { computed: 0, done: [file!, again] });
  });

  it("reports as done, not as failed, when somebody else was first while it computed", async () => {
    await using rig = new WorkerRig();
    const root: Artifact = artifact(() => {
      const record = {
        schema: 1,
        identity: JSON.parse(root[ARTIFACT].identity),
        attempt: 1,
        id: "somebodyelse",
      };
      const rest = {
        files: false,
        value: 1,
        createdAt: new Date().toISOString(),
        durationMs: 1,
        provenance: {},
      };
      Deno.writeTextFileSync(path, JSON.stringify({ ...record, ...rest }));
      return 1;
    });
    await rig.queued([root]);
    const path = rig.process().store.paths(root).record;
    const worker = rig.worker();
    assertEquals((await end(worker.ended)).computed, 0);
    assertEquals(rig.files("done").length, 1);
    assertEquals(JSON.parse(Deno.readTextFileSync(path)).id, "somebodyelse");
    const ended = worker.events.find(({ type }) => type === "attempt_ended");
    assertEquals(ended?.type === "attempt_ended" && ended.outcome, "superseded");
  });

  it("moves to waiting what somebody outside of the run computes", async () => {
    await using rig = new WorkerRig();
    const root = artifact(quick);
    const [file] = await rig.queued([root]);
    const { store } = rig.process();
    const stranger = await tryClaim(store, store.paths(root), { backend: "get" });
    assert(stranger.kind === "claimed");
    const { computed } = await end(rig.worker().ended);
    assertEquals({ computed, waiting: rig.files("waiting") }, { computed: 0, waiting: [file!] });
    await releaseClaim(store, stranger.claim);
  });

  it("fails as protocol what is in todo and cannot be understood, under its own name, and goes on", async () => {
    await using rig = new WorkerRig();
    const good = artifact(quick);
    const [file] = await rig.queued([good]);
    const todo = todoDir(rig.paths, "default");
    const bad = {
      torn: `${"1".repeat(32)}.1.0.json`,
      foreign: `${"2".repeat(32)}.1.0.json`,
      unknown: `${"3".repeat(32)}.1.0.json`,
      otherSpec: `${"4".repeat(32)}.1.0.json`,
      otherTask: `${good.hash}.2.0.json`,
    };
    const task = (name: string, more = {}): string =>
      JSON.stringify({ schema: 1, hash: name.slice(0, 32), name: "x", spec: "default", ...more });
    Deno.writeTextFileSync(join(todo, bad.torn), task(bad.torn).slice(0, 20));
    Deno.writeTextFileSync(join(todo, bad.foreign), task(bad.unknown));
    Deno.writeTextFileSync(join(todo, bad.unknown), task(bad.unknown));
    Deno.writeTextFileSync(join(todo, bad.otherSpec), task(bad.otherSpec, { spec: "gpu" }));
    Deno.writeTextFileSync(join(todo, bad.otherTask), task(bad.otherTask));
    Deno.writeTextFileSync(join(todo, ".tmp-00000000-1-x-abc"), "left over");
    Deno.writeTextFileSync(join(todo, "notes.txt"), "not ours");
    await end(rig.worker().ended);
    assertEquals(rig.files("done"), [file!]);
    assertEquals(rig.files("failed"), Object.values(bad).toSorted());
    assertEquals(rig.files("todo"), [".tmp-00000000-1-x-abc", "notes.txt"]);
    for (const name of Object.values(bad)) assertEquals((await rig.failure(name))?.kind, "protocol", name);
  });

  it("tells in a file what it computes when that takes a while", async () => {
    await using rig = new WorkerRig();
    const root = artifact(async (ctx) => {
      ctx.progress(0.5, "half");
      await gate.create(ctx);
    });
    const gate = new Gate();
    await rig.queued([root]);
    const worker = rig.worker();
    await rig.begun(1);
    const path = join(rig.paths.workers, `${await workerId(rig)}.now.json`);
    await until(() => exists(path), "it tells");
    const { tasks: [now] } = JSON.parse(Deno.readTextFileSync(path));
    assertEquals({ hash: now.hash, attempt: now.attempt, fraction: now.fraction, message: now.message }, {
      hash: root.hash,
      attempt: 1,
      fraction: 0.5,
      message: "half",
    });
    gate.open();
    await end(worker.ended);
    assertEquals(exists(path), false);
  });
});

describe("a pool's worker that is to leave", () => {
  it("by a signal: puts back what had not begun, and fails as lost what had", async () => {
    await using rig = new WorkerRig();
    const gate = new Gate();
    const [file] = await rig.queued([artifact(gate.create)]);
    const worker = rig.worker();
    await rig.begun(1);
    worker.leave.abort(new Error("SIGTERM"));
    assertStringIncludes((await end(worker.ended)).why, "SIGTERM");
    assertEquals({ failed: rig.files("failed"), todo: rig.files("todo") }, { failed: [file!], todo: [] });
    const failure = (await rig.failure(file!))!;
    assertEquals({ kind: failure.kind, error: failure.error, storeAttempt: failure.storeAttempt }, {
      kind: "lost",
      error: "preempted: SIGTERM",
      storeAttempt: 1,
    });
    // One that was claimed and not begun keeps its name.
    const second = artifact(quick);
    await rig.queued([second]);
    const runtime = rig.process();
    const { readText } = runtime.machine.files;
    runtime.machine.files.readText = async (path) => {
      if (path.includes("/running/")) early.leave.abort(new Error("SIGTERM"));
      return await readText(path);
    };
    const early = rig.worker({ runtime });
    assertEquals((await end(early.ended)).computed, 0);
    assertEquals(early.leave.signal.aborted, true);
    assertEquals({ todo: rig.files("todo"), failed: rig.files("failed") }, {
      todo: [`${second.hash}.1.0.json`],
      failed: [],
    });
  });

  it("since its time is up: gives back what runs as it was, which costs the task nothing", async () => {
    await using rig = new WorkerRig();
    const gate = new Gate();
    const root = artifact(gate.create);
    const [file] = await rig.queued([root]);
    const worker = rig.worker();
    await rig.begun(1);
    worker.leave.abort(new TimeIsUp("the time of its job is nearly up"));
    assertStringIncludes((await end(worker.ended)).why, "nearly up");
    assertEquals({ failed: rig.files("failed"), todo: rig.files("todo") }, { failed: [], todo: [file!] });
    const { store } = rig.process();
    const [cut] = await readEnds(store, store.paths(root));
    assertEquals({ kind: cut?.kind, planned: cut?.planned }, { kind: "preempted", planned: true });
    gate.open();
    assertEquals((await end(rig.worker().ended)).computed, 1);
  });

  it("since its time is up: fails what had a whole job and saved nothing, and says what to do", async () => {
    for (const saves of [false, true]) {
      await using rig = new WorkerRig();
      const gate = new Gate();
      const create: typeof gate.create = async (context) => {
        const { checkpointDir } = context as CreateContext;
        if (saves) Deno.writeTextFileSync(join(checkpointDir, "state"), "half");
        return await gate.create(context);
      };
      const [file] = await rig.queued([artifact(create)]);
      const runtime = rig.process();
      const beganAt = runtime.machine.clock.monotonic();
      const span = { beganAt, endsAt: beganAt + 3_600_000, leadMs: 120_000, ownJob: true };
      const worker = rig.worker({ runtime, span });
      await rig.begun(1);
      // So that it had nearly all of the time from when the worker was ready.
      const readyAt = runtime.machine.clock.monotonic();
      await until(
        () => runtime.machine.clock.monotonic() - readyAt > 20 * (readyAt - beganAt),
        "time passes",
      );
      worker.leave.abort(new TimeIsUp("the time of its job is nearly up"));
      await end(worker.ended);
      const expected = saves ? { failed: [], todo: [file!] } : { failed: [file!], todo: [] };
      assertEquals({ failed: rig.files("failed"), todo: rig.files("todo") }, expected);
      if (saves) continue;
      const failure = (await rig.failure(file!))!;
      assertEquals([failure.kind, failure.lasting, failure.lack], ["compute", true, "time"]);
      assertStringIncludes(failure.error, "in a job of 60 minutes");
      assertStringIncludes(failure.error, "raise timeMin of spec 'default', or save what is done");
    }
  });

  it("since what there is to do takes longer than its job has left", async () => {
    await using rig = new WorkerRig();
    const second = artifact(quick);
    const runtime = rig.process();
    const { clock } = runtime.machine;
    const monotonic = clock.monotonic.bind(clock);
    let passedMs = 0;
    clock.monotonic = () => monotonic() + passedMs;
    const first = artifact(async () => {
      const path = join(todoDir(rig.paths, "default"), await rig.queue(second));
      const task = JSON.parse(Deno.readTextFileSync(path));
      Deno.writeTextFileSync(path, JSON.stringify({ ...task, timeLimitSec: 1800 }));
      passedMs = 1_800_000;
      return 1;
    });
    await rig.begin([first, second], { idleTimeoutSec: 600 });
    await rig.queue(first);
    const beganAt = clock.monotonic();
    const span = { beganAt, endsAt: beganAt + 3_600_000, leadMs: 120_000, ownJob: true };
    const { why, computed } = await end(rig.worker({ runtime, span }).ended);
    assertEquals(why, "what there is to do takes longer than its job has left");
    assertEquals({ computed, todo: rig.files("todo").length, failed: rig.files("failed") }, {
      computed: 1,
      todo: 1,
      failed: [],
    });
  });

  it("never, where a task's limit is longer than any job: that is said at once", async () => {
    await using rig = new WorkerRig();
    const [file] = await rig.queued([artifact(quick)]);
    const path = join(todoDir(rig.paths, "default"), file!);
    Deno.writeTextFileSync(
      path,
      JSON.stringify({ ...JSON.parse(Deno.readTextFileSync(path)), timeLimitSec: 3600 }),
    );
    const runtime = rig.process();
    const beganAt = runtime.machine.clock.monotonic() - 600_000;
    const span = { beganAt, endsAt: beganAt + 3_600_000, leadMs: 120_000, ownJob: true };
    await end(rig.worker({ runtime, span }).ended);
    const failure = (await rig.failure(file!))!;
    assertEquals([failure.kind, failure.lasting], ["compute", true]);
    assertMatch(
      failure.error,
      /may take 3600 s \(timeLimit\), and a job of spec 'default' that has just begun has \d+ s/,
    );
  });

  it("by the run's wish to drain: finishes what runs and begins nothing", async () => {
    await using rig = new WorkerRig();
    const gate = new Gate();
    await rig.queued([artifact(gate.create), artifact(gate.create)]);
    const runtime = rig.process();
    let seen = false;
    const { readText } = runtime.machine.files;
    runtime.machine.files.readText = async (path) => {
      const text = await readText(path);
      seen ||= path === rig.paths.stop;
      return text;
    };
    const worker = rig.worker({ runtime });
    await rig.begun(1);
    await askToStop(rig.process().store, rig.paths, "drain", "that was all");
    await until(() => seen, "it has seen that");
    gate.open();
    const { why, computed } = await end(worker.ended);
    assertEquals(computed, 1);
    assertEquals(why, "the run was told to drain: that was all");
    assertEquals({ done: rig.files("done").length, todo: rig.files("todo").length }, { done: 1, todo: 1 });
  });

  it("by the run's wish to stop: ends what runs as lost", async () => {
    await using rig = new WorkerRig();
    const gate = new Gate();
    const files = await rig.queued([artifact(gate.create), artifact(gate.create)]);
    const worker = rig.worker();
    await rig.begun(1);
    await askToStop(rig.process().store, rig.paths, "stop", "Ctrl-C");
    assertEquals((await end(worker.ended)).why, "the run was told to stop: Ctrl-C");
    const [failed] = rig.files("failed");
    assertEquals((await rig.failure(failed!))?.kind, "lost");
    assertEquals([failed!, ...rig.files("todo")].toSorted(), files.toSorted());
  });

  it("since it was declared dead: ends at once, ends what runs and moves nothing", async () => {
    await using rig = new WorkerRig();
    const gate = new Gate();
    const [file] = await rig.queued([artifact(gate.create)]);
    const worker = rig.worker({ slots: 2 });
    await rig.begun(1);
    const id = await workerId(rig);
    await fenceWorker(rig.process().store, rig.paths, { spec: "default", id }, {
      kind: "lost",
      why: "a test",
    });
    // With a free slot it notices when it next tries to claim something.
    const task = { schema: 1, hash: "5".repeat(32), name: "x", spec: "default" };
    Deno.writeTextFileSync(
      join(todoDir(rig.paths, "default"), `${task.hash}.1.0.json`),
      JSON.stringify(task),
    );
    const { why } = await end(worker.ended);
    assertStringIncludes(why, "was declared dead");
    assertEquals(gate.waiting, 0);
    assertEquals(exists(workerDir(rig.paths, "default", id)), false);
    assertEquals({ running: rig.files("running"), failed: rig.files("failed"), done: rig.files("done") }, {
      running: [file!],
      failed: [],
      done: [],
    });
  });

  it("since its job ends: takes no task that needs more time, and never tries that one again", async () => {
    await using rig = new WorkerRig();
    const [long, short] = await rig.queued([artifact(quick), artifact(quick)]);
    const limits = { [long!]: 3600, [short!]: 10 };
    for (const [file, timeLimitSec] of Object.entries(limits)) {
      const path = join(todoDir(rig.paths, "default"), file);
      Deno.writeTextFileSync(
        path,
        JSON.stringify({ ...JSON.parse(Deno.readTextFileSync(path)), timeLimitSec }),
      );
    }
    const runtime = rig.process();
    const moves: string[] = [];
    const { rename } = runtime.machine.files;
    runtime.machine.files.rename = (from, to) => {
      moves.push(to);
      return rename(from, to);
    };
    const beganAt = runtime.machine.clock.monotonic();
    const span = { beganAt, endsAt: beganAt + 600_000 };
    const { computed } = await end(rig.worker({ runtime, span }).ended);
    assertEquals({ computed, todo: rig.files("todo"), done: rig.files("done") }, {
      computed: 1,
      todo: [long!],
      done: [short!],
    });
    assertEquals(moves.filter((to) => to.includes("/todo/") && to.endsWith(long!)).length, 1);
  });

  it("since its job is nearly over: begins nothing", async () => {
    await using rig = new WorkerRig();
    await rig.queued([artifact(quick)], { idleTimeoutSec: 60 });
    const runtime = rig.process();
    const endsAt = runtime.machine.clock.monotonic() - 1;
    const span = { beganAt: endsAt - 60_000, endsAt };
    const { why, computed } = await end(rig.worker({ runtime, span }).ended);
    assertEquals({ why, computed }, { why: "the time of its job is nearly up", computed: 0 });
  });
});
