import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { type Attempt, usageOf } from "../../lib/catalog/usage.ts";

const GIB = 2 ** 30;

/** Attempts of as many seconds, GiB and busy processors. */
function attempts(...took: [sec: number, gib: number, cpus: number, failed?: "failed"][]): Attempt[] {
  return took.map(([sec, gib, cpus, failed]) => ({
    succeeded: failed === undefined,
    durationMs: sec * 1000,
    peakMemoryBytes: gib * GIB,
    cpuSec: sec * cpus,
  }));
}

describe("usage", () => {
  it("has the median, 95 % and the most, and a spec that would do with 20 % to spare", () => {
    const hundred = Array.from({ length: 100 }, (_, i): [number, number, number] => [i + 1, 1, 1.1]);
    const usage = usageOf({
      task: "toy/Train",
      spec: "gpu",
      asked: { memGb: 32 },
      attempts: attempts(...hundred),
    });
    assertEquals({ ...usage.durationMs, attempts: usage.attempts, failed: usage.failed }, {
      median: 50_000,
      p95: 95_000,
      most: 100_000,
      attempts: 100,
      failed: 0,
    });
    // 1.2 GiB, 120 s, and a bit more than one processor.
    assertEquals(usage.wouldDo, { memGb: 2, timeMin: 2, cpus: 1 });
    assertEquals([usage.task, usage.spec, usage.asked], ["toy/Train", "gpu", { memGb: 32 }]);
  });

  it("what failed counts for the most only", () => {
    const usage = usageOf({
      task: "t",
      spec: "s",
      asked: undefined,
      attempts: attempts([60, 3, 3.9], [0.1, 9, 1, "failed"]),
    });
    assertEquals(usage.durationMs, { median: 60_000, p95: 60_000, most: 60_000 });
    assertEquals(usage.peakMemoryBytes, { median: 3 * GIB, p95: 3 * GIB, most: 9 * GIB });
    assertEquals(usage.wouldDo, { memGb: 11, timeMin: 2, cpus: 4 });
    const failed = usageOf({
      task: "t",
      spec: "s",
      asked: undefined,
      attempts: attempts([30, 1, 1, "failed"]),
    });
    assertEquals(failed.durationMs?.median, 30_000);
  });

  it("nothing is made up where nothing was measured", () => {
    const usage = usageOf({ task: "t", spec: undefined, asked: undefined, attempts: [{ succeeded: false }] });
    assertEquals(usage, { task: "t", attempts: 1, failed: 1, programs: false, wouldDo: {} });
  });
});
