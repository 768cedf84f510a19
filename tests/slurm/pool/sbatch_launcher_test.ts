import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "@std/path/join";
import { describe, it } from "@std/testing/bdd";
import { resolveConfig } from "../../../lib/core/config.ts";
import type { WorkerJob } from "../../../lib/pool/launcher.ts";
import type { RunLog } from "../../../lib/core/run_log.ts";
import { systemClock } from "../../../lib/core/system/clock.ts";
import { queuePaths } from "../../../lib/queue/layout.ts";
import { systemRuntime } from "../../../lib/run/default_runtime.ts";
import { checkSpecs } from "../../../lib/slurm/run/check_specs.ts";
import { SlurmClient } from "../../../lib/slurm/client/client.ts";
import { SbatchLauncher } from "../../../lib/slurm/pool/sbatch_launcher.ts";
import { until } from "../../rig.ts";
import { FakeSlurm, queueRow } from "../fake_slurm.ts";

const RUN_ID = "slurm-2026-11-20T204646822Z-ff9e95";
const CONFIG = "AccountingStorageType = accounting_storage/none\nClusterName = here\nMaxArraySize = 3\n";
const LIMIT = { code: 1, stderr: "sbatch: error: QOSMaxSubmitJobPerUserLimit\n" };
const never = new AbortController().signal;

/** Where jobs are, where there are several clusters. */
interface Places {
  /** The cluster of spec gpu. */
  gpu?: string;
  /** The cluster of the job that this is in. */
  own?: string | undefined;
}

interface Scene {
  root: string;
  slurm: FakeSlurm;
  warnings: string[];
  /** `patienceMs`: for how long it waits for sbatch. */
  launcher: (term?: number, patienceMs?: number, places?: Places) => SbatchLauncher;
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
  const launcher = (term = 1, patienceMs = 10_000, { gpu, own }: Places = {}): SbatchLauncher =>
    new SbatchLauncher(runtime, {
      paths: queuePaths(root, RUN_ID),
      run: {
        runId: RUN_ID,
        entry: import.meta.url,
        config,
        cluster: "here",
        specs: { gpu: { cluster: gpu } },
      },
      specs: checkSpecs({ default: { exclude: "bad1" }, gpu: { gpus: 1, cluster: gpu } }),
      own: own === undefined ? undefined : { jobId: "1", name: "furu-own", restarts: 0, cluster: own },
      client: new SlurmClient({ env: {}, clock: systemClock, run: slurm.run, intervalSec: 0.01 }),
      term,
      patienceMs,
      answerLimitMs: 100,
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

/** Waits until a launcher knows it. */
async function seen(
  launcher: SbatchLauncher,
  is: (jobs: readonly WorkerJob[]) => boolean,
): Promise<readonly WorkerJob[]> {
  for (const since = performance.now();; await systemClock.sleep(10)) {
    const { jobs } = await launcher.jobs(never);
    if (is(jobs)) return jobs;
    if (performance.now() - since > 15_000) {
      throw new Error(`the launcher knows only ${JSON.stringify(jobs)}`);
    }
  }
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
      // Beside each other.
      slurm.calls.sort((a, b) => option(b, "array").length - option(a, "array").length);
      const [first = []] = submissions(slurm);
      assertEquals(submissions(slurm).map((args) => option(args, "array")), ["0-2", ""]);
      assert(/^furu-ff9e95-default-[0-9a-f]{12}$/.test(name(0)), name(0));
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
      const later = launcher(2);
      const jobs = await seen(later, (jobs) => jobs.some(({ state }) => state.status === "dead"));
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
      const [job] = await seen(launcher(2), ([job]) => job?.state.status === "running");
      assertEquals({ key: job?.key, status: job?.state.status }, { key: name(0), status: "running" });
      await launcher(3).cancelAll();
      assertEquals(slurm.calls.findLast(([program]) => program === "scancel"), ["scancel", "11"]);
    });
  });

  it("answers with what a limit or a refusal said of the spec, and tries nothing more by itself", async () => {
    await scene(async ({ slurm, launcher, warnings }) => {
      slurm.answers.sbatch = LIMIT;
      const one = launcher();
      const limited = await one.submit({ spec: "default", count: 7, exclude: [] }, never);
      assertEquals({ taken: limited.taken, kind: limited.refusal?.kind }, { taken: 0, kind: "limit" });
      assertStringIncludes(limited.refusal!.error.message, "QOSMaxSubmitJobPerUserLimit");
      slurm.answers.sbatch = { code: 1, stderr: "sbatch: error: invalid partition specified: nope\n" };
      const refused = await one.submit({ spec: "gpu", count: 1, exclude: [] }, never);
      assertEquals({ taken: refused.taken, kind: refused.refusal?.kind }, { taken: 0, kind: "refused" });
      assertStringIncludes(refused.refusal!.error.message, "invalid partition specified: nope");
      const { jobs, refused: late } = await one.jobs(never);
      assertEquals({ jobs, late, warnings }, { jobs: [], late: [], warnings: [] });
      assertEquals(submissions(slurm).map((args) => option(args, "array")).sort(), ["", "", "0-2", "0-2"]);
    });
  });

  it("counts no worker as submitted where there is no sbatch, though squeue cannot be asked either", async () => {
    await scene(async ({ slurm, launcher }) => {
      for (const program of ["sbatch", "squeue"]) {
        slurm.answers[program] = { stderr: `there is no program '${program}' on PATH` };
      }
      const one = launcher();
      const { taken, refusal } = await one.submit({ spec: "default", count: 2, exclude: [] }, never);
      assertEquals({ taken, kind: refusal?.kind }, { taken: 0, kind: "refused" });
      assertStringIncludes(refusal!.error.message, "there is no program 'sbatch' on PATH");
      assertEquals((await one.jobs(never)).jobs, []);
      assertEquals((await launcher(2).jobs(never)).jobs, []);
    });
  });

  it("knows what it handed over from then on, though neither sbatch nor squeue answers", async () => {
    await scene(async ({ slurm, launcher }) => {
      const hold = Promise.withResolvers<void>();
      slurm.holds.sbatch = slurm.holds.squeue = hold.promise;
      const one = launcher(1, 50);
      slurm.answers.sbatch = "11\n";
      assertEquals(await one.submit({ spec: "gpu", count: 3, exclude: [] }, never), { taken: 3, open: 3 });
      // Another spec's are not held up by that.
      assertEquals(await one.submit({ spec: "default", count: 1, exclude: [] }, never), {
        taken: 1,
        open: 1,
      });
      const { jobs } = await one.jobs(never);
      assertEquals(jobs.map(({ spec, state }) => [spec, state.status]), [
        ["gpu", "pending"],
        ["gpu", "pending"],
        ["gpu", "pending"],
        ["default", "pending"],
      ]);
      await until(() => submissions(slurm).length === 2, "sbatch is given both");
      hold.resolve();
      await seen(one, (jobs) => jobs.every(({ id }) => id !== undefined));
    });
  });

  it("tells a refusal that comes late once, and the workers are gone", async () => {
    await scene(async ({ slurm, launcher }) => {
      const hold = Promise.withResolvers<void>();
      slurm.holds.sbatch = hold.promise;
      slurm.answers.sbatch = (args) => args.some((arg) => arg.includes("gpu")) ? LIMIT : "11\n";
      const one = launcher(1, 50);
      await one.submit({ spec: "gpu", count: 2, exclude: [] }, never);
      await one.submit({ spec: "default", count: 1, exclude: [] }, never);
      hold.resolve();
      let answer = await one.jobs(never);
      while (answer.refused?.length === 0) answer = await one.jobs(never);
      const [late] = answer.refused ?? [];
      assertEquals([late?.spec, late?.count, late?.refusal.kind], ["gpu", 2, "limit"]);
      answer = await one.jobs(never);
      assertEquals(answer.refused, []);
      assertEquals(answer.jobs.map(({ spec }) => spec), ["default"]);
      await seen(one, (jobs) => jobs.every(({ id }) => id !== undefined));
    });
  });

  it("submits smaller arrays, then single jobs, where a site takes no larger ones, and remembers it", async () => {
    await scene(async ({ slurm, launcher }) => {
      const sizes = (): number[] =>
        submissions(slurm).map((args) => Number(option(args, "array").split("-")[1] ?? 0) + 1);
      let most = 2;
      let id = 10;
      slurm.answers.scontrol = CONFIG.replace("MaxArraySize = 3", "MaxArraySize = 1001");
      slurm.answers.sbatch = (args) =>
        Number(option(args, "array").split("-")[1] ?? 0) < most ? `${++id}\n` : {
          code: 1,
          stderr: "sbatch: error: Batch job submission failed: Invalid job array specification\n",
        };
      const one = launcher();
      assertEquals(await one.submit({ spec: "gpu", count: 8, exclude: [] }, never), { taken: 8 });
      assertEquals(sizes().sort((a, b) => b - a), [8, 4, 4, 2, 2, 2, 2]);
      assertEquals((await one.jobs(never)).jobs.length, 8);
      most = 0;
      slurm.calls.length = 0;
      slurm.answers.sbatch = (args) =>
        option(args, "array") === ""
          ? `${++id}\n`
          : { code: 1, stderr: "sbatch: error: Job array not allowed here\n" };
      assertEquals(await one.submit({ spec: "default", count: 3, exclude: [] }, never), { taken: 3 });
      assertEquals(sizes().sort(), [1, 1, 1, 2]);
      assertEquals((await one.jobs(never)).jobs.length, 11);
    });
  });

  it("submits single jobs where arrays are switched off, and as usual while Slurm does not tell", async () => {
    await scene(async ({ slurm, launcher }) => {
      let id = 10;
      slurm.answers.sbatch = () => `${++id}\n`;
      slurm.answers.scontrol = CONFIG.replace("MaxArraySize = 3", "MaxArraySize = 0");
      assertEquals(await launcher().submit({ spec: "gpu", count: 2, exclude: [] }, never), { taken: 2 });
      assertEquals(submissions(slurm).map((args) => option(args, "array")), ["", ""]);
      slurm.calls.length = 0;
      slurm.answers.scontrol = [{ code: 1, stderr: "error: down\n" }, CONFIG];
      assertEquals(await launcher().submit({ spec: "gpu", count: 4, exclude: [] }, never), { taken: 4 });
      assertEquals(submissions(slurm).map((args) => option(args, "array")), ["0-3"]);
    });
  });

  it("cancels all that it handed over, also what sbatch answers for later, and says what it cannot", async () => {
    await scene(async ({ slurm, launcher, warnings, name }) => {
      slurm.answers.sbatch = ["11\n", "12\n"];
      const one = launcher(1, 50);
      await one.submit({ spec: "gpu", count: 3, exclude: [] }, never);
      await seen(one, (jobs) => jobs.every(({ id }) => id !== undefined));
      const hold = Promise.withResolvers<void>();
      slurm.holds.sbatch = slurm.holds.squeue = hold.promise;
      await one.submit({ spec: "default", count: 1, exclude: [] }, never);
      const cancelling = one.cancelAll();
      await until(() => slurm.count("scancel") === 1, "those that are known are cancelled at once");
      assertEquals(slurm.calls.findLast(([program]) => program === "scancel"), ["scancel", "11"]);
      hold.resolve();
      await cancelling;
      assertEquals(slurm.calls.findLast(([program]) => program === "scancel")?.includes("12"), true);
      assertEquals(one.cancelled, 4);
      const other = launcher(1, 50);
      slurm.holds.sbatch = new Promise(() => {});
      await other.submit({ spec: "default", count: 1, exclude: [] }, never);
      await other.cancelAll();
      assertStringIncludes(warnings.at(-1)!, `scancel --name=${name(2)}`);
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

  it("recalls one that sbatch has not answered for: it is cancelled then, and takes up room until", async () => {
    await scene(async ({ slurm, launcher, name }) => {
      slurm.answers.sbatch = "11\n";
      slurm.answers.squeue = () => queueOf(slurm);
      const hold = Promise.withResolvers<void>();
      slurm.holds.sbatch = hold.promise;
      const one = launcher();
      await one.submit({ spec: "default", count: 1, exclude: [] }, never);
      const recalled = async () => (await one.jobs(never)).jobs.map(({ recalled = false }) => recalled);
      assertEquals(await recalled(), [false]);
      assertEquals([await one.cancelPending([name(0)]), await one.cancelPending([name(0)])], [
        "later",
        "later",
      ]);
      assertEquals([await recalled(), slurm.count("scancel")], [[true], 0]);
      hold.resolve();
      await until(() => slurm.count("scancel") > 0, "it is cancelled when sbatch has answered");
      assertEquals(slurm.calls.findLast(([program]) => program === "scancel"), [
        "scancel",
        "--state=PENDING",
        "11",
      ]);
      await seen(one, (jobs) => jobs.every(({ recalled }) => !recalled));
      assertEquals([await one.cancelPending([name(0)]), slurm.count("scancel")], [undefined, 2]);
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
      await launcher(0).standby.keepAfter({ name: name(0), jobId: "11" }, ["n1"], never);
      assertEquals(submissions(slurm).length, 2);
      slurm.answers.squeue = queueRow({ jobId: 12, name: name(1), state: "RUNNING" });
      await launcher(0).standby.keepAfter({ name: name(1), jobId: "12" }, ["n1"], never);
      const standby = submissions(slurm)[2]!;
      assertEquals({ dependency: option(standby, "dependency"), exclude: option(standby, "exclude") }, {
        dependency: "afterany:12",
        exclude: "bad1,n1",
      });
    });
  });

  it("keeps apart what is on two clusters: submissions, lists, the standby and the cancelling", async () => {
    for (const [own, at, spec] of [[undefined, "east", "gpu"], ["here", "here", "default"]] as const) {
      await scene(async ({ slurm, launcher }) => {
        // Each has ids of its own, which are the same.
        const taken: Record<string, string[]> = { here: [], east: [] };
        const there = (args: string[]) => taken[args[0] === "-M" ? args[1]! : "here"]!;
        slurm.answers.scontrol = (args) => args.includes("config") ? CONFIG : "";
        slurm.answers.sbatch = (args) => {
          const id = 10 + there(args).push(option(args, "job-name"));
          return args[0] === "-M" ? `${id};${args[1]}\n` : `${id}\n`;
        };
        slurm.answers.squeue = (args) =>
          there(args).map((name, i) => `${queueRow({ jobId: 11 + i, name, state: "PENDING" })}\n`).join("");
        const one = launcher(1, 10_000, { gpu: "east", own });
        const exclude = ["n1", "n2@east", "n3@north"];
        for (const spec of ["gpu", "default"]) await one.submit({ spec, count: 1, exclude }, never);
        // sbatch refuses nodes that a cluster does not have.
        assertEquals(submissions(slurm).map((args) => option(args, "exclude")), ["n2", "bad1,n1"]);
        const jobs = await seen(one, (jobs) => jobs.every(({ state }) => state.text === "PENDING"));
        assertEquals(jobs.map(({ spec, id }) => [spec, id]), [["gpu", "11"], ["default", "11"]]);
        const written = await one.workers.journal.read();
        assertEquals(written.map(({ submission, job }) => [submission.cluster, job?.cluster]), [
          ["east", "east"],
          ["here", "here"],
        ]);
        await one.keepStandby(jobs.map(({ key }) => key), never);
        const standby = submissions(slurm)[2]!;
        assertEquals(standby.slice(1, 3).includes("east"), at === "east");
        assertEquals(option(standby, "dependency"), "afterany:11");
        assertStringIncludes(standby.at(-1)!, `/workers/${spec}/`);
        await one.cancelAll();
        const cancelled = slurm.calls.filter(([program]) => program === "scancel").map((call) =>
          call.join(" ")
        );
        const all = at === "east"
          ? ["scancel -M east 11 12", "scancel 11"]
          : ["scancel -M east 11", "scancel 11 12"];
        assertEquals(cancelled, all);
      });
    }
  });
});
