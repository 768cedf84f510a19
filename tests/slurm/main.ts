/** `deno task slurm:up` and `slurm:down`: the cluster of the tests, to play with. @module */
import { join } from "@std/path/join";
import { slurmAvailable, startCluster } from "./cluster.ts";
import { runProgram } from "./cluster_programs.ts";
import { removeCluster, temporaryFolder } from "./cluster_sweep.ts";

async function up(folder: string): Promise<void> {
  if (!slurmAvailable()) {
    console.error("Cannot start a Slurm cluster as Slurm is not installed: apt-get install slurm-wlm munge");
    Deno.exit(1);
  }
  if (!(await answers(folder))) await startCluster({ folder });
  console.log(`export SLURM_CONF=${join(folder, "slurm.conf")}`);
}

/** Does it run already, so that its jobs must not be disturbed? */
async function answers(folder: string): Promise<boolean> {
  const config = join(folder, "slurm.conf");
  try {
    // Slurm's programs wait a minute for a configuration that is not there.
    Deno.statSync(config);
    await runProgram("sinfo", [], { SLURM_CONF: config });
    return true;
  } catch {
    return false;
  }
}

const [command] = Deno.args;
const folder = join(temporaryFolder(), `furu-slurm-up-${await runProgram("id", ["-un"])}`);
if (command === "up") await up(folder);
else if (command === "down") await removeCluster(folder);
else {
  console.error(`Cannot do '${command ?? ""}': allowed are up and down`);
  Deno.exit(2);
}
