import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { join } from "@std/path/join";
import { describe, it } from "@std/testing/bdd";
import { hashOfIdentity } from "../../../lib/core/json/canonical.ts";
import { queuePaths } from "../../../lib/queue/layout.ts";
import { writeRun } from "../../../lib/remote/run_record.ts";
import { Rig, testRuntime } from "../../rig.ts";
import { furu } from "../rig.ts";
import { sweepRig } from "./rig.ts";

const RUN = "slurm-2026-11-20T204646822Z-ff9e95";
const AT = "2026-11-20T20:50:00.000Z";

/** A result of a run on Slurm that asked for much more than it took. */
async function storeResult(rig: Rig, provenance: Record<string, unknown>): Promise<void> {
  const runtime = testRuntime(rig.root);
  Deno.mkdirSync(queuePaths(rig.root, RUN).run, { recursive: true });
  await writeRun(runtime, queuePaths(rig.root, RUN), {
    mode: "pool",
    schema: 1,
    runId: RUN,
    createdAt: AT,
    submitter: { host: "login", pid: 1 },
    versions: { furu: "0", deno: "2" },
    entry: "file:///x.ts",
    roots: [],
    specs: { gpu: { memGb: 32, timeMin: 240, cpus: 8 }, default: { timeMin: 60, cpus: 1 } },
    config: runtime.config,
    force: [],
    git: null,
    counts: { nodes: 1, cached: 0 },
    invalid: [],
    detached: false,
    options: { maxWorkers: 1, window: "bfs", idleTimeoutSec: 1, keepGoing: true, tasksPerWorker: 1 },
    nodes: [],
  });
  const identity = { scheme: 1, task: "toy/Slow", params: {} };
  const dir = join(rig.root, "artifacts/toy/Slow");
  Deno.mkdirSync(dir, { recursive: true });
  const record = {
    ...{ schema: 1, identity, attempt: 1, id: "aaaa", run: RUN, files: false, value: 1, createdAt: AT },
    ...{ durationMs: 600_000, provenance },
  };
  Deno.writeTextFileSync(join(dir, `${hashOfIdentity(identity)}.json`), JSON.stringify(record));
}

describe("furu usage", () => {
  it("says what the spec asked for, and what would do", async () => {
    await using rig = new Rig();
    const provenance = { spec: "gpu", cpuSec: 1800, programsCpuSec: 1500, peakMemoryBytes: 3 * 2 ** 30 };
    await storeResult(rig, provenance);
    const usage = async (...args: string[]) =>
      await furu(["usage", ...args], { root: () => Promise.resolve(rig.root) });
    const { code, out, err } = await usage("Slow");
    assertEquals({ code, err }, { code: 0, err: "" });
    assertMatch(out, /^toy\/Slow {2}spec gpu {2}1 attempt\n/);
    assertMatch(out, /time +10m +10m +10m +timeMin: 240 +timeMin: 12\n/);
    assertMatch(out, /memory +3\.2 GB .*memGb: 32 +memGb: 4\n/);
    assertMatch(out, /processors +3\.00 .*cpus: 8 +cpus: 3\n/);
    assertStringIncludes(out, "programs computed, too: their memory is not known");
    const [json] = JSON.parse((await usage("--json")).out);
    assertEquals([json.asked, json.wouldDo, json.programs], [
      { memGb: 32, timeMin: 240, cpus: 8 },
      { memGb: 4, timeMin: 12, cpus: 3 },
      true,
    ]);
  });

  it("counts attempts that failed, of get as well", async () => {
    await using sweep = await sweepRig();
    const { out } = await sweep.run("usage", "toy/Train", "--json");
    const [usage, ...rest] = JSON.parse(out);
    assertEquals({ task: usage.task, attempts: usage.attempts, failed: usage.failed, rest }, {
      task: "toy/Train",
      attempts: 3,
      failed: 1,
      rest: [],
    });
    assertEquals(usage.wouldDo.timeMin, 1);
    const none = await sweep.run("usage", "--since", "2099-01-01");
    assertEquals(none.out, "");
    assertStringIncludes(none.err, "no attempts of that");
  });
});
