import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "@std/path/join";
import { Script, textOf, until } from "../rig.ts";
import { Project, projectConfig } from "../snapshot/rig.ts";
import type { Cluster } from "./cluster.ts";
import { DEADLINE_MS } from "./pool/cluster_pool_rig.ts";
import { describeOnSlurm } from "./suite.ts";
import { startsLinked } from "../this_deno.ts";

const PIPELINE = `import { configure, defineTask, get, runLocal, runSlurm, z } from "@furu/furu";
import { factor } from "steps/factor.ts";

configure({ recordGit: "ignore", slurm: { specs: { default: { timeMin: 5 } }, squeueIntervalSec: 0.5 } });

export const Low = defineTask({
  name: "jsr/Low",
  params: z.object({ x: z.number() }),
  create: ({ params }) => params.x * factor + Number(Deno.readTextFileSync(new URL("./rows.txt", import.meta.url))),
});
export const Top = defineTask({
  name: "jsr/Top",
  params: z.object({ low: Low.schema }),
  create: async ({ params }) => await get(params.low) + 1000,
});
const root = Top({ low: Low({ x: 2 }) });
export default root;

if (import.meta.main) {
  const [mode, options = "{}"] = Deno.args;
  if (mode === "local") await runLocal(root, { progress: "none" });
  else await runSlurm(root, { mode: mode as "dag", progress: "none", ...JSON.parse(options) });
  console.log(JSON.parse(options).detach ? "submitted" : await get(root));
}
`;

/** A project that knows furu by the name that it has in the registry alone. */
class JsrProject extends Project {
  readonly #cluster: Cluster;
  readonly #scripts: Script[] = [];

  constructor(cluster: Cluster) {
    super();
    this.#cluster = cluster;
    this.write({
      "deno.json": projectConfig({ imports: { "steps/": "./src/of mine/" } }),
      "src/pipeline.ts": PIPELINE,
      "src/of mine/factor.ts": "export const factor: number = 10;",
      "src/rows.txt": "1",
    });
  }

  /** Runs a module of the project, or of furu, as its user does. */
  async deno(...args: string[]): Promise<string> {
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--quiet", ...args],
      cwd: this.folder,
      env: { ...this.#cluster.env, FURU_PATH: this.rig.root, NO_COLOR: "1" },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const script = new Script(child);
    this.#scripts.push(script);
    const { code, stdout, output } = await script.ended();
    assertEquals(code, 0, output);
    return stdout.trim();
  }

  /** The success record of the one artifact of a task, when it is there. */
  async record(
    task: string,
  ): Promise<{ value: number; provenance: { code?: { digest: string } }; path: string }> {
    const dir = join(this.rig.root, "artifacts", task);
    const find = (): string | undefined =>
      this.rig.tree().find((name) =>
        name.startsWith(`artifacts/${task}/`) && /\/[0-9a-f]{32}\.json$/.test(name)
      );
    await until(() => find() !== undefined, `there is a result in ${dir}`, DEADLINE_MS);
    const path = join(this.rig.root, find()!);
    return { ...JSON.parse(textOf(path)), path };
  }

  /** Waits until nothing of a run is left in Slurm. */
  async left(): Promise<void> {
    for (let jobs = "?", tries = 0; jobs !== ""; tries++) {
      assert(tries < 300, `jobs are left:\n${jobs}`);
      jobs = (await this.#cluster.run("squeue", "-h")).trim();
      if (jobs !== "") await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    for (const script of this.#scripts) await script[Symbol.asyncDispose]();
    await this.#cluster.run("scancel", `--user=${Deno.uid()}`).catch(() => {});
    await this.left();
    await super[Symbol.asyncDispose]();
  }
}

describeOnSlurm("a project that imports @furu/furu from JSR", (suite) => {
  for (const mode of ["local", "dag", "pool"]) {
    suite.it(`runs with its own import map and modules: ${mode}`, async () => {
      await using project = new JsrProject(suite.cluster);
      assertEquals(await project.deno("src/pipeline.ts", mode), "1021");
      const { provenance } = await project.record("jsr/Low");
      const { moduleDigest, digest } = provenance.code as { moduleDigest?: string; digest?: string };
      assertEquals([typeof moduleDigest, digest !== undefined], ["string", mode !== "local"]);
    });
  }

  suite.it("runs by the program of the same name", async () => {
    await using project = new JsrProject(suite.cluster);
    await project.deno("jsr:@furu/furu/cli", "run", "src/pipeline.ts", "--slurm", "--quiet");
    assertEquals((await project.record("jsr/Top")).value, 1021);
  });

  for (const mode of ["dag", "pool"]) {
    suite.it(`computes with the code as it was when it was submitted: ${mode}`, async () => {
      await using project = new JsrProject(suite.cluster);
      const nodes = suite.cluster.partitions.cpu!;
      for (const node of nodes) await suite.cluster.setNodeState(node, "drain");
      await project.deno("src/pipeline.ts", mode, '{ "detach": true }');
      project.write({
        "deno.json": "{ not json",
        "src/pipeline.ts": "throw new Error('changed');",
        "src/of mine/factor.ts": "export const factor: number = -1;",
        "src/rows.txt": "2",
      });
      for (const node of nodes) await suite.cluster.setNodeState(node, "resume");
      const { value, provenance, path } = await project.record("jsr/Top");
      // Data is read when it is needed.
      assertEquals(value, 1022);
      await project.left();
      const config = projectConfig({ imports: { "steps/": "./src/of mine/" } });
      project.write({ "deno.json": config, "src/pipeline.ts": PIPELINE });
      const hash = path.slice(-37, -5);
      const show = async () =>
        JSON.parse(await project.deno("jsr:@furu/furu/cli", "show", hash, "--json")).code;
      assertEquals(await show(), {
        digest: provenance.code!.digest,
        now: "changed",
        changes: { changed: [join(project.folder, "src/of mine/factor.ts")], added: [], removed: [] },
      });
      assertStringIncludes(await project.deno("jsr:@furu/furu/cli", "show", hash), "today's differs");
      project.write({ "src/of mine/factor.ts": "export const factor: number = 10;" });
      assertEquals((await show()).now, "same");
    });
  }

  suite.it("computes with the code of the moment when that is asked for", async () => {
    await using project = new JsrProject(suite.cluster);
    const nodes = suite.cluster.partitions.cpu!;
    for (const node of nodes) await suite.cluster.setNodeState(node, "drain");
    await project.deno(
      "jsr:@furu/furu/cli",
      "run",
      "src/pipeline.ts",
      "--slurm",
      "--detach",
      "--no-snapshot",
    );
    project.write({ "src/of mine/factor.ts": "export const factor: number = 20;" });
    for (const node of nodes) await suite.cluster.setNodeState(node, "resume");
    const { value, provenance } = await project.record("jsr/Top");
    assertEquals({ value, digest: (provenance.code as { digest?: string }).digest }, {
      value: 1041,
      digest: undefined,
    });
  });

  suite.it(
    "is not computed by another version of furu, or with other packages than it was submitted with",
    async () => {
      for (const [change, said] of CHANGES) {
        await using project = new JsrProject(suite.cluster);
        const nodes = suite.cluster.partitions.cpu!;
        for (const node of nodes) await suite.cluster.setNodeState(node, "drain");
        await project.deno("src/pipeline.ts", "dag", '{ "detach": true, "snapshot": false }');
        const path = project.rig.tree().find((name) => name.endsWith("/run.json"))!;
        const run = JSON.parse(project.rig.read(join("store", path)));
        Deno.writeTextFileSync(join(project.rig.root, path), JSON.stringify({ ...run, ...change }));
        for (const node of nodes) await suite.cluster.setNodeState(node, "resume");
        const end = () =>
          project.rig.tree().find((name) => /jsr\/Low\/[0-9a-f]{32}\/end-\w+\.json$/.test(name));
        await until(() => end() !== undefined, "it has failed", DEADLINE_MS);
        const { failure, error } = JSON.parse(project.rig.read(join("store", end()!)));
        assertEquals(failure, "protocol");
        assertStringIncludes(error, said);
      }
    },
  );
}, { ignore: !startsLinked });

/** As if a job met another version, and what it says then. */
const CHANGES: [change: Record<string, unknown>, said: string][] = [
  [{ versions: { furu: "99.0.0", deno: "2.0.0" } }, "begun with furu 99.0.0"],
  [{ lock: { "npm:made-up@1": "1.0.0" } }, "npm:made-up@1 was 1.0.0, and is not in it"],
];
