import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { endOfJob, ownSlurmJob } from "../../../lib/slurm/client/own_job.ts";
import { stepEnvironment } from "../../../lib/slurm/client/environment.ts";
import { FakeClock } from "../fake_slurm.ts";

describe("ownSlurmJob()", () => {
  it("names a task of an array by the array's id and its index", () => {
    const env = {
      SLURM_JOB_ID: "15",
      SLURM_ARRAY_JOB_ID: "12",
      SLURM_ARRAY_TASK_ID: "3",
      SLURM_JOB_NAME: "what a site makes of it",
      FURU_JOB_NAME: "furu-ff9e95-1-0d764c4655a5",
      FURU_JOB_ID: "15",
      SLURM_CLUSTER_NAME: "east",
    };
    assertEquals(ownSlurmJob(env), {
      jobId: "12_3",
      name: "furu-ff9e95-1-0d764c4655a5",
      restarts: 0,
      cluster: "east",
    });
  });

  it("leaves out jobs that furu did not submit, also from inside of one that it did", () => {
    assertEquals(ownSlurmJob({ SLURM_JOB_ID: "15", SLURM_JOB_NAME: "furu-x" }), undefined);
    const env = { SLURM_JOB_ID: "16", FURU_JOB_NAME: "furu-x", FURU_JOB_ID: "15" };
    assertEquals(ownSlurmJob(env), undefined);
    assertEquals(ownSlurmJob({}), undefined);
  });
});

describe("endOfJob()", () => {
  const clock = new FakeClock();
  clock.ms = 5000;
  const ask = (endTime?: string) => ({
    showJob: () =>
      Promise.resolve([{
        ownId: "7",
        jobId: "7",
        name: "furu-x",
        restarts: 0,
        state: { status: "alive" as const, pending: false, text: "RUNNING" },
        ...(endTime === undefined ? {} : { endTime }),
      }]),
  });
  const slurm = { jobId: "7", name: "furu-x", restarts: 0 };
  const env = { SLURM_JOB_ID: "7" };

  it("believes what Slurm told the job, then what it answers, then the spec", async () => {
    const told = { ...env, SLURM_JOB_END_TIME: "65" };
    assertEquals(await endOfJob(clock, { env: told, slurm, client: ask(), timeMin: 9 }), 65_000);
    const answered = await endOfJob(clock, { env, slurm, client: ask("1970-01-01T00:01:30Z"), timeMin: 9 });
    assertEquals(answered, 90_000);
    assertEquals(await endOfJob(clock, { env, slurm, client: ask(), timeMin: 9 }), 5000 + 9 * 60_000);
  });

  it("knows none outside of Slurm", async () => {
    assertEquals(await endOfJob(clock, { env: {}, slurm: undefined, client: ask(), timeMin: 9 }), undefined);
  });
});

describe("stepEnvironment()", () => {
  it("tells srun its job, and nothing else of it", () => {
    assertEquals(
      stepEnvironment({
        PATH: "/bin",
        SLURM_JOB_ID: "7",
        SLURM_CONF: "/c",
        SLURM_CPUS_PER_TASK: "4",
        SLURM_MEM_PER_NODE: "100",
        SBATCH_PARTITION: "gpu",
      }),
      { PATH: "/bin", SLURM_JOB_ID: "7", SLURM_CONF: "/c" },
    );
  });
});
