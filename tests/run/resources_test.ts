import { assert, assertEquals } from "@std/assert";
import { join } from "@std/path/join";
import { describe, it } from "@std/testing/bdd";
import { Rig } from "../rig.ts";

const SCRIPT = "run/fixtures/resources.ts";

interface Kept {
  how: string;
  durationMs?: number;
  cpuSec?: number;
  peakMemoryBytes?: number;
}

/** What records and ends in a store say of the resources of their attempts. */
function keptIn(rig: Rig): Kept[] {
  return rig.tree().filter((name) => /\/(end-\w+|[0-9a-f]{32})\.json$/.test(name)).map((name) => {
    const record = JSON.parse(Deno.readTextFileSync(join(rig.root, name)));
    const { durationMs } = record;
    const { cpuSec, peakMemoryBytes } = record.provenance ?? record;
    return { how: (record.identity?.params ?? record.params).how, durationMs, cpuSec, peakMemoryBytes };
  }).sort((a, b) => a.how < b.how ? -1 : 1);
}

describe("resources of attempts", { ignore: Deno.build.os !== "linux" }, () => {
  for (const how of ["get", "run"]) {
    it(`records and ends of '${how}' tell what attempts took`, async () => {
      await using rig = new Rig();
      const { code, output } = await rig.start(SCRIPT, [how]).ended();
      assertEquals(code, 0, output);
      const kept = keptIn(rig);
      assertEquals(kept.map(({ how }) => how), how === "get" ? ["bad", "good"] : ["bad", "endless", "good"]);
      for (const { how, durationMs = 0, cpuSec, peakMemoryBytes } of kept) {
        assert(durationMs >= (how === "endless" ? 900 : 200), `${how}: ${durationMs} ms`);
        // Code that never listens is killed: nobody can ask it.
        if (how === "endless") continue;
        assert(cpuSec !== undefined && cpuSec >= 0.02, `${how}: ${cpuSec} s`);
        assert(peakMemoryBytes !== undefined && peakMemoryBytes > 1e6, `${how}: ${peakMemoryBytes} bytes`);
      }
    });
  }
});
