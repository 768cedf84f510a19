import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { toFileUrl } from "@std/path/to-file-url";
import { describe, it } from "@std/testing/bdd";
import { importMap, linkPackages, PACKAGES } from "../packages.ts";
import { REPOSITORY, Scene } from "./run_rig.ts";

const MOD = toFileUrl(`${REPOSITORY}mod.ts`).href;
const CONFIG = `${REPOSITORY}deno.json`;

/** A script whose module looks about when it is imported; it prints what it saw itself, and what it saw in a worker. */
function script(extra = "undefined", imports = "", main = ""): string {
  return `import { defineTask, get, runLocal, z } from "${MOD}";
    import process from "node:process";
    import v8 from "node:v8";
    ${imports}
    const seen = {
      args: [...Deno.args], argv: process.argv.slice(2), kv: "openKv" in Deno,
      heap: v8.getHeapStatistics().heap_size_limit, location: globalThis.location?.href, extra: ${extra},
    };
    const Look = defineTask({ name: "start/Look", params: z.object({}), create: () => JSON.stringify([seen, Deno.cwd()]) });
    if (import.meta.main) {
      ${main}
      await runLocal(Look(), { progress: "none" });
      console.log(JSON.stringify([seen, Deno.cwd()]));
      console.log(await get(Look()));
    }`;
}

interface Seen {
  args: string[];
  argv: string[];
  kv: boolean;
  heap: number;
  location?: string;
  extra?: unknown;
}

/** Runs `deno <words>` and checks that the module saw the same in the worker. @returns what it saw. */
async function sameIn(
  scene: Scene,
  words: string[],
  { env = {}, cwd = scene.folder }: { env?: Record<string, string>; cwd?: string } = {},
): Promise<Seen & { stderr: string }> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: words,
    env: { FURU_PATH: scene.root, NO_COLOR: "1", FURU_RECORD_GIT: "ignore", ...env },
    cwd,
    stdin: "null",
  }).output();
  const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes)) as [string, string];
  assertEquals(code, 0, err);
  const [main, worker] = out.trim().split("\n").map((line) => JSON.parse(line));
  assertEquals(worker, main, err);
  return { ...main[0], stderr: err };
}

describe("a module in a worker sees what it saw in the run's own process:", () => {
  it("arguments, whatever they are, although the script changes them and its folder", async () => {
    await using scene = await Scene.make();
    const path = await scene.write("p.ts", script("undefined", "", 'Deno.args.length = 0; Deno.chdir("/");'));
    const words = ["10", "--help", "compute", "", "--", "a b", "-A", "ü\n'\""];
    const seen = await sameIn(scene, ["run", "-A", "--config", CONFIG, path, ...words]);
    assertEquals({ args: seen.args, argv: seen.argv }, { args: words, argv: words });
    assertEquals(seen.stderr, "");
  });

  it("options of Deno for the runtime, without the word 'run' too", async () => {
    await using scene = await Scene.make();
    const path = await scene.write("p.ts", script("Math.random()"));
    const given = [
      "--unstable-kv",
      "--seed",
      "7",
      "--location",
      "http://here.test/x",
      "--v8-flags=--max-old-space-size=300",
    ];
    const seen = await sameIn(scene, ["-A", "-qc", CONFIG, ...given, path]);
    assertEquals({ kv: seen.kv, location: seen.location }, { kv: true, location: "http://here.test/x" });
    // Older V8s count the room for young objects too.
    assert(seen.heap < 600e6, `${seen.heap}`);
  });

  it("a configuration elsewhere, by a relative path", async () => {
    await using scene = await Scene.make();
    await scene.write("conf/n.ts", `export default "the one that was named";`);
    await scene.write("project/n.ts", `export default "the one beside";`);
    const { imports } = JSON.parse(Deno.readTextFileSync(CONFIG));
    const config = {
      imports: { ...imports, n: "./n.ts" },
      links: [REPOSITORY],
      lock: false,
    };
    await scene.write("conf/some.json", JSON.stringify(config));
    await scene.write(
      "project/deno.json",
      JSON.stringify({ ...config, imports: { ...imports, n: "./n.ts" } }),
    );
    const path = await scene.write("project/p.ts", script("n", `import n from "n";`, 'Deno.chdir("/tmp");'));
    const seen = await sameIn(scene, ["run", "-A", "--config", "conf/some.json", path]);
    assertEquals(seen.extra, "the one that was named");
  });

  it("an import map, and no configuration although there is one", async () => {
    await using scene = await Scene.make();
    await scene.write("maps/n.ts", `export default "mapped";`);
    await scene.write("maps/map.json", importMap({ n: "./n.ts" }));
    await scene.write("deno.json", "{ not json");
    const path = await scene.write("p.ts", script("n", `import n from "n";`));
    const words = ["run", "-A", "--no-config", "--no-lock", "--import-map", "maps/map.json", path];
    assertEquals((await sameIn(scene, words)).extra, "mapped");
  });

  it("packages of a package.json, without any deno.json, from wherever it is started", async () => {
    await using scene = await Scene.make();
    await scene.write(
      "my project/package.json",
      JSON.stringify({
        dependencies: { dep: "^1.0.0", ...PACKAGES },
      }),
    );
    await scene.write(
      "my project/node_modules/dep/package.json",
      JSON.stringify({ name: "dep", version: "1.0.0", type: "module", main: "index.js" }),
    );
    await scene.write("my project/node_modules/dep/index.js", `export default "dep of the project";`);
    linkPackages(`${scene.folder}/my project/node_modules`);
    await scene.write("map.json", importMap({}));
    const path = await scene.write("my project/src/p.ts", script("dep", `import dep from "dep";`));
    const seen = await sameIn(scene, ["run", "-A", "--import-map", "map.json", path, "a"]);
    assertEquals({ extra: seen.extra, args: seen.args }, { extra: "dep of the project", args: ["a"] });
  });

  it("what --preload and --env-file made of the process", async () => {
    await using scene = await Scene.make();
    await scene.write("pre.ts", "globalThis.preloaded = 5;");
    await scene.write(".env", "START_TEST=from-the-file\nSTART_OTHER=from-the-file");
    const path = await scene.write(
      "p.ts",
      script('[globalThis.preloaded, Deno.env.get("START_TEST"), Deno.env.get("START_OTHER")]'),
    );
    const words = ["run", "-A", "--config", CONFIG, "--env-file=.env", "--preload", "./pre.ts", path];
    const seen = await sameIn(scene, words, { env: { START_OTHER: "from the shell" } });
    assertEquals(seen.extra, [5, "from-the-file", "from the shell"]);
  });

  it("also without the permission to read /proc", async () => {
    await using scene = await Scene.make();
    const path = await scene.write("p.ts", script());
    const allowed = ["read", "write", "run", "net", "env", "sys"].map((each) => `--allow-${each}`);
    const seen = await sameIn(scene, ["run", ...allowed, "--config", CONFIG, "--unstable-kv", path, "a"]);
    assertEquals({ kv: seen.kv, args: seen.args, stderr: seen.stderr }, {
      kv: true,
      args: ["a"],
      stderr: "",
    });
  });
});

describe("what workers cannot have", () => {
  it("is said once", async () => {
    await using scene = await Scene.make();
    const path = await scene.write("p.ts", script());
    const { stderr } = await sameIn(scene, ["run", "-A", "--config", CONFIG, "--deny-read=/no/such", path]);
    assertEquals(stderr.match(/without an option of this process: --deny-read/g)?.length, 1, stderr);
    assertMatch(stderr, /workers may do anything/);
  });
});

describe("the program", () => {
  it("gives workers its own arguments and options as well", async () => {
    await using scene = await Scene.make();
    await scene.write(
      "roots.ts",
      `import { defineTask, z } from "${MOD}";
       const seen = JSON.stringify([Deno.args, "openKv" in Deno]);
       const A = defineTask({ name: "start/A", params: z.object({}), create: () => seen });
       export default A();`,
    );
    const words = ["--config", CONFIG, "--unstable-kv", `${REPOSITORY}cli.ts`];
    const ended = await scene.spawn([...words, "run", `${scene.folder}/roots.ts`, "--quiet"]).ended;
    assertEquals(ended.code, 0, ended.stderr);
    const [record] = (await scene.stored()).filter((path) => path.endsWith(".json"));
    const { value } = JSON.parse(await Deno.readTextFile(`${scene.root}/${record}`));
    assertEquals(JSON.parse(value), [["run", `${scene.folder}/roots.ts`, "--quiet"], true]);
    assertStringIncludes(
      JSON.stringify(JSON.parse(await Deno.readTextFile(`${scene.root}/${record}`))),
      "start/A",
    );
  });
});

/** Its tasks keep megabytes in their process; it prints how many tasks each process has computed, and the heap's limit. */
const KEEPS = `import { defineTask, get, runLocal, z } from "${MOD}";
  import v8 from "node:v8";
  const [mb, options] = Deno.args;
  const kept = [];
  const Keep = defineTask({
    name: "start/Keep",
    params: z.object({ x: z.int() }),
    create: () => {
      kept.push(new Uint8Array(Number(mb) * 2 ** 20).fill(1));
      return { pid: Deno.pid, heap: v8.getHeapStatistics().heap_size_limit / 2 ** 20 };
    },
  });
  if (import.meta.main) {
    const roots = Array.from({ length: 12 }, (_, x) => Keep({ x }));
    await runLocal(roots, { progress: "none", maxWorkers: 1, ...JSON.parse(options ?? "{}") });
    const seen = await Promise.all(roots.map((root) => get(root)));
    const counts = Object.values(Object.groupBy(seen, ({ pid }) => pid)).map((each) => each.length);
    console.log(JSON.stringify({ counts: counts.sort((a, b) => b - a), heap: seen[0].heap }));
  }`;

async function keep(
  mb: number,
  options: Record<string, unknown> = {},
  env: Record<string, string> = {},
): Promise<{ counts: number[]; heap: number; stderr: string }> {
  await using scene = await Scene.make();
  const path = await scene.write("keeps.ts", KEEPS);
  const { code, stdout, stderr } = await scene.spawn([path, String(mb), JSON.stringify(options)], env).ended;
  assertEquals(code, 0, stderr);
  return { ...JSON.parse(stdout), stderr };
}

describe("a worker process is replaced", () => {
  it("when it has grown, without being asked for", async () => {
    const { counts, stderr } = await keep(30, {}, { FURU_LOG_LEVEL: "debug" });
    assert(counts.length > 1 && counts[0]! < 10, `${counts}`);
    assertMatch(stderr, /has \d+ MB of memory after \d tasks, more than \d+ MB/);
  });

  it("not for what all tasks need, and not when nothing grows", async () => {
    assertEquals((await keep(0)).counts, [12]);
  });

  it("after so many tasks, or with so much memory, as options, variables and furu.json say", async () => {
    assertEquals((await keep(0, { maxTasksPerWorker: 5 })).counts, [5, 5, 2]);
    assertEquals((await keep(0, {}, { FURU_MAX_TASKS_PER_WORKER: "6" })).counts, [6, 6]);
    assertEquals((await keep(0, { maxWorkerMb: 1 })).counts.length, 12);
    assertEquals((await keep(30, { maxWorkerMb: 10_000 })).counts, [12]);
  });
});

describe("the heap of a worker process", () => {
  it("has the limit that options or variables say", async () => {
    const plain = (await keep(0)).heap;
    const small = (await keep(0, { maxHeapMb: 100 })).heap;
    assert(small < plain && small >= 100 && small < 300, `${small}`);
    assertEquals((await keep(0, {}, { FURU_MAX_HEAP_MB: "100" })).heap, small);
    assertEquals((await keep(0, {}, { DENO_V8_FLAGS: "--max-old-space-size=100" })).heap, small);
  });

  it("that is full is said with what raises it; inline there is none to limit", async () => {
    await using scene = await Scene.make();
    const path = await scene.write(
      "full.ts",
      `import { defineTask, runLocal, z } from "${MOD}";
       const A = defineTask({ name: "start/Full", params: z.object({}), create: () => {
         for (const all = [];;) all.push(Array.from({ length: 10_000 }, (_, i) => ({ i })));
       } });
       if (import.meta.main) {
         await runLocal(A(), { progress: "none", isolation: "inline", maxHeapMb: 60 }).catch((error) => console.log(error.message));
         await runLocal(A(), { progress: "none", maxComputeRetries: 0, maxHeapMb: 60 });
       }`,
    );
    const { code, stdout, stderr } = await scene.spawn([path]).ended;
    assertEquals(code, 1);
    assertStringIncludes(stdout, 'Cannot use maxHeapMb with isolation "inline"');
    assertMatch(
      stderr,
      /exit 133: V8 ran out of heap; raise maxHeapMb \(in furu.json, FURU_MAX_HEAP_MB or --max-heap\)/,
    );
  });
});
