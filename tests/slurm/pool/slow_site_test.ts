import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { join } from "@std/path/join";
import type { Node } from "../../e2e/run_rig.ts";
import { until } from "../../rig.ts";
import { findProgram } from "../cluster_programs.ts";
import { describeOnSlurm } from "../suite.ts";
import { ClusterPoolRig, DEADLINE_MS } from "./cluster_pool_rig.ts";

const LEASE = { FURU_LEASE_SECS: "3", FURU_POLL_INTERVAL_SECS: "0.5" };

/** Puts a program before Slurm's own, which it is given as `$real`. @returns the environment with it. */
function wrap(rig: ClusterPoolRig, program: string, lines: string): Record<string, string> {
  const path = join(rig.folder, program);
  Deno.writeTextFileSync(path, `#!/bin/bash\nreal=${findProgram(program)}\n${lines}\nexec $real "$@"\n`);
  Deno.chmodSync(path, 0o755);
  return { ...LEASE, PATH: `${rig.folder}:${Deno.env.get("PATH")}` };
}

describeOnSlurm("a pool on a site whose Slurm is slow", (suite) => {
  suite.it(
    "never has more workers than asked for while squeue takes 25 s, and Ctrl-C cancels them",
    async () => {
      await using rig = new ClusterPoolRig(suite.cluster);
      const env = wrap(rig, "squeue", "sleep 25");
      rig.writeRoots(Array.from({ length: 12 }, (_, i): Node => ({ id: `n${i}`, does: ["heed runs"] })));
      await using script = rig.furu(["run", ClusterPoolRig.pipeline, "--slurm", "--workers", "4"], env);
      await until(() => rig.read("runs") !== "", "a task runs", DEADLINE_MS);
      let most = 0;
      for (const since = performance.now(); performance.now() - since < 12_000;) {
        most = Math.max(most, (await rig.jobs()).length);
      }
      assertEquals(most, 4);
      script.kill("SIGINT");
      const { output } = await script.ended();
      assertStringIncludes(output, "cancelled 4 workers");
      await rig.left();
      assertEquals({ inProgress: rig.inProgress(), workers: rig.workers() }, { inProgress: [], workers: [] });
    },
  );

  suite.it("tells of a refusal that comes late, and leaves nothing behind", async () => {
    await using rig = new ClusterPoolRig(suite.cluster);
    const env = wrap(rig, "sbatch", "sleep 6; echo 'sbatch: error: not today' >&2; exit 1");
    rig.writeRoots([{ id: "only" }]);
    const { code, stdout, output } = await rig.furu(
      ["run", ClusterPoolRig.pipeline, "--slurm", "--detach"],
      env,
    ).ended();
    assertEquals({ code, stdout, ended: rig.ended, jobs: await rig.jobs() }, {
      code: 1,
      stdout: "",
      ended: true,
      jobs: [],
    }, output);
    assertStringIncludes(output, "its answer is waited for");
    assertStringIncludes(output, "not today");
  });

  suite.it("waits for the ids of a slow sbatch, and a second call changes nothing", async () => {
    await using rig = new ClusterPoolRig(suite.cluster);
    const env = wrap(rig, "sbatch", 'sleep 4; set -- --hold "$@"');
    rig.writeRoots([{ id: "a" }, { id: "b" }]);
    const detach = ["run", ClusterPoolRig.pipeline, "--slurm", "--detach", "--workers", "2"];
    const first = await rig.furu(detach, env).ended();
    assertEquals(first.code, 0, first.output);
    assertMatch(first.output, /submitted 2 workers, which go on by themselves/);
    const jobs = await rig.jobs();
    // The array of the workers, and the standby.
    assertEquals(jobs.length, 2, jobs.join());
    const second = await rig.furu(detach, env).ended();
    assertEquals({ code: second.code, jobs: await rig.jobs(), runs: rig.runs().length }, {
      code: 0,
      jobs,
      runs: 1,
    });
    assertStringIncludes(second.output, `follow it with: furu follow ${rig.runs()[0]}`);
    assertEquals(second.stdout, first.stdout);
    await suite.cluster.run(
      "scontrol",
      "release",
      ...new Set(jobs.map((line) => line.split(" ")[1]!.split("_")[0]!)),
    );
    await until(() => rig.ended, "it has ended", DEADLINE_MS);
    await rig.left();
    rig.assertWhole([{ id: "a" }, { id: "b" }]);
  });

  suite.it(
    "says that there is no standby where a limit lets in the workers alone, and they end it",
    async () => {
      await using rig = new ClusterPoolRig(suite.cluster);
      const taken = join(rig.folder, "taken");
      const env = wrap(
        rig,
        "sbatch",
        `if [ -e '${taken}' ]; then echo 'sbatch: error: QOSMaxSubmitJobPerUserLimit' >&2; exit 1; fi\n` +
          `touch '${taken}'`,
      );
      const roots: Node[] = [{ id: "a" }];
      rig.writeRoots(roots);
      const detach = ["run", ClusterPoolRig.pipeline, "--slurm", "--detach", "--workers", "1"];
      const { code, output } = await rig.furu(detach, env).ended();
      assertEquals(code, 0, output);
      assertStringIncludes(output, "submitted 1 worker, which go on by themselves");
      assertMatch(output, /lets in no standby controller for now: .*run the same roots again.*QOSMaxSubmit/);
      await until(() => rig.ended, "the run has ended", DEADLINE_MS);
      await rig.left();
      rig.assertWhole(roots);
    },
  );

  suite.it("submits from nodes as its user would, whatever the setup of a spec has set", async () => {
    await using rig = new ClusterPoolRig(suite.cluster);
    const seen = join(rig.folder, "seen");
    const env = wrap(
      rig,
      "sbatch",
      `echo "\${FURU_JOB_NAME:+node} qos=$SBATCH_WCKEY mark=$SETUP_MARK $*" >> ${seen}\nunset SBATCH_WCKEY`,
    );
    const setup = ["export SETUP_MARK=default SBATCH_WCKEY=spoilt"];
    const specs = {
      default: { timeMin: 5, setup },
      gpu: { partition: "gpu", gpus: 1, timeMin: 5, setup: ['[ -z "$SETUP_MARK" ]'] },
    };
    rig.write("slurm.json", JSON.stringify({ specs }));
    const roots: Node[] = [{ id: "top", spec: "gpu", needs: [{ id: "below" }] }];
    rig.writeRoots(roots);
    const { code, output } = await rig.furu(
      ["run", ClusterPoolRig.pipeline, "--slurm", "--detach", "--workers", "2"],
      { ...env, SBATCH_WCKEY: "lab" },
    ).ended();
    assertEquals(code, 0, output);
    await until(() => rig.ended, "it has ended", DEADLINE_MS)
      .catch((error) => Promise.reject(new Error(`${error}\n${rig.read("seen")}\n${rig.logs()}`)));
    await rig.left();
    rig.assertWhole(roots);
    const calls = rig.read("seen").trim().split("\n");
    const onNode = calls.filter((line) => line.startsWith("node"));
    assert(onNode.some((line) => line.includes("--partition=gpu")), calls.join("\n"));
    for (const line of calls) assertStringIncludes(line, "qos=lab mark= ");
    const kept = [...Deno.readDirSync(join(rig.run, "../../slurm/workers/default", rig.runs()[0]!))];
    assertEquals(kept.filter(({ name }) => name.endsWith(".env")), []);
  });
});
