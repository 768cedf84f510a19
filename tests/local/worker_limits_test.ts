import { assertEquals, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { ValidationError } from "../../lib/core/errors.ts";
import { workerLimits } from "../../lib/local/run_local.ts";

describe("maxWorkers", () => {
  it("as a number limits all specs together; by default it is the number of cores", () => {
    assertEquals(workerLimits(3), { maxRunning: 3 });
    assertEquals(workerLimits(), { maxRunning: navigator.hardwareConcurrency });
  });

  it("by spec limits each for itself, the others by default", () => {
    const { limit, maxRunning } = workerLimits({ default: 8, gpu: 1 });
    assertEquals([limit?.("gpu"), limit?.("cpu"), limit?.("default"), maxRunning], [1, 8, 8, undefined]);
    assertEquals(workerLimits({ gpu: 1 }).limit?.("default"), navigator.hardwareConcurrency);
  });

  it("that is no whole number from 1 is an error that names it", () => {
    for (const bad of [0, -1, 1.5, NaN, Infinity, "4", null, [], true]) {
      assertThrows(() => workerLimits(bad as never), ValidationError, "maxWorkers");
    }
    assertThrows(() => workerLimits({ gpu: 0 }), ValidationError, "maxWorkers.gpu");
  });
});
