import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path/join";
import { describe, it } from "@std/testing/bdd";
import { resolveConfig } from "../../../lib/core/config.ts";
import type { RunLog } from "../../../lib/core/run_log.ts";
import { SlurmError } from "../../../lib/core/errors.ts";
import { systemClock } from "../../../lib/core/system/clock.ts";
import { queuePaths } from "../../../lib/queue/layout.ts";
import { systemRuntime } from "../../../lib/run/default_runtime.ts";
import { checkSpecs } from "../../../lib/slurm/run/check_specs.ts";
import { SlurmClient } from "../../../lib/slurm/client/client.ts";
import { SbatchLauncher } from "../../../lib/slurm/pool/sbatch_launcher.ts";
import { FakeSlurm, queueRow } from "../fake_slurm.ts";

const RUN_ID = "slurm-2026-11-20T204646822Z-ff9e95";
const CONFIG = "AccountingStorageType = accounting_storage/none\nMaxArraySize = 3\n";
const LIMIT = { code: 1, stderr: "sbatch: error: QOSMaxSubmitJobPerUserLimit\n" };
const never = new AbortController().signal;

interface Scene {
  root: string;
  slurm: FakeSlurm;
  warnings: string[];
  launcher: (term?: number) => SbatchLauncher;
  /** The name that the n-th sbatch was given. */
  name: (n: number) => string;
}

async function scene(test: (scene: Scene) => Promise<void>): Promise<void> {
  const root = await Deno.makeTempDir();
  const slurm = new FakeSlurm();
  slurm.answers.scontrol = (args) => args[1] === "config" ? CONFIG : "";
  const config = resolveConfig({ root });
  const runtime = systemRuntime(config);
  const warnings: string[] = [];
  const launcher = (term = 1): SbatchLauncher =>
    new SbatchLauncher(runtime, {
      paths: queuePaths(root, RUN_ID),
      run: { runId: RUN_ID, entry: import.meta.url, config },
      specs: checkSpecs({ default: { exclude: "bad1" }, gpu: { gpus: 1 } }),
      client: new SlurmClient({ env: {}, clock: systemClock, run: slurm.run, intervalSec: 0.01 }),
      term,
      log: logTo(warnings),
    });
  const name = (n: number): string => option(submissions(slurm)[n]!, "job-name");
  try {
    await test({ root, slurm, warnings, launcher, name });
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}

function logTo(texts: string[]): RunLog {
  const say = (text: string): void => void texts.push(text);
  return { info: say, warn: say, error: say };
}

const submissions = (slurm: FakeSlurm): string[][] => slurm.calls.filter(([program]) => program === "sbatch");

function option(args: readonly string[], name: string): string {
  return args.find((arg) => arg.startsWith(`--${name}=`))?.slice(name.length + 3) ?? "";
}

/** All that was submitted, as 11 and so on: what two listings do not show counts as ended, and these are 10 ms apart. */
function queueOf(slurm: FakeSlurm): string {
  return submissions(slurm).map((args, i) =>
    `${queueRow({ jobId: 11 + i, name: option(args, "job-name"), state: "PENDING" })}\n`
  ).join("");
}

describe("SbatchLauncher", () => {
  it("submits workers as arrays within MaxArraySize, a single one as a plain job, all written down", async () => {
    await scene(async ({ root, slurm, launcher, name }) => {
      slurm.answers.sbatch = ["11\n", "12\n"];
      await launcher().submit({ spec: "default", count: 4, exclude: ["node7"] }, never);
      const [first = [], second = []] = submissions(slurm);
      assertEquals([option(first, "array"), option(second, "array")], ["0-2", ""]);
      assert(/^furu-ff9e95-1-[0-9a-f]{12}$/.test(name(0)), name(0));
      assertEquals(option(first, "exclude"), "bad1,node7");
      assert(first.includes("--no-requeue"));
      assertStringIncludes(option(first, "output"), `slurm/workers/default/${RUN_ID}/${name(0)}.%A_%a.log`);
      assertStringIncludes(
        await Deno.readTextFile(first.at(-1)!),
        `worker --run ${root}/runs/${RUN_ID} --spec default --job ${name(0)}`,
      );
      const names = [...Deno.readDirSync(join(root, "runs", RUN_ID, "jobs"))].map((entry) => entry.name)
        .sort();
      assertEquals(
        names,
        [name(0), name(1)].flatMap((each) => [`${each}.id.json`, `${each}.json`]).sort(),
      );
    });
  });

  it("knows each task of an array by itself, also for a controller that comes later", async () => {
    await scene(async ({ slurm, launcher, name }) => {
      slurm.answers.sbatch = "11\n";
      await launcher().submit({ spec: "gpu", count: 3, exclude: [] }, never);
      const row = (index: number, state: string) => queueRow({ jobId: 11, index, name: name(0), state });
      slurm.answers.squeue = `${row(0, "RUNNING")}\n${row(1, "PREEMPTED")}\n${row(2, "PENDING")}\n`;
      const { jobs } = await launcher(2).jobs(never);
      assertEquals(
        jobs.map(({ key, spec, state }) => [key, spec, state.status, "loss" in state ? state.loss : ""]),
        [
          [`${name(0)}_0`, "gpu", "running", ""],
          [`${name(0)}_1`, "gpu", "dead", "preempted"],
          [`${name(0)}_2`, "gpu", "pending", ""],
        ],
      );
    });
  });

  it("finds a job that was submitted just before its controller died", async () => {
    await scene(async ({ slurm, launcher, name, root }) => {
      slurm.answers.sbatch = "11\n";
      await launcher().submit({ spec: "default", count: 1, exclude: [] }, never);
      await Deno.remove(join(root, "runs", RUN_ID, "jobs", `${name(0)}.id.json`));
      slurm.answers.squeue = `${queueRow({ jobId: 11, name: name(0), state: "RUNNING" })}\n`;
      const [job] = (await launcher(2).jobs(never)).jobs;
      assertEquals({ key: job?.key, status: job?.state.status }, { key: name(0), status: "running" });
      await launcher(3).cancelAll();
      assertEquals(slurm.calls.at(-1), ["scancel", "11"]);
    });
  });

  it("submits fewer where a limit refuses more, and rests where it refuses all", async () => {
    await scene(async ({ slurm, launcher, warnings }) => {
      slurm.answers.sbatch = (args) => option(args, "array") === "0-2" ? LIMIT : "11\n";
      const lucky = launcher();
      await lucky.submit({ spec: "default", count: 3, exclude: [] }, never);
      assertEquals(submissions(slurm).map((args) => option(args, "array")), ["0-2", ""]);
      assertEquals((await lucky.jobs(never)).jobs.length, 1);
      slurm.answers.sbatch = LIMIT;
      await lucky.submit({ spec: "default", count: 1, exclude: [] }, never);
      await lucky.submit({ spec: "default", count: 1, exclude: [] }, never);
      assertEquals({ submissions: submissions(slurm).length, warnings: warnings.length }, {
        submissions: 3,
        warnings: 1,
      });
      assertStringIncludes(warnings[0]!, "QOSMaxSubmitJobPerUserLimit");
      const told: string[] = [];
      const controlled = launcher();
      controlled.log = logTo(told);
      await controlled.submit({ spec: "default", count: 1, exclude: [] }, never);
      assertEquals({ told: told.length, warnings: warnings.length }, { told: 1, warnings: 1 });
    });
  });

  it("says in sbatch's own words why no worker can be started", async () => {
    await scene(async ({ slurm, launcher }) => {
      slurm.answers.sbatch = { code: 1, stderr: "sbatch: error: invalid partition specified: nope\n" };
      await assertRejects(
        () => launcher().submit({ spec: "default", count: 1, exclude: [] }, never),
        SlurmError,
        "invalid partition specified: nope",
      );
    });
  });

  it("counts no worker as submitted where there is no sbatch, though squeue cannot be asked either", async () => {
    await scene(async ({ slurm, launcher }) => {
      for (const program of ["sbatch", "squeue"]) {
        slurm.answers[program] = { stderr: `there is no program '${program}' on PATH` };
      }
      const one = launcher();
      await assertRejects(
        () => one.submit({ spec: "default", count: 2, exclude: [] }, never),
        SlurmError,
        "there is no program 'sbatch' on PATH",
      );
      assertEquals((await one.jobs(never)).jobs, []);
      assertEquals((await launcher(2).jobs(never)).jobs, []);
    });
  });

  it("cancels only those that have not begun when there are too many", async () => {
    await scene(async ({ slurm, launcher, name }) => {
      slurm.answers.sbatch = "11\n";
      const one = launcher();
      await one.submit({ spec: "default", count: 3, exclude: [] }, never);
      await one.jobs(never);
      await one.cancelPending([`${name(0)}_2`]);
      assertEquals(slurm.calls.at(-1), ["scancel", "--state=PENDING", "11_2"]);
    });
  });

  it("keeps one standby, which no task can count on, and has it wait for those that live", async () => {
    await scene(async ({ slurm, launcher, name }) => {
      slurm.answers.sbatch = ["11\n", "12\n", "13\n"];
      slurm.answers.squeue = () => queueOf(slurm);
      const one = launcher();
      await one.submit({ spec: "gpu", count: 1, exclude: ["node7"] }, never);
      const keys = (await one.jobs(never)).jobs.map(({ key }) => key);
      await one.keepStandby(keys, never);
      await one.keepStandby(keys, never);
      assertEquals(submissions(slurm).length, 2);
      assertEquals(option(submissions(slurm)[1]!, "dependency"), "afterany:11");
      assertEquals(option(submissions(slurm)[1]!, "exclude"), "bad1,node7");
      await one.submit({ spec: "gpu", count: 1, exclude: [] }, never);
      const more = (await one.jobs(never)).jobs.map(({ key }) => key);
      assertEquals(more, [name(0), name(2)]);
      await one.keepStandby(more, never);
      assert(
        slurm.calls.some((call) => call.join(" ") === "scontrol update JobId=12 Dependency=afterany:11:13"),
      );
      await one.close();
      assertEquals(slurm.calls.at(-1), ["scancel", "--state=PENDING", "12"]);
    });
  });

  it("has a standby that cannot work succeeded by one elsewhere, and other workers by none", async () => {
    await scene(async ({ slurm, launcher, name }) => {
      slurm.answers.sbatch = ["11\n", "12\n", "13\n"];
      slurm.answers.squeue = () => queueOf(slurm);
      const one = launcher();
      await one.submit({ spec: "default", count: 1, exclude: [] }, never);
      await one.keepStandby((await one.jobs(never)).jobs.map(({ key }) => key), never);
      await launcher(0).standby.keepAfter(name(0), ["n1"], never);
      assertEquals(submissions(slurm).length, 2);
      slurm.answers.squeue = queueRow({ jobId: 12, name: name(1), state: "RUNNING" });
      await launcher(0).standby.keepAfter(name(1), ["n1"], never);
      const standby = submissions(slurm)[2]!;
      assertEquals({ dependency: option(standby, "dependency"), exclude: option(standby, "exclude") }, {
        dependency: "afterany:12",
        exclude: "bad1,n1",
      });
    });
  });
});
