import { assert, assertEquals, assertMatch } from "@std/assert";
import { denoDir } from "../deno_dir.ts";
import { REPOSITORY, Scene } from "../e2e/run_rig.ts";
import { until } from "../rig.ts";
import { describeOnSlurm } from "./suite.ts";

const PIPELINE = `import { defineTask, get, runSlurm, z } from "@furu/furu";
  import { twice } from "lib/twice.ts";
  export const Low = defineTask({
    name: "mine/Low",
    params: z.object({ x: z.number() }),
    create: ({ params }) => twice(params.x),
  });
  export const Top = defineTask({
    name: "mine/Top",
    params: z.object({ low: Low.schema }),
    create: async ({ params }) => ({ value: await get(params.low) + 1, cwd: Deno.cwd(), home: Deno.env.get("HOME") }),
  });
  export const root = Top({ low: Low({ x: 20 }) });
  if (import.meta.main) {
    const specs = { default: { timeMin: 5 } };
    const { runId } = await runSlurm(root, { mode: "dag", specs, detach: true, squeueIntervalSec: 0.5, progress: "none" });
    console.log(runId);
  }`;
const READ =
  `import { get } from "@furu/furu"; import { root } from "./my pipeline.ts"; console.log(JSON.stringify(await get(root)));`;

describeOnSlurm("a job in DAG mode of the user's module", (suite) => {
  suite.it("has its own import map, wherever it was submitted from and whatever HOME is", async () => {
    await using scene = await Scene.make();
    const config = await scene.write(
      "my project #1/deno.json",
      JSON.stringify({
        imports: { "@furu/furu": "jsr:@furu/furu@^0", "lib/": "./lib of mine/" },
        links: [REPOSITORY],
        lock: false,
      }),
    );
    await scene.write(
      "my project #1/lib of mine/twice.ts",
      "export const twice = (x: number): number => 2 * x;",
    );
    const script = await scene.write("my project #1/src/my pipeline.ts", PIPELINE);
    const reader = await scene.write("my project #1/src/read.ts", READ);
    await scene.write("elsewhere/deno.json", `{ "imports": { "lib/": "./wrong/" } }`);
    const elsewhere = `${scene.folder}/elsewhere`, home = `${scene.folder}/nobody's home`;
    const env = { ...suite.cluster.env, HOME: home, DENO_DIR: denoDir() };
    const nodes = suite.cluster.partitions.cpu!;
    for (const node of nodes) await suite.cluster.setNodeState(node, "drain");
    let runId: string;
    try {
      const submitted = await scene.spawn(["--config", config, script], env, elsewhere).ended;
      assertEquals(submitted.code, 0, submitted.stderr);
      runId = submitted.stdout.trim();
      assertMatch(runId, /^slurm-/);
      // When the jobs begin, the folder is gone that they were submitted from.
      await Deno.remove(elsewhere, { recursive: true });
    } finally {
      for (const node of nodes) await suite.cluster.setNodeState(node, "resume");
    }
    const follower = scene.spawn([`${REPOSITORY}cli.ts`, "follow", runId], suite.cluster.env);
    let over = false;
    void follower.ended.then(() => over = true);
    await until(() => over, "the run has ended", 60_000);
    const followed = await follower.ended;
    assertEquals(followed.code, 0, followed.stderr);
    const { stdout, stderr } = await scene.spawn(["--config", config, reader], env).ended;
    const result = JSON.parse(stdout || "null");
    assert(result, stderr);
    assertEquals({ value: result.value, home: result.home }, { value: 41, home });
    assert(!result.cwd.startsWith(elsewhere), result.cwd);
  });
});
