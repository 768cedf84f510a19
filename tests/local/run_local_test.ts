import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { workerLimits } from "../../lib/local/worker_limits.ts";

describe("workerLimits()", () => {
  it("maxWorkers as a number limits all specs together; by default it is the number of cores", () => {
    assertEquals(workerLimits(3), { maxRunning: 3, atOnce: 3 });
    assertEquals(workerLimits(), {
      maxRunning: navigator.hardwareConcurrency,
      atOnce: navigator.hardwareConcurrency,
    });
  });

  it("maxWorkers by spec limits each for itself, the others by default", () => {
    const { limit, maxRunning } = workerLimits({ default: 8, gpu: 1 });
    assertEquals(
      { gpu: limit?.("gpu"), cpu: limit?.("cpu"), default: limit?.("default"), maxRunning },
      { gpu: 1, cpu: 8, default: 8, maxRunning: undefined },
    );
    assertEquals(workerLimits({ gpu: 1 }).limit?.("default"), navigator.hardwareConcurrency);
  });
});
