import { assert, assertEquals, assertMatch } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { TimeIsUp } from "../../../lib/core/system/stop_time.ts";
import { JobSignals } from "../../../lib/slurm/jobs/job_signals.ts";
import type { SignalFacts } from "../../../lib/slurm/client/job_time.ts";
import { FakeClock } from "../fake_slurm.ts";

type Answer = Pick<SignalFacts, "said" | "killWaitSec">;

const ENDING: Answer = { said: { running: false, timedOut: false, cutShort: false }, killWaitSec: 30 };
const left = (leftMs: number): Answer => ({
  said: { running: true, timedOut: false, cutShort: false, leftMs },
  killWaitSec: 30,
});

function signalsOf(...answers: (Answer | Promise<Answer>)[]): JobSignals {
  const clock = new FakeClock();
  clock.ms = 1000;
  return new JobSignals({
    clock,
    timeMin: 60,
    ask: () => Promise.resolve(answers.shift() ?? {}),
  });
}

describe("JobSignals", () => {
  it("gives all of the time that is left before the job's end, and says that it was planned", async () => {
    using signals = signalsOf(left(150_000));
    assertEquals(signals.stoppedAt, undefined);
    await signals.receive("SIGUSR1");
    assertEquals(signals.stoppedAt, 1000 + 135_000);
    assert(signals.signal.reason instanceof TimeIsUp);
    assertMatch(`${signals.signal.reason}`, /nearly up \(SIGUSR1\)/);
  });

  it("gives the time until the kill after scancel, which was not planned", async () => {
    using signals = signalsOf(ENDING);
    await signals.receive("SIGTERM");
    assertEquals(signals.stoppedAt, 1000 + 25_000);
    assert(!(signals.signal.reason instanceof TimeIsUp));
  });

  it("aborts at once, with the usual grace until Slurm has answered", async () => {
    const answer = Promise.withResolvers<Answer>();
    using signals = signalsOf(answer.promise);
    const received = signals.receive("SIGTERM");
    assertEquals([signals.signal.aborted, signals.stoppedAt], [true, 6000]);
    answer.resolve(ENDING);
    await received;
    assertEquals(signals.stoppedAt, 26_000);
  });

  it("aborts at once at a warning that comes when it has to, however slow Slurm is", () => {
    using signals = signalsOf(new Promise<Answer>(() => {}));
    signals.plan({ beganAt: 0, endsAt: 121_000 });
    void signals.receive("SIGUSR1");
    assertEquals([signals.signal.aborted, signals.stoppedAt], [true, 1000 + 108_000]);
  });

  it("leaves a warning alone that comes long before", async () => {
    using signals = signalsOf(left(3_000_000), ENDING);
    await signals.receive("SIGUSR1");
    assertEquals([signals.signal.aborted, signals.stoppedAt], [false, undefined]);
    await signals.receive("SIGTERM");
    assertEquals([signals.signal.aborted, signals.stoppedAt], [true, 26_000]);
  });

  it("makes the time shorter for a later signal, never longer", async () => {
    using signals = signalsOf(left(150_000), ENDING, left(3_000_000));
    await signals.receive("SIGUSR1");
    await signals.receive("SIGTERM");
    assertEquals(signals.stoppedAt, 26_000);
    await signals.receive("SIGUSR1");
    assertEquals(signals.stoppedAt, 26_000);
    assert(signals.signal.reason instanceof TimeIsUp, "the first reason counts");
  });

  it("says when the warning comes at the earliest", () => {
    using signals = signalsOf();
    assertEquals(signals.warnedAt, Infinity);
    signals.plan({ beganAt: 500, endsAt: 3_600_500 });
    assertEquals(signals.warnedAt, 500 + 3_420_000);
  });
});
