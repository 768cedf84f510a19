import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { join } from "@std/path/join";
import type { Node } from "../../e2e/run_rig.ts";
import { until } from "../../rig.ts";
import { findProgram } from "../cluster_programs.ts";
import { ClusterPoolRig, DEADLINE_MS } from "./cluster_pool_rig.ts";
import { describeOnSlurm } from "../suite.ts";

const TIMES = { FURU_LEASE_SECS: "3", FURU_POLL_INTERVAL_SECS: "0.5", FURU_MAX_PREEMPT_RETRIES: "2" };

/** How a run is submitted. */
interface Detached {
  /** The programs that its tasks find, besides the shell. */
  programs?: string[];
  workers?: number;
  nodesSubmit?: boolean;
  /** The environment of whoever submits it. */
  env?: Record<string, string>;
}

/** Submits a run whose tasks find only these programs. @returns what was said. */
async function detach(
  rig: ClusterPoolRig,
  roots: readonly Node[],
  { programs = [], workers = 3, env = {}, ...slurm }: Detached,
): Promise<{ runId: string; said: string; code: number }> {
  const bin = join(rig.folder, "bin");
  Deno.mkdirSync(bin);
  for (const name of ["sh", "rm", ...programs]) Deno.symlinkSync(findProgram(name)!, join(bin, name));
  const spec = { timeMin: 5, setup: [`export PATH='${bin}'`] };
  rig.write(
    "slurm.json",
    JSON.stringify({ specs: { default: spec, gpu: { ...spec, partition: "gpu" } }, ...slurm }),
  );
  rig.writeRoots(roots);
  const args = [
    "run",
    ClusterPoolRig.pipeline,
    "--slurm",
    "--detach",
    "--workers",
    `${workers}`,
    "--idle-timeout",
    "1",
  ];
  const { code, stdout, stderr } = await rig.furu(args, { ...TIMES, ...env }).ended();
  return { runId: stdout.trim(), said: stderr, code };
}

function gated(id: string, spec = "default"): Node {
  return { id, spec, does: [`touch ${id}-runs`, `await ${id}-go`] };
}

describeOnSlurm("a pool that nobody looks after where jobs cannot submit jobs", (suite) => {
  suite.it(
    "has all its workers and their standby controllers submitted when it begins, and ends by itself",
    async () => {
      await using rig = new ClusterPoolRig(suite.cluster);
      const wide = Array.from({ length: 4 }, (_, i): Node => ({ id: `n${i}`, needs: [gated("first")] }));
      const roots: Node[] = [{ id: "top", spec: "gpu", needs: wide }];
      const { runId, said, code: left } = await detach(rig, roots, { nodesSubmit: false });
      assertEquals(left, 0, said);
      assertMatch(said, /submitted 3 workers, which go on by themselves/);
      assertMatch(said, /these are all that there will be, with 2 standby controllers/);
      await rig.begun("first");
      await until(() => rig.workers().length === 3, "all of them have begun", DEADLINE_MS);
      // Those that have nothing to do wait for what comes, far beyond their idle timeout.
      rig.write("first-go");
      const { code, output } = await rig.furu(["follow", runId]).ended();
      assertEquals(code, 0, output);
      assertMatch(output, /6 computed/);
      // The standby controllers, which nobody can cancel, leave as soon as they begin.
      await rig.left();
      rig.assertWhole(roots);
      assertEquals(rig.starts().length, 6);
    },
  );

  suite.it("is taken up by one standby controller after the other", async () => {
    await using rig = new ClusterPoolRig(suite.cluster);
    const roots: Node[] = [{ id: "top", needs: [gated("first")] }];
    const { runId } = await detach(rig, roots, { nodesSubmit: false, programs: ["squeue"] });
    for (let death = 1; death <= 2; death++) {
      await rig.begun("first", death);
      const before = new Set(rig.workers().map(({ id }) => id));
      for (const { owner: { pid } } of rig.workers()) if (rig.owns(pid)) Deno.kill(pid, "SIGKILL");
      await until(
        () => rig.workers().some(({ id }) => !before.has(id)),
        `standby ${death} begins`,
        DEADLINE_MS,
      );
    }
    rig.write("first-go");
    const { code, output } = await rig.furu(["follow", runId]).ended();
    assertEquals(code, 0, output);
    await rig.left();
    rig.assertWhole(roots);
  });

  suite.it("ends with an error when nobody is left for some tasks", async () => {
    await using rig = new ClusterPoolRig(suite.cluster);
    const { runId } = await detach(rig, [gated("other"), gated("big", "gpu")], {
      nodesSubmit: false,
      programs: ["squeue"],
    });
    await rig.begun("other");
    await rig.begun("big");
    const doomed = rig.workers().filter(({ spec }) => spec === "gpu");
    assertEquals(doomed.length, 1);
    Deno.kill(doomed[0]!.owner.pid, "SIGKILL");
    // The other spec's tasks go on, and the run ends with what failed.
    rig.write("other-go");
    const { code, output } = await rig.furu(["follow", runId]).ended();
    assertEquals(code, 1, output);
    assertStringIncludes(output, "Cannot compute 1 task of spec 'gpu' as none of its workers is left");
    assertStringIncludes(output, "run the same roots again");
    await rig.left();
  });

  suite.it("refuses to begin where maxWorkers has no room for a worker of each spec", async () => {
    await using rig = new ClusterPoolRig(suite.cluster);
    const roots: Node[] = [{ id: "top", spec: "gpu", needs: [{ id: "first" }] }];
    const { code, said } = await detach(rig, roots, { nodesSubmit: false, workers: 1 });
    assertEquals(code, 1, said);
    assertMatch(said, /maxWorkers has no room for one of spec '(gpu|default)'/);
    assertEquals(await rig.jobs(), []);
  });

  suite.it("says how to say so, when that was not known", async () => {
    await using rig = new ClusterPoolRig(suite.cluster);
    const login = join(rig.folder, "login");
    Deno.mkdirSync(login);
    for (const name of ["sbatch", "scancel", "scontrol", "sinfo", "squeue"]) {
      Deno.symlinkSync(findProgram(name)!, join(login, name));
    }
    const roots: Node[] = [{ id: "top", spec: "gpu", needs: [gated("first")] }];
    const { runId } = await detach(rig, roots, { env: { PATH: `${login}:/usr/nothing` } });
    await rig.begun("first");
    // From now on it is as on nodes that have it not.
    Deno.removeSync(join(login, "sbatch"));
    rig.write("first-go");
    const { code, output } = await rig.furu(["follow", runId]).ended();
    assertEquals(code, 1, output);
    assertMatch(output, /there is no program 'sbatch' on PATH; where jobs cannot submit jobs, say so/);
    assert(output.includes('"nodesSubmit": false'), output);
    await rig.left();
  });
});
