import { assert, assertEquals, assertInstanceOf, assertRejects, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { dirname } from "@std/path/dirname";
import { join } from "@std/path/join";
import type { Heartbeat, HeartbeatOptions } from "../../../lib/core/system/machine.ts";
import { readEnded } from "../../../lib/pool/ended.ts";
import { acquireLeadership, Leadership, LeadershipLostError } from "../../../lib/pool/leadership.ts";
import { workerFiles } from "../../../lib/queue/layout.ts";
import type { Hash } from "../../../lib/core/hash.ts";
import { writeFailure } from "../../../lib/queue/failure.ts";
import { enqueue, makeQueue } from "../../../lib/queue/queue.ts";
import { formatTaskName, type TaskFile } from "../../../lib/queue/task_file.ts";
import { moveFile } from "../../../lib/store/file_steps.ts";
import { askToStop } from "../../../lib/queue/requests.ts";
import { endAttempt } from "../../../lib/store/claims/attempt_end.ts";
import { tryClaim } from "../../../lib/store/claims/claim.ts";
import { exists, osError, until } from "../../rig.ts";
import { artifact, PoolRig } from "../rig.ts";

/** A task that waits until it is let go. */
function gated(): { wait: () => Promise<number>; open: () => void; starts: number } {
  const { promise, resolve } = Promise.withResolvers<void>();
  const gate = {
    starts: 0,
    wait: async (): Promise<number> => {
      gate.starts++;
      await promise;
      return gate.starts;
    },
    open: resolve,
  };
  return gate;
}

describe("acquireLeadership()", () => {
  it("gives the role to one process, and to the next when that one is gone", async () => {
    await using rig = new PoolRig();
    await rig.begin([artifact(() => 1)]);
    const [first, second] = [rig.process(), rig.process()];
    const claim = await rig.role(first);
    const options = { runId: rig.run.runId };
    assertEquals(await acquireLeadership(second, rig.paths, options), "held");
    rig.kill(first.pid);
    const taken = await acquireLeadership(second, rig.paths, options);
    assert(typeof taken === "object");
    assertEquals([claim.attempt.n, taken.attempt.n], [1, 2]);
    assertEquals(await new Leadership(first, claim).isOurs(), false);
    await assertRejects(
      () => new Leadership(first, claim).check(),
      LeadershipLostError,
      "another process has taken the role",
    );
    await new Leadership(second, taken).check();
  });

  it("says that a run has ended", async () => {
    await using rig = new PoolRig();
    await rig.begin([artifact(() => 1)]);
    await rig.control();
    assertEquals(await acquireLeadership(rig.process(), rig.paths, { runId: rig.run.runId }), "ended");
  });
});

describe("a controller that comes later", () => {
  it("knows by the name of a task's file which spec it has after too little, also of a run that began higher", async () => {
    await using rig = new PoolRig();
    const tasks = [1, 2].map((n) => artifact(() => n, [], { spec: ["small", "big", "huge"] }));
    await rig.begin(tasks);
    const [first, second] = tasks.map(({ hash }) => hash);
    const { store } = rig.process();
    // The controller before had moved one to another spec, and was killed before it moved the other.
    await makeQueue(store, rig.paths, ["small", "big", "huge"]);
    rig.run.nodes.find(({ hash }) => hash === second)!.lacked = "m";
    const file = (hash: Hash, name: string, spec: string): TaskFile => {
      return { schema: 1, hash, name, spec, specs: ["small", "big", "huge"] };
    };
    await enqueue(store, rig.paths, file(first!, tasks[0]!.name, "small"), {
      hash: first!,
      attempt: 1,
      lost: 0,
      lacked: "m",
    }, "big");
    const name = { hash: second!, attempt: 1, lost: 0 };
    await writeFailure(store, rig.paths, formatTaskName(name), {
      kind: "compute",
      lack: "time",
      error: "it took too long",
    });
    await enqueue(store, rig.paths, file(second!, tasks[1]!.name, "big"), name, "big");
    await moveFile(
      store,
      join(rig.paths.todo, "big", formatTaskName(name)),
      join(rig.paths.failed, formatTaskName(name)),
    );
    const { summary } = (await rig.control())!;
    assertEquals({ computed: summary.computed, failures: summary.failures }, { computed: 2, failures: [] });
    assertEquals(rig.files("done"), [`${first}.1.0.m.json`, `${second}.1.0.t.json`].sort());
    const specs = new Set(rig.launcher.list.map(({ spec }) => spec));
    assertEquals([...specs].sort(), ["big", "huge"]);
  });

  it("goes on where the last one was killed, and nothing is computed twice", async () => {
    await using rig = new PoolRig();
    const counts: number[] = Array(8).fill(0);
    const gate = gated();
    const low = counts.map((_, i) => artifact(() => counts[i]!++));
    const slow = artifact(gate.wait);
    const top = artifact(() => "top", [...low, slow]);
    await rig.begin([top]);
    // Its controller stops looking at anything, as a killed one does, while a worker is in the middle.
    const first = rig.process();
    const handOver = new AbortController();
    const controlled = rig.control({ runtime: first, handOver: handOver.signal });
    await until(() => gate.starts === 1 && rig.files("done").length >= 4, "it is in the middle");
    handOver.abort(new Error("killed"));
    assertEquals(await controlled, undefined);
    assertEquals(await readEnded(first.store, rig.paths), undefined);
    const second = rig.control();
    await until(() => rig.messages.some((text) => text.includes("took up run")), "it is taken up");
    gate.open();
    const { summary } = (await second)!;
    assertEquals({
      failures: summary.failures,
      notRun: summary.notRun,
      cached: summary.cached,
      computed: summary.computed,
    }, { failures: [], notRun: 0, cached: 0, computed: 10 });
    assertEquals([...new Set(counts)], [1]);
    assertEquals(gate.starts, 1);
    assertEquals((await readEnded(first.store, rig.paths))?.term, 2);
    assertEquals(["1.jsonl", "2.jsonl"].map((name) => exists(join(rig.paths.events, name))), [true, true]);
  });

  it("counts units of limits that were taken before it, by what ranks behind too", async () => {
    await using rig = new PoolRig({ limits: { license: 1 } });
    const begun: string[] = [];
    const task = (name: string, priority: number) =>
      artifact(() => begun.push(name), [], { limits: "license", priority });
    const [low, high] = [task("low", 0), task("high", 9)];
    await rig.begin([low, high], { maxWorkers: 1 });
    await rig.queue(low);
    const { summary } = (await rig.control())!;
    assertEquals({ begun, computed: summary.computed }, { begun: ["low", "high"], computed: 2 });
    const uses = rig.events.flatMap((event) => event.type === "limits" ? event.limits : []);
    assertEquals(uses[0], { name: "license", units: 1, used: 1, waiting: 1 });
    assertEquals(rig.files("done"), [`${low.hash}.1.0.json`, `${high.hash}.1.0.19.json`].sort());
  });

  it("counts units as taken while a worker that counts as dead may still compute", async () => {
    await using rig = new PoolRig({ limits: { license: 1 } });
    const begun: string[] = [];
    const task = (name: string) => artifact(() => begun.push(name), [], { limits: "license" });
    const [lost, other] = [task("lost"), task("other")];
    await rig.begin([lost, other]);
    const silent = rig.process();
    const files = workerFiles(rig.paths, "silent-1");
    const worker = {
      ...{ schema: 1, id: "silent-1", spec: "default", node: "n", owner: silent.machine.self, slots: 1 },
      ...{ leaseSec: 1, startedAt: "" },
    };
    const end = { schema: 1, id: "silent-1", kind: "lost", why: "it gave no sign of life", at: "", worker };
    await Deno.writeTextFile(files.end, JSON.stringify(end));
    const file = await rig.queue(lost);
    const failure = { schema: 1, kind: "lost", error: "its worker died", at: "", worker: "silent-1" };
    await Deno.writeTextFile(
      join(rig.paths.failed, file.replace(".json", ".error.json")),
      JSON.stringify(failure),
    );
    await Deno.rename(join(rig.paths.todo, "default", file), join(rig.paths.failed, file));
    const ended = rig.control();
    await until(() => rig.messages.some((text) => text.includes("may still compute")), "it is held");
    assertEquals({ begun, todo: rig.files("todo") }, { begun: [], todo: [] });
    rig.kill(silent.pid);
    const { summary } = (await ended)!;
    assertEquals({ begun: begun.toSorted(), retries: summary.retries }, {
      begun: ["lost", "other"],
      retries: 1,
    });
  });

  it("decides about failures that it finds as the one before would have", async () => {
    await using rig = new PoolRig({ maxComputeRetries: 2 });
    let starts = 0;
    const bad = artifact(() => {
      starts++;
      throw new Error("too bad");
    });
    await rig.begin([bad]);
    await Deno.writeTextFile(
      join(rig.paths.failed, `${bad.hash}.2.0.error.json`),
      JSON.stringify({ schema: 1, kind: "compute", error: "before", at: "" }),
    );
    const file = await rig.queue(bad, { attempt: 2 });
    await Deno.rename(join(rig.paths.todo, "default", file), join(rig.paths.failed, file));
    const { summary } = (await rig.control())!;
    assertEquals({ starts, attempts: summary.failures[0]?.attempts }, { starts: 1, attempts: 3 });
  });

  it("waits for what is left of a task's own delay, from when the attempt ended", async () => {
    // The clock of its worker may be ahead: it is never more than the delay.
    for (const [agoSec, delaySec] of [[7200, undefined], [-7200, 0.05]]) {
      await using rig = new PoolRig({ maxComputeRetries: 0 });
      let starts = 0;
      const bad = artifact(() => Promise.reject(new Error(`start ${++starts}`)), [], {
        retries: 2,
        retryDelaySec: 0.05,
      });
      await rig.begin([bad]);
      const at = new Date(Date.now() - agoSec! * 1000).toISOString();
      const failure = { schema: 1, kind: "compute", error: "before", at };
      await Deno.writeTextFile(join(rig.paths.failed, `${bad.hash}.1.0.error.json`), JSON.stringify(failure));
      const file = await rig.queue(bad);
      await Deno.rename(join(rig.paths.todo, "default", file), join(rig.paths.failed, file));
      const { summary } = (await rig.control())!;
      assertEquals({ starts, attempts: summary.failures[0]?.attempts }, { starts: 2, attempts: 3 });
      const told = rig.events.find((event) => event.type === "node_retry");
      assertEquals(told?.delaySec, delaySec);
    }
  });

  it("does not begin anew what its host remembers as missing, whoever had it", async () => {
    for (const place of ["failed", "running"] as const) {
      await using rig = new PoolRig({ maxComputeRetries: 1 });
      let starts = 0;
      const bad = artifact(() => {
        starts++;
        throw new Error("too bad");
      });
      await rig.begin([bad]);
      const first = rig.process();
      await rig.role(first);
      const file = await rig.queue(bad);
      const failure = { schema: 1, kind: "compute", error: "before", at: "" };
      await Deno.writeTextFile(join(rig.paths.failed, `${bad.hash}.1.0.error.json`), JSON.stringify(failure));
      const worker = join(rig.paths.running, "default", "vm-1-abc.dead-0123");
      await Deno.mkdir(worker);
      const dir = { failed: rig.paths.failed, running: worker }[place];
      await Deno.rename(join(rig.paths.todo, "default", file), join(dir, file));
      rig.kill(first.pid);
      const runtime = rig.process();
      // As it was when the host listed it: before the task came there, unless the host has changed something there since.
      const remembered = new Set([dir]);
      const { files } = runtime.machine;
      const { list, write } = { list: files.list.bind(files), write: files.write.bind(files) };
      files.list = (path) => remembered.has(path) ? Promise.resolve([]) : list(path);
      files.write = (path, ...rest) => {
        remembered.delete(dirname(path));
        return write(path, ...rest);
      };
      const { summary } = (await rig.control({ runtime }))!;
      assertEquals({ starts, attempts: summary.failures[0]?.attempts }, { starts: 1, attempts: 2 }, place);
      assertEquals(exists(worker), false);
    }
  });

  it("settles what a worker left that an earlier controller had declared dead", async () => {
    await using rig = new PoolRig();
    const only = artifact(() => 1);
    await rig.begin([only]);
    const file = await rig.queue(only);
    const dead = join(rig.paths.running, "default", "vm-1-abc.dead-0123");
    await Deno.mkdir(dead);
    await Deno.rename(join(rig.paths.todo, "default", file), join(dead, file));
    await Deno.writeTextFile(
      join(rig.paths.workers, "vm-1-abc.end.json"),
      JSON.stringify({ schema: 1, id: "vm-1-abc", kind: "lost", why: "preempted", at: "" }),
    );
    const { summary } = (await rig.control())!;
    assertEquals({ computed: summary.computed, done: rig.files("done") }, {
      computed: 1,
      done: [`${only.hash}.1.1.json`],
    });
    assertEquals(exists(dead), false);
  });

  it("finishes the stop that somebody had asked for", async () => {
    await using rig = new PoolRig();
    await rig.begin([artifact(() => 1)]);
    await askToStop(rig.process().store, rig.paths, "stop", "furu cancel");
    const result = await rig.control();
    assertEquals({ interrupted: result?.interrupted, notRun: result?.summary.notRun }, {
      interrupted: true,
      notRun: 1,
    });
    assertEquals((await readEnded(rig.process().store, rig.paths))?.interrupted, true);
  });
});

describe("a controller", () => {
  it("goes on though the file server fails at any one of its looks at its role", async () => {
    for (let nth = 1, looks = Infinity; nth <= Math.min(looks, 8); nth++) {
      await using rig = new PoolRig();
      await rig.begin([artifact(() => 1), artifact(() => 2)]);
      const runtime = rig.process();
      const claim = await rig.role(runtime);
      const { files } = runtime.machine;
      const readText = files.readText.bind(files);
      looks = 0;
      files.readText = (path) =>
        path === rig.paths.role.claim && ++looks === nth ? Promise.reject(osError("EIO")) : readText(path);
      assertEquals((await rig.control({ runtime, claim }))?.summary.computed, 2, `look ${nth}`);
    }
  });
});

describe("a controller that takes up a run", () => {
  for (const place of ["done", "running"] as const) {
    it(`goes on though the file server fails once at its first look into ${place}`, async () => {
      await using rig = new PoolRig();
      await rig.begin([artifact(() => 1)]);
      const runtime = rig.process();
      const { files } = runtime.machine;
      const list = files.list.bind(files);
      let failed = 0;
      files.list = (dir) =>
        dir === rig.paths[place] && failed++ === 0 ? Promise.reject(osError("EIO")) : list(dir);
      assertEquals((await rig.control({ runtime }))?.summary.computed, 1);
      assert(failed > 1);
    });
  }
});

describe("a controller that has lost its role", () => {
  it("touches nothing more, and says why", async () => {
    await using rig = new PoolRig();
    const gate = gated();
    const slow = artifact(gate.wait);
    await rig.begin([artifact(() => 1, [slow])]);
    const first = rig.process();
    const claim = await rig.role(first);
    const zombie = rig.control({ runtime: first, claim });
    zombie.catch(() => {});
    await until(() => gate.starts === 1, "its task runs");
    // It is declared dead by somebody who takes the role.
    rig.kill(first.pid);
    const next = rig.process();
    const claimed = await rig.role(next);
    const before = rig.launcher.submitted.length;
    gate.open();
    const error = await zombie.catch((reason) => reason);
    assertInstanceOf(error, LeadershipLostError);
    assertStringIncludes(error.message, rig.run.runId);
    assertEquals(rig.launcher.submitted.length, before);
    assertEquals(await readEnded(first.store, rig.paths), undefined);
    const { summary } = (await rig.control({ runtime: next, claim: claimed }))!;
    assertEquals({ computed: summary.computed, starts: gate.starts }, { computed: 2, starts: 1 });
  });

  it("leaves by its heartbeat's word while it has nothing to do that it would ask before", async () => {
    await using rig = new PoolRig();
    const gate = gated();
    await rig.begin([artifact(gate.wait)]);
    const first = rig.process();
    let lose: (reason: string) => void = () => {};
    const { beat } = first.machine;
    Object.assign(first.machine, {
      beat: (options: HeartbeatOptions): Heartbeat => {
        lose = options.onLost;
        return beat(options);
      },
    });
    const claim = await rig.role(first);
    const onLost = lose;
    const zombie = rig.control({ runtime: first, claim });
    zombie.catch(() => {});
    await until(() => gate.starts === 1, "its task runs");
    rig.kill(first.pid);
    const next = rig.process();
    const claimed = await rig.role(next);
    onLost("its file has no name left");
    await assertRejects(() => zombie, LeadershipLostError, "its file has no name left");
    gate.open();
    assertEquals((await rig.control({ runtime: next, claim: claimed }))?.summary.computed, 1);
  });
});

describe("a pool", () => {
  it("waits for a stranger, and computes the task when he has given up", async () => {
    await using rig = new PoolRig();
    let starts = 0;
    const wanted = artifact(() => ++starts);
    await rig.begin([wanted]);
    const stranger = rig.process();
    const paths = stranger.store.paths(wanted);
    rig.launcher.starts = false;
    const controlled = rig.control();
    await until(() => rig.files("todo").length === 1 && rig.launcher.list.length === 1, "it is queued");
    const taken = await tryClaim(stranger.store, paths, { backend: "get" });
    assert(taken.kind === "claimed");
    rig.launcher.begin(rig.launcher.list[0]!);
    await until(() => rig.events.some(({ type }) => type === "node_watched"), "the task is watched");
    assertEquals(rig.files("waiting"), [`${wanted.hash}.1.0.json`]);
    await endAttempt(stranger.store, taken.claim, { kind: "failed", error: "he gave up" });
    const { summary } = (await controlled)!;
    assertEquals({ computed: summary.computed, starts }, { computed: 1, starts: 1 });
    assertEquals([...rig.files("waiting"), ...rig.files("todo")], []);
  });

  it("stops when it is told to: workers leave, and nothing is left running", async () => {
    await using rig = new PoolRig();
    const gate = gated();
    await rig.begin([artifact(() => 1, [artifact(gate.wait)]), artifact(gate.wait)]);
    const controller = new AbortController();
    const controlled = rig.control({ signal: controller.signal });
    await until(() => gate.starts === 2, "two tasks run");
    controller.abort(new Error("Ctrl-C"));
    gate.open();
    const result = await controlled;
    assertEquals(result?.interrupted, true);
    assertEquals([...rig.files("todo"), ...rig.files("running")], []);
    assertEquals(rig.launcher.list.map(({ state }) => state.status), ["dead", "dead"]);
    assertEquals((await readEnded(rig.process().store, rig.paths))?.interrupted, true);
  });

  it("cancels pending workers that nothing is left for, the newest first", async () => {
    await using rig = new PoolRig();
    const gate = gated();
    const quick = Array.from({ length: 3 }, () => artifact(() => 1));
    await rig.begin([artifact(gate.wait), ...quick]);
    rig.launcher.starts = false;
    const controlled = rig.control();
    await until(() => rig.launcher.list.length === 4, "workers are submitted");
    rig.launcher.begin(rig.launcher.list[0]!);
    await until(() => gate.starts === 1 || rig.files("done").length > 0, "it works");
    rig.launcher.begin(rig.launcher.list[1]!);
    await until(() => rig.launcher.cancelled.length === 2, "the others are cancelled");
    assertEquals(rig.launcher.cancelled.toSorted(), ["job-2", "job-3"]);
    gate.open();
    assertEquals((await controlled)?.summary.computed, 4);
  });

  it("computes forced artifacts once, and leaves what is stored alone otherwise", async () => {
    await using rig = new PoolRig();
    let starts = 0;
    const base = artifact(() => ++starts);
    const top = artifact(() => 1, [base]);
    await rig.begin([top]);
    await rig.control();
    await rig.begin([top]);
    const again = await rig.control();
    assertEquals({ computed: again?.summary.computed, cached: again?.summary.cached, starts }, {
      computed: 0,
      cached: 1,
      starts: 1,
    });
  });
});
