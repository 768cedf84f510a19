import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { toFileUrl } from "@std/path/to-file-url";
import { describe, it } from "@std/testing/bdd";
import { REPOSITORY, Scene } from "./run_rig.ts";

const MOD = toFileUrl(`${REPOSITORY}mod.ts`).href;

/** The configuration of a project that knows furu by its name in the registry. */
function projectConfig(imports: Record<string, string> = {}): string {
  return JSON.stringify({
    imports: { "@furu/furu": "jsr:@furu/furu@^0", ...imports },
    links: [REPOSITORY],
    lock: false,
  });
}

/** A pipeline that imports what `lib` names, and prints its result. */
function pipeline(lib: string): string {
  return `import { defineTask, get, runLocal, z } from "@furu/furu";
    import { twice } from "${lib}";
    export const Low = defineTask({ name: "mod/Low", params: z.object({ x: z.number() }), create: ({ params }) => twice(params.x) });
    export const Top = defineTask({
      name: "mod/Top",
      params: z.object({ low: Low.schema }),
      create: async ({ params }) => await get(params.low) + 1,
    });
    if (import.meta.main) {
      const root = Top({ low: Low({ x: 20 }) });
      const { computed } = await runLocal(root, { progress: "none" });
      console.log(computed, await get(root));
    }`;
}
const TWICE = "export const twice = (x: number): number => 2 * x;";

describe("the user's module", () => {
  it("brings its own import map, in another folder with spaces, whatever the current folder is", async () => {
    await using scene = await Scene.make();
    const config = await scene.write("my project #1/deno.json", projectConfig({ "lib/": "./lib of mine/" }));
    await scene.write("my project #1/lib of mine/twice.ts", TWICE);
    const script = await scene.write("my project #1/src/my pipeline.ts", pipeline("lib/twice.ts"));
    await scene.write("elsewhere/deno.json", `{ "imports": { "lib/": "./wrong/" } }`);
    const { code, stdout, stderr } = await scene.spawn(
      ["--config", config, script],
      {},
      `${scene.folder}/elsewhere`,
    ).ended;
    assertEquals({ code, stdout }, { code: 0, stdout: "2 41\n" }, stderr);
  });

  it("need not be the one that runs", async () => {
    await using scene = await Scene.make();
    await scene.write("twice.ts", TWICE);
    await scene.write("tasks.ts", pipeline("./twice.ts"));
    const script = await scene.write(
      "main.ts",
      `import { runLocal } from "@furu/furu";
       import { Low, Top } from "./tasks.ts";
       const roots = [1, 2, 3].map((x) => Top({ low: Low({ x }) }));
       const { computed } = await runLocal(new Set(roots), { progress: "none" });
       console.log(computed);`,
    );
    const { stdout, stderr } = await scene.spawn([script]).ended;
    assertEquals(stdout, "6\n", stderr);
  });

  it("that throws when a worker imports it is a protocol failure that names it", async () => {
    await using scene = await Scene.make();
    const script = await scene.write(
      "throws.ts",
      `import { defineTask, runLocal, z } from "@furu/furu";
       if (!import.meta.main) throw new Error("not on a worker");
       const A = defineTask({ name: "mod/A", params: z.object({}), create: () => 1 });
       await runLocal(A(), { progress: "none" });`,
    );
    const { code, stderr } = await scene.spawn([script]).ended;
    assertEquals(code, 1);
    assertMatch(stderr, /RunFailedError.*1 of 1 artifact failed/s);
    assertStringIncludes(stderr, "throws.ts");
    assertStringIncludes(stderr, "not on a worker");
    assertStringIncludes(stderr, "never retried");
  });

  it("that runs something while a worker imports it is told to guard that", async () => {
    await using scene = await Scene.make();
    const script = await scene.write(
      "unguarded.ts",
      `import { defineTask, runLocal, z } from "@furu/furu";
       const make = () => defineTask({ name: "mod/A", params: z.object({}), create: () => 1 });
       if (import.meta.main) await runLocal(make()(), { progress: "none" });
       else await runLocal([], { progress: "none" });`,
    );
    const { code, stderr } = await scene.spawn([script]).ended;
    assertEquals(code, 1);
    assertStringIncludes(stderr, "import.meta.main");
    assertStringIncludes(stderr, "unguarded.ts");
  });

  it("with a configuration that no worker can start with: said with what Deno said, and nothing is left", async () => {
    await using scene = await Scene.make();
    const config = await scene.write("broken/deno.json", projectConfig());
    const script = await scene.write(
      "broken/start.ts",
      `import { defineTask, runLocal, z } from "@furu/furu";
       const A = defineTask({ name: "mod/A", params: z.object({}), create: () => 1 });
       Deno.writeTextFileSync(new URL("./deno.json", import.meta.url), "{ not json");
       await runLocal(A(), { progress: "none" });`,
    );
    const { code, stderr } = await scene.spawn(["--config", config, script]).ended;
    assertEquals(code, 1);
    assertStringIncludes(stderr, "Cannot start worker");
    assertStringIncludes(stderr, "broken/deno.json");
    assertEquals((await scene.stored()).filter((name) => name.endsWith(".claim")), []);
  });

  it("that ends the worker's process on import says so", async () => {
    await using scene = await Scene.make();
    const script = await scene.write(
      "exits.ts",
      `import { defineTask, runLocal, z } from "@furu/furu";
       if (!import.meta.main) Deno.exit(5);
       const A = defineTask({ name: "mod/A", params: z.object({}), create: () => 1 });
       await runLocal(A(), { progress: "none", maxComputeRetries: 0 });`,
    );
    const { code, stderr } = await scene.spawn([script]).ended;
    assertEquals(code, 1);
    assertStringIncludes(stderr, "exit code 5");
  });
});

const EVAL = `import { defineTask, get, runLocal, z } from "${MOD}";
  const A = defineTask({ name: "mod/Eval", params: z.object({}), create: () => 7 });
  await runLocal(A(), { progress: "none", ...OPTIONS });
  console.log(await get(A()));`;

describe("tasks of code that has no file", () => {
  for (const [how, args] of [["stdin", ["run", "-A", "-"]], ["deno eval", ["eval"]]] as const) {
    it(`${how}: an error that says what to do, or inline isolation`, async () => {
      await using scene = await Scene.make();
      const refused = await evaluate(scene, args, EVAL.replace("OPTIONS", "{}"));
      assertEquals(refused.code, 1);
      assertStringIncludes(refused.stderr, 'isolation: "inline"');
      const done = await evaluate(scene, args, EVAL.replace("OPTIONS", '{ isolation: "inline" }'));
      assertEquals({ code: done.code, stdout: done.stdout }, { code: 0, stdout: "7\n" }, done.stderr);
    });
  }
});

async function evaluate(
  { root }: Scene,
  args: readonly string[],
  code: string,
): Promise<{ code: number; stdout: string; stderr: string }> {
  const [command, ...rest] = args;
  const stdin = rest.includes("-");
  const child = new Deno.Command(Deno.execPath(), {
    args: [command!, "--config", `${REPOSITORY}deno.json`, ...rest, ...(stdin ? [] : [code])],
    env: { FURU_PATH: root, NO_COLOR: "1" },
    stdin: stdin ? "piped" : "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  if (stdin) {
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(code));
    await writer.close();
  }
  const output = await child.output();
  const [stdout, stderr] = [output.stdout, output.stderr].map((bytes) => new TextDecoder().decode(bytes));
  return { code: output.code, stdout: stdout!, stderr: stderr! };
}
