import { assertEquals, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { Rig, until } from "../rig.ts";
import { slurmAvailable } from "./cluster.ts";
import { runProgram } from "./cluster_programs.ts";

const left = !slurmAvailable() || Deno.env.get("FURU_TEST_SLURM") === "off";

describe("deno task slurm:up", { ignore: left }, () => {
  it("starts a cluster within seconds, leaves one alone that runs, and slurm:down stops it", async () => {
    await using rig = new Rig();
    // munged wants to be reachable by everybody.
    Deno.chmodSync(rig.folder, 0o755);
    const task = (command: string) => rig.start("slurm/main.ts", [command], { TMPDIR: rig.folder });
    try {
      const up = task("up");
      await until(() => !up.alive, "the cluster is there", 30_000);
      const { code, stdout, output } = await up.ended();
      assertEquals(code, 0, output);
      const config = /^export SLURM_CONF=(\S+)\n$/.exec(stdout)?.[1];
      const list = () => runProgram("sinfo", ["-h", "-o", "%P"], { SLURM_CONF: config! });
      assertEquals(await list(), "cpu*\ngpu");
      await runProgram("scontrol", ["create", "PartitionName=mine", "Nodes=cpu1"], { SLURM_CONF: config! });
      assertEquals((await task("up").ended()).stdout, stdout);
      assertStringIncludes(await list(), "mine");
    } finally {
      assertEquals((await task("down").ended()).code, 0);
    }
    assertEquals([...Deno.readDirSync(rig.folder)].map(({ name }) => name), []);
  });
});
