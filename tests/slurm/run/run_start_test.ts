import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path/join";
import { toFileUrl } from "@std/path/to-file-url";
import { importMap, linkPackages, PACKAGES } from "../../packages.ts";
import { Script, until } from "../../rig.ts";
import { Project, projectConfig, REPOSITORY } from "../../snapshot/rig.ts";
import type { Cluster } from "../cluster.ts";
import { describeOnSlurm } from "../suite.ts";

const PIPELINE = `import { configure, defineTask, get, runSlurm, z } from "@furu/furu";
import v8 from "node:v8";
import names from "names";

configure({ recordGit: "ignore", slurm: { specs: { default: { timeMin: 5, memGb: 1 } }, squeueIntervalSec: 0.5 } });
const seen = [Deno.args, "openKv" in Deno, Math.random(), names, globalThis.preloaded];
const heap = () => v8.getHeapStatistics().heap_size_limit / 2 ** 20;

export const Look = defineTask({ name: "start/Look", params: z.object({}), create: () => ({ seen, heap: heap() }) });

if (import.meta.main) {
  Deno.chdir("/");
  await runSlurm(Look(), { mode: Deno.args[0] as "dag", progress: "none", maxComputeRetries: 0, ...JSON.parse(Deno.args[1]) });
  console.log(JSON.stringify({ seen, worker: await get(Look()) }));
}
`;

/** A project whose names are said by a configuration and an import map that lie elsewhere. */
class StartProject extends Project {
  readonly #cluster: Cluster;

  constructor(cluster: Cluster) {
    super();
    this.#cluster = cluster;
    this.write({
      "src/pipeline.ts": PIPELINE,
      "src/deno.json": "{}",
      "src/names.ts": 'export default "beside";',
      "conf/deno.json": projectConfig({ imports: { names: "./names.ts" } }),
      "conf/names.ts": 'export default "as the configuration says";',
      "conf/pre.ts": "globalThis.preloaded = 5;",
    });
  }

  /** Runs a pipeline. @returns what it saw itself, and what a job saw. */
  async look(
    mode: string,
    options: string,
    path = "src/pipeline.ts",
    names = ["--config", "conf/deno.json"],
  ): Promise<{ seen: unknown[]; worker: { seen: unknown[]; heap: number } }> {
    const child = new Deno.Command(Deno.execPath(), {
      args: [
        ...[
          "run",
          "-A",
          "--quiet",
          ...names,
          "--unstable-kv",
          "--seed=5",
          "--preload=conf/pre.ts",
        ],
        ...[path, mode, options, "--a b", "'"],
      ],
      cwd: this.folder,
      env: { ...this.#cluster.env, FURU_PATH: this.rig.root, NO_COLOR: "1" },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    await using script = new Script(child);
    await until(() => !script.alive, "the run has ended", 90_000);
    const { code, stdout, output } = await script.ended();
    assertEquals(code, 0, output);
    return JSON.parse(stdout);
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    await this.#cluster.run("scancel", `--user=${Deno.uid()}`).catch(() => {});
    for (let tries = 0; (await this.#cluster.run("squeue", "-h")).trim() !== ""; tries++) {
      assert(tries < 300, "jobs are left");
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    await super[Symbol.asyncDispose]();
  }
}

describeOnSlurm("jobs see what the process of their run was started with", (suite) => {
  for (const mode of ["dag", "pool"]) {
    for (const options of ["{}", '{ "snapshot": false }']) {
      suite.it(`${mode} ${options}`, async () => {
        await using project = new StartProject(suite.cluster);
        const { seen, worker } = await project.look(mode, options);
        assertEquals(worker.seen, seen);
        assertEquals(seen.slice(0, 2), [[mode, options, "--a b", "'"], true]);
        assertEquals(seen.slice(3), ["as the configuration says", 5]);
        // Of the spec's gigabyte.
        assert(worker.heap > 500 && worker.heap < 1024, `${worker.heap}`);
        const record = project.rig.tree().find((name) => name.endsWith("/run.json"))!;
        assertStringIncludes(project.rig.read(join("store", record)), '"--a b"');
      });
    }
  }
});

describeOnSlurm("jobs find packages where the process of their run did", (suite) => {
  for (const mode of ["dag", "pool"]) {
    for (const options of ["{}", '{ "snapshot": false }']) {
      suite.it(`in a package.json and an import map: ${mode} ${options}`, async () => {
        await using project = new StartProject(suite.cluster);
        project.write({
          "js/package.json": JSON.stringify({ dependencies: { names: "^1", ...PACKAGES } }),
          "js/node_modules/names/package.json": JSON.stringify({
            name: "names",
            version: "1.0.0",
            type: "module",
            main: "index.js",
          }),
          "js/node_modules/names/index.js": 'export default "of the package";',
          "js/src/pipeline.ts": PIPELINE,
          "map.json": importMap({ "@furu/furu": toFileUrl(`${REPOSITORY}/mod.ts`).href }),
        });
        linkPackages(`${project.folder}/js/node_modules`);
        const { seen, worker } = await project.look(mode, options, "js/src/pipeline.ts", [
          "--import-map=map.json",
        ]);
        assertEquals(worker.seen, seen);
        assertEquals(seen[3], "of the package");
      });
    }
  }
});

describeOnSlurm("a job in which Deno cannot begin", (suite) => {
  for (const mode of ["dag", "pool"]) {
    suite.it(`for want of virtual memory says so: ${mode}`, async () => {
      await using project = new StartProject(suite.cluster);
      const specs = { default: { timeMin: 5, setup: ["ulimit -v 4000000"] } };
      // Each worker that fails is seen at the next look: seconds apart, not ten.
      const options = JSON.stringify({ specs, squeueIntervalSec: 1 });
      const error = await assertRejects(() => project.look(mode, options));
      assertMatch(String(error), /virtual memory is limited to 4000000 kB \(ulimit -v\)/);
    });
  }
});
