import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { ConfigError } from "../../../lib/core/errors.ts";
import {
  chosenCluster,
  environmentOnNode,
  slurmEnvironment,
  submitEnvironment,
} from "../../../lib/slurm/client/environment.ts";

describe("chosenCluster()", () => {
  it("is the one that the user's shell names, where two are, the one that sbatch itself takes", () => {
    assertEquals(chosenCluster({}, true), undefined);
    assertEquals(chosenCluster({ SLURM_CLUSTERS: " " }, true), undefined);
    assertEquals(chosenCluster({ SLURM_CLUSTERS: "east" }, true), "east");
    assertEquals(chosenCluster({ SBATCH_CLUSTERS: "west" }, true), "west");
    assertEquals(chosenCluster({ SLURM_CLUSTERS: "east", SBATCH_CLUSTERS: "west" }, true), "east");
  });

  it("is none inside one of furu's own jobs, whose variables are those of its submitter", () => {
    const shell = { SLURM_CLUSTERS: "east", SLURM_JOB_ID: "7" };
    assertEquals(chosenCluster({ ...shell, FURU_JOB_ID: "7" }, true), undefined);
    // In a shell that salloc gave, and in a job that one of ours has submitted, they are the user's.
    assertEquals(chosenCluster(shell, true), "east");
    assertEquals(chosenCluster({ ...shell, FURU_JOB_ID: "6" }, true), "east");
  });

  it("is the machine's own for those who only ask, where several are named", () => {
    assertEquals(chosenCluster({ SLURM_CLUSTERS: "all" }, false), undefined);
  });

  it("refuses several, which the jobs of one run cannot be on", () => {
    for (const value of ["east,west", "all", "east west"]) {
      const { message } = assertThrows(() => chosenCluster({ SBATCH_CLUSTERS: value }, true), ConfigError);
      assertStringIncludes(message, `SBATCH_CLUSTERS='${value}'`);
      assertStringIncludes(message, "name one, or unset it");
    }
  });
});

describe("slurmEnvironment()", () => {
  const shell = {
    PATH: "/bin",
    HOME: "/home/u",
    SLURM_CONF: "/etc/slurm.conf",
    FURU_PATH: "/data",
    SLURMX: "1",
  };

  it("removes what changes the programs' output or how furu submits, and keeps the user's defaults", () => {
    const env = {
      ...shell,
      SQUEUE_STATES: "PENDING",
      SQUEUE_FORMAT: "%i",
      SACCT_FORMAT: "jobid",
      SCANCEL_STATE: "PENDING",
      SINFO_PARTITION: "gpu",
      SLURM_CLUSTERS: "east",
      SLURM_TIME_FORMAT: "%s",
      SBATCH_ARRAY_INX: "0-9",
      SBATCH_JOB_NAME: "x",
      SBATCH_EXPORT: "NONE",
      SBATCH_NO_REQUEUE: "1",
      SBATCH_WAIT: "1",
      SBATCH_OUTPUT: "x",
      SBATCH_ACCOUNT: "lab",
      SBATCH_PARTITION: "gpu",
    };
    const before = { ...env };
    assertEquals(slurmEnvironment(env), { ...shell, SBATCH_ACCOUNT: "lab", SBATCH_PARTITION: "gpu" });
    assertEquals(env, before);
  });

  it("keeps the user's defaults in a job that is not furu's own, without what Slurm sets there", () => {
    const env = { ...shell, SLURM_JOB_ID: "12", SBATCH_ACCOUNT: "lab", SBATCH_MEM_BIND_TYPE: "none" };
    assertEquals(slurmEnvironment(env), { ...shell, SBATCH_ACCOUNT: "lab" });
  });

  it("removes all marks of the job that it is in", () => {
    const env = {
      ...shell,
      SLURM_JOB_ID: "12",
      SLURM_JOBID: "12",
      FURU_JOB_ID: "12",
      SLURMD_NODENAME: "cpu1",
      SLURM_EXPORT_ENV: "ALL",
      SLURM_GET_USER_ENV: "1",
      SBATCH_ACCOUNT: "lab",
      PMI_RANK: "0",
      PMIX_RANK: "0",
    };
    assertEquals(slurmEnvironment(env), { ...shell, FURU_JOB_ID: "12" });
  });
});

describe("submitEnvironment()", () => {
  it("keeps the user's defaults for jobs, and nothing else", () => {
    const env = {
      SBATCH_QOS: "long",
      SBATCH_ACCOUNT: "lab",
      SBATCH_OUTPUT: "x",
      SBATCH_CLUSTERS: "a",
      TOKEN: "t",
    };
    assertEquals(submitEnvironment(env), { SBATCH_ACCOUNT: "lab", SBATCH_QOS: "long" });
  });

  it("is what a node submits with, in place of what the node itself has", () => {
    const node = { PATH: "/bin", SLURM_JOB_ID: "7", SBATCH_PARTITION: "debug", SBATCH_RESERVATION: "r" };
    assertEquals(environmentOnNode(node, { SBATCH_ACCOUNT: "lab" }), { PATH: "/bin", SBATCH_ACCOUNT: "lab" });
    // A client takes it as it is: it is in no job any more.
    assertEquals(slurmEnvironment(environmentOnNode(node, { SBATCH_ACCOUNT: "lab" })).SBATCH_ACCOUNT, "lab");
    assertEquals(environmentOnNode({ SBATCH_PARTITION: "debug" }), {});
  });
});
