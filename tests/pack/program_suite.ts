import { assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "@std/path/join";
import { it } from "@std/testing/bdd";
import type { SlurmSuite } from "../slurm/suite.ts";
import type { PackRig } from "./rig.ts";

/** A program in one file, however it was made. */
export interface OneFile {
  /** How it is started. */
  rig: PackRig;
  /** The program: `furu`. */
  file: string;
}

const PLAIN = `
  import { defineTask, get, z } from "@furu/furu";
  import * as published from "jsr:@furu/furu@^0";
  import { z as named } from "zod";
  import { z as ranged } from "npm:zod@^4.1";
  if (published.defineTask !== defineTask || named !== z || ranged !== z) throw new Error("several copies");
  const Low = defineTask({ name: "plain/Low", params: z.object({ x: z.int() }), create: ({ params }) => params.x });
  const Top = defineTask({
    name: "plain/Top",
    params: z.object({ low: Low.schema }),
    create: async ({ params }) => 10 * await get(params.low),
  });
  export default [1, 2].map((x) => Top({ low: Low({ x }) }));
  export const first = Top({ low: Low({ x: 1 }) });
`;

/** What `furu` in one file has to do on a machine that has nothing else of ours. Registers tests. */
export function itIsFuru(program: () => OneFile): void {
  it("runs a plain pipeline from disk in worker processes, with furu and zod from inside of itself", async () => {
    const { rig, file } = program();
    const path = rig.write("plain project #1/my pipeline.ts", PLAIN);
    const store = join(rig.folder, "plain project #1/furu-data");
    const ran = await rig.run(["run", path, "--workers", "2"], { file, env: { FURU_PATH: store } });
    assertEquals(ran.code, 0, ran.output);
    const got = await rig.run(["get", `${path}#first`], { file, env: { FURU_PATH: store } });
    assertEquals(got.stdout.trim(), "10", got.output);
    const planned = await rig.run(["plan", path, "--json"], { file, env: { FURU_PATH: store } });
    assertStringIncludes(planned.stdout, '"DONE"', planned.output);
    const [record] = [...Deno.readDirSync(join(store, "artifacts/plain/Top"))];
    const { provenance } = JSON.parse(
      Deno.readTextFileSync(join(store, "artifacts/plain/Top", record!.name)),
    );
    assertEquals(provenance.command, [file, "run", path, "--workers", "2"]);
    assertEquals(provenance.deno, Deno.version.deno);
  });
}

/** The same on a cluster: jobs start the file itself. */
export function itRunsOnSlurm(
  suite: SlurmSuite,
  modes: readonly ("dag" | "pool")[],
  program: () => OneFile,
): void {
  for (const mode of modes) {
    suite.it(`runs a plain pipeline as --slurm ${mode}, with itself as the jobs' program`, async () => {
      const { rig, file } = program();
      const path = rig.write(`slurm ${mode}/pipeline.ts`, PLAIN);
      const folder = join(rig.folder, `slurm ${mode}`);
      const slurm = { specs: { default: { timeMin: 5 } }, squeueIntervalSec: 0.5 };
      rig.write(`slurm ${mode}/deno.json`, "{}");
      rig.write(`slurm ${mode}/furu.json`, JSON.stringify({ slurm }));
      const env = { ...suite.cluster.env, HOME: rig.freshCache() };
      const ran = await rig.run(["run", path, "--slurm", mode], { file, env, cwd: folder });
      assertEquals(ran.code, 0, ran.output);
      const got = await rig.run(["get", `${path}#first`], { file, env, cwd: folder });
      assertEquals(got.stdout.trim(), "10", got.output);
    });
  }
}
