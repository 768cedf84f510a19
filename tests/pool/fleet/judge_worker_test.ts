import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { judgeWorker, type WorkerSight } from "../../../lib/pool/fleet/judge_worker.ts";
import type { WorkerJobState } from "../../../lib/pool/launcher.ts";

const RULES = { heartbeatMs: 40_000, evidenceMs: 30_000 };
const RUNNING: WorkerJobState = { status: "running", text: "RUNNING" };
const SUSPENDED: WorkerJobState = { status: "running", text: "SUSPENDED", halted: true };
const PENDING: WorkerJobState = { status: "pending", text: "PENDING (JobHeldAdmin)" };
const FAILED: WorkerJobState = { status: "dead", text: "FAILED" };
const PREEMPTED: WorkerJobState = { status: "dead", text: "PREEMPTED", loss: "preempted" };
const VANISHED: WorkerJobState = { status: "dead", text: "Slurm knows it no more", vanished: true };

/** A worker that was looked at for long, at 1000 s; it was doubted since 900 s where it is not alive. */
function judged(
  life: WorkerSight["life"],
  state: WorkerJobState | undefined,
  more: Partial<WorkerSight> & { askedAt?: number; begunAgain?: number } = {},
): string {
  const { askedAt, begunAgain, ...rest } = more;
  const verdict = judgeWorker({
    now: 1_000_000,
    life,
    everBeat: true,
    quietSince: 990_000,
    hasJob: true,
    doubtedSince: life === "alive" ? undefined : 960_000,
    job: state && { key: "j1", state, askedAt, restarts: begunAgain },
    ...rest,
  }, RULES);
  return verdict.is === "dead" ? verdict.end.kind : verdict.is;
}

describe("judgeWorker()", () => {
  it("lets a heartbeat overrule every word on its job but its end", () => {
    for (const state of [RUNNING, SUSPENDED, PENDING, VANISHED, undefined]) {
      assertEquals(judged("alive", state, { askedAt: 999_000 }), "alive", state?.text);
    }
    assertEquals(judged("alive", { status: "unknown", text: "no answer" }), "alive");
  });

  it("believes that a job has ended when no beat was seen for an interval since that was asked", () => {
    const quiet = { quietSince: 0 };
    assertEquals(judged("alive", FAILED, { ...quiet, askedAt: 951_000 }), "alive");
    assertEquals(judged("alive", FAILED, { ...quiet, askedAt: 950_000 }), "compute");
    assertEquals(judged("alive", PREEMPTED, { ...quiet, askedAt: 950_000 }), "lost");
    assertEquals(judged("alive", FAILED, { askedAt: 0, quietSince: 951_000 }), "alive", "it beat since");
    assertEquals(judged("alive", FAILED, { askedAt: 0, quietSince: Infinity }), "alive", "no look proves it");
  });

  it("believes a launcher at once that sees the end itself", () => {
    assertEquals(judged("alive", FAILED), "compute");
  });

  it("never calls a suspended worker dead for its silence, however long", () => {
    assertEquals(judged("silent", SUSPENDED, { doubtedSince: 0 }), "alive");
  });

  it("takes no answer from before the silence for a job that is to begin again", () => {
    const since = { doubtedSince: 995_000 };
    assertEquals(judged("silent", PENDING, { ...since, askedAt: 989_000 }), "doubted");
    assertEquals(judged("silent", PENDING, { ...since, askedAt: 991_000 }), "lost");
  });

  it("goes by the count of restarts where there is one: a cached answer is of before the worker began", () => {
    const asked = { askedAt: 991_000, restarts: 1 };
    assertEquals(judged("silent", PENDING, { ...asked, begunAgain: 2 }), "lost");
    assertEquals(judged("silent", PENDING, { ...asked, begunAgain: 1 }), "doubted", "while that may be told");
    const long = { doubtedSince: 690_000 };
    assertEquals(judged("silent", PENDING, { ...asked, begunAgain: 1, ...long }), "lost", "that ends");
  });

  it("counts what fell silent as lost where its job vanished or is to begin again", () => {
    assertEquals([judged("silent", VANISHED), judged("silent", PENDING, { askedAt: 991_000 })], [
      "lost",
      "lost",
    ]);
    assertEquals(judged("silent", PENDING, { doubtedSince: 980_000 }), "doubted", "Slurm has not said so");
  });

  it("goes by the reason of the job's end where the worker is silent, or gone", () => {
    assertEquals([judged("silent", FAILED), judged("silent", PREEMPTED), judged("gone", FAILED)], [
      "compute",
      "lost",
      "compute",
    ]);
  });

  it("waits for an explanation of the silence, longer where the answer is older than that", () => {
    const since = { doubtedSince: 980_000 };
    assertEquals(judged("silent", RUNNING, since), "doubted");
    assertEquals(judged("silent", RUNNING), "lost");
    assertEquals(judged("silent", RUNNING, { everBeat: false }), "silent");
    assertEquals(judged("silent", RUNNING, { askedAt: 950_000 }), "doubted");
    assertEquals(judged("silent", RUNNING, { askedAt: 961_000 }), "lost");
    assertEquals(judged("silent", RUNNING, { askedAt: 650_000, doubtedSince: 690_000 }), "lost", "that ends");
  });

  it("goes by the heartbeat alone where there is no job", () => {
    assertEquals(judged("silent", undefined, { hasJob: false, doubtedSince: 1_000_000 }), "lost");
    assertEquals(judged("gone", undefined, { hasJob: false, doubtedSince: 1_000_000 }), "compute");
  });
});
