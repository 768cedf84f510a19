import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { delay } from "@std/async/delay";
import { describe, it } from "@std/testing/bdd";
import { SlurmError } from "../../../lib/core/errors.ts";
import { SlurmClient } from "../../../lib/slurm/client/client.ts";
import { runProgram } from "../../../lib/slurm/client/program.ts";
import { FakeClock, FakeSlurm, jobLine, queueRow } from "../fake_slurm.ts";

function setup(options: { cluster?: string } = {}) {
  const slurm = new FakeSlurm();
  const clock = new FakeClock();
  const env = { PATH: "/bin", SQUEUE_STATES: "PENDING", SLURM_JOB_ID: "1" };
  const client = new SlurmClient({ env, clock, run: slurm.run, ...options });
  return { slurm, clock, client };
}

const row = (jobId: number, name: string, state: string, more: { index?: number; restarts?: number } = {}) =>
  `${queueRow({ jobId, name, state, ...more })}\n`;
const DOWN = {
  code: 1,
  stderr: "slurm_load_jobs error: Unable to contact slurm controller (connect failure)\n",
};

describe("a client", () => {
  it("scrubs the environment of every program", async () => {
    const { slurm, client } = setup();
    await client.listJobs({ mineAnd: [] });
    assertEquals(slurm.environments, [{ PATH: "/bin" }]);
  });

  it("names the cluster where there are several", async () => {
    // `-M` needs a database: the machine's own cluster is asked without, whoever has named it.
    for (const [here, isOther] of [["west", true], ["east", false], [undefined, true]] as const) {
      const { slurm, client } = setup({ cluster: "east" });
      slurm.answers.sbatch = "12\n";
      slurm.answers.scontrol = here === undefined
        ? DOWN
        : `AccountingStorageType = (null)\nClusterName = ${here}\n`;
      await client.listJobs({ mineAnd: [] });
      const listed = slurm.calls.find(([program]) => program === "squeue");
      assertEquals(listed?.slice(1, 3), isOther ? ["-M", "east"] : ["-h", "-a"], here);
      assertEquals(await client.submit({ script: "/a.sh", name: "furu-a", options: [] }), {
        jobId: "12",
        cluster: "east",
      });
      assertEquals(client.hasSubmitted("furu-a", "12", "east"), true);
      assertEquals((await client.at("west")).hasSubmitted("furu-a", "12", "east"), true);
      assertEquals((await client.at("west")).hasSubmitted("furu-a", "12", "west"), false);
    }
  });

  it("knows nothing when squeue fails or complains without a row", async () => {
    const { slurm, client } = setup();
    for (
      const answer of [DOWN, { code: 0, stderr: "squeue: error: Invalid user: 1\n" }, { timedOut: true }]
    ) {
      slurm.answers.squeue = answer;
      assertEquals(await client.listJobs({ mineAnd: [] }), undefined);
    }
    assertEquals(client.lastWords, "it did not answer in time");
  });

  it("judges answers by their rows, whatever a site prints besides", async () => {
    const { slurm, client } = setup();
    const stderr = "squeue: error: the plugin could not be loaded\nNotice: maintenance on Monday\n";
    const stdout = `*** Welcome to the cluster ***\n${row(7, "furu-a", "RUNNING")}\n-- 1 job --\n`;
    slurm.answers.squeue = { code: 0, stdout, stderr };
    assertEquals((await client.listJobs({ mineAnd: [] }))?.map(({ jobId }) => jobId), ["7"]);
    slurm.answers.scontrol = {
      code: 0,
      stdout: `Welcome\nClusterName = west\nAccountingStorageType = x\n`,
      stderr,
    };
    assertEquals((await client.config()).clusterName, "west");
    const shown = `Welcome\n${jobLine({ jobId: 7, name: "furu-a", state: "RUNNING" })}\n-- bye --\n`;
    slurm.answers.scontrol = { code: 0, stdout: shown, stderr };
    assertEquals((await client.showJob("7"))?.map(({ name }) => name), ["furu-a"]);
    slurm.answers.sbatch = { code: 0, stdout: "Welcome\n12;east\nRemember to clean up\n", stderr };
    const job = await client.submit({ script: "/a.sh", name: "furu-a", options: [] });
    assertEquals(job, { jobId: "12", cluster: "east" });
    slurm.answers.sinfo = { code: 0, stdout: "Welcome\ncpu*|infinite|1|4|4000|(null)\n-- bye --\n", stderr };
    assertEquals((await client.partitions()).map(({ name }) => name), ["cpu"]);
    slurm.answers.sacct = { code: 0, stdout: "Welcome\n7|FAILED|0|furu-a\n-- bye --\n", stderr };
    slurm.answers.scontrol = "AccountingStorageType = accounting_storage/slurmdbd\n";
    assertEquals((await client.ended(["7"]))?.map(({ name }) => name), ["furu-a"]);
  });

  it("takes a job for unknown to Slurm only when nothing is shown", async () => {
    const { slurm, client } = setup();
    const stderr = "slurm_load_jobs error: Invalid job id specified\n";
    slurm.answers.scontrol = { code: 0, stdout: jobLine({ jobId: 7, name: "a", state: "RUNNING" }), stderr };
    assertEquals((await client.showJob("7"))?.length, 1);
    slurm.answers.scontrol = { code: 1, stdout: `Welcome\n${stderr}` };
    assertEquals(await client.showJob("7"), []);
    slurm.answers.scontrol = { stderr, timedOut: true };
    assertEquals(await client.showJob("7"), undefined);
  });

  it("lists jobs by their ids, and leaves out what it was not asked for", async () => {
    const { slurm, client } = setup();
    slurm.answers.squeue = row(7, "furu-a", "RUNNING") + row(8, "furu-b", "RUNNING");
    assertEquals((await client.listJobs({ ids: ["7", "9"] }))?.map(({ jobId }) => jobId), ["7"]);
    assertEquals(slurm.calls[0]?.includes("--jobs=7,9"), true);
    slurm.answers.squeue = { code: 1, stderr: "slurm_load_jobs error: Invalid job id specified\n" };
    assertEquals(await client.listJobs({ ids: ["9"] }), []);
  });

  it("asks an old squeue in another way", async () => {
    const { slurm, client } = setup();
    slurm.answers.squeue = (args) =>
      args.includes("--me")
        ? { code: 1, stderr: "squeue: unrecognized option '--me'\n" }
        : row(7, "a", "RUNNING");
    assertEquals((await client.listJobs({ mineAnd: [] }))?.length, 1);
    assertEquals(slurm.calls[1]?.includes(`--user=${Deno.uid()}`), true);
  });

  it("finds out once whether accounting works", async () => {
    const { slurm, client } = setup();
    slurm.answers.scontrol = "AccountingStorageType = accounting_storage/none\n";
    assertEquals(await client.ended(["7"]), undefined);
    assertEquals(await client.ended(["7"]), undefined);
    assertEquals(slurm.calls.map(([name]) => name), ["scontrol"]);
  });

  it("does not use a sacct that does not work", async () => {
    const { slurm, client } = setup();
    slurm.answers.scontrol = "AccountingStorageType = accounting_storage/slurmdbd\n";
    slurm.answers.sacct = { code: 1, stderr: "sacct: error: slurm_persist_conn_open: Connection refused\n" };
    assertEquals(await client.hasAccounting(), false);
  });

  it("cancels in parts that fit as arguments, only what is pending if asked to", async () => {
    const { slurm, client } = setup();
    const ids = Array.from({ length: 30_000 }, (_, i) => `${10_000_000 + i}`);
    await client.cancel(ids, { pendingOnly: true });
    assertEquals(slurm.calls.map((args) => args.join(" ").length < 128 * 1024), [true, true, true]);
    assertEquals(slurm.calls.flatMap((args) => args.slice(2)), ids);
    assertEquals(slurm.calls.every((args) => args[1] === "--state=PENDING"), true);
    slurm.calls.length = 0;
    await client.cancel([]);
    assertEquals(slurm.calls, []);
  });

  it("cancels what has ended without complaint, and throws scancel's words otherwise", async () => {
    const { slurm, client } = setup();
    slurm.answers.scancel = {
      code: 1,
      stderr: "scancel: error: Kill job error on job id 7: Invalid job id specified\n",
    };
    await client.cancel(["7"]);
    slurm.answers.scancel = {
      code: 1,
      stderr: "scancel: error: Kill job error on job id 7: Access denied\n",
    };
    await assertRejects(() => client.cancel(["7"]), SlurmError, "Cannot cancel job 7: scancel: error");
  });

  it("tells a job that Slurm does not know from a Slurm that does not answer", async () => {
    const { slurm, client } = setup();
    slurm.answers.scontrol = { code: 1, stderr: "slurm_load_jobs error: Invalid job id specified\n" };
    assertEquals(await client.showJob("7"), []);
    slurm.answers.scontrol = DOWN;
    assertEquals(await client.showJob("7"), undefined);
    await assertRejects(() => client.config(), SlurmError, "Unable to contact");
    await assertRejects(() => client.requeue("7"), SlurmError, "Cannot requeue job 7");
  });

  it("sees jobs in hidden partitions, and these partitions, which Slurm tells of only when asked for all", async () => {
    const { slurm, client } = setup();
    const ifAll = (text: string) => (args: string[]) => args.includes("-a") ? text : "";
    slurm.answers.squeue = ifAll(row(7, "furu-a", "RUNNING"));
    slurm.answers.sinfo = ifAll("hidden|infinite|1|4|4000|(null)\n");
    assertEquals((await client.listJobs({ mineAnd: [] }))?.length, 1);
    assertEquals((await client.partitions()).map(({ name }) => name), ["hidden"]);
  });

  it("takes the partition that the user's environment names for the default one, as sbatch does", async () => {
    const slurm = new FakeSlurm();
    slurm.answers.sinfo = ["cpu*", "gpu", "old"].map((name) => `${name}|infinite|1|4|4000|(null)\n`).join("");
    const defaults = async (env: Record<string, string>) => {
      const client = new SlurmClient({ env, clock: new FakeClock(), run: slurm.run });
      return (await client.partitions()).filter(({ isDefault }) => isDefault).map(({ name }) => name);
    };
    assertEquals(await defaults({}), ["cpu"]);
    assertEquals(await defaults({ SBATCH_PARTITION: "gpu,old" }), ["gpu", "old"]);
    // Inside of a job it is that job's, and does not reach sbatch.
    assertEquals(await defaults({ SBATCH_PARTITION: "gpu", SLURM_JOB_ID: "7", FURU_JOB_ID: "7" }), ["cpu"]);
  });

  it("says what was printed where it cannot be read", async () => {
    const { slurm, client } = setup();
    slurm.answers.sinfo = "<html>";
    const error = await assertRejects(() => client.partitions(), SlurmError);
    assertStringIncludes(error.message, '"<html>"');
  });
});

describe("runProgram()", () => {
  const env = { PATH: Deno.env.get("PATH") ?? "/bin" };

  it("kills a program that takes too long, and says so", async () => {
    const result = await runProgram(["sleep", "60"], { env, timeoutMs: 50 });
    assertEquals({ timedOut: result.timedOut, code: result.code }, { timedOut: true, code: undefined });
  });

  it("rejects when it is aborted", async () => {
    const abort = new AbortController();
    const running = runProgram(["sleep", "60"], { env, timeoutMs: 60_000, signal: abort.signal });
    await delay(0);
    abort.abort(new Error("stopped"));
    await assertRejects(() => running, Error, "stopped");
  });

  it("gives output and exit code, in an environment of its own", async () => {
    const result = await runProgram(["sh", "-c", "echo $HOME-; echo e >&2; exit 3"], {
      env,
      timeoutMs: 10_000,
    });
    assertEquals(result, { code: 3, stdout: "-\n", stderr: "e\n", timedOut: false });
  });
});
