import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { delay } from "@std/async/delay";
import { describe, it } from "@std/testing/bdd";
import { join } from "@std/path/join";
import { ProtocolError, SlurmError, TooLittleError } from "../../../lib/core/errors.ts";
import { readEnded } from "../../../lib/pool/ended.ts";
import { currentContext } from "../../../lib/run/context.ts";
import { readEnds } from "../../../lib/store/results/ends.ts";
import type { Artifact } from "../../../lib/task/artifact/artifact.ts";
import { until } from "../../rig.ts";
import { artifact, PoolRig, TIMING } from "../rig.ts";
import { Gate } from "../worker_rig.ts";

const retry = { retryFailed: true, maxComputeRetries: 2, maxPreemptRetries: 2 };

describe("failures in a pool", () => {
  it("tries a failed task again within its bounds, and then tells which it was", async () => {
    await using rig = new PoolRig(retry);
    let starts = 0;
    const bad = artifact(() => {
      starts++;
      throw new Error("too bad");
    });
    await rig.begin([artifact(() => 1, [bad])]);
    const result = await rig.control();
    assertEquals(starts, 3);
    const [failure] = result!.summary.failures;
    assertEquals({ kind: failure?.kind, attempts: failure?.attempts, error: failure?.error }, {
      kind: "compute",
      attempts: 3,
      error: "too bad",
    });
    assertEquals({ retries: result?.summary.retries, notRun: result?.summary.notRun }, {
      retries: 2,
      notRun: 1,
    });
    assertEquals(rig.files("failed"), [`${bad.hash}.3.0.json`]);
  });

  it("does not try again what trying again cannot help, as a value that cannot be stored", async () => {
    await using rig = new PoolRig(retry);
    let starts = 0;
    const bad = artifact(() => {
      starts++;
      return { model: new (class Model {})() };
    });
    await rig.begin([bad]);
    const result = await rig.control();
    const [failure] = result!.summary.failures;
    assertEquals({ starts, kind: failure?.kind, attempts: failure?.attempts, lasting: failure?.lasting }, {
      starts: 1,
      kind: "compute",
      attempts: 1,
      lasting: true,
    });
    assertStringIncludes(failure!.error, "it is an instance of Model");
    const [end] = await readEnds(rig.process().store, rig.process().store.paths(bad));
    assertEquals(end?.lasting, true);
  });

  it("goes on with the next spec after too little, which counts as no retry, and at the last one fails", async () => {
    await using rig = new PoolRig({ ...retry, maxComputeRetries: 0 });
    const specs: string[] = [];
    const hungry = (most: string): Artifact =>
      artifact(
        () => {
          const context = currentContext();
          const spec = context?.mode === "executor" ? context.spec! : "none";
          specs.push(spec);
          if (spec !== most) throw new TooLittleError("memory", `${spec} is too little`);
          return spec;
        },
        [],
        { spec: ["small", "big", "huge"] },
      );
    const [good, bad] = [hungry("huge"), hungry("larger still")];
    await rig.begin([good], { keepGoing: true });
    const { summary } = (await rig.control())!;
    assertEquals({ specs, computed: summary.computed, retries: summary.retries }, {
      specs: ["small", "big", "huge"],
      computed: 1,
      retries: 2,
    });
    assertEquals(rig.files("done"), [`${good.hash}.1.0.mm.json`]);
    const told = rig.events.flatMap((event) => event.type === "node_retry" ? [[event.spec, event.left]] : []);
    assertEquals(told, [["big", 2], ["huge", 1]]);
    const { store } = rig.process();
    const ends = await readEnds(store, store.paths(good));
    assertEquals(ends.map(({ spec, lack }) => [spec, lack]), [["small", "memory"], ["big", "memory"]]);
    await rig.begin([bad]);
    const [failure] = (await rig.control())!.summary.failures;
    assertEquals({ attempts: failure?.attempts, lasting: failure?.lasting }, { attempts: 3, lasting: true });
    assertStringIncludes(failure!.error, "after specs 'small', 'big' and 'huge' there is none to go on with");
  });

  it("goes on with the next spec when the job of a worker has had too little memory", async () => {
    await using rig = new PoolRig(retry);
    const hungry = artifact(() => 1, [], { spec: ["small", "big"] });
    await rig.begin([hungry]);
    rig.launcher.planOf = (order) => order === 0 ? { diesAt: { task: 0, begun: true }, lack: "memory" } : {};
    const { summary } = (await rig.control())!;
    assertEquals({ computed: summary.computed, failures: summary.failures }, { computed: 1, failures: [] });
    assertEquals(rig.files("done"), [`${hungry.hash}.1.0.m.json`]);
    const { store } = rig.process();
    const [end] = await readEnds(store, store.paths(hungry));
    assertEquals([end?.kind, end?.lack, end?.spec], ["crashed", "memory", "small"]);
  });

  it("withdraws what no worker has begun when a task has failed for good", async () => {
    await using rig = new PoolRig({ maxComputeRetries: 0 });
    let begun = 0;
    const bad = artifact(
      () => {
        throw new Error("too bad");
      },
      [],
      { spec: "quick" },
    );
    const others = Array.from({ length: 20 }, () => artifact(() => begun++));
    await rig.begin([bad, ...others]);
    rig.launcher.starts = false;
    const ended = rig.control();
    const submitted = (): boolean => rig.launcher.list.some(({ spec }) => spec === "quick");
    await until(
      () => submitted() && rig.files("todo").length === 21,
      "all is queued, and a worker submitted",
    );
    rig.launcher.begin(rig.launcher.list.find(({ spec }) => spec === "quick")!);
    const result = await ended;
    assertEquals({ failures: result?.summary.failures.length, notRun: result?.summary.notRun, begun }, {
      failures: 1,
      notRun: 20,
      begun: 0,
    });
    assertEquals({ todo: rig.files("todo").length, withdrawn: rig.files("withdrawn").length }, {
      todo: 0,
      withdrawn: 20,
    });
  });

  it("goes on with all that does not depend on a failure when it is told to", async () => {
    await using rig = new PoolRig({ maxComputeRetries: 0 });
    const bad = artifact(() => {
      throw new Error("too bad");
    });
    const others = Array.from({ length: 5 }, () => artifact(() => 1));
    await rig.begin([artifact(() => 2, [bad]), ...others], { keepGoing: true });
    const { summary } = (await rig.control())!;
    assertEquals({ computed: summary.computed, failures: summary.failures.length, notRun: summary.notRun }, {
      computed: 5,
      failures: 1,
      notRun: 1,
    });
  });

  it("fails a node whose files cannot be read, once and alone, whether that is seen before the run or by a worker", async () => {
    await using rig = new PoolRig(retry);
    const damaged = artifact(() => 1);
    const { store } = rig.process();
    const write = (of: Artifact, file: string, text: string): void => {
      const { record, claim } = store.paths(of);
      const path = file === "record" ? record : claim;
      Deno.mkdirSync(join(path, ".."), { recursive: true });
      Deno.writeTextFileSync(path, text);
    };
    write(damaged, "record", "");
    const late: Artifact[] = [];
    const first = artifact(() => {
      write(late[0]!, "record", '{"schema":1,');
      write(late[1]!, "claim", '{"schema":2}');
      return 1;
    });
    late.push(artifact(() => 1, [first]), artifact(() => 1, [first]));
    const others = Array.from({ length: 5 }, () => artifact(() => 1, [first]));
    await rig.begin([damaged, ...late, artifact(() => 2, [damaged]), ...others], { keepGoing: true });
    const { summary } = (await rig.control())!;
    assertEquals({ computed: summary.computed, retries: summary.retries, notRun: summary.notRun }, {
      computed: 6,
      retries: 0,
      notRun: 1,
    });
    const byName = new Map(summary.failures.map((failure) => [failure.hash, failure.error]));
    assertEquals(byName.size, 3);
    assertStringIncludes(byName.get(damaged.hash)!, `${store.paths(damaged).record} is empty`);
    assertStringIncludes(byName.get(late[0]!.hash)!, `${store.paths(late[0]!).record} is truncated`);
    assertStringIncludes(byName.get(late[1]!.hash)!, ".claim: it has schema version 2");
  });

  it("counts a worker that vanished against the task: 3 starts with 2 retries, and then no more", async () => {
    await using rig = new PoolRig(retry);
    const killer = artifact(() => 1);
    await rig.begin([killer]);
    rig.launcher.planOf = () => ({ diesAt: { task: 0, begun: true } });
    const { summary } = (await rig.control())!;
    const [failure] = summary.failures;
    assertEquals({ kind: failure?.kind, attempts: failure?.attempts }, { kind: "compute", attempts: 3 });
    assertStringIncludes(failure?.error ?? "", "killed by SIGKILL");
    assertEquals(rig.files("failed"), [`${killer.hash}.3.0.json`]);
    const { store } = rig.process();
    const ends = await readEnds(store, store.paths(killer));
    assertEquals(ends.map(({ kind }) => kind), ["crashed", "crashed", "crashed"]);
  });

  it("has another budget for a worker that was lost through no fault of the task", async () => {
    await using rig = new PoolRig({ ...retry, maxComputeRetries: 0 });
    const victim = artifact(() => 1);
    await rig.begin([victim]);
    rig.launcher.planOf = (order) =>
      order < 2 ? { diesAt: { task: 0, begun: order === 0 }, loss: "preempted" } : {};
    const { summary } = (await rig.control())!;
    assertEquals({ computed: summary.computed, failures: summary.failures, retries: summary.retries }, {
      computed: 1,
      failures: [],
      retries: 2,
    });
    assertEquals(rig.files("done"), [`${victim.hash}.1.2.json`]);
  });

  it("ends as lost when that budget is used up", async () => {
    await using rig = new PoolRig(retry);
    const victim = artifact(() => 1);
    await rig.begin([victim]);
    rig.launcher.planOf = () => ({ diesAt: { task: 0, begun: true }, loss: "node-failure" });
    const { summary } = (await rig.control())!;
    assertEquals({ kind: summary.failures[0]?.kind, attempts: summary.failures[0]?.attempts }, {
      kind: "lost",
      attempts: 3,
    });
  });

  it("takes a result that a dead worker has left", async () => {
    await using rig = new PoolRig({ maxComputeRetries: 0 });
    let starts = 0;
    const only = artifact(() => ++starts);
    await rig.begin([only]);
    rig.launcher.planOf = () => ({ diesAt: { task: 0, begun: false, done: true } });
    const { summary } = (await rig.control())!;
    assertEquals({ computed: summary.computed, failures: summary.failures, starts }, {
      computed: 1,
      failures: [],
      starts: 1,
    });
    assertEquals(rig.files("done"), [`${only.hash}.1.0.json`]);
  });

  it("finds a worker dead whose process is gone though its scheduler has not noticed", async () => {
    await using rig = new PoolRig(retry);
    await rig.begin([artifact(() => 1)]);
    rig.launcher.notices = false;
    rig.launcher.planOf = (order) => order === 0 ? { diesAt: { task: 0, begun: true } } : {};
    const { summary } = (await rig.control())!;
    assertEquals({ computed: summary.computed, retries: summary.retries }, { computed: 1, retries: 1 });
    assert(rig.messages.some((text) => /worker .* counts as dead: its process .* is gone/.test(text)));
  });

  it("queues the tasks of a worker that never gave a sign of life again at no cost, and then fails", async () => {
    await using rig = new PoolRig({ ...retry, leaseSec: 2, heartbeatSec: 0.6 });
    const only = artifact(() => 1);
    await rig.begin([only]);
    rig.launcher.planOf = (order) => ({ silent: order < 1 });
    // The workers of these tests never beat; one that works is long gone before that could matter.
    const { summary } = (await rig.control())!;
    assertEquals({ computed: summary.computed, retries: summary.retries }, { computed: 1, retries: 0 });
    assertEquals(rig.files("done"), [`${only.hash}.1.0.json`]);
  });

  it("fails as a protocol failure when a second worker gives no sign of life", async () => {
    await using rig = new PoolRig({ ...retry, leaseSec: 0.2, heartbeatSec: 0.06 });
    const only = artifact(() => 1);
    await rig.begin([only]);
    rig.launcher.planOf = () => ({ silent: true });
    const { summary } = (await rig.control())!;
    assertEquals(summary.failures.map(({ kind }) => kind), ["protocol"]);
    assertMatch(
      summary.failures[0]!.error,
      /second time in the run.*\n.*artifact .*, spec 'default', worker .*kind protocol/,
    );
  });

  it("stops at once at a task file that cannot be read, and names all that helps to find it", async () => {
    await using rig = new PoolRig();
    const only = artifact(() => 1);
    await rig.begin([only, artifact(() => 2)]);
    rig.launcher.starts = false;
    const ended = rig.control();
    await until(() => rig.launcher.list.length >= 2 && rig.files("todo").length === 2, "all is queued");
    const file = `${only.hash}.1.0.json`;
    await Deno.writeTextFile(
      join(rig.paths.failed, `${only.hash}.1.0.error.json`),
      JSON.stringify({
        schema: 1,
        kind: "protocol",
        error: "Cannot use the task file",
        worker: "w1",
        at: "",
      }),
    );
    await Deno.rename(join(rig.paths.todo, "default", file), join(rig.paths.failed, file));
    const { summary } = (await ended)!;
    const [failure] = summary.failures;
    assertEquals({ kind: failure?.kind, notRun: summary.notRun }, { kind: "protocol", notRun: 1 });
    for (
      const part of [join(rig.paths.failed, file), only.hash, "'default'", "w1", "attempt 1", "Cannot use"]
    ) {
      assertStringIncludes(failure!.error, part);
    }
    assertEquals(rig.files("todo"), []);
  });

  it("believes no task to be done without its success record", async () => {
    await using rig = new PoolRig();
    const only = artifact(() => 1);
    await rig.begin([only]);
    rig.launcher.planOf = () => ({ lies: 1 });
    const { summary } = (await rig.control())!;
    assertEquals({ computed: summary.computed, retries: summary.retries }, { computed: 1, retries: 1 });
    assertEquals(rig.files("done"), [`${only.hash}.1.1.json`]);
  });

  it("queues a task again whose file vanished", async () => {
    await using rig = new PoolRig();
    const only = artifact(() => 1);
    await rig.begin([only]);
    rig.launcher.starts = false;
    const ended = rig.control();
    await until(() => rig.files("todo").length === 1 && rig.launcher.list.length === 1, "it is queued");
    await Deno.remove(join(rig.paths.todo, "default", `${only.hash}.1.0.json`));
    rig.launcher.begin(rig.launcher.list[0]!);
    const { summary } = (await ended)!;
    assertEquals({ computed: summary.computed, done: rig.files("done") }, {
      computed: 1,
      done: [`${only.hash}.1.0.json`],
    });
  });

  it("ends when the jobs of a spec end again and again before their workers begin", async () => {
    await using rig = new PoolRig();
    await rig.begin([artifact(() => 1)]);
    rig.launcher.planOf = () => ({ never: "FAILED exit 127" });
    const error = await assertRejects(() => rig.control(), SlurmError);
    assertMatch(error.message, /workers of spec 'default': 3 jobs in a row.*job-2 on node2: FAILED exit 127/);
    assertEquals(rig.launcher.submitted.length, 3);
    const ended = await readEnded(rig.process().store, rig.paths);
    assertStringIncludes(ended?.error ?? "", "3 jobs in a row");
  });

  it("fails the tasks of a spec that no worker can be submitted for, in the words of who refused", async () => {
    await using rig = new PoolRig({ slurm: { refusalSec: 0.5 } });
    await rig.begin([artifact(() => 1, [], { spec: "gpu" }), artifact(() => 2)], { keepGoing: true });
    const submit = rig.launcher.submit.bind(rig.launcher);
    let asked = 0;
    const error = new SlurmError("sbatch: invalid partition");
    rig.launcher.submit = (request) => {
      if (request.spec === "default") return submit(request);
      asked++;
      return Promise.resolve({ taken: 0, refusal: { kind: "refused", error } });
    };
    const summary = (await rig.control())?.summary;
    assertEquals(summary?.computed, 1, "the other spec's task");
    assertEquals(summary?.failures.map(({ kind, attempts }) => ({ kind, attempts })), [
      { kind: "lost", attempts: 0 },
    ]);
    assertStringIncludes(summary?.failures[0]?.error ?? "", "invalid partition");
    assert(asked > 1, `${asked}`);
    const told = rig.messages.filter((text) => text.includes("they are asked for again"));
    assertEquals(told.length, 1, rig.messages.join("\n"));
  });

  it("goes on when workers are refused three times within a moment", async () => {
    await using rig = new PoolRig();
    await rig.begin([artifact(() => 1)]);
    const submit = rig.launcher.submit.bind(rig.launcher);
    let asked = 0;
    const error = new SlurmError("sbatch: Required partition not available (inactive or drain)");
    rig.launcher.submit = (request) =>
      ++asked <= 3 ? Promise.resolve({ taken: 0, refusal: { kind: "refused", error } }) : submit(request);
    assertEquals((await rig.control())?.summary.computed, 1);
  });

  it("fails the tasks when submissions are refused after they were taken, again and again", async () => {
    await using rig = new PoolRig({ slurm: { refusalSec: 0 } });
    await rig.begin([artifact(() => 1)]);
    rig.launcher.lateRefusal = new SlurmError("sbatch: invalid account");
    const summary = (await rig.control())?.summary;
    assertStringIncludes(summary?.failures[0]?.error ?? "", "invalid account");
  });

  it("ends, too, when the workers that there are cannot be cancelled", async () => {
    await using rig = new PoolRig();
    await rig.begin([artifact(() => 1)]);
    rig.launcher.planOf = () => ({ never: "FAILED exit 127" });
    rig.launcher.cancelAll = () => Promise.reject(new SlurmError("scancel: not today"));
    await assertRejects(() => rig.control(), SlurmError, "3 jobs in a row");
    assertStringIncludes((await readEnded(rig.process().store, rig.paths))?.error ?? "", "3 jobs in a row");
    assert(rig.messages.some((text) => text.includes("scancel: not today")), rig.messages.join("\n"));
  });

  it("submits no worker before it has read what the last one gave back, which may exclude its node", async () => {
    await using rig = new PoolRig();
    await rig.begin([artifact(() => 1), artifact(() => 2)], { maxWorkers: 1 });
    rig.launcher.nodeOf = (order) => [1, 2].includes(order) ? "broken" : "good";
    rig.launcher.planOf = (order) =>
      order === 0 ? { diesAt: { task: 1, begun: false }, loss: "preempted" } : { unstartable: order < 3 };
    const runtime = rig.process();
    const { files } = runtime.machine;
    const list = files.list.bind(files);
    files.list = async (dir) => {
      if (dir === rig.paths.failed) await delay(10 * TIMING.roundMs);
      return await list(dir);
    };
    assertEquals((await rig.control({ runtime }))?.summary.computed, 2);
    assertEquals(rig.launcher.submitted.map(({ exclude }) => exclude), [[], [], [], ["broken"]]);
  });

  it("excludes a node on which tasks cannot start twice in a row", async () => {
    await using rig = new PoolRig();
    const tasks = Array.from({ length: 6 }, () => artifact(() => 1));
    await rig.begin(tasks, { maxWorkers: 1 });
    rig.launcher.nodeOf = (order) => [1, 2].includes(order) ? "broken" : "good";
    // The first worker does some and dies, the next two cannot.
    rig.launcher.planOf = (order) =>
      order === 0 ? { diesAt: { task: 2, begun: false }, loss: "preempted" } : { unstartable: order < 3 };
    const ended = rig.control();
    await until(
      () => rig.messages.some((text) => text.includes("node broken is not used any more")),
      "excluded",
    );
    const { summary } = (await ended)!;
    assertEquals(summary.computed, 6);
    assertEquals(rig.launcher.submitted.map(({ exclude }) => exclude), [[], [], [], ["broken"]]);
    assertEquals(rig.messages.filter((text) => text.includes("not used any more")).length, 1);
  });

  it("fails when no node can start any task", async () => {
    await using rig = new PoolRig();
    await rig.begin([artifact(() => 1)]);
    rig.launcher.planOf = () => ({ unstartable: true });
    const { summary } = (await rig.control())!;
    assertEquals(summary.failures.map(({ kind }) => kind), ["protocol"]);
    assertStringIncludes(summary.failures[0]!.error, "Cannot import it here");
  });

  it("is no interruption by somebody else, however long it takes to cancel the workers", async () => {
    await using rig = new PoolRig();
    const gate = new Gate();
    await rig.begin([artifact(gate.create), artifact(gate.create)], { maxWorkers: 1 });
    const runtime = rig.process();
    const { files, clock } = runtime.machine;
    const list = files.list.bind(files);
    let looks = 0;
    files.list = (dir) => {
      if (dir === rig.paths.done) looks++;
      return list(dir);
    };
    const cancelAll = rig.launcher.cancelAll.bind(rig.launcher);
    rig.launcher.cancelAll = async () => {
      const [since, before] = [clock.monotonic(), looks];
      // A request to stop is looked for once a second, beside the results.
      await until(() => looks > before + 2 && clock.monotonic() - since > 1500, "it goes on looking");
      await cancelAll();
    };
    const ended = rig.control({ runtime });
    await until(() => gate.waiting === 1 && rig.files("todo").length === 1, "one of them has begun");
    const [file = ""] = rig.files("todo");
    await Deno.writeTextFile(
      join(rig.paths.failed, file.replace(/json$/, "error.json")),
      JSON.stringify({ schema: 1, kind: "protocol", error: "too bad", worker: "w1", at: "" }),
    );
    await Deno.rename(join(rig.paths.todo, "default", file), join(rig.paths.failed, file));
    const { summary, interrupted } = (await ended)!;
    assertEquals({ kind: summary.failures[0]?.kind, interrupted }, { kind: "protocol", interrupted: false });
  });

  it("excludes a node that workers refuse, by their own word", async () => {
    await using rig = new PoolRig();
    await rig.begin([artifact(() => 1)], { maxWorkers: 1 });
    rig.launcher.nodeOf = (order) => order < 2 ? "broken" : "good";
    rig.launcher.planOf = (order) => order < 2 ? { refuses: "node" } : {};
    const { summary } = (await rig.control())!;
    assertEquals(summary.computed, 1);
    assertEquals(rig.launcher.submitted.map(({ exclude }) => exclude), [[], [], ["broken"]]);
  });

  it("lets a worker on an excluded node finish what it computes, and take nothing more", async () => {
    await using rig = new PoolRig();
    const gate = new Gate();
    let starts = 0;
    const long = artifact(
      (ctx) => {
        starts++;
        return gate.create(ctx);
      },
      [],
      { spec: "long" },
    );
    await rig.begin([long, artifact(() => 1)], { maxWorkers: 4, idleTimeoutSec: 600 });
    rig.launcher.starts = false;
    rig.launcher.nodeOf = (order) => order < 4 ? "broken" : "good";
    const controlled = rig.control();
    await until(() => rig.launcher.list.length === 2, "a worker of each spec is submitted");
    const [first, second] = rig.launcher.list;
    rig.launcher.begin(first!.spec === "long" ? first! : second!);
    const computes = (): boolean =>
      [...Deno.readDirSync(rig.paths.workers)].some(({ name }) => name.endsWith(".now.json"));
    await until(() => gate.waiting === 1 && computes(), "it says that it computes");
    rig.launcher.planOf = (order) => order < 4 ? { refuses: "node" } : {};
    rig.launcher.starts = true;
    rig.launcher.begin(first!.spec === "long" ? second! : first!);
    await until(() => rig.messages.some((text) => text.startsWith("node broken is not used")), "excluded");
    await until(
      () => [...Deno.readDirSync(rig.paths.workers)].some(({ name }) => name.endsWith(".leave.json")),
      "told",
    );
    gate.open();
    const { summary } = (await controlled)!;
    assertEquals({ computed: summary.computed, retries: summary.retries, starts }, {
      computed: 2,
      retries: 0,
      starts: 1,
    });
  });

  it("tries excluded nodes again, once, for a spec that has had no worker for long, and then ends", async () => {
    await using rig = new PoolRig({ staleAfterSec: 0.3 });
    await rig.begin([artifact(() => 1)], { maxWorkers: 1 });
    rig.launcher.nodeOf = () => "only";
    rig.launcher.planOf = () => ({ refuses: "node" });
    // What excludes the only node is never begun.
    const submit = rig.launcher.submit.bind(rig.launcher);
    rig.launcher.submit = (request) => {
      rig.launcher.starts = request.exclude.length === 0;
      return submit(request);
    };
    const error = await assertRejects(() => rig.control(), SlurmError);
    assertStringIncludes(error.message, "Cannot start workers of spec 'default': none has begun for 0.3 s");
    assertStringIncludes(error.message, "only: no room");
    assertEquals(
      rig.launcher.submitted.map(({ exclude }) => exclude),
      [[], [], ["only"], [], [], ["only"]],
    );
    assertEquals(rig.messages.filter((text) => text.endsWith("are tried again: only")).length, 1);
  });

  it("waits for its turn on other nodes as long as that takes", async () => {
    await using rig = new PoolRig({ staleAfterSec: 0.2 });
    await rig.begin([artifact(() => 1)], { maxWorkers: 1 });
    rig.launcher.nodeOf = (order) => order < 2 ? "broken" : "good";
    rig.launcher.planOf = (order) => order < 2 ? { refuses: "node" } : {};
    const submit = rig.launcher.submit.bind(rig.launcher);
    rig.launcher.submit = async (request) => {
      rig.launcher.starts = request.exclude.length === 0;
      const taken = await submit(request);
      const [job] = rig.launcher.list.slice(-1);
      if (!rig.launcher.starts) job!.state = { status: "pending", text: "PENDING (Resources)", inTurn: true };
      return taken;
    };
    const controlled = rig.control();
    await until(() => rig.launcher.list.length === 3, "the good node is waited for");
    const since = performance.now();
    let looks = 0;
    const jobs = rig.launcher.jobs.bind(rig.launcher);
    rig.launcher.jobs = () => (looks++, jobs());
    // Three times as long as any node may be excluded for nothing.
    await until(() => looks > 10 && performance.now() - since > 600, "it was looked at again and again");
    rig.launcher.begin(rig.launcher.list[2]!);
    assertEquals((await controlled)?.summary.computed, 1);
    assertEquals(rig.launcher.list.length, 3);
  });

  it("ends when workers say that none of them can work on the run", async () => {
    await using rig = new PoolRig();
    await rig.begin([artifact(() => 1)]);
    rig.launcher.planOf = () => ({ refuses: "protocol" });
    await assertRejects(() => rig.control(), ProtocolError, "no room");
  });
});
