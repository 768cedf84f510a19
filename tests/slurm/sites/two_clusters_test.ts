import { assert, assertEquals, assertMatch } from "@std/assert";
import { delay } from "@std/async/delay";
import { join } from "@std/path/join";
import { describe, it } from "@std/testing/bdd";
import type { Node } from "../../e2e/run_rig.ts";
import { type Script, until } from "../../rig.ts";
import { type Cluster, slurmAvailable, startCluster } from "../cluster.ts";
import { ClusterPoolRig, DEADLINE_MS } from "../pool/cluster_pool_rig.ts";
import { beatenFor } from "./beats.ts";
import { Bystanders } from "./bystanders.ts";
import type { Mode } from "./pipelines.ts";

const LEASE = { FURU_LEASE_SECS: "5", FURU_POLL_INTERVAL_SECS: "0.5" };
/** So many ids does a run of these tests have, and the innocent have all of them on the other cluster. */
const IDS = 12;

const GATED: Node[] = [{ id: "top", needs: [{ id: "gate", does: ["await go"] }] }];

async function codeOf(script: Script): Promise<number> {
  await until(() => !script.alive, "it has ended", DEADLINE_MS);
  return (await script.ended()).code;
}

const off = Deno.env.get("FURU_TEST_SLURM") === "off" ||
  (!slurmAvailable() && Deno.env.get("FURU_TEST_SLURM") !== "required");
if (off) console.log('Slurm is off or not installed: left out are the tests "two clusters over one store"');

describe("two clusters over one store", { ignore: off }, () => {
  for (const mode of ["pool", "dag"] as const) {
    it(`${mode}: furu cancel on the other cluster touches nothing there, and says where the run is`, async () => {
      await using scene = await Scene.begin(mode, GATED);
      const { rig, east, west, innocent, runId, jobs } = scene;
      const there = rig.furu(["cancel", runId], west.env);
      assert(await codeOf(there) !== 0, there.stderr);
      assertMatch(there.stderr, /east/);
      await innocent.assertUntouched(there.stderr);
      assertEquals(idsOf(await running(east)), idsOf(jobs), "the run goes on");
      const here = rig.furu(["cancel", runId]);
      assertEquals(await codeOf(here), 0, here.stderr);
      await gone(east);
      await innocent.assertUntouched(here.stderr);
    });

    it(`${mode}: furu run on the other cluster waits for what lives on the first`, async () => {
      await using scene = await Scene.begin(mode, GATED);
      const { rig, east, west, innocent } = scene;
      const there = rig.furu(["run", ClusterPoolRig.pipeline, "--slurm", mode], west.env);
      await beatenFor(join(rig.folder, "store"), 10_000);
      assertEquals(rig.starts("gate").length, 1, `${there.stderr}\n${rig.logs()}`);
      assert(there.alive, `it waits: ${there.stderr}`);
      rig.write("go");
      assertEquals(await codeOf(there), 0, there.stderr);
      for (const [id, starts] of Map.groupBy(rig.starts(), ({ id }) => id)) {
        assertEquals(starts.length, 1, `${id} began ${starts.length} times\n${there.stderr}\n${rig.logs()}`);
      }
      await gone(east);
      rig.assertWhole(GATED);
      await innocent.assertUntouched(there.stderr);
    });
  }

  it("furu cancel of a run that has ended touches nothing, when its ids are those of others by now", async () => {
    await using cluster = await startCluster({ settings: { ClusterName: "north" } });
    await using rig = new ClusterPoolRig(cluster, LEASE);
    rig.writeRoots(Array.from({ length: 4 }, (_, i) => ({ id: `n${i}` })));
    for (const mode of ["pool", "dag"]) {
      const script = rig.furu([
        "run",
        ClusterPoolRig.pipeline,
        "--slurm",
        mode,
        "--detach",
        "--force",
        "ALL",
      ]);
      assertEquals(await codeOf(script), 0, script.stderr);
      const follow = rig.furu(["follow", script.stdout.trim()]);
      assertEquals(await codeOf(follow), 0, follow.stderr);
    }
    await gone(cluster);
    await cluster.stopController();
    const state = join(cluster.folder, "state");
    for (const { name } of Deno.readDirSync(state)) Deno.removeSync(join(state, name), { recursive: true });
    await cluster.startController();
    await using innocent = await Bystanders.submit(cluster, 3 * IDS);
    for (const run of rig.runs()) {
      const cancel = rig.furu(["cancel", run]);
      await codeOf(cancel);
      await innocent.assertUntouched(`${run}\n${cancel.stderr}`);
    }
  });
});

/** A run whose first tasks run on the east cluster; on the west one innocent jobs have all of its ids. */
class Scene implements AsyncDisposable {
  readonly #stack = new AsyncDisposableStack();
  east!: Cluster;
  west!: Cluster;
  rig!: ClusterPoolRig;
  innocent!: Bystanders;
  runId = "";
  /** Its jobs, as `<id> <state>`. */
  jobs: string[] = [];

  static async begin(mode: Mode, roots: readonly Node[]): Promise<Scene> {
    const scene = new Scene();
    try {
      await scene.#begin(mode, roots);
      return scene;
    } catch (error) {
      await scene[Symbol.asyncDispose]();
      throw error;
    }
  }

  async #begin(mode: Mode, roots: readonly Node[]): Promise<void> {
    // Both count their jobs from 1 on.
    this.east = this.#stack.use(await startCluster({ settings: { ClusterName: "east" } }));
    this.west = this.#stack.use(await startCluster({ settings: { ClusterName: "west" } }));
    this.innocent = await Bystanders.submit(this.west, IDS);
    this.rig = this.#stack.use(new ClusterPoolRig(this.east, LEASE));
    this.rig.writeRoots(roots);
    this.rig.write("slurm.json", JSON.stringify({ squeueIntervalSec: 1 }));
    const workers = mode === "pool" ? ["--workers", "2"] : [];
    const script = this.rig.furu(["run", ClusterPoolRig.pipeline, "--slurm", mode, "--detach", ...workers]);
    assertEquals(await codeOf(script), 0, script.stderr);
    this.runId = script.stdout.trim();
    await until(() => this.rig.starts("gate").length > 0, "a task runs on the east cluster", DEADLINE_MS);
    this.jobs = await running(this.east);
    for (const job of this.jobs) {
      assert(this.innocent.ids.includes(job.split(" ")[0]!), `${job} is there, too`);
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }
}

function idsOf(jobs: readonly string[]): string[] {
  return jobs.map((job) => job.split(" ")[0]!).sort();
}

async function running(cluster: Cluster): Promise<string[]> {
  return (await cluster.run("squeue", "-h", "-o", "%A %T")).split("\n").filter((row) => row !== "");
}

async function gone(cluster: Cluster): Promise<void> {
  for (const since = performance.now(); (await running(cluster)).length > 0;) {
    if (performance.now() - since > DEADLINE_MS) throw new Error(`jobs are left: ${await running(cluster)}`);
    await delay(100);
  }
}
