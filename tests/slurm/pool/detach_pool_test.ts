import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { delay } from "@std/async/delay";
import { join } from "@std/path/join";
import type { Node } from "../../e2e/run_rig.ts";
import { until } from "../../rig.ts";
import { Random } from "../../sim/random.ts";
import { findProgram } from "../cluster_programs.ts";
import { ClusterPoolRig, DEADLINE_MS, type Holder } from "./cluster_pool_rig.ts";
import { describeOnSlurm } from "../suite.ts";

const LEASE = { FURU_LEASE_SECS: "3", FURU_POLL_INTERVAL_SECS: "0.5", FURU_MAX_COMPUTE_RETRIES: "40" };
/** The simulation plays many more; a longer loop: `FURU_TEST_KILLS=20`. */
const KILLS = Number(Deno.env.get("FURU_TEST_KILLS") ?? 6);
const SEED = Number(Deno.env.get("FURU_TEST_SEED") ?? Date.now() % 1e6);

/** Submits what `roots.json` says. @returns the run's id. */
async function detach(rig: ClusterPoolRig, roots: readonly Node[]): Promise<string> {
  rig.writeRoots(roots);
  const args = ["run", ClusterPoolRig.pipeline, "--slurm", "--detach", "--workers", "3"];
  const { code, stdout, output } = await rig.furu(args, LEASE).ended();
  assertEquals(code, 0, output);
  assertMatch(stdout, /^slurm-\S+\n$/);
  return stdout.trim();
}

/** Waits for the next process that controls the run. */
async function nextHolder(rig: ClusterPoolRig, last: string | undefined): Promise<Holder> {
  let holder: Holder | undefined;
  const isNew = (): boolean => {
    holder = rig.holder();
    return holder?.worker !== undefined && holder.id !== last;
  };
  await until(isNew, "somebody else controls the run", DEADLINE_MS)
    .catch((error) => Promise.reject(new Error(`${error}\n${rig.logs()}`)));
  return holder!;
}

describeOnSlurm("a pool that nobody on the login node looks after", (suite) => {
  suite.it(`ends by itself though its controller is killed ${KILLS} times (seed ${SEED})`, async () => {
    await using rig = new ClusterPoolRig(suite.cluster);
    const random = new Random(SEED);
    const roots: Node[] = [{
      id: "top",
      needs: [
        { id: "gate", does: ["await go"] },
        ...Array.from({ length: 30 }, (_, i): Node => ({ id: `n${i}`, does: ["sleep 300"] })),
      ],
    }];
    const runId = await detach(rig, roots);
    const follower = rig.furu(["follow", runId]);
    let last: string | undefined;
    for (let kill = 0; kill < KILLS; kill++) {
      const holder = await nextHolder(rig, last);
      last = holder.id;
      await delay(random.int(700));
      assert(!rig.ended, "it has not ended yet");
      assert(rig.owns(holder.owner.pid), `the worker ${holder.worker} has died by itself`);
      Deno.kill(holder.owner.pid, "SIGKILL");
    }
    await nextHolder(rig, last);
    rig.write("go");
    await until(() => rig.ended, "the run has ended", DEADLINE_MS)
      .catch((error) => Promise.reject(new Error(`${error}\n${rig.logs()}`)));
    const { code, output } = await follower.ended();
    assertEquals(code, 0, output);
    assertMatch(output, /32 computed/);
    await rig.left();
    rig.assertWhole(roots);
    const starts = Map.groupBy(rig.starts(), ({ id }) => id);
    for (const [id, each] of starts) assert(each.length <= 1 + KILLS, `${id} began ${each.length} times`);
  });

  suite.it("is ended by furu cancel, which leaves no job and nothing running", async () => {
    await using rig = new ClusterPoolRig(suite.cluster);
    const roots = Array.from({ length: 6 }, (_, i): Node => ({ id: `n${i}`, does: ["heed runs"] }));
    const runId = await detach(rig, roots);
    await until(() => rig.read("runs") !== "" && rig.holder()?.worker !== undefined, "it runs", DEADLINE_MS);
    const { code, output } = await rig.furu(["cancel", runId]).ended();
    assertEquals(code, 0, output);
    assertMatch(output, /cancelled [1-9]\d* jobs? of slurm-/);
    assert(rig.ended);
    await rig.left();
    assertEquals({ inProgress: rig.inProgress(), values: rig.values(), workers: rig.workers() }, {
      inProgress: [],
      values: [],
      workers: [],
    });
    const followed = await rig.furu(["follow", runId]).ended();
    assertEquals(followed.code, 1, followed.output);
  });

  suite.it("is not left while a limit of the site lets in no worker", async () => {
    await using rig = new ClusterPoolRig(suite.cluster);
    const roots: Node[] = [{ id: "only" }];
    rig.writeRoots(roots);
    rig.write(
      "sbatch",
      `#!/bin/sh\n[ -e '${rig.folder}/free' ] && exec ${findProgram("sbatch")} "$@"\n` +
        `echo 'sbatch: error: QOSMaxSubmitJobPerUserLimit' >&2\nexit 1\n`,
    );
    Deno.chmodSync(join(rig.folder, "sbatch"), 0o755);
    const args = ["run", ClusterPoolRig.pipeline, "--slurm", "--detach"];
    await using script = rig.furu(args, { ...LEASE, PATH: `${rig.folder}:${Deno.env.get("PATH")}` });
    await until(() => script.stderr.includes("QOSMaxSubmitJobPerUserLimit"), "it waits", DEADLINE_MS);
    rig.write("free");
    const { code, output } = await script.ended();
    assertEquals(code, 0, output);
    assertStringIncludes(output, "submitted 1 worker, which");
    await until(() => rig.ended, "it has ended", DEADLINE_MS);
    await rig.left();
    rig.assertWhole(roots);
  });

  suite.it("does each task once where nobody dies", async () => {
    await using rig = new ClusterPoolRig(suite.cluster);
    const roots: Node[] = [{
      id: "top",
      spec: "gpu",
      needs: Array.from({ length: 10 }, (_, i) => ({ id: `n${i}` })),
    }];
    const runId = await detach(rig, roots);
    const { code, output } = await rig.furu(["follow", runId]).ended();
    assertEquals(code, 0, output);
    await rig.left();
    rig.assertWhole(roots);
    assertEquals(rig.starts().length, 11);
  });
});
