import { assert, assertEquals, assertRejects } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { SlurmError } from "../../../lib/core/errors.ts";
import { SlurmClient } from "../../../lib/slurm/client/client.ts";
import { ownCluster } from "../../../lib/slurm/run/own_cluster.ts";
import { FakeClock, FakeSlurm } from "../fake_slurm.ts";

/** Asks a Slurm for its name that answers so. */
function asked(answers: FakeSlurm["answers"][string], limitMs?: number) {
  const slurm = new FakeSlurm();
  slurm.answers.scontrol = answers;
  const clock = new FakeClock();
  const client = new SlurmClient({ env: {}, clock, run: slurm.run });
  const told: string[] = [];
  const log = { warn: (text: string) => void told.push(text) };
  return { slurm, told, name: () => ownCluster({ client, clock, action: "submit jobs", log, limitMs }) };
}

const away = { code: 1, stderr: "slurm_load_ctl_conf error: Unable to contact slurm controller" };

describe("ownCluster()", () => {
  it("fails at once on a machine without Slurm's programs, and says what to do", async () => {
    const { slurm, name, told } = asked({ stderr: "there is no program 'scontrol' on PATH" });
    const error = await assertRejects(name, SlurmError);
    assertEquals(
      error.message,
      "Cannot submit jobs as there is no program 'scontrol' on PATH: go to a machine of the cluster, or have " +
        "its programs on PATH",
    );
    assertEquals({ calls: slurm.calls.length, told }, { calls: 1, told: [] });
  });

  it("asks again while Slurm does not answer, says so once, and then goes on", async () => {
    const none = Array.from({ length: 20 }, () => away);
    const { name, told } = asked([...none, "AccountingStorageType = (null)\nClusterName = main\n"]);
    assertEquals(await name(), "main");
    assertEquals(told.length, 1);
    assert(told[0]!.includes("Unable to contact slurm controller"), told[0]);
  });

  it("gives up in the end, in Slurm's words", async () => {
    const error = await assertRejects(asked(away, 30_000).name, SlurmError);
    for (const part of ["submit jobs", "for 30 s", "ClusterName", "Unable to contact slurm controller"]) {
      assert(error.message.includes(part), error.message);
    }
  });
});
