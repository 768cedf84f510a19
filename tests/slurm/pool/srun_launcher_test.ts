import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { delay } from "@std/async/delay";
import { join } from "@std/path/join";
import { describe, it } from "@std/testing/bdd";
import { resolveConfig } from "../../../lib/core/config.ts";
import { SlurmError } from "../../../lib/core/errors.ts";
import { queuePaths } from "../../../lib/queue/layout.ts";
import { systemRuntime } from "../../../lib/run/default_runtime.ts";
import { checkSpecs } from "../../../lib/slurm/run/check_specs.ts";
import { SrunLauncher } from "../../../lib/slurm/pool/srun_launcher.ts";
import { until } from "../../rig.ts";

const RUN_ID = "slurm-2026-11-20T204646822Z-ff9e95";

/**
 * Begins its worker unless there is a file `full`, refuses where there is a file `refuse`, and goes on until it is told to end:
 * srun hands USR1 on to its step, and TERM ends it.
 */
const SRUN = `
echo "$$ $*" >>"$here/calls"
[ ! -e "$here/refuse" ] || { echo "srun: error: Unable to create step: Invalid node" >&2; exit 1; }
for arg; do case "$arg" in --output=*) log=\${arg#--output=};; esac; done
trap 'echo USR1 >>"$here/signals"; exit 0' USR1
trap 'echo TERM >>"$here/signals"; exit 143' TERM
[ -e "$here/full" ] || echo "furu worker of run" >"$log"
until [ -e "$here/end" ]; do sleep 0.02; done
`;

interface Scene {
  launcher: SrunLauncher;
  calls: () => string[];
  signals: () => string[];
  put: (name: string) => void;
}

async function scene(test: (scene: Scene) => Promise<void>): Promise<void> {
  const root = await Deno.makeTempDir();
  const here = join(root, "bin");
  await Deno.mkdir(here);
  await Deno.writeTextFile(join(here, "srun"), `#!/bin/sh\nhere='${here}'\n${SRUN}`, { mode: 0o755 });
  const lines = (name: string): string[] => {
    try {
      return Deno.readTextFileSync(join(here, name)).trim().split("\n");
    } catch {
      return [];
    }
  };
  const put = (name: string): void => Deno.writeTextFileSync(join(here, name), "");
  const config = resolveConfig({ root });
  const launcher = new SrunLauncher(systemRuntime(config), {
    env: { PATH: `${here}:/usr/bin:/bin`, SLURM_JOB_ID: "7" },
    paths: queuePaths(root, RUN_ID),
    run: { runId: RUN_ID, entry: import.meta.url, config },
    specs: checkSpecs({ default: {}, gpu: { gpus: 2, cpus: 3, memGb: 1.5, setup: ["module load cuda"] } }),
  });
  try {
    await test({ launcher, calls: () => lines("calls"), signals: () => lines("signals"), put });
  } finally {
    put("end");
    await launcher.close();
    await Deno.remove(root, { recursive: true });
  }
}

async function become(launcher: SrunLauncher, ...expected: string[]): Promise<void> {
  const limit = AbortSignal.timeout(15_000);
  for (;;) {
    const states = (await launcher.jobs()).jobs.map(({ state }) => state.status);
    if (states.join() === expected.join()) return;
    if (limit.aborted) {
      throw new Error(`Timed out waiting until the steps are ${expected}: they are ${states}`);
    }
    await delay(10);
  }
}

describe("SrunLauncher", () => {
  it("refuses to start workers outside of a Slurm job", async () => {
    const config = resolveConfig({ root: await Deno.makeTempDir() });
    const options = {
      env: {},
      paths: queuePaths(config.root, RUN_ID),
      run: { runId: RUN_ID, entry: import.meta.url, config },
      specs: {},
    };
    const error = assertThrows(() => new SrunLauncher(systemRuntime(config), options), SlurmError);
    assertStringIncludes(error.message, "there is no SLURM_JOB_ID");
    await Deno.remove(config.root, { recursive: true });
  });

  it("starts each worker as a step with what its spec needs, known by its own key", async () => {
    await scene(async ({ launcher, calls }) => {
      await launcher.submit({ spec: "gpu", count: 2, exclude: ["n3", "n4"] });
      await become(launcher, "running", "running");
      const [first = "", second = ""] = calls();
      for (
        const option of [
          "--nodes=1",
          "--ntasks=1",
          "--cpus-per-task=3",
          "--exact",
          "--mem=1536M",
          "--gres=gpu:2",
        ]
      ) assertStringIncludes(first, ` ${option} `);
      assertStringIncludes(second, " --exclude=n3,n4 ");
      const { jobs } = await launcher.jobs();
      assertEquals(jobs.map(({ spec, order }) => [spec, order]), [["gpu", 0], ["gpu", 1]]);
      const scripts = await Promise.all(
        [first, second].map((call) => Deno.readTextFile(call.split(" ").at(-1)!)),
      );
      for (const [i, { key, log }] of jobs.entries()) {
        assert(scripts.some((script) => script.includes(`--spec gpu --job ${key}`)));
        assertStringIncludes(scripts[i]!, "module load cuda");
        assertStringIncludes(log!, join("slurm", "workers", "gpu", RUN_ID, key));
      }
    });
  });

  it("tells in srun's own words why a step did not begin, as nobody's loss", async () => {
    await scene(async ({ launcher, put }) => {
      put("refuse");
      await launcher.submit({ spec: "default", count: 1, exclude: [] });
      await become(launcher, "dead");
      const [job] = (await launcher.jobs()).jobs;
      assertEquals(job?.state, {
        status: "dead",
        text: "srun ended with exit code 1: srun: error: Unable to create step: Invalid node",
      });
    });
  });

  it("cancels only those that have not begun when there are too many", async () => {
    await scene(async ({ launcher, put, signals, calls }) => {
      await launcher.submit({ spec: "default", count: 1, exclude: [] });
      await become(launcher, "running");
      put("full");
      await launcher.submit({ spec: "default", count: 1, exclude: [] });
      await until(() => calls().length === 2, "the second srun waits");
      const keys = (await launcher.jobs()).jobs.map(({ key }) => key);
      await launcher.cancelPending(keys);
      await become(launcher, "running", "dead");
      assertEquals(signals(), ["TERM"]);
    });
  });

  it("warns those that run when all are to leave, so that they can, and counts them as cancelled", async () => {
    await scene(async ({ launcher, signals }) => {
      await launcher.submit({ spec: "default", count: 2, exclude: [] });
      await become(launcher, "running", "running");
      await launcher.cancelAll();
      await become(launcher, "dead", "dead");
      assertEquals({ signals: signals(), cancelled: launcher.cancelled }, {
        signals: ["USR1", "USR1"],
        cancelled: 2,
      });
      const states = (await launcher.jobs()).jobs.map(({ state }) =>
        "loss" in state ? state.loss : undefined
      );
      assertEquals(states, ["cancelled", "cancelled"]);
    });
  });
});
