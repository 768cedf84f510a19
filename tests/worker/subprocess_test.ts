import {
  assert,
  assertEquals,
  assertMatch,
  assertObjectMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { ProtocolError } from "../../lib/core/errors.ts";
import type { AttemptEnd, FailedAttempt } from "../../lib/core/attempt_end.ts";
import { childCommand, isRunning, Rig, run, textOf, until } from "./rig.ts";
import { tellsWhoseRejection } from "../this_deno.ts";

const SUCCESS: AttemptEnd = { outcome: "success" };

function failure(end: AttemptEnd): FailedAttempt {
  assert(end.outcome === "failed", `a failure, not ${Deno.inspect(end)}`);
  return end;
}

function pidIn(text: string): number {
  return Number(/grandchild (\d+)/.exec(text)?.[1]);
}

describe("WorkerProcess", () => {
  it("takes many tasks, each with a log of its own", async () => {
    await using rig = new Rig();
    await using worker = await rig.start();
    for (let i = 0; i < 50; i++) {
      const logPath = rig.newLog();
      // Ends without a line end, and nothing but what was printed may be in the log.
      assertEquals(await run(worker, "print", `task ${i}`, { logPath }), SUCCESS);
      assertEquals(textOf(logPath), `task ${i}`);
    }
    assert(worker.alive);
  });

  it("hands over parameters that are too long for one message, the next task's too", async () => {
    await using rig = new Rig();
    await using worker = await rig.start();
    for (const params of [`abc${"é".repeat(9_000_000)}xyz`, "abc0xyz"]) {
      const logPath = rig.newLog();
      assertEquals(await run(worker, "sum", params, { logPath }), SUCCESS);
      assertEquals(textOf(logPath), `${params.length} abc xyz\n`);
    }
    assert(worker.alive);
  });

  it("ends at once when it is stopped while it is sent what it needs", async () => {
    await using rig = new Rig();
    await using worker = await rig.start();
    const stopping = new AbortController();
    const running = run(worker, "sum", "x".repeat(60_000_000), { signal: stopping.signal });
    stopping.abort(new Error("enough"));
    assertEquals({ ...await running, used: undefined }, {
      outcome: "preempted",
      reason: "enough",
      used: undefined,
    });
    assertEquals(worker.alive, false);
  });

  it("makes no log for a task that prints nothing", async () => {
    await using rig = new Rig();
    await using worker = await rig.start();
    const logPath = rig.newLog();
    assertEquals(await run(worker, "nothing", "", { logPath }), SUCCESS);
    assertEquals([...Deno.readDirSync(rig.dir)], []);
  });

  it("keeps stdout and stderr in the order of printing", async () => {
    await using rig = new Rig();
    await using worker = await rig.start();
    const logPath = rig.newLog();
    await run(worker, "printBoth", "", { logPath });
    assertEquals(textOf(logPath), Array.from({ length: 50 }, (_, i) => `line ${i}\n`).join(""));
  });

  it("gives the task an empty stdin and the configuration", async () => {
    await using rig = new Rig();
    await using worker = await rig.start({ config: () => Promise.resolve({ root: "/data" }) });
    const stdin = rig.newLog();
    await run(worker, "stdin", "", { logPath: stdin });
    assertEquals(textOf(stdin), "end of input\n");
    const config = rig.newLog();
    await run(worker, "config", "", { logPath: config });
    assertEquals(textOf(config), '{"root":"/data"}\n');
  });

  it("cannot be started, and leaves no process, where there is no configuration to give", async () => {
    await using rig = new Rig();
    const children = () => Deno.readTextFileSync(`/proc/${Deno.pid}/task/${Deno.pid}/children`);
    const before = children();
    const error = await rig.start({ config: () => Promise.reject(new Error("no configuration")) })
      .then(() => undefined, (error) => error);
    assertEquals(error?.message, "no configuration");
    assertEquals(children(), before);
  });

  it("reports what a task throws, and the process stays", async () => {
    await using rig = new Rig();
    await using worker = await rig.start();
    const end = failure(await run(worker, "throws", "no such column", { logPath: rig.newLog() }));
    assertEquals(end.blame, "compute");
    assertEquals(end.error, "TypeError: no such column");
    assertStringIncludes(end.stack!, "child_script.ts");
    assertEquals(await run(worker, "nothing"), SUCCESS);
  });

  it("reports what compute itself throws as a protocol failure", async () => {
    await using rig = new Rig();
    await using worker = await rig.start();
    const end = failure(await run(worker, "bug"));
    assertObjectMatch(end, { blame: "protocol", error: "a bug of ours" });
  });

  for (
    const [name, params, evidence] of [
      ["exit", "3", "exit code 3"],
      ["exit", "0", "exit code 0"],
      ["killSelf", "", "killed by SIGKILL"],
      ["dieStoring", "", "killed by SIGKILL"],
    ] as const
  ) {
    it(`${name}(${params}) in a task is a compute failure with evidence`, async () => {
      await using rig = new Rig();
      await using worker = await rig.start();
      const end = failure(await run(worker, name, params, { logPath: rig.newLog() }));
      assertEquals(end.blame, "compute");
      assertStringIncludes(end.error, evidence);
      assert(!worker.alive);
      assertEquals(failure(await run(worker, "nothing")).blame, "lost");
    });
  }

  it("takes no more after so many tasks", async () => {
    await using rig = new Rig();
    await using worker = await rig.start({ maxTasks: 2 });
    assertEquals(await run(worker, "nothing"), SUCCESS);
    assert(worker.alive);
    assertEquals(await run(worker, "nothing"), SUCCESS);
    assert(!worker.alive);
  });

  it("tells how much memory it has, and takes no more when that is too much", async () => {
    await using rig = new Rig();
    const told: [megabytes: number, attempts: number][] = [];
    const isTooBig = (...seen: [number, number]) => told.push(seen) === 3;
    await using worker = await rig.start({ isTooBig });
    for (const alive of [true, true, false]) {
      assertEquals(await run(worker, "nothing"), SUCCESS);
      assertEquals(worker.alive, alive);
    }
    assertEquals(told.map(([, attempts]) => attempts), [1, 2, 3]);
    assert(told.every(([megabytes]) => megabytes > 20 && megabytes < 1000), `${told}`);
  });

  it("says that virtual memory is limited where V8 is given none", async () => {
    await using rig = new Rig();
    const command = ["sh", "-c", 'ulimit -v 4000000; exec "$@"', "sh", ...childCommand()];
    const error = await assertRejects(() => rig.start({ command }), ProtocolError);
    assertMatch(error.message, /exit 133: V8 was given no memory \(Fatal process out of memory.*ulimit -v/);
    assert(!error.message.includes("ran out of heap"));
  });

  it("says that V8 ran out of heap", async () => {
    await using rig = new Rig();
    await using worker = await rig.start({ command: childCommand("--v8-flags=--max-old-space-size=40") });
    const logPath = rig.newLog();
    const end = failure(await run(worker, "heap", "", { logPath }));
    assertMatch(end.error, /exit 133: V8 ran out of heap/);
    assertStringIncludes(textOf(logPath), "out of memory");
    assert(end.logTail!.length <= 20);
  });

  for (
    const [name, text] of [["throwInTimer", "thrown in a timer"], ["rejectNow", "rejected beside"]] as const
  ) {
    it(`${name} fails the attempt at once, and the process is replaced`, async () => {
      await using rig = new Rig();
      await using worker = await rig.start();
      const end = failure(await run(worker, name));
      assertObjectMatch(end, { blame: "compute", error: text });
      assert(!worker.alive);
    });
  }

  const known = { ignore: !tellsWhoseRejection };
  it(
    "an error that floats in of an earlier task is written to its log, not blamed on the next",
    known,
    async () => {
      await using rig = new Rig();
      const worker = await rig.start();
      const earlier = rig.newLog();
      const later = rig.newLog();
      assertEquals(await run(worker, "rejectLater", 50, { logPath: earlier }), SUCCESS);
      assertEquals(await run(worker, "wait", 300, { logPath: later }), SUCCESS);
      assert(!worker.alive, "asks to be replaced");
      await worker.stop("TERM");
      assertStringIncludes(textOf(earlier), "floated in");
      assertEquals(textOf(later), "");
    },
  );

  it("takes no task after one that left a timer", async () => {
    await using rig = new Rig();
    await using worker = await rig.start();
    const logPath = rig.newLog();
    assertEquals(await run(worker, "throwLater", 60_000, { logPath }), SUCCESS);
    assert(!worker.alive, "asks to be replaced");
    assertStringIncludes(textOf(logPath), "left behind: a timer of setTimeout");
  });

  it("leaves no program that changed its session when its process dies", async () => {
    await using rig = new Rig();
    await using worker = await rig.start();
    const logPath = rig.newLog();
    failure(await run(worker, "setsid", "", { logPath }));
    const pid = pidIn(textOf(logPath));
    assert(pid > 0);
    await until(() => !isRunning(pid), "the program ends with its worker");
  });

  it("ends a task at its time limit", async () => {
    await using rig = new Rig();
    await using worker = await rig.start();
    const end = failure(await run(worker, "wait", 600_000, { timeLimitSec: 0.2 }));
    assertObjectMatch(end, { blame: "compute", error: "exceeded its time limit of 0.2 s" });
  });

  it("kills a task that blocks past its time limit and the grace", async () => {
    await using rig = new Rig();
    await using worker = await rig.start({ graceMs: 200 });
    const end = failure(await run(worker, "block", "", { timeLimitSec: 0.2 }));
    assertEquals(end.error, "exceeded its time limit of 0.2 s");
    assert(!isRunning(worker.pid));
  });

  it("does not take a time limit of years for one that is over", async () => {
    await using rig = new Rig();
    await using worker = await rig.start();
    assertEquals(await run(worker, "wait", 50, { timeLimitSec: 1e9 }), SUCCESS);
  });

  it("ends an aborted task as preempted, without waiting for the grace", async () => {
    await using rig = new Rig();
    await using worker = await rig.start({ graceMs: 60_000 });
    const controller = new AbortController();
    const logPath = rig.newLog();
    const running = run(worker, "untilAborted", "", { signal: controller.signal, logPath });
    await until(() => textOf(logPath) !== "", "the task waits");
    controller.abort(new Error("Ctrl-C"));
    assertEquals({ ...await running, used: undefined }, {
      outcome: "preempted",
      reason: "Ctrl-C",
      used: undefined,
    });
    assert(!isRunning(worker.pid));
  });

  it("kills an aborted task that blocks after the grace", async () => {
    await using rig = new Rig();
    await using worker = await rig.start({ graceMs: 100 });
    const controller = new AbortController();
    const logPath = rig.newLog();
    const running = run(worker, "block", "", { signal: controller.signal, logPath });
    await until(() => textOf(logPath) !== "", "the task blocks");
    controller.abort(new Error("Ctrl-C"));
    assertEquals((await running).outcome, "preempted");
    assert(!isRunning(worker.pid));
  });

  it("gives an aborted task all of the time that its job has left, and tells how much that is", async () => {
    await using rig = new Rig();
    const time = { warnedAt: performance.now() + 3_600_000, stoppedAt: performance.now() + 1_800_000 };
    await using worker = await rig.start({ graceMs: 1, time });
    const controller = new AbortController();
    const logPath = rig.newLog();
    const running = run(worker, "checkpoints", 500, { signal: controller.signal, logPath });
    await until(() => textOf(logPath) !== "", "the task waits");
    controller.abort(new Error("the time is nearly up"));
    assertEquals((await running).outcome, "preempted");
    const [before, after, saved] = textOf(logPath).trim().split("\n");
    assert(Number(before) > 3_500_000 && Number(before) <= 3_600_000, before);
    assert(Number(after) > 1_700_000 && Number(after) <= 1_800_000, after);
    assertEquals(saved, "saved");
  });

  it("kills an aborted task when the time of its job becomes shorter", async () => {
    await using rig = new Rig();
    const time = { warnedAt: Infinity, stoppedAt: performance.now() + 1_800_000 };
    await using worker = await rig.start({ time });
    const controller = new AbortController();
    const logPath = rig.newLog();
    const running = run(worker, "block", "", { signal: controller.signal, logPath });
    await until(() => textOf(logPath) !== "", "the task blocks");
    controller.abort(new Error("told to end"));
    time.stoppedAt = performance.now() + 100;
    assertEquals((await running).outcome, "preempted");
    assert(!isRunning(worker.pid));
  });

  it("stop(KILL) ends a running task as preempted", async () => {
    await using rig = new Rig();
    await using worker = await rig.start({ graceMs: 60_000 });
    const logPath = rig.newLog();
    const running = run(worker, "block", "", { logPath });
    await until(() => textOf(logPath) !== "", "the task blocks");
    await worker.stop("KILL");
    assertEquals((await running).outcome, "preempted");
  });

  it("leaves no grandchild behind, however the process ends", async () => {
    await using rig = new Rig();
    for (const how of ["exit", "stop", "limit"]) {
      const worker = await rig.start();
      const logPath = rig.newLog();
      const options = how === "limit" ? { logPath, timeLimitSec: 0.5 } : { logPath };
      const end = await run(worker, "grandchild", how === "limit" ? "wait" : how, options);
      const pid = pidIn(textOf(logPath));
      assert(pid > 0);
      if (how === "stop") assert(isRunning(pid), "it runs after its task ended");
      else assertEquals(end.outcome, "failed");
      await worker.stop("TERM");
      await until(() => !isRunning(pid), `grandchild ${pid} is gone after ${how}`);
    }
  });

  it("a blocked computing process and its grandchild die with a supervisor that was killed", async () => {
    const dir = Deno.makeTempDirSync();
    const script = new URL("./supervisor_script.ts", import.meta.url);
    const supervisor = new Deno.Command(Deno.execPath(), {
      args: ["run", "--allow-all", "--quiet", script.pathname, `${dir}/log`, `${dir}/info`],
    }).spawn();
    await until(() => textOf(`${dir}/log`).includes("\n"), "the task blocks");
    const { child, socket } = JSON.parse(textOf(`${dir}/info`));
    const pids: number[] = [child, pidIn(textOf(`${dir}/log`))];
    assertEquals(pids.map(isRunning), [true, true]);
    supervisor.kill("SIGKILL");
    await supervisor.status;
    await until(() => !pids.some(isRunning), "both are gone");
    await until(() => !exists(socket), "the socket's folder is removed");
    Deno.removeSync(dir, { recursive: true });
  });

  function exists(path: string): boolean {
    try {
      Deno.lstatSync(path);
      return true;
    } catch {
      return false;
    }
  }

  it("writes a flood to the log without keeping it in memory", async () => {
    await using rig = new Rig();
    await using worker = await rig.start();
    const logPath = rig.newLog();
    const before = Deno.memoryUsage().rss;
    assertEquals(await run(worker, "flood", 4000, { logPath }), SUCCESS); // 250 MiB
    assertEquals(Deno.statSync(logPath).size, 4000 * 65_536);
    assert(Deno.memoryUsage().rss - before < 150 * 2 ** 20, "memory stays bounded");
  });

  it("is not disturbed by prints that look like messages, marks or have no end", async () => {
    await using rig = new Rig();
    await using worker = await rig.start();
    const texts = [
      '{"type":"ended","id":1,"end":{"outcome":"preempted","reason":"no"},"signalled":false,"marked":true,"replaceMe":true}\n',
      `\0furu-end-${crypto.randomUUID()}\n`,
      "\0furu-end-",
      "\0\0furu-e",
      "x".repeat(5_000_000),
    ];
    for (const text of texts) {
      const logPath = rig.newLog();
      assertEquals(await run(worker, "print", text, { logPath }), SUCCESS);
      assertEquals(textOf(logPath), text);
    }
  });

  it("goes on when a task closes its output, and asks for another process", async () => {
    await using rig = new Rig();
    await using worker = await rig.start();
    assertEquals(await run(worker, "closeStdout"), SUCCESS);
    assert(!worker.alive);
  });

  it("passes progress on, not each of ten thousand reports", async () => {
    await using rig = new Rig();
    await using worker = await rig.start();
    const seen: [number, string | undefined][] = [];
    await run(worker, "progress", "", { onProgress: (fraction, message) => seen.push([fraction, message]) });
    assertEquals(seen.at(-1), [1, "counting"]);
    assert(seen.length < 10, `${seen.length} reports`);
  });

  it("makes the folder of a log again", async () => {
    await using rig = new Rig();
    await using worker = await rig.start();
    await run(worker, "print", "kept", { logPath: `${rig.dir}/gone/1.log` });
    assertEquals(textOf(`${rig.dir}/gone/1.log`), "kept");
    await run(worker, "print", "lost", { logPath: `${rig.dir}/gone/1.log/below/2.log` });
    assertEquals(rig.warnings.length, 1);
    assertStringIncludes(rig.warnings[0]!, "2.log");
  });

  it("sends each artifact once", async () => {
    await using rig = new Rig();
    await using worker = await rig.start();
    const asked: string[] = [];
    const count = async (root: string) => {
      const logPath = rig.newLog();
      const artifacts = (hash: string) => {
        asked.push(hash);
        return { name: "known", params: "{}", dependencies: hash === "a" ? [] : ["a"] };
      };
      const attempt = { n: 1, id: "x" };
      const task = {
        root,
        name: "known",
        artifacts,
        attempt,
        ownerDir: "/",
        spec: "default",
        backend: "local",
      };
      await worker.run(task, { logPath });
      return Number(textOf(logPath));
    };
    assertEquals([await count("b"), await count("c"), await count("b")], [2, 3, 3]);
    assertEquals(asked, ["b", "a", "c"]);
  });

  it("start says why a process did not start", async () => {
    await using rig = new Rig();
    const missing = await assertRejects(() => rig.start({ command: ["/no/such/deno"] }), ProtocolError);
    assertStringIncludes(missing.message, "exit code 127");
    assertStringIncludes(missing.message, "/no/such/deno");
    const words = await assertRejects(
      () => rig.start({ command: ["sh", "-c", "echo out of licences; exit 9"] }),
      ProtocolError,
    );
    assertStringIncludes(words.message, "exit code 9");
    assertStringIncludes(words.message, "out of licences");
    const silent = await assertRejects(
      () => rig.start({ command: ["sh", "-c", "exec sleep 600"], startTimeoutMs: 100 }),
      ProtocolError,
    );
    assertStringIncludes(silent.message, "did not report within 0.1 s");
  });
});
