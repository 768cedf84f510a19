import { assertEquals, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { z } from "zod";
import type { Blame } from "../../lib/core/attempt_end.ts";
import { ValidationError } from "../../lib/core/errors.ts";
import { defineTask } from "../../lib/task/define.ts";
import { decideRetry, retriesOf, type TaskRetries } from "../../lib/task/retry.ts";

const policy = { retryFailed: true, maxComputeRetries: 3, maxPreemptRetries: 2 };
const ask = (
  { own = {}, blame = "compute", lasting, failedEnds = 1, lostEnds = 0, ...more }: {
    own?: TaskRetries;
    blame?: Blame;
    lasting?: true;
    failedEnds?: number;
    lostEnds?: number;
    retryFailed?: boolean;
    maxComputeRetries?: number;
    noRetries?: true;
  },
): number[] => {
  const decision = decideRetry({ ...policy, ...more }, own, { blame, lasting }, { failedEnds, lostEnds });
  return decision.again ? [decision.left, decision.afterMs] : [];
};

describe("decideRetry()", () => {
  it("allows maxComputeRetries after the first attempt", () => {
    const rows = [1, 2, 3, 4, 5].map((failedEnds) => ask({ failedEnds, lostEnds: 99 }));
    assertEquals(rows, [[3, 0], [2, 0], [1, 0], [], []]);
  });

  it("goes by what the task says itself, which the run's default does not change", () => {
    assertEquals([0, 1, 2].map((retries) => ask({ own: { retries } })), [[], [1, 0], [2, 0]]);
    assertEquals(ask({ own: { retries: 5 }, maxComputeRetries: 0 }), [5, 0]);
    assertEquals(ask({ own: { retries: 1 }, failedEnds: 2 }), []);
  });

  it("allows none with 0 retries, with retryFailed off, and where a run was asked for none", () => {
    assertEquals(ask({ maxComputeRetries: 0 }), []);
    assertEquals(ask({ own: { retries: 5 }, retryFailed: false }), []);
    assertEquals(ask({ own: { retries: 5 }, noRetries: true }), []);
  });

  it("waits before each retry as the task says, the last delay for all that follow", () => {
    const own = { retries: 9, retryDelaySec: [1, 30] };
    const delays = [1, 2, 3, 8].map((failedEnds) => ask({ own, failedEnds })[1]);
    assertEquals(delays, [1000, 30_000, 30_000, 30_000]);
    // Where the end could not be written down.
    assertEquals(ask({ own, failedEnds: 0 })[1], 1000);
  });

  it("gives lost attempts a budget of their own, without a delay and also with retryFailed off", () => {
    const own = { retries: 0, retryDelaySec: [60] };
    const rows = [1, 2, 3, 4].map((lostEnds) =>
      ask({ own, blame: "lost", retryFailed: false, noRetries: true, failedEnds: 99, lostEnds })
    );
    assertEquals(rows, [[2, 0], [1, 0], [], []]);
  });

  it("never retries where the set-up or the only node is to blame, or trying again cannot help", () => {
    for (const blame of ["protocol", "node"] as const) {
      assertEquals(ask({ own: { retries: 9 }, blame, failedEnds: 0 }), [], blame);
    }
    for (const blame of ["compute", "lost"] as const) {
      assertEquals(ask({ own: { retries: 9 }, blame, lasting: true, lostEnds: 1 }), [], blame);
    }
  });
});

describe("retriesOf()", () => {
  const params = z.object({ n: z.int() });
  let made = 0;
  const of = (options: object) =>
    defineTask({ name: `retry/Task${++made}`, params, create: () => 1, ...options })({ n: 2 });

  it("is nothing for most tasks, and else what the options and functions of parameters say", () => {
    assertEquals(retriesOf(of({})), {});
    assertEquals(retriesOf(of({ retries: 0 })), { retries: 0 });
    assertEquals(retriesOf(of({ retryDelaySec: 1.5 })), { retryDelaySec: [1.5] });
    const grows = (attempt: number, { n }: { n: number }) => n * 10 ** attempt;
    assertEquals(retriesOf(of({ retries: (p: { n: number }) => p.n + 1, retryDelaySec: grows })), {
      retries: 3,
      retryDelaySec: [20, 200, 2000],
    });
    assertEquals(retriesOf(of({ retryDelaySec: (attempt: number) => attempt })).retryDelaySec?.length, 20);
    assertEquals(retriesOf(of({ retries: 0, retryDelaySec: (attempt: number) => attempt })).retryDelaySec, [
      1,
    ]);
  });

  it("refuses what is no such number, and names the option", () => {
    const bad: [object, string][] = [
      [{ retries: -1 }, "its 'retries' must be a whole number from 0: current value is -1"],
      [{ retries: 1.5 }, "its 'retries' must be"],
      [{ retryDelaySec: "3" }, "its 'retryDelaySec' must be a number of seconds from 0"],
      [{ retryDelaySec: Infinity }, "its 'retryDelaySec' must be"],
      [{ retryable: true }, "its 'retryable' must be a function: current value is true"],
      [{ retries: () => -1 }, "what 'retries' of its task returned must be a whole number from 0"],
      [{ retryDelaySec: () => NaN }, "what 'retryDelaySec' of its task returned must be"],
      [{
        retryDelaySec: () => {
          throw new Error("no idea");
        },
      }, "'retryDelaySec' of its task threw: no idea"],
    ];
    for (const [options, text] of bad) assertThrows(() => retriesOf(of(options)), ValidationError, text);
  });
});
