import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { ProtocolError } from "../../lib/core/errors.ts";
import { systemClock } from "../../lib/core/system/clock.ts";
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
