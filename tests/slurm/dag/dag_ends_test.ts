import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { fromFileUrl } from "@std/path/from-file-url";
import { join } from "@std/path/join";
import type { Node } from "../../e2e/run_rig.ts";
import { denoDir } from "../../deno_dir.ts";
import { until } from "../../rig.ts";
import { DagRig, jobField, reportOf } from "./dag_rig.ts";
import { describeOnSlurm } from "../suite.ts";

const repository = fromFileUrl(new URL("../../..", import.meta.url));

describeOnSlurm("jobs in DAG mode that do not end well", (suite) => {
  const cancel = (...args: string[]) => suite.cluster.run("scancel", ...args);
  suite.it("reports a running job that was cancelled, and cancels what needs it", async () => {
    await using rig = new DagRig(suite.cluster);
    const script = rig.start([{ id: "b", needs: [{ id: "a", does: ["heed runs"] }] }]);
    const id = await rig.jobOf("runs");
    await cancel(id);
    const { summary, error } = await reportOf(script);
    assertEquals(error?.name, "RunFailedError");
    const [failure, ...others] = summary!.failures;
    assertEquals(others, []);
    assertEquals(failure?.kind, "lost");
    assertMatch(failure!.error, new RegExp(`^Slurm job ${id} ended without a result: .*cancelled`, "i"));
    assertEquals(summary?.notRun, 1);
    assertEquals(await jobField(suite.cluster, id, "Restarts"), "0");
    assertEquals(rig.leftovers(), []);
  });

  suite.it("reports a pending job that was cancelled, while the rest goes on", async () => {
    await using rig = new DagRig(suite.cluster);
    const root: Node = { id: "b", needs: [{ id: "a", does: ["touch runs", "await go"] }] };
    const { submitted } = await rig.run([root], { options: { detach: true } });
    const follower = rig.furu("follow", submitted!.runId);
    await rig.there("runs");
    await cancel(submitted!.ids.b!);
    await until(() => /cancelled/i.test(follower.stderr), "the follower has noticed", 60_000);
    rig.touch("go");
    const { code, stderr } = await follower.ended();
    assertEquals(code, 1);
    assertStringIncludes(stderr, `Slurm job ${submitted!.ids.b} ended without a result`);
    assertStringIncludes(stderr, "1 computed");
    assertEquals(rig.created(), ["a"]);
    assertEquals(rig.leftovers(), []);
  });

  suite.it("cancels what it submitted on Ctrl-C, and says so", async () => {
    await using rig = new DagRig(suite.cluster);
    const script = rig.start([{ id: "b", needs: [{ id: "a", does: ["heed runs"] }] }]);
    await rig.there("runs");
    script.kill("SIGINT");
    const { code, stderr } = await script.ended();
    assertEquals(code, 130, stderr);
    assertMatch(stderr, /was stopped: cancelled 2 of its jobs/);
    await until(() => rig.leftovers().length === 0, `nothing is left over: ${rig.leftovers()}`);
  });

  suite.it("cancels a run that goes on by itself", async () => {
    await using rig = new DagRig(suite.cluster);
    const root: Node = { id: "b", needs: [{ id: "a", does: ["heed runs"] }] };
    const { submitted } = await rig.run([root], { options: { detach: true } });
    await rig.there("runs");
    const { code, stdout, output } = await rig.furu("cancel", submitted!.runId).ended();
    assertEquals({ code, stdout }, { code: 0, stdout: `cancelled 2 jobs of ${submitted!.runId}\n` }, output);
    await rig.there("runs.aborted");
    await until(() => rig.leftovers().length === 0, `nothing is left over: ${rig.leftovers()}`);
    const unknown = await rig.furu("cancel", `${submitted!.runId}x`).ended();
    assertEquals(unknown.code, 2);
    assertStringIncludes(unknown.stderr, `did you mean '${submitted!.runId}'`);
  });

  suite.it("begins a job again that is warned of its time limit", async () => {
    await using rig = new DagRig(suite.cluster);
    const options = { specs: { default: { timeMin: 1 } } };
    const script = rig.start([{ id: "b", needs: [{ id: "a", does: ["heedOnce runs"] }] }], { options });
    const id = await rig.jobOf("runs");
    await cancel("--signal=USR1", "--batch", id);
    const { summary, error } = await reportOf(script);
    assertEquals({ error, computed: summary?.computed }, { error: undefined, computed: 2 });
    assertEquals(await jobField(suite.cluster, id, "Restarts"), "1");
    assertEquals(rig.created(), ["a", "a", "b"]);
    assertEquals(rig.leftovers(), []);
  });

  suite.it("begins a job again whose node went down", async () => {
    await using rig = new DagRig(suite.cluster);
    const script = rig.start([{ id: "a", does: ["heedOnce runs"] }]);
    const id = await rig.jobOf("runs");
    const node = await jobField(suite.cluster, id, "NodeList");
    await suite.cluster.setNodeState(node, "down");
    try {
      const { summary, error } = await reportOf(script);
      assertEquals({ error, computed: summary?.computed }, { error: undefined, computed: 1 });
      assertEquals(await jobField(suite.cluster, id, "Restarts"), "1");
    } finally {
      await suite.cluster.setNodeState(node, "resume");
    }
  });

  suite.it("refuses at once what somebody computes outside of Slurm", async () => {
    await using rig = new DagRig(suite.cluster);
    const root: Node = { id: "a", does: ["touch runs", "await go"] };
    const local = rig.script("e2e/fixtures_run/driver.ts", [
      JSON.stringify({ roots: [root], options: {}, config: {} }),
    ]);
    await rig.there("runs");
    const { error } = await rig.run([{ id: "b", needs: [root] }]);
    assertEquals(error?.name, "SlurmError");
    assertMatch(
      error!.message,
      /Cannot submit run\/Step\(\w{8}\) as it is computed outside of Slurm by pid \d+/,
    );
    rig.touch("go");
    assertEquals((await local.ended()).code, 0);
  });

  suite.it("refuses specs that are missing or impossible before anything is submitted", async () => {
    await using rig = new DagRig(suite.cluster);
    const root: Node = { id: "a", spec: "big" };
    const missing = await rig.run([root], { options: { specs: { default: {} } } });
    assertEquals(missing.error?.name, "ConfigError");
    assertMatch(missing.error!.message, /'big' is missing, needed by run\/Step/);
    const impossible = await rig.run([root], {
      options: { specs: { default: {}, big: { partition: "gpux" } } },
    });
    assertMatch(impossible.error!.message, /no partition 'gpux'.*did you mean 'gpu'/);
    assertEquals(rig.tree(), []);
  });

  suite.it("says which setup line failed", async () => {
    await using rig = new DagRig(suite.cluster);
    const options = { specs: { default: { setup: ["module load nothing"] } } };
    const { summary } = await rig.run([{ id: "a" }], { options });
    assertMatch(summary!.failures[0]!.error, /did not begin: setup line 1 \(module load nothing\)/);
    assertEquals(summary!.failures[0]!.kind, "protocol");
    assertEquals(rig.leftovers(), []);
  });

  suite.it("works for a module with its own import map, from another folder and HOME", async () => {
    await using rig = new DagRig(suite.cluster);
    const project = join(rig.folder, "my project");
    await Deno.mkdir(join(project, "src"), { recursive: true });
    const links = [...Deno.readDirSync(join(repository, "links"))].map(({ name }) => name);
    await Deno.writeTextFile(
      join(project, "deno.json"),
      JSON.stringify({
        imports: { "@furu/furu": "jsr:@furu/furu@^0.1", "#sum": "./src/sum.ts" },
        links: [repository, ...links.map((name) => join(repository, "links", name))],
      }),
    );
    await Deno.writeTextFile(
      join(project, "furu.json"),
      JSON.stringify({
        slurm: { specs: { default: { timeMin: 5 } }, squeueIntervalSec: 0.5 },
        pollIntervalSec: 0.2,
      }),
    );
    await Deno.writeTextFile(
      join(project, "src/sum.ts"),
      "export const sum = (a: number, b: number) => a + b;\n",
    );
    await Deno.writeTextFile(
      join(project, "pipeline.ts"),
      `import { defineTask, main, z } from "@furu/furu";
       import { sum } from "#sum";
       const Sum = defineTask({
         name: "mine/Sum",
         params: z.object({ a: z.number() }),
         create: ({ params }) => sum(params.a, 1),
       });
       await main(import.meta, [Sum({ a: 1 })]);
      `,
    );
    const { code, stderr } = await new Deno.Command(Deno.execPath(), {
      // Deno finds the script's own configuration itself.
      args: ["run", "-A", "--quiet", join(project, "pipeline.ts"), "run", "--slurm", "dag"],
      cwd: rig.folder,
      env: { ...rig.env, HOME: join(rig.folder, "home"), DENO_DIR: denoDir(), NO_COLOR: "1" },
      stdin: "null",
    }).output();
    const output = new TextDecoder().decode(stderr);
    assertEquals(code, 0, output);
    assertStringIncludes(output, "1 computed");
    const store = join(project, "furu-data/artifacts/mine/Sum");
    assertEquals([...Deno.readDirSync(store)].length, 1);
  });
});
