import { assert } from "@std/assert";
import { type Script, until } from "../../rig.ts";
import { ClusterPoolRig } from "../pool/cluster_pool_rig.ts";
import { describeOnSlurm } from "../suite.ts";
import { Bystanders } from "./bystanders.ts";
import { LEASE } from "./check_cell.ts";
import { cancelledAtOnce, down, heldFirst, type Mood, refusing } from "./moods.ts";
import type { Mode } from "./pipelines.ts";
import { Site } from "./site.ts";
import { QueueWatch } from "./watch_queue.ts";

/** A minute, and what a loaded machine takes to start and to look. */
const A_MINUTE_MS = 120_000;
const LIMIT = "QOSMaxSubmitJobPerUserLimit";

interface Silence {
  title: string;
  mode: Mode;
  moods: readonly Mood[];
  /** Is it detached, and somebody follows it? */
  followed?: boolean;
  says: RegExp;
}

/** Runs of which nothing moves on a cluster whose nodes are drained. */
const SILENCES: readonly Silence[] = [
  {
    title: "waits for nodes",
    mode: "pool",
    moods: [],
    says: /ReqNodeNotAvail|UnavailableNodes|Resources|drained/i,
  },
  {
    title: "waits for nodes",
    mode: "dag",
    moods: [],
    says: /ReqNodeNotAvail|UnavailableNodes|Resources|drained/i,
  },
  {
    title: "waits for nodes",
    mode: "pool",
    moods: [],
    followed: true,
    says: /ReqNodeNotAvail|UnavailableNodes|Resources|drained/i,
  },
  {
    title: "hears nothing from Slurm",
    mode: "pool",
    moods: [down("squeue"), down("scontrol")],
    says: /answer|contact|does not say/i,
  },
  {
    title: "hears nothing from squeue",
    mode: "dag",
    moods: [down("squeue")],
    says: /answer|contact|does not say/i,
  },
  { title: "has held jobs", mode: "pool", moods: [heldFirst(9)], says: /held/i },
  { title: "has held jobs", mode: "dag", moods: [heldFirst(9)], says: /held/i },
  {
    title: "is refused by a limit",
    mode: "pool",
    moods: [refusing(900, LIMIT)],
    says: /QOSMaxSubmitJobPerUserLimit/,
  },
  {
    title: "is refused by a limit",
    mode: "dag",
    moods: [refusing(900, LIMIT)],
    says: /QOSMaxSubmitJobPerUserLimit/,
  },
  {
    title: "has its jobs cancelled by the site",
    mode: "pool",
    moods: [cancelledAtOnce(999)],
    says: /cancel/i,
  },
];

describeOnSlurm("where nothing moves", (suite) => {
  suite.it("somebody is told why within a minute", async () => {
    const { cluster } = suite;
    await using _innocent = await Bystanders.submit(cluster);
    for (const nodes of Object.values(cluster.partitions)) {
      for (const node of nodes) await cluster.setNodeState(node, "drain");
    }
    // One begins after the other, then they wait together.
    let turn: Promise<unknown> = Promise.resolve();
    const answers = await Promise.allSettled(SILENCES.map(async ({ title, mode, moods, followed, says }) => {
      const before = turn;
      const begun = Promise.withResolvers<void>();
      turn = begun.promise;
      using site = new Site(cluster, moods);
      await using rig = new ClusterPoolRig(cluster, { ...site.env, ...LEASE });
      await using watch = new QueueWatch(cluster, site);
      rig.writeRoots([{ id: "top", needs: [{ id: "leaf" }] }]);
      rig.write("slurm.json", JSON.stringify({ squeueIntervalSec: 5 }));
      let script: Script | undefined;
      try {
        await before;
        const flags = followed ? ["--detach"] : [];
        script = rig.furu(["run", ClusterPoolRig.pipeline, "--slurm", mode, ...flags]);
        if (followed) {
          const submitting = script;
          await until(() => !submitting.alive, "it is submitted", A_MINUTE_MS);
          script = rig.furu(["follow", submitting.stdout.trim()]);
        }
        const talking = script;
        await until(() => talking.stderr !== "" || !talking.alive, "it begins", A_MINUTE_MS);
        begun.resolve();
        await until(() => says.test(talking.stderr) || !talking.alive, `it says ${says}`, A_MINUTE_MS);
        assert(says.test(talking.stderr), "it ends without a word");
      } catch (error) {
        throw new Error(`${mode}${followed ? ", followed" : ""} ${title}: ${error}\n${script?.stderr}`);
      } finally {
        begun.resolve();
        script?.kill("SIGKILL");
        await script?.ended();
        await watch.cancelAll();
      }
    }));
    const faults = answers.flatMap((answer) => answer.status === "rejected" ? [`${answer.reason}`] : []);
    assert(faults.length === 0, faults.join("\n\n"));
  });
});
