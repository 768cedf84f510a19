import { assertEquals, assertObjectMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { FURU_VERSION } from "../../../lib/core/version.ts";
import { poolNodes } from "../../../lib/remote/run_nodes.ts";
import { type PoolRun, writeRun } from "../../../lib/remote/run_record.ts";
import { acquireLeadership } from "../../../lib/pool/leadership.ts";
import { makeQueue } from "../../../lib/queue/queue.ts";
import { queuePaths } from "../../../lib/queue/layout.ts";
import { askToStop } from "../../../lib/queue/requests.ts";
import { ExecutionError } from "../../../lib/core/errors.ts";
import type { Claim } from "../../../lib/store/claims/claim.ts";
import {
  decideEarlier,
  type EarlierFacts,
  type EarlierOptions,
  findEarlier,
} from "../../../lib/slurm/pool/adopt_run.ts";
import { earlierRuns, type WantedRun } from "../../../lib/slurm/run/earlier_runs.ts";
import type { KnownJob } from "../../../lib/slurm/jobs/job_watch.ts";
import { WorkerJournal } from "../../../lib/slurm/jobs/submissions.ts";
import { artifact, PoolRig } from "../../pool/rig.ts";

const UNKNOWN: KnownJob = { status: "unknown", text: "not seen yet", evidence: "nothing", restarts: 0 };
const PENDING: KnownJob = {
  status: "alive",
  pending: true,
  text: "PENDING (Priority)",
  evidence: "list",
  restarts: 0,
};
const VANISHED: KnownJob = {
  status: "dead",
  reason: "vanished",
  text: "Slurm knows no such job",
  evidence: "job",
  restarts: 0,
};
const ALICE = { host: "login1", pid: 4711, user: "alice", uid: 4711 };

/** Finds an earlier run, where Slurm says the same of all jobs. */
async function find(
  rig: PoolRig,
  wanted: WantedRun & Pick<PoolRun, "specs">,
  { known = UNKNOWN, ...options }: Partial<EarlierOptions> & { known?: KnownJob } = {},
) {
  const jobs = { state: () => Promise.resolve(known) };
  return await findEarlier(rig.process(), {
    ...wanted,
    jobs,
    here: () => Promise.resolve("west"),
    ...options,
  });
}

async function adopt(
  rig: PoolRig,
  wanted: WantedRun & Pick<PoolRun, "specs">,
  options: Partial<EarlierOptions> = {},
): Promise<{ run: PoolRun; claim: Claim } | undefined> {
  const found = await find(rig, wanted, options);
  if (found?.kind === "at work") throw new Error(`${found.run.runId} is at work: ${found.text}`);
  return found;
}

/** Writes down that a run has submitted a job. */
async function submitted(rig: PoolRig, run: PoolRun): Promise<void> {
  const { store } = rig.process();
  const journal = new WorkerJournal(store, queuePaths(store.root, run.runId).jobs);
  const name = `furu-ff9e95-1-${run.runId.slice(14, 16)}`;
  await journal.announce({
    schema: 1,
    name,
    spec: "default",
    count: 1,
    array: false,
    order: 0,
    term: 1,
    heir: false,
    submitter: run.submitter,
    at: run.createdAt,
  });
  await journal.confirm(name, { jobId: "7", cluster: run.cluster ?? "west" });
}

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

async function found(rig: PoolRig, wanted: WantedRun): Promise<string[]> {
  const ids: string[] = [];
  for await (
    const { run, whose, agrees } of earlierRuns(rig.process(), wanted, () => Promise.resolve("west"))
  ) {
    if (whose.kind === "ours" && agrees) ids.push(run.runId);
  }
  return ids;
}

describe("findEarlier()", () => {
  it("takes up the newest run of the same roots that nobody controls", async () => {
    await using rig = new PoolRig();
    await rig.begin([artifact(() => 1)]);
    await abandoned(rig, 0);
    const newest = await abandoned(rig, 1);
    const adopted = await adopt(rig, newest);
    assertEquals(adopted?.run.runId, newest.runId);
    // The newest one has a controller now.
    assertEquals((await adopt(rig, newest))?.run.runId, "slurm-2026-11-20T204646822Z-ff9e95");
    assertEquals(await adopt(rig, newest), undefined);
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
    const adopted = await adopt(rig, run, { onWait: (text) => waits.push(text) });
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
    assertEquals(await adopt(rig, run, { onWait }), undefined);
    // Whose heartbeat is not late is not waited for.
    assertEquals(await adopt(rig, run, { onWait }), undefined);
    assertEquals(waits.length, 1);
  });

  it("waits for a detached run of ours that nobody controls while a job of it waits", async () => {
    await using rig = new PoolRig();
    await rig.begin([artifact(() => 1)]);
    const run = await abandoned(rig, 0, { detached: true, cluster: "west", specs: { default: {} } });
    await submitted(rig, run);
    const seen = await find(rig, run, { known: PENDING });
    assertObjectMatch(seen ?? {}, { kind: "at work", text: "its job 7 is PENDING (Priority)" });
    // Also while Slurm does not answer.
    assertEquals((await find(rig, run))?.kind, "at work");
    assertEquals((await find(rig, run, { known: VANISHED }))?.kind, "taken up");
  });

  it("takes up a detached run whose pending jobs are not those that are wanted any more", async () => {
    await using rig = new PoolRig();
    await rig.begin([artifact(() => 1)]);
    const specs = { default: { partition: "old", timeMin: 5 } };
    const run = await abandoned(rig, 0, { detached: true, cluster: "west", specs });
    await submitted(rig, run);
    const same = { ...run, specs: { default: { timeMin: 5, partition: "old" } } };
    assertEquals((await find(rig, same, { known: PENDING }))?.kind, "at work");
    const other = { ...run, specs: { default: { timeMin: 5, partition: "new" } } };
    assertEquals((await find(rig, other, { known: PENDING }))?.kind, "taken up");
  });

  it("waits for a run of another user that is at work, and never touches it", async () => {
    await using rig = new PoolRig();
    await rig.begin([artifact(() => 1)]);
    const run = await abandoned(rig, 0, {
      submitter: ALICE,
      cluster: "west",
      specs: { default: {} },
      // Her code lies elsewhere, and is of another version.
      entry: "file:///home/alice/pipeline.ts",
      versions: { furu: "0.0.1", deno: "2" },
    });
    await submitted(rig, run);
    const before = rig.rig.tree();
    const wanted = { ...run, entry: "file:///home/bob/pipeline.ts" };
    const seen = await find(rig, wanted, { known: PENDING });
    assertObjectMatch(seen ?? {}, { kind: "at work", whose: { kind: "other user", user: "alice" } });
    // It does not bring what is to be computed again.
    assertEquals(await find(rig, { ...wanted, force: "ALL" }, { known: PENDING }), undefined);
    const passed: string[] = [];
    const onPass = (text: string): unknown => passed.push(text);
    assertEquals(await find(rig, wanted, { known: VANISHED, onPass }), undefined);
    assertStringIncludes(passed.join(), "of alice gives no sign of life");
    assertEquals(rig.rig.tree(), before);
  });

  it("waits for a run on another cluster that gives signs of life, and never touches it", async () => {
    await using rig = new PoolRig();
    await rig.begin([artifact(() => 1)]);
    const run = await abandoned(rig, 0, { cluster: "east", specs: { default: {} } });
    await submitted(rig, run);
    assertEquals(await find(rig, run), undefined);
    const runtime = rig.process();
    const paths = queuePaths(runtime.store.root, run.runId);
    const claim = await acquireLeadership(runtime, paths, { runId: run.runId });
    assertEquals(typeof claim, "object");
    const seen = await find(rig, run);
    assertObjectMatch(seen ?? {}, { kind: "at work", whose: { kind: "other cluster", there: "east" } });
    await assertRejects(
      () => find(rig, run, { takeOver: true }),
      ExecutionError,
      `Cannot take over run ${run.runId} on cluster east as its controller lives`,
    );
    rig.kill(runtime.pid);
    assertObjectMatch(await find(rig, run, { takeOver: true }) ?? {}, {
      kind: "taken up",
      run: { cluster: "east" },
    });
  });

  it("takes over a run of another user that would do as one's own when it is told to", async () => {
    await using rig = new PoolRig();
    await rig.begin([artifact(() => 1)]);
    const run = await abandoned(rig, 0, { submitter: ALICE, cluster: "west", specs: { default: {} } });
    assertEquals((await find(rig, { ...run, entry: "file:///b.ts" }, { takeOver: true }))?.kind, undefined);
    assertEquals((await find(rig, run, { takeOver: true }))?.kind, "taken up");
  });
});

describe("decideEarlier()", () => {
  const facts: EarlierFacts = {
    whose: "ours",
    agrees: true,
    covers: true,
    detached: false,
    changed: false,
    takeOver: false,
    isIdle: false,
  };
  const table: [change: Partial<EarlierFacts>, decision: string][] = [
    [{}, "take up"],
    [{ agrees: false }, "leave"],
    [{ covers: false }, "take up"],
    [{ isIdle: true, detached: true }, "take up"],
    [{ detached: true }, "look at its life"],
    [{ detached: true, life: "controlled" }, "wait"],
    [{ detached: true, life: "controlled", changed: true }, "wait"],
    [{ detached: true, life: "at work" }, "wait"],
    [{ detached: true, life: "at work", changed: true }, "take up"],
    [{ detached: true, life: "unknown", changed: true }, "wait"],
    [{ detached: true, life: "silent" }, "take up"],
  ];
  const others: [change: Partial<EarlierFacts>, decision: string][] = [
    [{}, "look at its life"],
    [{ agrees: false }, "look at its life"],
    [{ covers: false }, "leave"],
    [{ isIdle: true }, "leave"],
    [{ life: "controlled" }, "wait"],
    [{ life: "at work", changed: true }, "wait"],
    [{ life: "unknown" }, "leave"],
    [{ life: "silent" }, "leave"],
    [{ takeOver: true }, "take up"],
    [{ takeOver: true, detached: true }, "take up"],
    [{ takeOver: true, agrees: false }, "leave"],
  ];
  const kinds = ["other user", "other cluster", "unknown"] as const;
  const all = [
    ...table.map(([change, decision]) => [{ ...facts, ...change }, decision] as const),
    ...kinds.flatMap((whose) =>
      others.map(([change, decision]) => [{ ...facts, whose, ...change }, decision] as const)
    ),
  ];
  for (const [given, decision] of all) {
    const different = Object.entries(given).filter(([key, value]) =>
      value !== facts[key as keyof EarlierFacts]
    );
    const text = different.map(([key, value]) => value === true ? key : `${key}: ${value}`).join(", ");
    it(`says "${decision}" to a run of ours or not (${text})`, () => {
      assertEquals(decideEarlier(given), decision);
    });
  }
});
