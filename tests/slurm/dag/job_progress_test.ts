import { assert, assertEquals } from "@std/assert";
import { join } from "@std/path/join";
import { describe, it } from "@std/testing/bdd";
import type { RunEvent } from "../../../lib/core/event.ts";
import { DagAttempts } from "../../../lib/slurm/dag/dag_attempts.ts";
import { queuePaths } from "../../../lib/queue/layout.ts";
import type { DagNode } from "../../../lib/remote/run_record.ts";
import { JobProgress, readProgress } from "../../../lib/slurm/dag/job_progress.ts";
import { recordEnd } from "../../../lib/run/attempt_end.ts";
import { tryClaim } from "../../../lib/store/claims/claim.ts";
import { releaseClaim } from "../../../lib/store/claims/attempt_end.ts";
import { Leaf } from "./submit_rig.ts";
import { exists, osError, Rig, testMachine, testRuntime, type TestRuntimeOptions, until } from "../../rig.ts";

const { hash, name } = Leaf({ id: "a" });
const node: DagNode = { hash, name, spec: "default", dependencies: [], stored: [], jobName: "furu-a" };

function started(attempt: number): RunEvent {
  return { type: "attempt_started", hash, name, attempt, worker: "slurm-dag", at: 0 };
}

function told(fraction: number, message?: string): RunEvent {
  const said = message === undefined ? {} : { message };
  return { type: "attempt_progress", hash, name, fraction, ...said, at: 0 };
}

/** A job's side, with a clock whose pauses end when the test says so. */
function setUp(rig: Rig, options: TestRuntimeOptions = {}) {
  const pauses: (() => void)[] = [];
  const real = testMachine().clock;
  const clock = {
    now: () => real.now(),
    monotonic: () => real.monotonic(),
    sleep: (ms: number, signal?: AbortSignal) =>
      ms < 1000 ? real.sleep(ms, signal) : new Promise<void>((resolve, reject) => {
        pauses.push(resolve);
        signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
      }),
  };
  const runtime = testRuntime(rig.root, { ...options, machine: { clock } });
  const dir = queuePaths(rig.root, "run-1").run;
  const read = () => readProgress(runtime, dir, hash);
  return { runtime, dir, pauses, read };
}

describe("the progress of a job's task", () => {
  it("is written at most once a second, the latest always, and removed in the end", async () => {
    await using rig = new Rig();
    const { runtime, dir, pauses, read } = setUp(rig);
    const progress = new JobProgress(runtime, dir, hash);
    progress.sink(started(2));
    progress.sink(told(0.1, "one"));
    for (let i = 2; i < 50; i++) progress.sink(told(i / 100, `${i}`));
    await until(() => pauses.length === 1, "it is written");
    const first = await read();
    progress.sink(told(0.5, "fifty"));
    progress.sink(told(0.6));
    assertEquals(await read(), first);
    pauses.shift()!();
    await until(() => pauses.length === 1, "it is written again");
    assertEquals(await read(), { schema: 1, attempt: 2, fraction: 0.6 });
    await progress[Symbol.asyncDispose]();
    assertEquals(await read(), undefined);
    assertEquals([...Deno.readDirSync(join(dir, "progress"))], []);
    progress.sink(told(0.9));
    assertEquals([...Deno.readDirSync(join(dir, "progress"))], []);
  });

  it("goes on after a second without news", async () => {
    await using rig = new Rig();
    const { runtime, dir, pauses, read } = setUp(rig);
    await using progress = new JobProgress(runtime, dir, hash);
    progress.sink(started(1));
    progress.sink(told(0.1));
    await until(() => pauses.length === 1, "it is written");
    pauses.shift()!();
    await new Promise((resolve) => setTimeout(resolve));
    progress.sink(told(0.2));
    await until(() => pauses.length === 1, "it is written again");
    assertEquals((await read())?.fraction, 0.2);
  });

  it("does not disturb a job that cannot write it", async () => {
    await using rig = new Rig();
    const lines: string[] = [];
    const files = { write: () => Promise.reject(osError("ENOSPC")) };
    const { runtime, dir } = setUp(rig, { files, lines });
    await using progress = new JobProgress(runtime, dir, hash);
    progress.sink(started(1));
    progress.sink(told(0.1));
    await until(() => lines.length > 0, "it says so");
    progress.sink(told(0.2));
    assert(/^warn Cannot hand on the progress of the task: .*ENOSPC/.test(lines[0]!), lines[0]);
    assertEquals(lines.length, 1);
  });

  it("is nothing where the file is torn or foreign", async () => {
    await using rig = new Rig();
    const { dir, read } = setUp(rig);
    assertEquals(await read(), undefined);
    Deno.mkdirSync(join(dir, "progress"), { recursive: true });
    for (const text of ["", '{"schema":1', '{"schema":9,"attempt":1,"fraction":1}', "7"]) {
      Deno.writeTextFileSync(join(dir, "progress", `${hash}.json`), text);
      assertEquals(await read(), undefined, text);
    }
  });
});

describe("a follower", () => {
  it("tells that an attempt was preempted when the next one is there", async () => {
    await using rig = new Rig();
    // Looks may follow at once.
    const runtime = testRuntime(rig.root, { config: { pollIntervalSec: 0 } });
    const events: RunEvent[] = [];
    const attempts = new DagAttempts({
      runtime,
      paths: queuePaths(rig.root, "run-1"),
      onEvent: (event) => void events.push(event),
    });
    const paths = runtime.store.paths(node);
    for (let restarts = 0; restarts < 2; restarts++) {
      const slurm = { jobId: "7", name: "furu-a", restarts };
      const claimed = await tryClaim(runtime.store, paths, { backend: "slurm-dag", run: "run-1", slurm });
      assert(claimed.kind === "claimed");
      await attempts.look(node);
      await recordEnd(runtime, claimed.claim, { outcome: "preempted", reason: "its time was up" }, {
        artifact: Leaf({ id: "a" }),
      });
    }
    assertEquals(
      events.map((event) => [event.type, "outcome" in event ? event.outcome : ""]),
      [["attempt_started", ""], ["attempt_ended", "preempted"], ["attempt_started", ""]],
    );
  });

  it("tells of the progress of the attempt that runs, each step once, also of another run's job", async () => {
    await using rig = new Rig();
    const { runtime, pauses } = setUp(rig, { config: { pollIntervalSec: 0.001 } });
    const events: RunEvent[] = [];
    const attempts = new DagAttempts({
      runtime,
      paths: queuePaths(rig.root, "run-1"),
      onEvent: (event) => void events.push(event),
    });
    const look = async () => {
      await runtime.machine.clock.sleep(2);
      events.length = 0;
      await attempts.lookAtProgress();
      return events.map((event) => event.type === "attempt_progress" && [event.fraction, event.message]);
    };
    // Its job is one of another run, which this one waits for.
    const other = queuePaths(rig.root, "run-2").run;
    await using progress = new JobProgress(runtime, other, hash);
    progress.sink(started(1));
    progress.sink(told(0.25, "a quarter"));
    await until(() => pauses.length === 1, "it is written");
    assertEquals(await look(), []);
    const paths = runtime.store.paths(node);
    const slurm = { jobId: "7", name: "furu-a", restarts: 0 };
    // By another process: what waits here is the progress alone.
    const { store } = testRuntime(rig.root);
    const claimed = await tryClaim(store, paths, { backend: "slurm-dag", run: "run-2", slurm });
    assert(claimed.kind === "claimed");
    await attempts.look(node);
    assertEquals(await look(), [[0.25, "a quarter"]]);
    assertEquals(await look(), []);
    progress.sink(started(2));
    progress.sink(told(0.5));
    pauses.shift()!();
    await until(() => pauses.length === 1, "it is written again");
    // That is of an attempt that was not seen yet.
    assertEquals(await look(), []);
    await releaseClaim(store, claimed.claim);
    assertEquals(exists(paths.claim), false);
  });
});
