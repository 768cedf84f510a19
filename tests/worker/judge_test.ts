import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { ProtocolError } from "../../lib/core/errors.ts";
import { systemClock } from "../../lib/core/system/clock.ts";
import type { FailedAttempt } from "../../lib/core/attempt_end.ts";
import { exitLack } from "../../lib/worker/computing_process.ts";
import { type Evidence, judge } from "../../lib/worker/judge.ts";

function judged(evidence: Partial<Evidence> & Pick<Evidence, "end">): ReturnType<typeof judge> {
  return judge({ clock: systemClock, interruption: undefined, signalled: false, logTail: [], ...evidence });
}

const failed = { outcome: "failed", blame: "compute", error: "exit code 143" } as const;
const terminated = { status: { code: 143, signal: "SIGTERM" }, evidence: "killed by SIGTERM" } as const;

function soon(): AbortSignal {
  const controller = new AbortController();
  setTimeout(() => controller.abort(), 50);
  return controller.signal;
}

describe("judge()", () => {
  it("takes a failure by a signal for preempted when this process is told to stop just after", async () => {
    for (const end of [{ end: failed, signalled: true }, { end: terminated }]) {
      assertEquals((await judged({ ...end, stopping: soon() })).outcome, "preempted");
    }
  });

  it("takes a failure by a signal for a failure when nobody told this process to stop", async () => {
    const stopping = new AbortController().signal;
    for (const end of [{ end: failed, signalled: true }, { end: terminated }]) {
      assertEquals((await judged({ ...end, stopping })).outcome, "failed");
    }
  });

  it("reports a plain failure at once", async () => {
    const clock = { ...systemClock, sleep: () => Promise.reject(new Error("waited")) };
    const end = await judged({ end: failed, stopping: new AbortController().signal, clock });
    assertEquals(end, { ...failed, logTail: [] });
  });

  it("tells what there was too little of: by how the process died, or what the kernel killed meanwhile", async () => {
    const heap = { status: { code: 133, signal: null }, evidence: "exit 133: heap" } as const;
    assertEquals((await judged({ end: { ...heap, lack: "memory" } }) as FailedAttempt).lack, "memory");
    assertEquals((await judged({ end: heap }) as FailedAttempt).lack, undefined);
    const killed = await judged({ end: failed, oomKills: 2 }) as FailedAttempt;
    assertEquals([killed.lack, killed.error], [
      "memory",
      "exit code 143; the memory cgroup counts 2 oom_kill",
    ]);
    for (const end of [{ ...failed, lasting: true }, { ...failed, blame: "protocol" }] as const) {
      assertEquals((await judged({ end, oomKills: 2 }) as FailedAttempt).lack, undefined);
    }
  });

  it("reads how a process died", () => {
    const ok = { code: 1, signal: null };
    const aborted = { code: 134, signal: "SIGABRT" } as const;
    const said = ["memory allocation of 8 bytes failed"];
    assertEquals([
      exitLack({ code: 133, signal: null }, 0),
      exitLack({ code: 137, signal: "SIGKILL" }, 1),
      exitLack({ code: 137, signal: "SIGKILL" }, 0),
      exitLack(aborted, 0, said),
      exitLack(aborted, 0),
      exitLack(ok, 0, said),
    ], ["memory", "memory", undefined, "memory", undefined, undefined]);
  });

  it("lets a success count that came with an interruption", async () => {
    const interruption = { kind: "limit", seconds: 1 } as const;
    assertEquals(await judged({ end: { outcome: "success" }, interruption }), { outcome: "success" });
  });

  it("calls a message that cannot be understood a protocol failure", async () => {
    const end = await judged({ end: new ProtocolError("Cannot understand"), logTail: ["last"] });
    assertEquals(end, {
      outcome: "failed",
      blame: "protocol",
      error: "Cannot understand",
      logTail: ["last"],
    });
  });
});
