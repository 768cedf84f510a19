import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { join } from "@std/path/join";
import { it } from "@std/testing/bdd";
import { exists } from "../rig.ts";
import type { SlurmSuite } from "../slurm/suite.ts";
import type { ProgramRig } from "./rig.ts";

/** Where there is a `furu` in one file, and a pipeline in another, however they were made. */
export type GetRig = () => ProgramRig;

const PLAIN = `
  import { type Artifact, defineTask, get, z } from "@furu/furu";
  import * as published from "jsr:@furu/furu@^0";
  import { z as named } from "zod";
  import { z as ranged } from "npm:zod@^4.1";
  if (published.defineTask !== defineTask || named !== z || ranged !== z) throw new Error("several copies");
  import { Factor, type Row } from "./parts/factor.ts";
  const factor: number = await Promise.resolve(Factor.Ten);
  const Low = defineTask({
    name: "plain/Low",
    params: z.object({ x: z.int() }),
    create: async ({ params }): Promise<number> => {
      const { same } = await import("./parts/same.ts");
      return same<Row>({ x: params.x }).x;
    },
  });
  const Top = defineTask({
    name: "plain/Top",
    params: z.object({ low: Low.schema }),
    create: async ({ params }: { params: { low: Artifact<number> } }) => factor * await get(params.low),
  });
  export default [1, 2].map((x) => Top({ low: Low({ x }) }));
  export const first = Top({ low: Low({ x: 1 }) });
`;

/** Writes a pipeline in TypeScript, of several modules, which may go by names. @returns its path. */
function writePlain(rig: ProgramRig, name: string, { named = false } = {}): string {
  const at = (part: string) => join(name, "../parts", part);
  // Each imports the other.
  rig.write(
    at("factor.ts"),
    `import { same } from "./same.ts";
export interface Row { x: number }
export enum Factor { Ten = 10 }
export const again = (row: Row): Row => same(row);
`,
  );
  rig.write(
    at("same.ts"),
    `import { Factor } from "./factor.ts";
export const same = <T>(value: T): T => (Factor.Ten as number) === 10 ? value : (undefined as never);
`,
  );
  if (!named) return rig.write(name, PLAIN);
  rig.write(join(name, "../deno.json"), JSON.stringify({ imports: { "part of it/": "./parts/" } }));
  return rig.write(name, PLAIN.replaceAll('"./parts/', '"part of it/'));
}

/** One that is stored of what {@link writePlain} wrote. */
function aRecord(
  store: string,
): { provenance: { command: string[]; deno: string; code?: { snapshot?: string } } } {
  const folder = join(store, "artifacts/plain/Top");
  const { name } = [...Deno.readDirSync(folder)].find(({ name }) => name.endsWith(".json"))!;
  return JSON.parse(Deno.readTextFileSync(join(folder, name)));
}

/** What `furu` in one file has to do on a machine that has nothing else of ours. Registers tests. */
export function itIsFuru(getRig: GetRig): void {
  it("says its versions, and what it can do", async () => {
    const rig = getRig();
    const { code, stdout } = await rig.run(["--version"]);
    assertEquals(code, 0);
    assertStringIncludes(stdout, `deno ${rig.deno}`);
    assertStringIncludes((await rig.run(["--help"])).stdout, "Usage: furu COMMAND");
  });

  it("runs a plain pipeline from disk in worker processes, with furu and zod from inside of itself", async () => {
    const rig = getRig();
    const file = rig.furu;
    const path = writePlain(rig, "plain project #1/my pipeline.ts");
    const store = join(rig.folder, "plain project #1/furu-data");
    const ran = await rig.run(["run", path, "--workers", "2"], { file, env: { FURU_PATH: store } });
    assertEquals(ran.code, 0, ran.output);
    const got = await rig.run(["get", `${path}#first`], { file, env: { FURU_PATH: store } });
    assertEquals(got.stdout.trim(), "10", got.output);
    const planned = await rig.run(["plan", path, "--json"], { file, env: { FURU_PATH: store } });
    assertStringIncludes(planned.stdout, '"DONE"', planned.output);
    const { provenance } = aRecord(store);
    assertEquals(provenance.command, [file, "run", path, "--workers", "2"]);
    assertEquals(provenance.deno, rig.deno);
  });

  it("uses the pipeline's own configuration, and what is inside of it besides", async () => {
    const rig = getRig();
    rig.write("own/lib/help.ts", "export const help = (x: number): number => x + 0.5;");
    rig.write(
      "own/deno.jsonc",
      `{ /* mine */ "imports": { "me/": "./lib/", "f": "jsr:@furu/furu@0.x" }, "nodeModulesDir": "auto" }`,
    );
    const path = rig.write(
      "own/pipeline.ts",
      `import { defineTask, z } from "f";
      import { help } from "me/help.ts";
      import "zod";
      const A = defineTask({ name: "A", params: z.object({ x: z.int() }), create: ({ params }) => help(params.x) });
      export default A({ x: 1 });`,
    );
    const ran = await rig.run(["run", path]);
    assertEquals(ran.code, 0, ran.output);
    assertEquals((await rig.run(["get", path])).stdout.trim(), "1.5");
    // A change of it counts at once.
    rig.write("own/lib2/help.ts", "export const help = (x: number): number => x + 0.25;");
    rig.write("own/deno.jsonc", `{ "imports": { "me/": "./lib2/", "f": "jsr:@furu/furu@0.x" } }`);
    assertEquals((await rig.run(["get", path, "--force"])).stdout.trim(), "1.25");
  });

  it("says what to do about a package that is not in it, before anything runs", async () => {
    const rig = getRig();
    rig.write("other/first.ts", 'console.log("ran");');
    const path = rig.write(
      "other/pipeline.ts",
      'import "./first.ts"; import "npm:made-up@1"; export default [];',
    );
    const missing = await rig.run(["plan", path]);
    assertEquals({ code: missing.code, stdout: missing.stdout }, { code: 1, stdout: "" }, missing.output);
    assertMatch(missing.stderr, /Cannot load .*other\/pipeline\.ts: .*made by 'furu pack PIPELINE' has/s);
  });

  it("shows errors of a pipeline where they are in its files", async () => {
    const rig = getRig();
    rig.write(
      "wrong/deep.ts",
      "interface A { x: number }\n\nthrow new Error(`deep ${1 as number}`);\nexport const x = 1;",
    );
    const throws = rig.write(
      "wrong/throws.ts",
      'import { x } from "./deep.ts";\nexport default [x as number];',
    );
    const broken = rig.write("wrong/broken.ts", "const a: number = 1;\n\nconst b: = 2;");
    const thrown = await rig.run(["plan", throws]);
    assertEquals(thrown.code, 1);
    assertMatch(thrown.stderr, /Cannot load .*throws\.ts: deep 1\n.*wrong\/deep\.ts:3:7/s);
    const unread = await rig.run(["plan", broken]);
    assertEquals(unread.code, 1);
    assertMatch(unread.stderr, /Cannot load .*broken\.ts: .*wrong\/broken\.ts:3:10/s);
  });
}

/** What a pipeline in one file has to do, whose module calls `main()`. */
export function itIsThePipelinesProgram(getRig: GetRig): void {
  it("is the pipeline's own program, named as its file, with all that it imports", async () => {
    const rig = getRig();
    const options = { file: rig.pipeline, env: { FURU_PATH: join(rig.folder, "store"), HOME: "/my/home" } };
    const ran = await rig.run(["run", "--workers", "2"], options);
    assertEquals(ran.code, 0, ran.output);
    const got = await rig.run(["get", "packed/Sum", "--set", "rows.seed=1"], options);
    const { sum, note, registry, home } = JSON.parse(got.stdout);
    assertEquals(
      { sum, note, registry, home },
      { sum: 12, note: "embedded", registry: "http://127.0.0.1:9/", home: "/my/home" },
      got.output,
    );
    const { stdout } = await rig.run(["plan", "--json"], options);
    assertEquals(JSON.parse(stdout).counts?.todo ?? 0, 0);
    const help = (await rig.run(["--help"], options)).stdout;
    for (const line of ["Usage: pipeline COMMAND", "count: integer (default 3)  How many rows"]) {
      assertStringIncludes(help, line);
    }
    assertStringIncludes(help, 'kind: "plain" | "fancy" (optional)');
    assertStringIncludes(help, "rows: artifact of packed/Rows");
  });

  it("keeps its store where it is started, with no home or one that cannot be written", async () => {
    const rig = getRig();
    const cwd = join(rig.folder, "elsewhere");
    rig.write("elsewhere/.git/x", "");
    for (const [seed, HOME] of [[1, undefined], [2, "/dev/null/nobody"]] as const) {
      const { code, output } = await rig.run(["get", "packed/Rows", "--set", `seed=${seed}`], {
        file: rig.pipeline,
        env: { HOME },
        cwd,
      });
      assertEquals(code, 0, output);
    }
    assert(exists(join(cwd, "furu-data/artifacts/packed/Rows")));
  });
}

/** A way to run on Slurm. */
export type SlurmWay = "dag" | "pool" | "detached";

/** The same on a cluster: jobs start the file itself. */
export function itRunsOnSlurm(suite: SlurmSuite, ways: readonly SlurmWay[], getRig: GetRig): void {
  for (const way of ways) {
    suite.it(`runs a plain pipeline on Slurm (${way}), with itself as the jobs' program`, async () => {
      const rig = getRig();
      const folder = join(rig.folder, `slurm ${way}`);
      const path = writePlain(rig, `slurm ${way}/pipeline.ts`, { named: true });
      const slurm = { specs: { default: { timeMin: 5 } }, squeueIntervalSec: 0.5 };
      rig.write(`slurm ${way}/furu.json`, JSON.stringify({ slurm }));
      const options = { env: { ...suite.cluster.env, HOME: rig.freshCache() }, cwd: folder };
      const mode = way === "dag" ? ["dag"] : ["pool", ...way === "detached" ? ["--detach"] : []];
      const ran = await rig.run(["run", path, "--slurm", ...mode], options);
      assertEquals(ran.code, 0, ran.output);
      if (way === "detached") {
        const followed = await rig.run(["follow", ran.stdout.trim()], options);
        assertEquals(followed.code, 0, ran.output + followed.output);
      }
      const planned = await rig.run(["plan", path, "--json"], options);
      assertEquals(JSON.parse(planned.stdout).counts?.todo ?? 0, 0, planned.output);
      const got = await rig.run(["get", `${path}#first`], options);
      assertEquals(got.stdout.trim(), "10", got.output);
      const { provenance } = aRecord(join(folder, "furu-data"));
      assertMatch(provenance.code?.snapshot ?? "", /^[0-9a-f]/);
    });
  }

  suite.it(
    "runs the pipeline in it on Slurm, where nodes have another folder for temporary files",
    async () => {
      const rig = getRig();
      const cwd = join(rig.folder, "slurm own");
      const setup = [`export TMPDIR='${await Deno.makeTempDir({ dir: rig.folder })}'`];
      const slurm = { specs: { default: { timeMin: 5, setup } }, squeueIntervalSec: 0.5 };
      rig.write("slurm own/furu.json", JSON.stringify({ slurm }));
      const options = { file: rig.pipeline, env: { ...suite.cluster.env, HOME: rig.freshCache() }, cwd };
      const ran = await rig.run(["run", "--slurm"], options);
      assertEquals(ran.code, 0, ran.output);
      const planned = await rig.run(["plan", "--json"], options);
      assertEquals(JSON.parse(planned.stdout).counts?.todo ?? 0, 0, planned.output);
    },
  );
}
