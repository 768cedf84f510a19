import { assertEquals } from "@std/assert";
import { retriesLeft } from "../../lib/schedule/retry.ts";

const policy = { retryFailed: true, maxComputeRetries: 3, maxPreemptRetries: 2 };

Deno.test("retriesLeft() allows maxComputeRetries after the first attempt", () => {
  const left = (failedEnds: number) => retriesLeft(policy, { kind: "compute", failedEnds, lostEnds: 99 });
  assertEquals([1, 2, 3, 4, 5].map(left), [3, 2, 1, 0, 0]);
});

Deno.test("retriesLeft() allows none with 0 retries or with retryFailed off", () => {
  const failure = { kind: "compute", failedEnds: 1, lostEnds: 0 } as const;
  assertEquals(retriesLeft({ ...policy, maxComputeRetries: 0 }, failure), 0);
  assertEquals(retriesLeft({ ...policy, retryFailed: false }, failure), 0);
});

Deno.test("retriesLeft() gives lost attempts a budget of their own, also with retryFailed off", () => {
  const left = (lostEnds: number) =>
    retriesLeft({ ...policy, retryFailed: false }, { kind: "lost", failedEnds: 99, lostEnds });
  assertEquals([1, 2, 3, 4].map(left), [2, 1, 0, 0]);
});

Deno.test("retriesLeft() never retries a protocol failure", () => {
  assertEquals(retriesLeft(policy, { kind: "protocol", failedEnds: 0, lostEnds: 0 }), 0);
});

Deno.test("retriesLeft() allows none where trying again cannot help; what was lost is tried again all the same", () => {
  const left = (kind: "compute" | "lost") =>
    retriesLeft(policy, { kind, failedEnds: 1, lostEnds: 1, lasting: true });
  assertEquals([left("compute"), left("lost")], [0, 2]);
});
