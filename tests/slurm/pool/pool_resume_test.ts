import { assertEquals, assertStringIncludes } from "@std/assert";
import { denoDir } from "../../deno_dir.ts";
import type { Node } from "../../e2e/run_rig.ts";
import { until } from "../../rig.ts";
import { ClusterPoolRig, DEADLINE_MS, reportOf } from "./cluster_pool_rig.ts";
import { describeOnSlurm } from "../suite.ts";

describeOnSlurm("a pool whose controller is not alone", (suite) => {
  suite.it("is taken up where it was by a new run after SIGKILL, and nothing is computed twice", async () => {
    await using rig = new ClusterPoolRig(suite.cluster);
    const roots: Node[] = [
      {
        id: "top",
        needs: [{ id: "slow", does: ["touch runs", "await go"] }, { id: "b", needs: [{ id: "c" }] }],
      },
      ...Array.from({ length: 6 }, (_, i): Node => ({ id: `n${i}`, does: ["sleep 30"] })),
    ];
    const first = rig.start(roots);
    await rig.begun("slow");
    first.kill("SIGKILL");
    await first.ended();
    const second = rig.start(roots);
    await until(() => second.stderr.includes("took up run"), "the second one takes it up", DEADLINE_MS);
    rig.write("go");
    const { summary, error, messages } = await reportOf(second);
    assertEquals({ error, computed: summary?.computed, cached: summary?.cached }, {
      error: undefined,
      computed: 10,
      cached: 0,
    }, messages.join("\n"));
    assertEquals(rig.runs().length, 1);
    await rig.left();
    rig.assertWhole(roots);
    assertEquals(rig.starts().map(({ id }) => id).sort(), [
      "b",
      "c",
      "n0",
      "n1",
      "n2",
      "n3",
      "n4",
      "n5",
      "slow",
      "top",
    ]);
  });

  suite.it("computes each artifact once beside another run over the same roots", async () => {
    await using rig = new ClusterPoolRig(suite.cluster);
    const roots: Node[] = [{
      id: "top",
      needs: Array.from({ length: 12 }, (_, i) => ({ id: `n${i}`, does: ["sleep 50"] })),
    }];
    const reports = await Promise.all([rig.start(roots), rig.start(roots)].map(reportOf));
    assertEquals(reports.map(({ error, summary }) => [error, summary?.failures]), [[undefined, []], [
      undefined,
      [],
    ]]);
    const computed = reports.map(({ summary }) => summary!.computed);
    assertEquals(computed[0]! + computed[1]!, 13, `${computed}`);
    assertEquals(new Set(rig.starts().map(({ id }) => id)).size, rig.starts().length);
    await rig.left();
    rig.assertWhole(roots);
  });

  suite.it("goes on when Slurm's own controller is away for a while", async () => {
    await using rig = new ClusterPoolRig(suite.cluster);
    const roots: Node[] = [{ id: "top", needs: [{ id: "a", does: ["touch runs", "await go"] }] }];
    const script = rig.start(roots);
    await rig.begun("a");
    await suite.cluster.stopController();
    rig.write("go");
    await rig.begun("top").finally(() => suite.cluster.startController());
    const { summary, error } = await reportOf(script);
    assertEquals({ error, computed: summary?.computed }, { error: undefined, computed: 2 });
    rig.assertWhole(roots);
    await rig.left();
  });
});

describeOnSlurm('a pool inside of an allocation (launcher "srun")', (suite) => {
  suite.it("starts its workers as steps of it, each with its own spec's tasks", async () => {
    await using rig = new ClusterPoolRig(suite.cluster);
    const roots: Node[] = [
      { id: "top", spec: "gpu", needs: Array.from({ length: 6 }, (_, i) => ({ id: `n${i}` })) },
    ];
    const options = { launcher: "srun", specs: { default: {}, gpu: {} } } as const;
    const command = ["run", "-A", "--quiet", ClusterPoolRig.pipeline, rig.argument(roots, options)];
    rig.write(
      "job.sh",
      [
        "#!/bin/bash",
        ...Object.entries({ ...rig.env, DENO_DIR: denoDir() }).map(([name, value]) =>
          `export ${name}='${value}'`
        ),
        [Deno.execPath(), ...command].map((word) => `'${word}'`).join(" "),
      ].join("\n"),
    );
    const output = `--output=${rig.folder}/job.log`;
    await suite.cluster.run("sbatch", "--cpus-per-task=4", output, `${rig.folder}/job.sh`);
    // "sbatch --wait" would look every ten seconds.
    const log = (): string => rig.read("job.log").trim().split("\n").at(-1) ?? "";
    await until(() => log().startsWith("{"), "the job has ended", DEADLINE_MS)
      .catch((error) => Promise.reject(new Error(`${error}\n${rig.read("job.log")}`)));
    const { summary, error } = JSON.parse(log());
    assertEquals(
      { error, computed: summary.computed },
      { error: undefined, computed: 7 },
      rig.read("job.log"),
    );
    assertStringIncludes(rig.read("job.log"), "workers of spec 'default'");
    assertEquals(new Set(rig.starts().map(({ partition }) => partition)), new Set(["cpu"]));
    rig.assertWhole(roots);
  });
});
