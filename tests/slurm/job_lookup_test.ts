import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { SlurmClient } from "../../lib/slurm/client/client.ts";
import { JobLookup } from "../../lib/slurm/jobs/job_lookup.ts";
import { FakeClock, FakeSlurm, queueRow } from "./fake_slurm.ts";

const submitter = { host: "here", pid: 1, user: "me" };
const NAME = "furu-0123abcd-1";

function setUp(rows: string | { code: number; stderr: string }, submitterGone = false) {
  const slurm = new FakeSlurm();
  slurm.answers.squeue = typeof rows === "string" ? (rows === "" ? "" : `${rows}\n`) : rows;
  const clock = new FakeClock();
  const client = new SlurmClient({ env: {}, clock, run: slurm.run, intervalSec: 10 });
  const lookup = new JobLookup({ clock, self: submitter, isGone: () => submitterGone }, client);
  return { slurm, clock, lookup };
}

describe("JobLookup", () => {
  it("finds a job by its name, with the id that Slurm gave it", async () => {
    const { lookup } = setUp(queueRow({ jobId: 7, name: NAME, state: "PENDING", restarts: 1 }));
    assertEquals(await lookup.find({ name: NAME }), { state: "alive", jobId: "7", restarts: 1 });
  });

  it("takes another job under a recycled id for another one", async () => {
    const { lookup, clock } = setUp(queueRow({ jobId: 7, name: "somebody-elses", state: "RUNNING" }));
    assertEquals(await lookup.find({ name: NAME, jobId: "7" }), { state: "unknown", absent: true });
    clock.ms += 10_000;
    assertEquals(await lookup.find({ name: NAME, jobId: "7" }), { state: "over" });
  });

  it("takes no task of an array for its sibling", async () => {
    const row = (index: number, state: string) => queueRow({ jobId: 7, index, name: NAME, state });
    const { lookup } = setUp(`${row(0, "RUNNING")}\n${row(1, "FAILED")}`);
    const claim = (jobId: string) => ({ slurm: { jobId, name: NAME, restarts: 0 }, owner: submitter });
    assertEquals(await lookup.whyGone(claim("7_0")), undefined);
    assertEquals(await lookup.whyGone(claim("7_1")), "its Slurm job 7_1 has ended");
  });

  it("knows nothing when Slurm does not answer, however long", async () => {
    const { lookup, clock } = setUp({
      code: 1,
      stderr: "slurm_load_jobs error: Unable to contact slurm controller",
    });
    for (let i = 0; i < 5; i++) {
      assertEquals(await lookup.find({ name: NAME, jobId: "7" }), { state: "unknown" });
      clock.ms += 60_000;
    }
  });

  it("concludes nothing from not seeing the job of another user", async () => {
    const { lookup, clock } = setUp("", true);
    const other = { ...submitter, user: "somebody" };
    await lookup.find({ name: NAME, jobId: "7", submitter: other });
    clock.ms += 100_000;
    assertEquals(await lookup.find({ name: NAME, jobId: "7", submitter: other }), { state: "unknown" });
  });

  it("does not give up a job that is still being submitted", async () => {
    const { lookup, clock } = setUp("");
    await lookup.find({ name: NAME, submitter });
    clock.ms += 100_000;
    assertEquals(await lookup.find({ name: NAME, submitter }), { state: "unknown" });
  });

  it("counts the absences of each job for itself, and anew when it was seen between", async () => {
    const { lookup, clock, slurm } = setUp("");
    const [first, second] = ["a", "b"].map((end) => ({ name: `furu-0123abcd-${end}`, jobId: end }));
    await lookup.find(first!);
    clock.ms += 60_000;
    // Slurm may have lost it for a moment only: one look proves nothing, however long others are looked for.
    assertEquals(await lookup.find(second!), { state: "unknown", absent: true });
    slurm.answers.squeue = `${queueRow({ jobId: 8, name: second!.name, state: "PENDING" })}\n`;
    clock.ms += 10_000;
    assertEquals((await lookup.find(second!)).state, "alive");
    slurm.answers.squeue = "";
    clock.ms += 10_000;
    assertEquals(await lookup.find(second!), { state: "unknown", absent: true });
    assertEquals(await lookup.find(first!), { state: "over" });
  });

  it("gives up a job without an id whose submitter is gone, after two looks an interval apart", async () => {
    const { lookup, clock } = setUp("", true);
    assertEquals(await lookup.find({ name: NAME, submitter }), { state: "unknown", absent: true });
    clock.ms += 10_000;
    assertEquals(await lookup.find({ name: NAME, submitter }), { state: "over" });
  });

  it("says that a claim's holder is gone when its job ended, or was begun again", async () => {
    const slurm = { jobId: "7", name: NAME, restarts: 0 };
    const running = setUp(queueRow({ jobId: 7, name: NAME, state: "RUNNING" }));
    assertEquals(await running.lookup.whyGone({ slurm, owner: submitter }), undefined);
    assertEquals(await running.lookup.whyGone({ owner: submitter }), undefined);
    const ended = setUp(queueRow({ jobId: 7, name: NAME, state: "NODE_FAIL" }));
    assertEquals(await ended.lookup.whyGone({ slurm, owner: submitter }), "its Slurm job 7 has ended");
    const again = setUp(queueRow({ jobId: 7, name: NAME, state: "PENDING", restarts: 1 }));
    assertEquals(await again.lookup.whyGone({ slurm, owner: submitter }), "Slurm has begun its job 7 again");
  });
});
