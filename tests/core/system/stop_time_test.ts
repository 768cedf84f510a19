import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { graceOf, usableMs } from "../../../lib/core/system/stop_time.ts";

describe("graceOf()", () => {
  const cases: [left: number | undefined, grace: number, why: string][] = [
    [undefined, 5000, "nothing is known"],
    [33_000, 28_000, "the case of a checkpoint of 20 s"],
    [30_000, 25_000, "Slurm's own KillWait"],
    [120_000, 108_000, "a tenth is kept back of a longer time"],
    [3_600_000, 3_570_000, "never more than half a minute"],
    [6000, 3000, "never more than half of what is left"],
    [0, 0, "nothing is left"],
    [-5, 0, "the time is over"],
  ];
  for (const [left, grace, why] of cases) {
    it(`gives ${grace} ms of ${left}: ${why}`, () => assertEquals(graceOf(left), grace));
  }
});

describe("usableMs()", () => {
  it("takes the warning's lead and Slurm's minute into account, and leaves a quarter", () => {
    assertEquals(usableMs(3_600_000, 120_000), 3_420_000);
    assertEquals(usableMs(120_000, 30_000), 30_000);
    assertEquals(usableMs(60_000, 15_000), 15_000);
  });
});
