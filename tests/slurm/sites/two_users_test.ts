import { assert, assertEquals, assertMatch, assertNotMatch } from "@std/assert";
import type { Node } from "../../e2e/run_rig.ts";
import { type Script, until } from "../../rig.ts";
import { DEADLINE_MS } from "../pool/cluster_pool_rig.ts";
import { describeOnSlurm } from "../suite.ts";
import { beatenFor } from "./beats.ts";
import { Bystanders } from "./bystanders.ts";
import { canBeOthers, TwoUsers } from "./users.ts";

const ROOTS: Node[] = [{
  id: "top",
  needs: [{ id: "gate", does: ["await go"] }, ...Array.from({ length: 3 }, (_, i) => ({ id: `n${i}` }))],
}];

async function codeOf(script: Script): Promise<number> {
  await until(() => !script.alive, "it has ended", DEADLINE_MS);
  return (await script.ended()).code;
}

for (
  const [title, settings] of [["each other's jobs", {}], ["only their own jobs", {
    PrivateData: "jobs",
  }]] as const
) {
  describeOnSlurm(`two users of one store who see ${title}`, (suite) => {
    if (!canBeOthers()) {
      console.log("Not root, or no setpriv: left out are the tests with two users");
      return;
    }

    const modes = title === "only their own jobs" ? ["pool", "dag"] : ["pool"];
    for (const mode of modes) {
      suite.it(`${mode}: a run of another user is waited for, and nothing of it is touched`, async () => {
        await using users = await TwoUsers.make(suite.cluster);
        await using innocent = await Bystanders.submit(suite.cluster);
        const { alice, bob } = users;
        users.writeRoots(ROOTS);
        users.write("slurm.json", JSON.stringify({ squeueIntervalSec: 1 }));
        const hers = alice.run(mode, "--detach", ...(mode === "pool" ? ["--workers", "2"] : []));
        const said = (): string =>
          `${hers.stderr}\n--- his\n${his.map(({ stderr }) => stderr).join("\n---\n")}\n${users.logs()}`;
        const his: Script[] = [];
        assertEquals(await codeOf(hers), 0, hers.stderr);
        const runId = hers.stdout.trim();
        await until(() => users.starts().some(({ id }) => id === "gate"), "her task runs", DEADLINE_MS);
        const jobs = await alice.jobs();

        const run = bob.run(mode);
        const follow = bob.furu("follow", runId);
        his.push(run, follow);
        // Two leases: whoever takes her jobs for dead says so by then.
        await beatenFor(users.root, 10_000);
        const cancel = bob.furu("cancel", runId);
        his.push(cancel);
        assert(await codeOf(cancel) !== 0, `furu cancel of another user's run\n${said()}`);
        // With one job for each artifact he cannot submit what would wait for jobs that Slurm does not show him.
        if (mode === "pool") {
          const detached = bob.run(mode, "--detach");
          his.push(detached);
          await codeOf(detached);
          assertEquals(detached.stdout.trim(), runId, `her run does what he asks for\n${said()}`);
        }
        assertEquals(await alice.jobs().then((now) => now.filter((job) => !jobs.includes(job))), [], said());
        assert(run.alive && follow.alive, `he waits\n${said()}`);
        assertNotMatch(
          `${run.stderr}${follow.stderr}`,
          /counts as dead|nobody is left|vanished|[1-9]\d* failed/,
          said(),
        );

        users.write("go");
        assertEquals(await codeOf(run), 0, said());
        assertEquals(await codeOf(follow), 0, said());
        for (const [id, starts] of Map.groupBy(users.starts(), ({ id }) => id)) {
          assertEquals(starts.length, 1, `${id} began ${starts.length} times\n${said()}`);
        }
        assertMatch(users.starts().map(({ id }) => id).join(), /top/);
        await innocent.assertUntouched(said());
      });
    }
  }, { settings });
}
