import { assertEquals } from "@std/assert";
import { systemClock } from "../../lib/core/system/clock.ts";
import { ProtocolError } from "../../lib/core/errors.ts";
import { type Evidence, judge } from "../../lib/worker/judge.ts";

function judged(evidence: Partial<Evidence> & Pick<Evidence, "end">): ReturnType<typeof judge> {
  return judge({ clock: systemClock, interruption: undefined, logTail: [], ...evidence });
}

const failed = {
  kind: "failed",
  failure: "compute",
  error: { name: "Error", message: "exit code 143" },
} as const;
const terminated = { status: { code: 143, signal: "SIGTERM" }, evidence: "killed by SIGTERM" } as const;

function soon(): AbortSignal {
  const controller = new AbortController();
  setTimeout(() => controller.abort(), 50);
  return controller.signal;
}

Deno.test("judge() takes a failure by a signal for preempted when this process is told to stop just after", async () => {
  for (const end of [{ ...failed, signalled: true }, terminated]) {
    assertEquals((await judged({ end, stopping: soon() })).outcome, "preempted");
  }
});

Deno.test("judge() takes a failure by a signal for a failure when nobody told this process to stop", async () => {
  const stopping = new AbortController().signal;
  for (const end of [{ ...failed, signalled: true }, terminated]) {
    assertEquals((await judged({ end, stopping })).outcome, "failed");
  }
});

Deno.test("judge() reports a plain failure at once", async () => {
  const clock = { ...systemClock, sleep: () => Promise.reject(new Error("waited")) };
  assertEquals(
    (await judged({ end: failed, stopping: new AbortController().signal, clock })).outcome,
    "failed",
  );
});

Deno.test("judge() lets a success count that came with an interruption", async () => {
  const interruption = { kind: "limit", seconds: 1 } as const;
  assertEquals(await judged({ end: { kind: "success" }, interruption }), { outcome: "success" });
});

Deno.test("judge() calls a message that cannot be understood a protocol failure", async () => {
  const verdict = await judged({ end: new ProtocolError("Cannot understand"), logTail: ["last"] });
  assertEquals(verdict, {
    outcome: "failed",
    kind: "protocol",
    error: "Cannot understand",
    logTail: ["last"],
  });
});
