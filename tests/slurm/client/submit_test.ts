import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { SlurmError } from "../../../lib/core/errors.ts";
import { SlurmClient } from "../../../lib/slurm/client/client.ts";
import type { Submission, SubmitWait } from "../../../lib/slurm/client/submit.ts";
import { FakeClock, FakeSlurm, jobLine, queueRow } from "../fake_slurm.ts";

const NAME = "furu-4f0c12ab-9e1d";
const UNREACHABLE = {
  code: 1,
  stderr:
    "sbatch: error: Batch job submission failed: Unable to contact slurm controller (connect failure)\n",
};
const TIMED_OUT = { stderr: "", timedOut: true };
const REFUSED = {
  code: 1,
  stderr:
    "sbatch: error: invalid partition specified: nope\nsbatch: error: Batch job submission failed: Invalid partition name specified\n",
};
const listed = (jobId: number, state: string, reason?: string) =>
  `${queueRow({ jobId, name: NAME, state, ...(reason ? { reason } : {}) })}\n`;

function setup() {
  const slurm = new FakeSlurm();
  const clock = new FakeClock();
  const waits: SubmitWait[] = [];
  const client = new SlurmClient({ env: { PATH: "/bin" }, clock, run: slurm.run });
  const submission: Submission = {
    script: "/runs/a.sh",
    name: NAME,
    options: ["--time=60"],
    onWait: (wait) => waits.push(wait),
  };
  return { slurm, clock, client, waits, submission, submit: () => client.submit(submission) };
}

describe("submit()", () => {
  it("gives sbatch the name, the options and the script, and returns the id", async () => {
    const { slurm, submit } = setup();
    slurm.answers.sbatch = "12;east\n";
    assertEquals(await submit(), { jobId: "12", cluster: "east" });
    assertEquals(slurm.calls, [["sbatch", "--parsable", `--job-name=${NAME}`, "--time=60", "/runs/a.sh"]]);
  });

  it("submits nothing again when a job was taken though sbatch timed out", async () => {
    const { slurm, submit } = setup();
    slurm.answers.sbatch = TIMED_OUT;
    slurm.answers.squeue = listed(12, "PENDING");
    assertEquals(await submit(), { jobId: "12", cluster: "fake" });
    assertEquals(slurm.count("sbatch"), 1);
    // squeue's answer may be older than the job.
    assertEquals(slurm.calls[1], ["scontrol", "show", "job", "-a", "-o"]);
  });

  it("looks a second time before it submits again, since a request may still be under way", async () => {
    const { slurm, clock, submit } = setup();
    slurm.answers.sbatch = UNREACHABLE;
    slurm.answers.squeue = ["", listed(12, "RUNNING")];
    assertEquals(await submit(), { jobId: "12", cluster: "fake" });
    assertEquals(slurm.count("sbatch"), 1);
    assertEquals(clock.sleeps, [5000]);
  });

  it("submits again when the job is absent from both looks, telling of each pause", async () => {
    const { slurm, waits, submit } = setup();
    slurm.answers.sbatch = [UNREACHABLE, "13\n"];
    assertEquals(await submit(), { jobId: "13", cluster: "fake" });
    assertEquals(slurm.calls.map(([program]) => program), [
      "sbatch",
      "scontrol",
      "scontrol",
      "sbatch",
      // The cluster's name, without which the id means nothing.
      "scontrol",
    ]);
    assertEquals(waits.map(({ why, name }) => [why, name]), [["unclear", NAME], ["unclear", NAME]]);
  });

  it("submits nothing again while Slurm does not answer either, and gives up in time", async () => {
    const { slurm, clock, submit } = setup();
    slurm.answers.sbatch = TIMED_OUT;
    slurm.answers.squeue = { code: 1, stderr: "slurm_load_jobs error: Unable to contact slurm controller" };
    const error = await assertRejects(submit, SlurmError);
    assertStringIncludes(error.message, `Cannot tell whether ${NAME} was submitted`);
    assertEquals(slurm.count("sbatch"), 1);
    assertEquals(clock.ms > 600_000 && clock.ms < 700_000, true);
  });

  it("does not take silence for an answer", async () => {
    const { slurm, submit } = setup();
    slurm.answers.sbatch = TIMED_OUT;
    slurm.answers.scontrol = { code: 0, stdout: " \n", stderr: "scontrol: error: something\n" };
    slurm.answers.squeue = { code: 1 };
    await assertRejects(submit, SlurmError, "Cannot tell");
  });

  it("gives up in time when the controller stays away", async () => {
    const { slurm, clock, submit } = setup();
    slurm.answers.sbatch = UNREACHABLE;
    const error = await assertRejects(submit, SlurmError);
    assertStringIncludes(error.message, "Unable to contact slurm controller");
    assertEquals(clock.ms <= 660_000, true);
  });

  it("throws sbatch's own words when it refuses, at once", async () => {
    const { slurm, clock, submit } = setup();
    slurm.answers.sbatch = REFUSED;
    const error = await assertRejects(submit, SlurmError);
    assertStringIncludes(error.message, "invalid partition specified: nope");
    assertEquals({ sbatch: slurm.count("sbatch"), ms: clock.ms }, { sbatch: 1, ms: 0 });
  });

  it("does not adopt the record that Slurm keeps of a job it has refused", async () => {
    const { slurm, submit } = setup();
    slurm.answers.sbatch = {
      code: 1,
      stderr: "sbatch: error: Batch job submission failed: Requested node configuration is not available\n",
    };
    slurm.answers.squeue = listed(27, "FAILED", "BadConstraints");
    await assertRejects(submit, SlurmError, "Requested node configuration is not available");
  });

  it("adopts a job that has ended already", async () => {
    const { slurm, submit } = setup();
    slurm.answers.sbatch = TIMED_OUT;
    slurm.answers.squeue = listed(12, "COMPLETED");
    assertEquals(await submit(), { jobId: "12", cluster: "fake" });
  });

  it("waits out submit limits with growing pauses, and says so", async () => {
    const reasons = ["QOSMaxSubmitJobPerUserLimit", "AssocMaxSubmitJobLimit", "AssocGrpSubmitJobsLimit"];
    const limits = [
      ...reasons.map((reason) =>
        `sbatch: error: ${reason}\nsbatch: error: Batch job submission failed: Job violates accounting/QOS policy (job submit limit, user's size and/or time limits)\n`
      ),
      "sbatch: error: Slurm temporarily unable to accept job, sleeping and retrying\n",
    ];
    const { slurm, clock, waits, submit } = setup();
    slurm.answers.sbatch = [...limits.map((stderr) => ({ code: 1, stderr })), "13\n"];
    assertEquals(await submit(), { jobId: "13", cluster: "fake" });
    assertEquals(clock.sleeps, [1000, 2000, 4000, 8000]);
    assertEquals(waits.map(({ why }) => why), ["limit", "limit", "limit", "limit"]);
    assertStringIncludes(waits[0]!.text, "QOSMaxSubmitJobPerUserLimit");
  });

  it("waits for a cluster that cannot be reached, to which nothing was sent, and for none that is not there", async () => {
    const unreached =
      "sbatch: error: 'east' can't be reached now, or it is an invalid entry for --cluster.  Use 'sacctmgr list clusters' to see available clusters.\n";
    const noDatabase =
      "sbatch: error: DBD_GET_CLUSTERS failure: Connection refused\nsbatch: error: There is a problem talking to the database: Connection refused.  Only local cluster communication is available, remove --cluster from your command line\n";
    const { slurm, waits, submit } = setup();
    slurm.answers.sbatch = [...[unreached, noDatabase].map((stderr) => ({ code: 1, stderr })), "13;east\n"];
    assertEquals(await submit(), { jobId: "13", cluster: "east" });
    assertEquals(waits.map(({ why }) => why), ["limit", "limit"]);
    slurm.answers.sbatch = {
      code: 1,
      stderr: `sbatch: error: No cluster 'east' known by database.\n${unreached}`,
    };
    await assertRejects(submit, SlurmError, "sbatch refuses it");
  });

  it("does not wait for a limit that no waiting changes", async () => {
    const { slurm, clock, submit } = setup();
    slurm.answers.sbatch = {
      code: 1,
      stderr:
        "sbatch: error: QOSMaxCpuPerJobLimit\nsbatch: error: Batch job submission failed: Job violates accounting/QOS policy (job submit limit, user's size and/or time limits)\n",
    };
    await assertRejects(submit, SlurmError, "QOSMaxCpuPerJobLimit");
    assertEquals(clock.ms, 0);
  });

  it("takes an answer without an id for unclear", async () => {
    const { slurm, submit } = setup();
    slurm.answers.sbatch = "Submitted!\n";
    slurm.answers.squeue = listed(14, "PENDING");
    assertEquals(await submit(), { jobId: "14", cluster: "fake" });
  });

  it("says so where there is no sbatch", async () => {
    const clock = new FakeClock();
    const client = new SlurmClient({ env: { PATH: "/nowhere" }, clock });
    await assertRejects(
      () => client.submit({ script: "/a.sh", name: NAME, options: [] }),
      SlurmError,
      `Cannot submit ${NAME} as there is no program 'sbatch' on PATH`,
    );
    assertEquals(clock.sleeps, []);
  });

  it("finds a job that was taken under a name that the site gave it", async () => {
    const { slurm, submit } = setup();
    slurm.answers.sbatch = TIMED_OUT;
    for (const mark of [{ comment: `furu:${NAME}` }, { command: `/runs/${NAME}.sh` }]) {
      const others = jobLine({ jobId: 11, name: "other", state: "RUNNING", comment: "furu:other" });
      const ours = jobLine({ jobId: 12, name: "site", state: "PENDING", ...mark });
      slurm.answers.scontrol = (args) => args.includes("job") ? others + ours : "";
      assertEquals(await submit(), { jobId: "12", cluster: "fake" });
    }
    assertEquals(slurm.count("sbatch"), 2);
  });

  it("takes an sbatch at its word that refuses while nothing else answers", async () => {
    const { slurm, clock, submit } = setup();
    slurm.answers.sbatch = REFUSED;
    slurm.answers.scontrol = { timedOut: true };
    await assertRejects(submit, SlurmError, "invalid partition specified");
    assertEquals(clock.ms, 0);
  });

  it("asks again for a cluster's name that was not told, and goes on without in the end", async () => {
    const { slurm, clock, waits, client, submit } = setup();
    slurm.answers.sbatch = "12\n";
    const failed = { code: 1, stderr: "slurm_load_ctl_conf error: Unable to contact slurm controller\n" };
    slurm.answers.scontrol = [failed, failed, "AccountingStorageType = (null)\nClusterName = west\n"];
    assertEquals(await submit(), { jobId: "12", cluster: "west" });
    assertEquals({ ms: clock.ms, waits: waits.length }, { ms: 2000, waits: 2 });
    assertEquals(client.hasSubmitted(NAME, "12", "west"), true);
    assertEquals(client.hasSubmitted(NAME, "12", "east"), false);
    const silent = setup();
    silent.slurm.answers.sbatch = "12\n";
    silent.slurm.answers.scontrol = failed;
    assertEquals(await silent.submit(), { jobId: "12" });
    assert(silent.clock.ms >= 30_000 && silent.clock.ms <= 60_000);
  });

  it("stops waiting when it is aborted", async () => {
    const { slurm, client, submission } = setup();
    slurm.answers.sbatch = UNREACHABLE;
    const reason = new Error("stopped");
    await assertRejects(
      () => client.submit({ ...submission, signal: AbortSignal.abort(reason) }),
      Error,
      "stopped",
    );
  });

  it("refuses names that could not be looked up", async () => {
    const { slurm, client, submission } = setup();
    for (const name of ["a,b", "", "a b", "x".repeat(200)]) {
      await assertRejects(() => client.submit({ ...submission, name }), SlurmError, "Cannot use job name");
    }
    assertEquals(slurm.calls, []);
  });
});
