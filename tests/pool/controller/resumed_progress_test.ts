import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { resumedProgress, wholeSummary } from "../../../lib/pool/controller/resumed_progress.ts";
import type { Hash } from "../../../lib/core/hash.ts";
import type { QueuedTask, QueueState } from "../../../lib/queue/queue.ts";

const SUMMARY = {
  runId: "run",
  nodes: 0,
  cached: 0,
  computed: 0,
  elsewhere: 0,
  retries: 0,
  failures: [],
  notRun: 0,
  durationMs: 1,
};

function listed(...files: [QueueState, string][]): Map<Hash, QueuedTask> {
  return new Map(files.map(([state, file], i) => [`${i}` as Hash, { state, file, dir: "dir" }]));
}

describe("wholeSummary()", () => {
  it("counts what earlier terms computed, also below what is stored now", () => {
    const hash = "0".repeat(32);
    const earlier = resumedProgress(
      listed(["done", `${hash}.1.0.json`], ["done", `${hash}.3.1.json`], ["todo", `${hash}.1.0.json`]),
    );
    // A chain of three of which two are done: only the last of these is planned again.
    const whole = wholeSummary({ ...SUMMARY, nodes: 2, cached: 1, computed: 1 }, {
      counts: { nodes: 3, cached: 0 },
    }, earlier);
    assertEquals(
      { nodes: whole.nodes, cached: whole.cached, computed: whole.computed, retries: whole.retries },
      { nodes: 3, cached: 0, computed: 3, retries: 3 },
    );
  });

  it("counts as computed nothing that was stored when the run began", () => {
    const earlier = resumedProgress(listed(["done", "x"], ["done", "y"]));
    const whole = wholeSummary({ ...SUMMARY, nodes: 4, cached: 3, computed: 1 }, {
      counts: { nodes: 4, cached: 2 },
    }, earlier);
    assertEquals({ nodes: whole.nodes, cached: whole.cached, computed: whole.computed }, {
      nodes: 4,
      cached: 2,
      computed: 2,
    });
  });
});
