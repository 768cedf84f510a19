import { assertEquals, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { acquireLeadership } from "../../../lib/pool/leadership.ts";
import { workerFiles } from "../../../lib/queue/layout.ts";
import type { JobRef } from "../../../lib/slurm/jobs/job_identity.ts";
import type { KnownJob } from "../../../lib/slurm/jobs/job_watch.ts";
import { WorkerJournal } from "../../../lib/slurm/jobs/submissions.ts";
import { RunLife } from "../../../lib/slurm/run/run_life.ts";
import { artifact, PoolRig } from "../../pool/rig.ts";

const NOTHING: KnownJob = { status: "unknown", text: "not seen yet", evidence: "nothing", restarts: 0 };
const ENDED: KnownJob = {
  status: "dead",
  reason: "completed",
  text: "COMPLETED",
  evidence: "job",
  restarts: 0,
};

/** A begun run with a lease of 0.3 s, and its life as another process sees it. */
async function begun(known: (ref: JobRef) => KnownJob = () => ENDED) {
  const rig = new PoolRig({ leaseSec: 0.3, heartbeatSec: 0.1 });
  await rig.begin([artifact(() => 1)]);
  const { paths, run } = rig;
  const jobs = { state: (ref: JobRef) => Promise.resolve(known(ref)) };
  const life = new RunLife(rig.process(), { paths, run, jobs });
  return { rig, paths, life };
}

async function submit(rig: PoolRig, name: string, jobId?: string): Promise<void> {
  const { store } = rig.process();
  const { submitter, createdAt: at } = rig.run;
  const entry = {
    schema: 1,
    spec: "default",
    count: 1,
    array: false,
    order: 0,
    term: 1,
    heir: false,
  } as const;
  const journal = new WorkerJournal(store, rig.paths.jobs);
  await journal.announce({ ...entry, name, submitter, at });
  if (jobId !== undefined) await journal.confirm(name, { jobId, cluster: "west" });
}

function worker(rig: PoolRig, id: string, at: Date): string {
  const { record } = workerFiles(rig.paths, id);
  Deno.mkdirSync(rig.paths.workers, { recursive: true });
  Deno.writeTextFileSync(record, "{}");
  Deno.utimeSync(record, at, at);
  return record;
}

const LONG_AGO = new Date(Date.now() - 600_000);

describe("RunLife", () => {
  it("is silent where there is nothing, or all that was submitted has ended", async () => {
    const { rig, life } = await begun();
    await using _ = rig;
    assertEquals(await life.look(), { state: "silent" });
    await submit(rig, "furu-a-1", "7");
    assertEquals(await life.look(), { state: "silent" });
  });

  it("goes by the controller's heartbeat first, whatever Slurm says", async () => {
    const { rig, paths, life } = await begun();
    await using _ = rig;
    await submit(rig, "furu-a-1", "7");
    const holder = rig.process();
    await acquireLeadership(holder, paths, { runId: rig.run.runId });
    assertEquals((await life.look()).state, "controlled");
    rig.kill(holder.pid);
    assertEquals((await life.look()).state, "silent");
  });

  it("takes a worker that beats for alive, and one that does not for dead after a lease only", async () => {
    const { rig, life } = await begun();
    await using _ = rig;
    const record = worker(rig, "w1", LONG_AGO);
    assertEquals((await life.look()).state, "unclear");
    Deno.utimeSync(record, LONG_AGO, new Date(LONG_AGO.getTime() + 1000));
    // However wrong its clock is.
    assertEquals(await life.look(), { state: "at work", text: "its worker w1 gives signs of life" });
    const late = new RunLife(rig.process(), {
      paths: rig.paths,
      run: rig.run,
      jobs: { state: () => Promise.resolve(ENDED) },
    });
    const waits: string[] = [];
    assertEquals(await late.settled({ onWait: (text) => waits.push(text) }), { state: "silent" });
    assertEquals(waits, ["its worker w1 may be dead"]);
  });

  it("is at work while Slurm says that a job waits, runs or stands still", async () => {
    for (const text of ["PENDING (Priority)", "PENDING (JobHeldUser)", "SUSPENDED", "COMPLETING"]) {
      const state = { status: "alive", pending: true, text, evidence: "list", restarts: 0 } as const;
      const { rig, life } = await begun(() => state);
      await using _ = rig;
      await submit(rig, "furu-a-1", "7");
      assertEquals(await life.look(), { state: "at work", text: `its job 7 is ${text}` });
    }
  });

  it("does not know while Slurm does not tell of a job, also of one that may be on its way", async () => {
    const { rig, life } = await begun(() => NOTHING);
    await using _ = rig;
    await submit(rig, "furu-a-1");
    const look = await life.look();
    assertEquals(look.state, "unknown");
    assertStringIncludes("text" in look ? look.text : "", "Slurm does not tell of its job furu-a-1");
  });
});
