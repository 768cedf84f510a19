import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { retriesLeft } from "../../lib/schedule/scheduler.ts";

const policy = { retryFailed: true, maxComputeRetries: 3, maxPreemptRetries: 2 };

describe("retriesLeft()", () => {
  it("allows maxComputeRetries after the first attempt", () => {
    const left = (failedEnds: number) =>
      retriesLeft(policy, { blame: "compute" }, { failedEnds, lostEnds: 99 });
    assertEquals([1, 2, 3, 4, 5].map(left), [3, 2, 1, 0, 0]);
  });

  it("allows none with 0 retries or with retryFailed off", () => {
    const counts = { failedEnds: 1, lostEnds: 0 };
    assertEquals(retriesLeft({ ...policy, maxComputeRetries: 0 }, { blame: "compute" }, counts), 0);
    assertEquals(retriesLeft({ ...policy, retryFailed: false }, { blame: "compute" }, counts), 0);
  });

  it("gives lost attempts a budget of their own, also with retryFailed off", () => {
    const left = (lostEnds: number) =>
      retriesLeft({ ...policy, retryFailed: false }, { blame: "lost" }, { failedEnds: 99, lostEnds });
    assertEquals([1, 2, 3, 4].map(left), [2, 1, 0, 0]);
  });

  it("never retries where the set-up or the only node is to blame", () => {
    for (const blame of ["protocol", "node"] as const) {
      assertEquals(retriesLeft(policy, { blame }, { failedEnds: 0, lostEnds: 0 }), 0, blame);
    }
  });

  it("allows none where trying again cannot help; what was lost is tried again all the same", () => {
    const left = (blame: "compute" | "lost") =>
      retriesLeft(policy, { blame, lasting: true }, { failedEnds: 1, lostEnds: 1 });
    assertEquals({ compute: left("compute"), lost: left("lost") }, { compute: 0, lost: 2 });
  });
});
