import { assertEquals, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import type { DetachedRun, SlurmRunOptions } from "../../lib/cli/program/engine.ts";
import type { Hash } from "../../lib/core/hash.ts";
import { summaryOf } from "../ui/events.ts";
import { furu } from "./rig.ts";

const RUN: DetachedRun = {
  runId: "slurm-1",
  runDir: "/store/runs/slurm-1",
  jobIds: { ["0123" as Hash]: "7" },
  rootJobIds: ["7"],
};

function engine() {
  const asked: SlurmRunOptions[] = [];
  return {
    asked,
    runSlurm: (_: unknown, options: SlurmRunOptions) => {
      asked.push(options);
      return Promise.resolve(options.detach ? RUN : summaryOf());
    },
  };
}

describe("furu run", () => {
  it("--slurm dag follows the run, with the flags that mean the same there", async () => {
    const { asked, runSlurm } = engine();
    const { code, out, runs } = await furu(
      ["run", "pipeline.ts", "--slurm", "dag", "--retries", "1", "--no-retry-failed", "--quiet"],
      { runSlurm },
    );
    assertEquals({ code, out, runs: runs.length }, { code: 0, out: "", runs: 0 });
    const [{ entry: _, ...options } = {} as SlurmRunOptions] = asked;
    assertEquals(options, {
      mode: "dag",
      detach: false,
      maxComputeRetries: 1,
      retryFailed: false,
      progress: "quiet",
    });
  });

  it("--slurm is a pool, wherever the flag stands", async () => {
    for (
      const args of [["--slurm", "pipeline.ts"], ["pipeline.ts", "--slurm"], ["pipeline.ts", "--slurm=pool"]]
    ) {
      const { asked, runSlurm } = engine();
      const { code, err } = await furu(["run", ...args], { runSlurm });
      assertEquals({ code, mode: asked[0]?.mode, detach: asked[0]?.detach }, {
        code: 0,
        mode: "pool",
        detach: false,
      }, err);
    }
  });

  it("--slurm hands its flags to the pool", async () => {
    const { asked, runSlurm } = engine();
    const flags = [
      "--workers",
      "gpu=2,default=8",
      "--window",
      "dfs",
      "--idle-timeout",
      "0",
      "--tasks-per-worker",
      "3",
      "--launcher",
      "srun",
      "--keep-going",
      "--take-over",
    ];
    await furu(["run", "pipeline.ts", "--slurm", "pool", ...flags], { runSlurm });
    const [{ entry: _, ...options } = {} as SlurmRunOptions] = asked;
    assertEquals(options, {
      mode: "pool",
      detach: false,
      keepGoing: true,
      maxWorkers: { gpu: 2, default: 8 },
      window: "dfs",
      idleTimeoutSec: 0,
      tasksPerWorker: 3,
      launcher: "srun",
      takeOver: true,
      progress: "auto",
    });
  });

  it("--no-snapshot lets the jobs of both modes import the code of the moment", async () => {
    for (const mode of ["pool", "dag"]) {
      const { asked, runSlurm } = engine();
      const run = (...flags: string[]) =>
        furu(["run", "pipeline.ts", "--slurm", mode, ...flags], { runSlurm });
      assertEquals((await run("--no-snapshot")).code, 0);
      assertEquals((await run()).code, 0);
      assertEquals(asked.map(({ snapshot }) => snapshot), [false, undefined]);
    }
    const { code, err } = await furu(["run", "pipeline.ts", "--no-snapshot"]);
    assertEquals(code, 2);
    assertStringIncludes(err, "Cannot use --no-snapshot without --slurm");
  });

  it("--slurm dag --detach prints the run's id, or with --json all that was submitted", async () => {
    const { runSlurm } = engine();
    const plain = await furu(["run", "pipeline.ts", "--slurm", "dag", "--detach"], { runSlurm });
    assertEquals({ code: plain.code, out: plain.out }, { code: 0, out: "slurm-1\n" });
    const json = await furu(["run", "pipeline.ts", "--slurm", "dag", "--detach", "--json"], { runSlurm });
    assertEquals(JSON.parse(json.out), { type: "run_submitted", ...RUN });
  });

  it("refuses flags that mean nothing together", async () => {
    const detach = await furu(["run", "pipeline.ts", "--detach"]);
    assertEquals(detach.code, 2);
    assertStringIncludes(detach.err, "Cannot use --detach without --slurm");
    for (
      const [args, words] of [
        [["--slurm", "dag", "--workers", "4"], "Cannot use --workers with --slurm dag"],
        [["--slurm", "dag", "--keep-going"], "Cannot use --keep-going with --slurm dag"],
        [["--slurm", "dag", "--take-over"], "Cannot use --take-over with --slurm dag"],
        [["--take-over"], "Cannot use --take-over without --slurm"],
        [["--slurm", "--isolation", "inline"], "Cannot use --isolation with --slurm pool"],
        [["--idle-timeout", "5"], "Cannot use --idle-timeout without --slurm"],
        [["--slurm", "--detach", "--launcher", "srun"], "Cannot use --detach with --launcher srun"],
        [["--max-workers", "2"], "Unknown option --max-workers: its name is --workers"],
        [["--slurm", "--idle-timeout", "soon"], "seconds from 0 are needed: current value is 'soon'"],
      ] as const
    ) {
      const refused = await furu(["run", "pipeline.ts", ...args]);
      assertEquals(refused.code, 2, refused.err);
      assertStringIncludes(refused.err, words);
    }
    const mode = await furu(["run", "pipeline.ts", "--slurm", "dga"]);
    assertEquals(mode.code, 2);
    assertStringIncludes(mode.err, "dag");
  });
});

describe("furu worker", () => {
  it("is not listed, has help of its own, and hands over what it is to work for", async () => {
    assertEquals((await furu(["--help"])).out.includes("worker "), false);
    assertStringIncludes((await furu(["worker", "--help"])).out, "--run DIR");
    const asked: unknown[] = [];
    const worker = (options: unknown) => {
      asked.push(options);
      return Promise.resolve(1);
    };
    assertEquals((await furu(["worker", "--run", "/s/runs/a", "--slots", "2"], { worker })).code, 1);
    assertEquals(asked, [{ dir: "/s/runs/a", spec: "default", slots: 2 }]);
    assertStringIncludes((await furu(["worker"], { worker })).err, "--run DIR");
  });
});

describe("furu cancel", () => {
  const answer = (cancelled: number, left: string[] = [], hadEnded = false) => () =>
    Promise.resolve({ cancelled, hadEnded, left });

  it("says how many jobs it cancelled", async () => {
    const cancel = answer(1);
    assertEquals((await furu(["cancel", "slurm-1"], { cancel })).out, "cancelled 1 job of slurm-1\n");
    assertEquals(JSON.parse((await furu(["cancel", "slurm-1", "--json"], { cancel: answer(2) })).out), {
      runId: "slurm-1",
      cancelled: 2,
      hadEnded: false,
      left: [],
    });
    assertEquals((await furu(["cancel"], { cancel })).code, 2);
  });

  it("says that a run has ended, which is no failure", async () => {
    const { code, out } = await furu(["cancel", "slurm-1"], { cancel: answer(0, [], true) });
    assertEquals({ code, out }, { code: 0, out: "run slurm-1 has ended: nothing to cancel\n" });
  });

  it("fails when a job may go on, and says which", async () => {
    const left = ["job 7 (furu-a) may go on: Slurm does not answer"];
    const { code, out, err } = await furu(["cancel", "slurm-1"], { cancel: answer(2, left) });
    assertEquals({ code, out, err }, { code: 1, out: "cancelled 2 jobs of slurm-1\n", err: `${left}\n` });
  });
});

describe("furu follow", () => {
  it("shows a run as furu run does", async () => {
    const followed: unknown[] = [];
    const follow = (...args: unknown[]) => {
      followed.push(args);
      return Promise.resolve(summaryOf());
    };
    assertEquals((await furu(["follow", "slurm-1", "--json"], { follow })).code, 0);
    assertEquals(followed, [["slurm-1", { progress: "json" }]]);
  });
});
