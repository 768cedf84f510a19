import { assertEquals, assertObjectMatch, assertRejects } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { SlurmClient } from "../../../lib/slurm/client/client.ts";
import { type JobRef, JobWatch, type StateOptions } from "../../../lib/slurm/jobs/job_watch.ts";
import { FakeClock, FakeSlurm, queueRow } from "../fake_slurm.ts";

const self = { host: "here", pid: 1, user: "me" };
const NAME = "furu-0123abcd-1";
const JOB: JobRef = { name: NAME, jobId: "7" };
const DOWN = { code: 1, stderr: "slurm_load_jobs error: Unable to contact slurm controller" };
const WITH_ACCOUNTING = "AccountingStorageType = accounting_storage/slurmdbd\n";

type Row = Partial<Parameters<typeof queueRow>[0]>;

const row = (of: Row = {}): string => `${queueRow({ jobId: 7, name: NAME, state: "RUNNING", ...of })}\n`;

function setUp(squeue: FakeSlurm["answers"][string] = "", submitterGone = false) {
  const slurm = new FakeSlurm();
  slurm.answers.squeue = squeue;
  slurm.answers.scontrol = "AccountingStorageType = accounting_storage/none\n";
  const clock = new FakeClock();
  const client = new SlurmClient({ env: {}, clock, run: slurm.run, intervalSec: 10 });
  const jobs = new JobWatch({ clock, self, isGone: () => submitterGone }, client);
  /** Asks, with what Slurm answers from now on. The interval has passed since the last time. */
  const next = async (answer: FakeSlurm["answers"][string], ref: JobRef = JOB, options?: StateOptions) => {
    clock.ms += 10_000;
    slurm.answers.squeue = answer;
    return await jobs.state(ref, options);
  };
  return { slurm, clock, jobs, next };
}

describe("JobWatch.state()", () => {
  it("finds a job by its name, with the id that Slurm gave it", async () => {
    const { jobs } = setUp(row({ state: "PENDING", restarts: 1, reason: "Priority" }));
    assertEquals(await jobs.state({ name: NAME }), {
      status: "alive",
      pending: true,
      text: "PENDING (Priority)",
      why: "Priority",
      evidence: "job",
      jobId: "7",
      restarts: 1,
    });
  });

  it("says nothing of a job of which Slurm has not answered, however long", async () => {
    const { jobs, next } = setUp(DOWN);
    const unknown = { status: "unknown", text: "not seen yet", evidence: "nothing", restarts: 0 } as const;
    assertEquals(await jobs.state(JOB), unknown);
    for (let i = 0; i < 5; i++) assertEquals(await next(DOWN, JOB, { until: "sure" }), unknown);
  });

  it("keeps what it knows while Slurm does not answer", async () => {
    const { next } = setUp();
    await next(row());
    for (let i = 0; i < 10; i++) assertObjectMatch(await next(DOWN), { text: "RUNNING", evidence: "job" });
  });

  it("takes a job for ended that is absent from two listings an interval apart", async () => {
    const { next } = setUp();
    await next(row());
    assertObjectMatch(await next(""), { text: "RUNNING", evidence: "absence" });
    assertObjectMatch(await next(""), { status: "dead", reason: "vanished", evidence: "absence" });
  });

  it("counts the absences of each job for itself, and anew when it was seen between", async () => {
    const { jobs, next } = setUp();
    const [first, second] = ["8", "9"].map((jobId) => ({ name: `furu-0123abcd-${jobId}`, jobId }));
    await jobs.state(first!);
    // Slurm may have lost it for a moment only: one look proves nothing, however long others are looked for.
    assertObjectMatch(await next("", second), { status: "unknown", evidence: "absence" });
    const seen = row({ jobId: 9, name: second!.name, state: "PENDING" });
    assertObjectMatch(await next(seen, second), { status: "alive", evidence: "job" });
    assertObjectMatch(await next("", second), { status: "alive", evidence: "absence" });
    assertObjectMatch(await jobs.state(first!), { status: "dead" });
  });

  it("begins again to count when the job is seen between", async () => {
    const { next } = setUp();
    for (const answer of ["", row(), "", row(), ""]) {
      assertEquals((await next(answer)).status !== "dead", true);
    }
  });

  it("waits for the second look when it is to be sure, but not for a Slurm that is silent", async () => {
    const { jobs, clock, next } = setUp();
    assertObjectMatch(await jobs.state(JOB, { until: "sure" }), { status: "dead", reason: "vanished" });
    assertEquals(clock.ms, 10_000);
    assertObjectMatch(await next(DOWN, { name: "furu-b" }, { until: "sure" }), { status: "unknown" });
    assertEquals(clock.ms, 20_000);
  });

  it("stops waiting when it is told to", async () => {
    const { jobs } = setUp();
    const signal = AbortSignal.abort(new Error("stopped"));
    await assertRejects(() => jobs.state(JOB, { until: "sure", signal }), Error, "stopped");
  });

  it("takes another job under a recycled id for another one", async () => {
    const { next } = setUp();
    const other = row({ name: "somebody-elses" });
    await next(other);
    assertObjectMatch(await next(other), { status: "dead", evidence: "absence" });
    assertObjectMatch(await next(other, { jobId: "7", name: "somebody-elses" }), { status: "alive" });
  });

  it("takes no task of an array for its sibling", async () => {
    const { jobs } = setUp(row({ index: 0 }) + row({ index: 1, state: "TIMEOUT" }));
    assertObjectMatch(await jobs.state({ name: NAME, jobId: "7_0" }), { status: "alive", jobId: "7" });
    assertObjectMatch(await jobs.state({ name: NAME, jobId: "7_1" }), { status: "dead", reason: "timeout" });
  });

  it("sees a job alive that Slurm begins again after its end", async () => {
    const { next } = setUp();
    assertObjectMatch(await next(row({ state: "NODE_FAIL" })), { status: "dead", reason: "node-failure" });
    assertObjectMatch(await next(row({ state: "PENDING", restarts: 1 })), { status: "alive", restarts: 1 });
  });

  it("concludes nothing from not seeing the job of another user", async () => {
    const { jobs, next } = setUp("", true);
    const refs = [{ ...JOB, submitter: { ...self, user: "somebody" } }, { name: "furu-b", foreign: true }];
    for (const ref of refs) {
      for (let i = 0; i < 5; i++) {
        assertObjectMatch(await next("", ref, { until: "sure" }), { status: "unknown", evidence: "absence" });
      }
    }
    assertObjectMatch(await jobs.state(refs[0]!), { status: "unknown" });
  });

  it("gives up a job without an id only when its submitter is gone, after two looks", async () => {
    const [alive, gone] = [setUp(), setUp("", true)];
    const ref = { name: NAME, submitter: self };
    await alive.next("", ref);
    assertObjectMatch(await alive.next("", ref), { status: "unknown" });
    assertObjectMatch(await gone.next("", ref), { status: "unknown", evidence: "absence" });
    assertObjectMatch(await gone.next("", ref), { status: "dead", text: "it was never submitted" });
  });
});

describe("the questions of a JobWatch", () => {
  const ofOthers = (n: number): JobRef => ({ name: `furu-other-${n}`, jobId: `${n}`, foreign: true });

  it("are one listing per interval, however often and about how many jobs it is asked", async () => {
    const { jobs, slurm, next } = setUp();
    for (let i = 0; i < 5; i++) await jobs.state(JOB);
    await Promise.all(Array.from({ length: 20 }, (_, i) => jobs.state({ name: `furu-${i}`, jobId: `${i}` })));
    assertEquals(slurm.count("squeue"), 1);
    await next("");
    assertEquals(slurm.count("squeue"), 2);
  });

  it("about jobs of other users are one more, for all of them", async () => {
    const { jobs, slurm, clock } = setUp();
    const ask = () => Promise.all(Array.from({ length: 20 }, (_, n) => jobs.state(ofOthers(n))));
    await ask();
    // The first one begins at once, and the others share the next one.
    assertEquals(slurm.count("squeue"), 2);
    await ask();
    assertEquals(slurm.count("squeue"), 2);
    clock.ms += 10_000;
    await ask();
    assertEquals(slurm.count("squeue"), 4);
    assertEquals(slurm.calls.at(-1)?.find((arg) => arg.startsWith("--name="))?.split(",").length, 20);
  });

  it("about a job that is newer than the listing are by name, unless it was expected", async () => {
    const { jobs, slurm, clock } = setUp();
    await jobs.state(JOB);
    clock.ms += 1;
    slurm.answers.squeue = (args) => args.includes("--name=furu-new") ? row({ name: "furu-new" }) : "";
    jobs.expect({ name: "furu-expected", jobId: "8" });
    assertObjectMatch(await jobs.state({ name: "furu-expected", jobId: "8" }), { evidence: "nothing" });
    assertEquals(slurm.count("squeue"), 1);
    assertObjectMatch(await jobs.state({ name: "furu-new" }), { status: "alive", evidence: "job" });
    assertEquals(slurm.count("squeue"), 2);
  });

  it("to the accounting are one for all that are absent, where there is one", async () => {
    const { jobs, slurm, next } = setUp();
    slurm.answers.scontrol = WITH_ACCOUNTING;
    slurm.answers.sacct = ["", `7|OUT_OF_MEMORY|${NAME}\n8|FAILED|other\n`];
    await next(row());
    const ended = await next("");
    assertObjectMatch(ended, { status: "dead", reason: "out-of-memory", evidence: "job" });
    assertEquals(await jobs.state(JOB), ended);
    assertEquals(slurm.count("sacct"), 2);
  });

  it("to an accounting that lags count only for what is over", async () => {
    const { slurm, next } = setUp();
    slurm.answers.scontrol = WITH_ACCOUNTING;
    slurm.answers.sacct = `7|RUNNING|${NAME}\n`;
    await next("");
    assertObjectMatch(await next(""), { status: "dead", reason: "vanished" });
  });

  it("are about jobs that somebody still asks about", async () => {
    const { jobs, slurm, clock } = setUp();
    await jobs.state(ofOthers(1));
    clock.ms += 60_000;
    await jobs.state(ofOthers(2));
    const names = slurm.calls.flat().filter((arg) => arg.startsWith("--name="));
    assertEquals(names, ["--name=furu-other-1", "--name=furu-other-2"]);
  });
});
