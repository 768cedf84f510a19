import { assertEquals, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { FURU_VERSION } from "../../../lib/core/version.ts";
import { poolNodes, type PoolRun, writeRun } from "../../../lib/remote/run_record.ts";
import { acquireLeadership } from "../../../lib/pool/leadership.ts";
import { makeQueue } from "../../../lib/queue/queue.ts";
import { queuePaths } from "../../../lib/queue/layout.ts";
import { askToStop } from "../../../lib/queue/requests.ts";
import { adoptableRuns, type AdoptOptions, adoptRun } from "../../../lib/slurm/pool/adopt_run.ts";
import { artifact, PoolRig } from "../../pool/rig.ts";

/** A run as `runSlurm` begins it, whose controller is gone. */
async function abandoned(rig: PoolRig, n: number, change: Partial<PoolRun> = {}): Promise<PoolRun> {
  const runtime = rig.process();
  const runId = `slurm-2026-11-2${n}T204646822Z-ff9e95`;
  const run: PoolRun = {
    ...rig.run,
    runId,
    versions: { furu: FURU_VERSION, deno: "2" },
    ...change,
  };
  const paths = queuePaths(runtime.store.root, runId);
  await makeQueue(runtime.store, paths, ["default"]);
  await writeRun(runtime, paths, run);
  return run;
}

async function found(rig: PoolRig, wanted: AdoptOptions): Promise<string[]> {
  const ids: string[] = [];
  for await (const { run } of adoptableRuns(rig.process(), wanted)) ids.push(run.runId);
  return ids;
}

describe("adoptRun()", () => {
  it("takes up the newest run of the same roots that nobody controls", async () => {
    await using rig = new PoolRig();
    await rig.begin([artifact(() => 1)]);
    await abandoned(rig, 0);
    const newest = await abandoned(rig, 1);
    const adopted = await adoptRun(rig.process(), newest);
    assertEquals(adopted?.run.runId, newest.runId);
    // The newest one has a controller now.
    assertEquals((await adoptRun(rig.process(), newest))?.run.runId, "slurm-2026-11-20T204646822Z-ff9e95");
    assertEquals(await adoptRun(rig.process(), newest), undefined);
  });

  it("takes up none that was to stop, that is of other roots or of another furu", async () => {
    await using rig = new PoolRig();
    await rig.begin([artifact(() => 1)]);
    const wanted = await abandoned(rig, 0);
    const { store } = rig.process();
    await askToStop(store, queuePaths(store.root, wanted.runId), "stop", "furu cancel");
    const other = artifact(() => 2);
    await abandoned(rig, 1, { roots: [other.hash] });
    await abandoned(rig, 2, { versions: { furu: "0.0.1", deno: "2" } });
    assertEquals(await found(rig, wanted), []);
  });

  it("takes up none whose queue has a task for workers of another spec, or with another time limit", async () => {
    await using rig = new PoolRig();
    const root = artifact(() => 1);
    await rig.begin([root]);
    const [node] = poolNodes([root]);
    const wanted = await abandoned(rig, 0);
    assertEquals((await found(rig, wanted)).length, 1);
    assertEquals(await found(rig, { ...wanted, nodes: [{ ...node!, spec: "gpu" }] }), []);
    assertEquals(await found(rig, { ...wanted, nodes: [{ ...node!, timeLimitSec: 7 }] }), []);
  });

  it("takes up none whose workers would refuse to work as deno.lock has changed", async () => {
    await using rig = new PoolRig();
    await rig.begin([artifact(() => 1)]);
    const wanted = await abandoned(rig, 0, { lock: { "npm:zod@4": "4.0.0" } });
    assertEquals(await found(rig, wanted), []);
    // Nothing is left to be computed.
    assertEquals((await found(rig, { ...wanted, code: "any" })).length, 1);
  });

  it("takes up none that was begun with other arguments or options of Deno", async () => {
    await using rig = new PoolRig();
    await rig.begin([artifact(() => 1)]);
    const start = { args: ["10"], options: ["--unstable-kv"] };
    const wanted = await abandoned(rig, 0, { start });
    assertEquals((await found(rig, wanted)).length, 1);
    assertEquals(await found(rig, { ...wanted, start: { ...start, args: ["20"] } }), []);
    assertEquals(await found(rig, { ...wanted, start: { ...start, options: [] } }), []);
    // Nothing is left to be computed.
    assertEquals((await found(rig, { ...wanted, start: { ...start, args: [] }, code: "any" })).length, 1);
    // Its record is of before they were written down.
    await abandoned(rig, 1);
    assertEquals((await found(rig, { ...wanted, start: { ...start, args: ["20"] } })).length, 1);
  });

  it("takes up none whose workers do not know that what is stored is invalid", async () => {
    await using rig = new PoolRig();
    await rig.begin([artifact(() => 1)]);
    const wanted = await abandoned(rig, 0);
    const { roots } = wanted;
    assertEquals(await found(rig, { ...wanted, invalid: roots }), []);
    const later = await abandoned(rig, 1, { invalid: roots });
    assertEquals(await found(rig, { ...wanted, invalid: roots }), [later.runId]);
    assertEquals((await found(rig, { ...wanted, invalid: [] })).length, 2);
  });

  it("leaves no run to workers that never become its controller", async () => {
    await using rig = new PoolRig();
    await rig.begin([artifact(() => 1)]);
    const wanted = await abandoned(rig, 0);
    assertEquals(await found(rig, { ...wanted, detached: true }), []);
    const detached = await abandoned(rig, 1, { detached: true });
    assertEquals(await found(rig, { ...wanted, detached: true }), [detached.runId]);
  });

  /** A run that is controlled on another machine, whose last heartbeat was ten minutes ago. */
  async function elsewhere(rig: PoolRig): Promise<{ run: PoolRun; claim: string }> {
    await rig.begin([artifact(() => 1)]);
    const run = await abandoned(rig, 0);
    const { machine, store } = rig.process();
    const holder = rig.process();
    Object.assign(holder.machine, { self: { ...machine.self, host: "login2" } });
    const paths = queuePaths(store.root, run.runId);
    assertEquals(typeof await acquireLeadership(holder, paths, { runId: run.runId }), "object");
    const old = new Date(Date.now() - 600_000);
    await Deno.utime(paths.role.claim, old, old);
    return { run, claim: paths.role.claim };
  }

  it("takes up a run whose controller died on another machine, when a lease has shown that", async () => {
    await using rig = new PoolRig({ leaseSec: 0.3, heartbeatSec: 0.1 });
    const { run } = await elsewhere(rig);
    const waits: string[] = [];
    const adopted = await adoptRun(rig.process(), { ...run, onWait: (text) => waits.push(text) });
    assertEquals({ runId: adopted?.run.runId, term: adopted?.claim.attempt.n, waits: waits.length }, {
      runId: run.runId,
      term: 2,
      waits: 1,
    });
    assertStringIncludes(waits[0]!, "on login2");
  });

  it("leaves a run to its controller on another machine that gives a sign of life", async () => {
    await using rig = new PoolRig({ leaseSec: 60, heartbeatSec: 20 });
    const { run, claim } = await elsewhere(rig);
    const beat = (): void => Deno.utimeSync(claim, new Date(), new Date());
    const waits: string[] = [];
    const onWait = (text: string): void => {
      waits.push(text);
      beat();
    };
    assertEquals(await adoptRun(rig.process(), { ...run, onWait }), undefined);
    // Whose heartbeat is not late is not waited for.
    assertEquals(await adoptRun(rig.process(), { ...run, onWait }), undefined);
    assertEquals(waits.length, 1);
  });
});
