import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { cpuUsage } from "node:process";
import { measureUse, parseStat } from "../../../lib/core/system/resource_use.ts";

/** Computes until this process has taken so many seconds of processor time more. */
function burn(seconds: number): void {
  const begun = cpuUsage();
  for (;;) {
    const { user, system } = cpuUsage(begun);
    if (user + system >= seconds * 1e6) return;
  }
}

describe("what attempts take", { ignore: Deno.build.os !== "linux" }, () => {
  it("the times are read behind a name with spaces and brackets", () => {
    const stat = "7 (a) R (b) S 1 7 7 0 -1 4194304 100 0 0 0 150 50 300 25 20 0 1 0 221559 3133440";
    assertEquals(parseStat(stat), { own: 2, programs: 3.25 });
    assertEquals(parseStat(""), undefined);
  });

  it("processor time and memory are told of an attempt that takes a while", () => {
    const used = measureUse();
    burn(0.3);
    const { cpuSec = 0, programsCpuSec, peakMemoryBytes = 0 } = used();
    // The kernel counts in ticks of 10 ms, and the reading before may be as old.
    assert(cpuSec >= 0.25, `${cpuSec}`);
    assertEquals(programsCpuSec, undefined);
    assert(peakMemoryBytes > 1e6, `${peakMemoryBytes}`);
  });

  it("programs that were waited for count", async () => {
    const used = measureUse();
    const script = "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done";
    await new Deno.Command("sh", { args: ["-c", script] }).output();
    const { cpuSec = 0, programsCpuSec = 0 } = used();
    assert(programsCpuSec > 0.02, `${programsCpuSec}`);
    assert(cpuSec >= programsCpuSec);
  });

  it("of a tiny attempt only the memory is told", () => {
    let now = 1e12;
    const used = measureUse(() => now);
    now += 49;
    assertEquals(Object.keys(used()), ["peakMemoryBytes"]);
    now += 1;
    assertEquals(Object.keys(used()), ["cpuSec", "peakMemoryBytes"]);
  });
});
