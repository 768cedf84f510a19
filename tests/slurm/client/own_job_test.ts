import { assertEquals } from "@std/assert";
import type { JobDetail } from "../../../lib/slurm/client/parse_jobs.ts";
import { describe, it } from "@std/testing/bdd";
import { ownSlurmJob, spanOfJob } from "../../../lib/slurm/client/own_job.ts";
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

describe("spanOfJob()", () => {
  const clock = new FakeClock();
  clock.ms = 50_000;
  const ask = (detail: Partial<JobDetail> = {}) => ({
    showJob: () =>
      Promise.resolve([{
        ownId: "7",
        jobId: "7",
        name: "furu-x",
        restarts: 0,
        state: { status: "alive" as const, pending: false, text: "RUNNING" },
        ...detail,
      }]),
  });
  const slurm = { jobId: "7", name: "furu-x", restarts: 0 };
  const env = { SLURM_JOB_ID: "7" };
  const times = {
    runTime: "00:00:20",
    timeLimit: "00:02:00",
    startTime: "2026-11-20T20:00:00",
    endTime: "2026-11-20T20:02:00",
  };
  const common = { slurm, ageMs: 5000, timeMin: 9 };

  it("believes what Slurm told the job, then what it answers, then the spec; never this node's clock", async () => {
    // By the wall clock of this node that end was long ago.
    const told = { ...env, SLURM_JOB_START_TIME: "1000", SLURM_JOB_END_TIME: "1060" };
    const never = { showJob: () => Promise.reject(new Error("asked")) };
    assertEquals(await spanOfJob(clock, { ...common, env: told, client: never }), {
      beganAt: 45_000,
      endsAt: 105_000,
    });
    assertEquals(await spanOfJob(clock, { ...common, env, client: ask(times) }), {
      beganAt: 45_000,
      endsAt: 150_000,
    });
    assertEquals(await spanOfJob(clock, { ...common, env, client: ask() }), {
      beganAt: 45_000,
      endsAt: 45_000 + 9 * 60_000,
    });
  });

  it("asks Slurm for what a step has, which is younger than its job", async () => {
    const told = { ...env, SLURM_JOB_START_TIME: "1000", SLURM_JOB_END_TIME: "1060" };
    const step = { env: told, slurm: undefined, ageMs: 1, timeMin: 9 };
    assertEquals(await spanOfJob(clock, { ...step, client: ask(times) }), {
      beganAt: 50_000,
      endsAt: 150_000,
    });
    assertEquals(await spanOfJob(clock, { ...step, client: ask() }), undefined);
  });

  it("knows none outside of Slurm", async () => {
    const outside = { env: {}, slurm: undefined, ageMs: 0, timeMin: 9 };
    assertEquals(await spanOfJob(clock, { ...outside, client: ask() }), undefined);
  });
});

describe("stepEnvironment()", () => {
  it("tells srun its job, and nothing else of it", () => {
    assertEquals(
      stepEnvironment({
        PATH: "/bin",
        SLURM_JOB_ID: "7",
        FURU_JOB_ID: "7",
        SLURM_CONF: "/c",
        SLURM_CPUS_PER_TASK: "4",
        SLURM_MEM_PER_NODE: "100",
        SBATCH_PARTITION: "gpu",
      }),
      { PATH: "/bin", SLURM_JOB_ID: "7", FURU_JOB_ID: "7", SLURM_CONF: "/c" },
    );
  });
});
