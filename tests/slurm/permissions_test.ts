import { assertEquals, assertStringIncludes } from "@std/assert";
import { fromFileUrl } from "@std/path/from-file-url";
import { Rig } from "../rig.ts";
import { describeOnSlurm } from "./suite.ts";

const SCRIPT = fromFileUrl(new URL("./permitted.ts", import.meta.url));

/** What the README says that runs on Slurm need. */
const FLAGS = ["--allow-read", "--allow-write", "--allow-run", "--allow-env", "--allow-sys=uid"];

describeOnSlurm("runs on Slurm with exactly the permissions that furu needs", (suite) => {
  const run = async (rig: Rig, mode: string, flags: string[]) => {
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-prompt", "--quiet", ...flags, SCRIPT, mode],
      env: { ...suite.cluster.env, NO_COLOR: "1", FURU_PATH: rig.root, FURU_RECORD_GIT: "ignore" },
      stdin: "null",
    }).output();
    const decoder = new TextDecoder();
    return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
  };

  for (const [mode, value] of [["pool", 16], ["dag", 9]] as const) {
    suite.it(`${mode} computes and loads`, async () => {
      await using rig = new Rig();
      const { code, stdout, stderr } = await run(rig, mode, FLAGS);
      assertEquals({ code, stdout }, { code: 0, stdout: `${value}\n` }, stderr);
    });
  }

  suite.it("names each flag that is missing, before anything is submitted", async () => {
    await using rig = new Rig();
    const jobs = () => suite.cluster.run("squeue", "-h", "-r", "-t", "all", "-o", "%i");
    const before = await jobs();
    for (const flag of FLAGS) {
      const { code, stderr } = await run(rig, "pool", FLAGS.filter((each) => each !== flag));
      assertEquals(code, 1, `without ${flag}`);
      assertStringIncludes(stderr, flag.split("=")[0]!);
    }
    assertEquals((await jobs()).split("\n").sort(), before.split("\n").sort());
  });
});
