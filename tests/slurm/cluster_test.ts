import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path/join";
import { systemClock } from "../../lib/core/system/clock.ts";
import { SlurmError } from "../../lib/core/errors.ts";
import { checkPartitions, checkSpecs } from "../../lib/slurm/run/check_specs.ts";
import { SlurmClient } from "../../lib/slurm/client/client.ts";
import { jobOptions, type JobPlan } from "../../lib/slurm/client/job_options.ts";
import type { JobState } from "../../lib/slurm/client/job_state.ts";
import { systemMachine } from "../../lib/core/system/system_machine.ts";
import { type JobRef, JobWatch, type KnownJob } from "../../lib/slurm/jobs/job_watch.ts";
import { logPath, logPattern, scriptPath } from "../../lib/slurm/client/job_log.ts";
import { type ProgramRunner, runProgram } from "../../lib/slurm/client/program.ts";
import { batchScript, setupFailure } from "../../lib/slurm/client/script.ts";
import type { SubmitWait } from "../../lib/slurm/client/submit.ts";
import { describeOnSlurm } from "./suite.ts";

describeOnSlurm("a client on a real Slurm", (suite) => {
  const { it } = suite;
  const env = () => ({
    PATH: Deno.env.get("PATH")!,
    HOME: Deno.env.get("HOME") ?? "/",
    ...suite.cluster.env,
  });
  const makeClient = (run: ProgramRunner = runProgram, timeoutSec = 20) =>
    new SlurmClient({ env: env(), clock: systemClock, intervalSec: 0.1, timeoutSec, run });
  const specs = checkSpecs({ default: { timeMin: 5 }, gpu: { partition: "gpu", gpus: 1, timeMin: 5 } });

  interface Job extends Partial<JobPlan> {
    command?: string[];
    setup?: string[];
    client?: SlurmClient;
    onWait?: (wait: SubmitWait) => void;
  }

  /** Submits a job as furu does; its name, id and log. */
  async function submit(
    { command = ["true"], setup = [], client = makeClient(), onWait, ...plan }: Job = {},
  ) {
    const name = `furu-${crypto.randomUUID().slice(0, 13)}`;
    const folder = join(suite.cluster.folder, "jobs 50%j");
    await Deno.mkdir(folder, { recursive: true });
    await Deno.writeTextFile(scriptPath(folder, name), batchScript({ name, title: name, setup, command }));
    const log = logPattern(folder, name, plan.array !== undefined);
    const options = jobOptions({ spec: specs.default!, log, requeue: true, ...plan });
    const { jobId, cluster } = await client.submit({
      script: scriptPath(folder, name),
      name,
      options,
      ...(onWait ? { onWait } : {}),
    });
    const readLog = (index?: number) => Deno.readTextFile(logPath(folder, name, jobId, index));
    return { jobId, name, cluster, uid: Deno.uid()!, readLog };
  }

  /** Follows a job until its state is as wanted. */
  async function until(
    ref: JobRef,
    wanted: (state: JobState, restarts: number) => boolean,
  ): Promise<KnownJob> {
    const watch = new JobWatch(systemMachine(), makeClient());
    const since = performance.now();
    while (true) {
      const known = await watch.state(ref);
      if (wanted(known, known.restarts)) return known;
      assert(
        performance.now() - since < 30_000,
        `${ref.name} is still ${JSON.stringify(known)}`,
      );
      await systemClock.sleep(50);
    }
  }

  const running = (state: JobState) => state.status === "alive" && state.text === "RUNNING";
  const dead = (state: JobState) => state.status === "dead";
  const ended = async (ref: JobRef) => {
    const state = await until(ref, dead);
    return state.status === "dead" ? state.reason : undefined;
  };

  it("reads how it is set up", async () => {
    const { maxArraySize, accounting, version } = await makeClient().config();
    assertEquals({ maxArraySize, accounting }, { maxArraySize: 1001, accounting: false });
    assert(version, "it has a version");
    assertEquals(await makeClient().hasAccounting(), false);
    const partitions = await makeClient().partitions();
    assertEquals(partitions.map(({ name, isDefault, nodes, gpus }) => [name, isDefault, nodes, gpus]), [
      ["cpu", true, 2, 0],
      ["gpu", false, 1, 2],
    ]);
    assertEquals(checkPartitions(specs, partitions), []);
    assertEquals(checkPartitions(checkSpecs({ default: { memGb: 64 } }), partitions).length, 1);
  });

  it("submits a job with its spec and gets its output", async () => {
    const job = await submit({
      spec: specs.gpu!,
      command: ["printenv", "SLURM_JOB_GPUS", "SLURM_JOB_PARTITION"],
    });
    const [detail] = (await makeClient().showJob(job.jobId))!;
    assertEquals({ name: detail?.name, restarts: detail?.restarts }, { name: job.name, restarts: 0 });
    assertStringIncludes(detail?.output ?? "", "jobs 50");
    assertEquals(await ended(job), "completed");
    assertEquals((await job.readLog()).split("\n")[1], "gpu");
  });

  it("tells of a failing worker, and of a setup line that failed", async () => {
    const worker = await submit({ command: ["bash", "-c", "exit 3"] });
    const setup = await submit({ setup: ["echo preparing", "module-of-no-name load x"] });
    assertEquals([await ended(worker), await ended(setup)], ["failed", "failed"]);
    const [detail] = (await makeClient().showJob(worker.jobId))!;
    assertEquals(detail?.exitCode, { code: 3, signal: 0 });
    assertEquals(
      setupFailure(await setup.readLog()),
      "setup line 2 (module-of-no-name load x) ended with exit code 127",
    );
  });

  it("follows the tasks of an array", async () => {
    const job = await submit({ array: "0-2", command: ["bash", "-c", "exit $((SLURM_ARRAY_TASK_ID % 2))"] });
    const ends = await Promise.all(
      [0, 1, 2].map((index) => ended({ ...job, jobId: `${job.jobId}_${index}` })),
    );
    assertEquals(ends, ["completed", "failed", "completed"]);
  });

  it("cancels what is pending and leaves alone what runs, then cancels that", async () => {
    const runs = await submit({ command: ["sleep", "100"] });
    await until(runs, running);
    const waits = await submit({ afterOk: [runs.jobId] });
    await makeClient().cancel([runs.jobId, waits.jobId, "99999"], { pendingOnly: true });
    assertEquals(await ended(waits), "cancelled");
    await until(runs, running);
    await makeClient().cancel([runs.jobId]);
    assertEquals(await ended(runs), "cancelled");
    // Once more: it has ended.
    await makeClient().cancel([runs.jobId]);
  });

  it("requeues a running job, which keeps its id and name", async () => {
    const job = await submit({ command: ["bash", "-c", "echo run ${SLURM_RESTART_COUNT-first}; sleep 100"] });
    const logged = async (text: string): Promise<void> => {
      const since = performance.now();
      // It runs a moment before its log is there.
      while (!(await job.readLog().catch(() => "")).includes(text)) {
        assert(performance.now() - since < 20_000);
        await systemClock.sleep(50);
      }
    };
    await until(job, running);
    await logged("run first\n");
    await makeClient().requeue(job.jobId);
    await until(job, (state, restarts) => running(state) && restarts === 1);
    await logged("run 1");
    assertStringIncludes(await job.readLog(), "run first\n");
    await makeClient().cancel([job.jobId]);
    await assertRejects(() => makeClient().requeue("99999"), SlurmError, "Invalid job id specified");
  });

  it("runs a job after those that it depends on, and cancels one whose dependency failed", async () => {
    // Long enough for the questions below, however slow the machine is.
    const good = await submit({ command: ["sleep", "5"] });
    const bad = await submit({ command: ["false"] });
    const after = await submit({ afterOk: [good.jobId] });
    const never = await submit({ afterOk: [good.jobId, bad.jobId] });
    const [detail] = (await makeClient().showJob(after.jobId))!;
    assertStringIncludes(detail?.dependency ?? "", `afterok:${good.jobId}`);
    assertEquals([await ended(after), await ended(never)], ["completed", "cancelled"]);
  });

  it("does not submit twice when sbatch took the job and its answer was lost", async () => {
    let submissions = 0;
    const client = makeClient(async (command, options) => {
      const result = await runProgram(command, options);
      if (command[0] !== "sbatch") return result;
      submissions++;
      return { stdout: "", stderr: "", timedOut: true };
    });
    const job = await submit({ client, command: ["true"] });
    assertEquals(submissions, 1);
    assertEquals((await makeClient().lookup([job.name]))?.map(({ jobId }) => jobId), [job.jobId]);
  });

  it("throws Slurm's own words for what it refuses, and adopts no record of it", async () => {
    const options = (spec: unknown) => ({ spec: checkSpecs({ default: spec }).default! });
    await assertRejects(
      () => submit(options({ partition: "nope" })),
      SlurmError,
      "invalid partition specified: nope",
    );
    await assertRejects(() => submit(options({ memGb: 9000 })), SlurmError, "Requested node configuration");
    await assertRejects(() => submit(options({ extra: { nonsense: 1 } })), SlurmError, "unrecognized option");
  });

  it("knows nothing while the controller is away, and submits once when it is back", async () => {
    const job = await submit({ command: ["sleep", "100"] });
    await until(job, running);
    // Without a controller each program goes on trying for nine seconds.
    const client = makeClient(runProgram, 1);
    const watch = new JobWatch(systemMachine(), client);
    await watch.state(job);
    await suite.cluster.stopController();
    await systemClock.sleep(client.intervalMs);
    assertEquals(await client.listJobs({ mineAnd: [] }), undefined);
    assertEquals((await watch.state(job)).text, "RUNNING");
    const waits: SubmitWait[] = [];
    const later = await submit({
      client,
      onWait: (wait) => {
        // Only once: the controller is started again while the submission waits.
        if (waits.push(wait) === 1) suite.cluster.startController();
      },
    });
    assertEquals(waits[0]?.why, "unclear");
    assertEquals(await ended(later), "completed");
    assertEquals((await makeClient().lookup([later.name]))?.length, 1);
    await until(job, running);
    await makeClient().cancel([job.jobId]);
  });

  it("tells of a node that went down under a job, and of a job that begins again because of it", async () => {
    const lost = await submit({ command: ["sleep", "100"], requeue: false, spec: specs.gpu! });
    const again = await submit({ command: ["sleep", "100"], spec: specs.gpu! });
    await Promise.all([until(lost, running), until(again, running)]);
    await suite.cluster.setNodeState("gpu1", "down");
    assertEquals(await ended(lost), "node-failure");
    await until(again, (state, restarts) => state.status === "alive" && state.pending && restarts === 1);
    await makeClient().cancel([again.jobId]);
    await suite.cluster.setNodeState("gpu1", "resume");
  });

  it("takes for ended what Slurm has never heard of", async () => {
    const cluster = await makeClient().cluster();
    assertEquals(await ended({ jobId: "99999", name: "furu-none", cluster }), "vanished");
    assertEquals(await makeClient().showJob("99999"), []);
  });
});
