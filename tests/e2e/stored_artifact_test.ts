import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { type Ended, Scene } from "./run_rig.ts";

const TASKS = `
import { defineTask, get, z } from "@furu/furu";
export const Train = defineTask({
  name: "a/Train",
  params: z.object({ seed: z.int().default(0), scale: z.number().default(2), norm: z.string().default("batch") }),
  unhashed: ["scale"],
  legacy: { norm: "batch" },
  create: ({ params }) => 42 + params.seed,
  load: ({ params, value }) => value * params.scale + " " + params.norm,
});
export const Best = defineTask({
  name: "a/Best",
  params: z.object({}),
  create: () => ({ best: Train(), later: Train({ seed: 1, scale: 10 }) }),
  dependencies: () => [Train()],
});
`;

const EVAL = `
import { defineTask, get, z } from "@furu/furu";
export const Eval = defineTask({
  name: "a/Eval",
  params: z.object({ model: z.custom((value) => value?.name === "a/Train"), n: z.int().default(0) }),
  create: async ({ params }) => "eval of " + await get(params.model),
});
`;

const RUN = (expression: string) => `
import { get, plan, runLocal, exists } from "@furu/furu";
import { Best, Train } from "./tasks.ts";
import { Eval } from "./eval.ts";
if (import.meta.main) {
  await runLocal(Best(), { progress: "none" });
  const { best, later } = await get(Best());
  ${expression}
}
`;

/** Knows neither the module of the artifacts that it finds in a value nor that of the value's own task. */
const STRANGER = (expression: string) => `
import { defineTask, get, plan, runLocal, exists, z } from "@furu/furu";
import { Eval } from "./eval.ts";
const Best = defineTask({ name: "a/Best", params: z.object({}), create: () => 1 });
const record = [...Deno.readDirSync(Deno.env.get("FURU_PATH") + "/artifacts/a/Best")].find(({ name }) => name.endsWith(".json"));
const found = { ...Best(), hash: record.name.slice(0, -5), toString: () => "a/Best" };
if (import.meta.main) {
  const { best, later } = await get(found);
  ${expression}
}
`;

interface Project {
  scene: Scene;
  run(script: string, name?: string): Promise<Ended>;
}

async function project(): Promise<Project> {
  const scene = await Scene.make();
  await scene.write("tasks.ts", TASKS);
  await scene.write("eval.ts", EVAL);
  return {
    scene,
    async run(script, name = "main.ts") {
      return await scene.spawn([await scene.write(name, script)]).ended;
    },
  };
}

describe("artifacts of stored values in runs", () => {
  it("an artifact from a value is a parameter of what worker processes compute, with load, unhashed and legacy", async () => {
    const { scene, run } = await project();
    await using _ = scene;
    const { code, stdout, stderr } = await run(RUN(`
    const roots = [Eval({ model: best }), Eval({ model: later })];
    await runLocal(roots, { progress: "none", maxWorkers: 2 });
    for (const root of roots) console.log(await get(root));
    console.log(await get(best), await get(later), Eval({ model: Train() }).hash === roots[0].hash);
  `));
    assertEquals(code, 0, stderr);
    assertEquals(stdout, "eval of 84 batch\neval of 430 batch\n84 batch 430 batch true\n");
  });

  for (const isolation of ["process", "inline"]) {
    it(`an artifact from a value is computed anew by a run, forced or lost (isolation: "${isolation}")`, async () => {
      const { scene, run } = await project();
      await using _ = scene;
      const { code, stdout, stderr } = await run(RUN(`
      const options = { progress: "none", isolation: "${isolation}" };
      const path = Deno.env.get("FURU_PATH") + "/artifacts/a/Train/" + best.hash + ".json";
      const id = () => JSON.parse(Deno.readTextFileSync(path)).id;
      const before = id();
      await runLocal(Eval({ model: best }), { ...options, force: ["a/Train"] });
      console.log(before !== id());
      Deno.removeSync(path);
      await runLocal(Eval({ model: best, n: 1 }), options);
      console.log(await get(Eval({ model: best, n: 1 })), await exists(best));
    `));
      assertEquals(code, 0, stderr);
      assertEquals(stdout, "true\neval of 84 batch true\n");
    });
  }

  it("a script that does not import an artifact's task is told so before anything starts", async () => {
    const { scene, run } = await project();
    await using _ = scene;
    assertEquals((await run(RUN(""))).code, 0);
    const { code, stdout, stderr } = await run(
      STRANGER(`
    const attempt = async (act) => { try { console.log("got", await act()); } catch (error) { console.log(error.name + ": " + error.message); } };
    console.log(best.params, await exists(best), await exists(later), (await plan([later])).counts.todo);
    await attempt(() => get(best));
    await attempt(() => get(later));
    await attempt(() => runLocal(Eval({ model: later }), { progress: "none" }));
    await attempt(() => runLocal(Eval({ model: best }), { progress: "none", force: "ALL" }));
    // The worker finds the module, as it does for any artifact that it is sent.
    await attempt(async () => { await runLocal(Eval({ model: best }), { progress: "none" }); return await get(Eval({ model: best })); });
  `),
      "stranger.ts",
    );
    assertEquals(code, 0, stderr);
    const lines = stdout.trim().split("\n");
    assertEquals(lines[0], `{ norm: "batch", scale: 2, seed: 0 } true false 1`);
    const advice = `import the one that does (it was file://${scene.folder}/tasks.ts)`;
    for (const line of lines.slice(1, 5)) {
      assertStringIncludes(line, "ExecutionError: Cannot");
      assertStringIncludes(line, advice);
    }
    assertEquals(lines[5], "got eval of 84 batch");
    assertEquals(lines.length, 6);
    assert(!(await scene.stored()).some((path) => path.endsWith(".claim")));
  });

  it("a worker computes with an artifact whose module is gone, where its value needs no code", async () => {
    const { scene, run } = await project();
    await using _ = scene;
    await scene.write("tasks.ts", TASKS.replace(/ {2}load: .*\n/, ""));
    assertEquals((await run(RUN(""))).code, 0);
    await Deno.remove(`${scene.folder}/tasks.ts`);
    const { code, stdout, stderr } = await run(
      STRANGER(`
    const roots = [0, 1].map((n) => Eval({ model: best, n }));
    await runLocal(roots, { progress: "none", maxWorkers: 1 });
    console.log(await get(roots[0]), await get(roots[1]));
  `),
      "stranger.ts",
    );
    assertEquals(code, 0, stderr);
    assertEquals(stdout, "eval of 42 eval of 42\n");
  });
});
