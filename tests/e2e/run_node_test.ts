import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { Scene } from "./run_rig.ts";

const SCRIPT = `
import { defineTask, runLocal, z } from "@furu/furu";

const SEEN = Deno.env.get("SCENE") + "/seen";
const Use = defineTask({
  name: "node/Use",
  params: z.object({ how: z.string() }),
  create: async ({ params, scratchDir, cpus, memGb, gpus, run }) => {
    Deno.writeTextFileSync(scratchDir + "/part", params.how);
    Deno.writeTextFileSync(SEEN, scratchDir + "\\n", { append: true });
    if (params.how === "throws") throw new Error("with its folder");
    if (params.how === "exits") Deno.exit(3);
    if (params.how === "floats") {
      setTimeout(() => { throw new Error("that nobody handles"); });
      await new Promise(() => setInterval(() => {}, 1000));
    }
    const told = await run(["sh", "-c", "echo $OMP_NUM_THREADS $MKL_NUM_THREADS $RAYON_NUM_THREADS"], { stdout: "text" });
    const set = await run(["sh", "-c", "echo $OMP_NUM_THREADS"], { stdout: "text", env: { OMP_NUM_THREADS: "9" } });
    return [cpus, told.trim(), set.trim(), memGb > 0, Array.isArray(gpus), Deno.env.get("OMP_NUM_THREADS") ?? "unset"];
  },
});

if (import.meta.main) {
  const [isolation, workers, ...hows] = Deno.args;
  const roots = hows.map((how) => Use({ how }));
  const options = { progress: "none", isolation, maxWorkers: Number(workers), keepGoing: true, maxComputeRetries: 0 };
  const failed = await runLocal(roots, options).then(() => [], (error) => error.failures);
  const { get } = await import("@furu/furu");
  const values = await Promise.all(roots.filter(({ hash }) => !failed.some((each) => each.hash === hash)).map((root) => get(root)));
  const paths = Deno.readTextFileSync(SEEN).trim().split("\\n");
  const left = [...Deno.readDirSync(Deno.env.get("TMPDIR"))].map(({ name }) => name).filter((name) => name.startsWith("furu-scratch"));
  console.log(JSON.stringify({ values, folders: new Set(paths).size, left }));
}
`;

describe("what an attempt has of its machine", () => {
  const rows = [["process", "throws", "exits"], ["process", "floats"], ["inline", "throws"]] as const;
  for (const [isolation, ...odd] of rows) {
    it(`is told, and its scratch folder is gone at the end (${isolation}, ${odd.join(", ")})`, async () => {
      await using scene = await Scene.make();
      const script = await scene.write("node.ts", SCRIPT);
      const hows = ["returns", ...odd];
      const cores = navigator.hardwareConcurrency;
      const env = { OMP_NUM_THREADS: "", SLURM_JOB_ID: "", SLURM_TMPDIR: "" };
      const { stdout, stderr } = await scene.spawn([script, isolation, `${cores}`, ...hows], env).ended;
      const own = isolation === "process" ? "1" : "";
      assertEquals(
        stdout.trim(),
        JSON.stringify({ values: [[1, "1 1 1", "9", true, true, own]], folders: hows.length, left: [] }),
        stderr,
      );
    });
  }
});
