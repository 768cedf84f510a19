import { assert, assertEquals } from "@std/assert";
import { join } from "@std/path/join";
import { describe, it } from "@std/testing/bdd";
import { emptySummary, type RunEvent } from "../../lib/core/event.ts";
import type { Hash } from "../../lib/core/hash.ts";
import { ProgressFile } from "../../lib/schedule/progress_file.ts";
import { progressPath } from "../../lib/store/layout.ts";
import { readProgressFile } from "../../lib/store/run_progress.ts";
import { exists, Rig, testRuntime, until } from "../rig.ts";

const RUN = "local-1";
const [a, b] = ["a".repeat(32) as Hash, "b".repeat(32) as Hash];
const of = (hash: Hash) => ({ hash, name: "toy/Leaf", at: 1 });
const LIMIT = { name: "license", units: 1, used: 1, waiting: 1 };
const began: RunEvent = { type: "run_started", runId: RUN, nodes: 3, cached: 1, at: 0 };

function progressOf(rig: Rig) {
  const { store } = testRuntime(rig.root);
  const nodes = [
    { name: "toy/Leaf", hash: a },
    { name: "toy/Leaf", hash: b },
    { name: "toy/Other", hash: "c".repeat(32), status: "DONE" },
  ];
  const roots = nodes.slice(0, 1);
  return {
    store,
    file: new ProgressFile(store, { runId: RUN, mode: "local", entry: "file:///p.ts", roots, nodes }),
  };
}

describe("ProgressFile", () => {
  it("tells how far a run is while it goes on, and how it ended", async () => {
    await using rig = new Rig();
    const { store, file } = progressOf(rig);
    file.sink(began);
    file.sink({ type: "attempt_started", ...of(a), attempt: 2, worker: "w1", params: "lr=1", log: "/log" });
    file.sink({ type: "limits", limits: [LIMIT], at: 1 });
    file.sink({ type: "attempt_progress", ...of(a), fraction: 0.5, message: "half" });
    await until(() => exists(progressPath(rig.root, RUN)), "it is written by itself");
    const now = await readProgressFile(store, RUN);
    assert(now);
    assertEquals(now.counts, {
      nodes: 3,
      cached: 1,
      computed: 0,
      elsewhere: 0,
      failed: 0,
      running: 1,
      waiting: 1,
    });
    assertEquals(now.running, [{
      name: "toy/Leaf",
      hash: a,
      attempt: 2,
      worker: "w1",
      since: 1,
      params: "lr=1",
      log: "/log",
      fraction: 0.5,
      message: "half",
    }]);
    assertEquals([now.ended, now.limits], [undefined, [LIMIT]]);

    const failure = {
      name: "toy/Leaf",
      hash: b,
      params: "{}",
      kind: "compute",
      attempts: 1,
      error: "bad",
      logTail: [],
    } as const;
    file.sink({ type: "attempt_ended", ...of(a), attempt: 2, outcome: "success", durationMs: 5 });
    file.sink({ type: "node_done", ...of(a), how: "computed" });
    file.sink({ type: "node_failed", ...of(b), failure: { ...failure, logTail: [] } });
    const summary = { ...emptySummary({ runId: RUN, nodes: 3, cached: 1 }), durationMs: 7, retries: 1 };
    file.sink({ type: "run_ended", summary, interrupted: false, at: 9 });
    await file.close();
    const end = await readProgressFile(store, RUN);
    assertEquals(end?.limits, undefined, "nothing waits any more");
    assertEquals(end?.tasks, [
      { name: "toy/Leaf", nodes: 2, done: 1, failed: 1, running: 0 },
      { name: "toy/Other", nodes: 1, done: 1, failed: 0, running: 0 },
    ]);
    assertEquals([end?.failures, end?.ended?.interrupted, end?.ended?.durationMs, end?.running], [
      [{ name: "toy/Leaf", hash: b, error: "bad", params: "{}" }],
      false,
      7,
      [],
    ]);
    assertEquals([...Deno.readDirSync(join(rig.root, "runs", RUN))].map(({ name }) => name), [
      "progress.json",
    ]);
  });

  it("writes nothing of a run of which nothing happened, and disturbs none where it cannot write", async () => {
    await using rig = new Rig();
    const idle = progressOf(rig);
    await idle.file.close();
    assertEquals(await readProgressFile(idle.store, RUN), undefined);
    Deno.mkdirSync(rig.root, { recursive: true });
    Deno.writeTextFileSync(join(rig.root, "runs"), "a file");
    const { file } = progressOf(rig);
    file.sink(began);
    await file.close();
    assertEquals(Deno.readTextFileSync(join(rig.root, "runs")), "a file");
  });
});
