import { assertEquals, assertObjectMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { SlurmError } from "../../lib/core/errors.ts";
import { SlurmClient } from "../../lib/slurm/client/client.ts";
import { cancelOwn } from "../../lib/slurm/dag/cancel_dag.ts";
import { readDagJobs } from "../../lib/slurm/jobs/dag_jobs.ts";
import { cancelOurs } from "../../lib/slurm/jobs/cancel_jobs.ts";
import { JobWatch } from "../../lib/slurm/jobs/job_watch.ts";
import { slurmSpecSchema } from "../../lib/slurm/client/spec.ts";
import { linkQueued, readQueued, writeQueuedId } from "../../lib/store/claims/queued.ts";
import { exists, testRuntime } from "../rig.ts";
import { type Answer, FakeClock, FakeSlurm, jobLine, queueRow } from "./fake_slurm.ts";
import { Leaf, Node, SubmitRig } from "./dag/submit_rig.ts";

const NAME = "furu-01234567-other";
const self = { host: "here", pid: 1, user: "me" };
const UNREACHABLE = { code: 1, stderr: "squeue: error: 'east' can't be reached now\n" };

/** A Slurm called west, which can ask another one, called east. */
function twoClusters(east: () => Answer, west: () => Answer = () => "") {
  const slurm = new FakeSlurm();
  slurm.answers.scontrol = "AccountingStorageType = (null)\nClusterName = west\n";
  slurm.answers.squeue = (args) => args[0] === "-M" ? east() : west();
  const clock = new FakeClock();
  const client = new SlurmClient({ env: {}, clock, run: slurm.run });
  const asked = () =>
    slurm.calls.filter(([name]) => name === "squeue").map((call) => call.slice(1, 3).join(" "));
  return { slurm, clock, client, asked };
}

const row = (state: string) => `${queueRow({ jobId: 7, name: NAME, state })}\n`;

describe("a job on another cluster", () => {
  it("is asked for with -M, and one on the own cluster is not", async () => {
    const { client, asked } = twoClusters(() => row("RUNNING"));
    const watch = new JobWatch({ clock: client.clock, self, isGone: () => true }, client);
    const known = await watch.state({ name: NAME, jobId: "7", cluster: "east" });
    assertObjectMatch(known, { status: "alive", jobId: "7", restarts: 0 });
    assertEquals(asked(), ["-M east"]);
    await watch.state({ name: NAME, jobId: "7", cluster: "west" });
    assertEquals(asked().slice(1).every((args) => args.startsWith("-h")), true);
  });

  it("is unknown, never dead, while that cluster does not answer, whatever the own one lists", async () => {
    const { client, clock } = twoClusters(() => UNREACHABLE, () => row("CANCELLED"));
    const watch = new JobWatch({ clock, self, isGone: () => true }, client);
    const job = { name: NAME, jobId: "7", cluster: "east" };
    const unknown = { status: "unknown", evidence: "nothing" };
    for (let i = 0; i < 5; i++) {
      assertObjectMatch(await watch.state({ ...job, submitter: self }), unknown);
      // Without an id, too: the name is absent here, and the submitter is gone.
      assertObjectMatch(await watch.state({ name: NAME, cluster: "east", submitter: self }), unknown);
      clock.ms += 10_000;
    }
  });

  it("is followed there, under an id that the own cluster has, too", async () => {
    const { client, clock } = twoClusters(() => row("TIMEOUT"), () => row("RUNNING"));
    const watch = new JobWatch({ clock, self, isGone: () => true }, client);
    const states = ["east", "west"].map((cluster) => watch.state({ jobId: "7", name: NAME, cluster }));
    const [east, west] = await Promise.all(states);
    assertEquals({ east: east?.text, west: west?.text }, { east: "TIMEOUT", west: "RUNNING" });
  });

  it("is cancelled there; the others are, also when one cluster refuses", async () => {
    const { client, clock, slurm } = twoClusters(() => "");
    slurm.answers.scontrol = (args) =>
      args.includes("config")
        ? "AccountingStorageType = (null)\nClusterName = west\n"
        : jobLine({ jobId: args.at(-1)!, name: NAME, state: "RUNNING" });
    slurm.answers.scancel = (args) => args[0] === "-M" ? { code: 1, stderr: "scancel: error: no" } : "";
    const watch = new JobWatch({ clock, self, isGone: () => true }, client);
    const jobs = [["7", "east"], ["8", "west"], ["9", undefined]].map(([jobId, cluster]) => ({
      name: NAME,
      jobId,
      cluster,
      uid: Deno.uid()!,
    }));
    await assertRejects(() => cancelOurs(client, watch, jobs), SlurmError, "Cannot cancel job 7");
    // Nobody knows whose the one is of which only the id is known.
    assertEquals(slurm.calls.filter(([name]) => name === "scancel"), [
      ["scancel", "-M", "east", "7"],
      ["scancel", "8"],
    ]);
  });

  it("is asked for with -M as long as the own cluster's name is not known", async () => {
    const { client, clock, slurm } = twoClusters(() => "");
    slurm.answers.scontrol = [{ code: 1 }, "AccountingStorageType = (null)\nClusterName = west\n"];
    assertEquals(await client.at("west") === client, false);
    assertEquals(await client.at("west") === client, false);
    clock.ms += 10_000;
    assertEquals(await client.at("west") === client, true);
    assertEquals(slurm.count("scontrol"), 2);
  });
});

describe("DagSubmission where there are several clusters", () => {
  it("writes down where its jobs go, before and after sbatch says so, and cancels them there", async () => {
    await using rig = new SubmitRig();
    rig.here = "west";
    rig.goesTo = "east";
    const leaf = Leaf({ id: "a" });
    const root = Node({ id: "root", of: [leaf] });
    const { jobs, context } = await rig.submit([root]);
    const { store } = context.runtime;
    assertEquals(jobs.get(leaf.hash)?.cluster, "east");
    assertEquals((await readQueued(store, store.paths(leaf)))?.cluster, "east");
    assertEquals(context.run.cluster, "west");
    assertEquals(rig.dependencies.get(jobs.get(root.hash)!.jobId), `afterok:${jobs.get(leaf.hash)!.jobId}`);
    const written = await readDagJobs(context.runtime, context.paths, context.run);
    assertEquals(written?.jobs.get(leaf.hash)?.cluster, "east");
    assertEquals(await cancelOwn(context, jobs), 2);
    const cancelled = rig.slurm.calls.filter(([program]) => program === "scancel");
    assertEquals(cancelled.map((call) => call.slice(0, 3)), [["scancel", "-M", "east"]]);
  });

  it("writes down the own cluster where sbatch names none", async () => {
    await using rig = new SubmitRig();
    rig.here = "west";
    const leaf = Leaf({ id: "a" });
    const { jobs, context } = await rig.submit([leaf]);
    const { store } = context.runtime;
    assertEquals(jobs.get(leaf.hash)?.cluster, "west");
    assertEquals((await readQueued(store, store.paths(leaf)))?.cluster, "west");
    assertEquals(rig.slurm.calls.some((call) => call.includes("-M")), false);
  });

  it("refuses to wait for a job of another cluster, whose id means nothing here", async () => {
    await using rig = new SubmitRig();
    rig.here = "west";
    rig.others.east = [queueRow({ jobId: 7, name: NAME, state: "PENDING" })];
    const leaf = Leaf({ id: "a" });
    const { store } = testRuntime(rig.root);
    await linkQueued(store, store.paths(leaf), { name: NAME, run: "other", cluster: "east" });
    await writeQueuedId(store, store.paths(leaf), { name: NAME, jobId: "7", cluster: "east" });
    const root = Node({ id: "root", of: [leaf] });
    const error = await assertRejects(() => rig.submit([root]), SlurmError);
    assertStringIncludes(error.message, `computed by Slurm job 7 (${NAME}) on cluster east`);
    assertEquals(rig.ids.size, 0);
    assertEquals((await readQueued(store, store.paths(leaf)))?.name, NAME);
    assertEquals(exists(store.paths(root).home), false);
  });

  it("does not submit again what is queued on a cluster that does not answer", async () => {
    await using rig = new SubmitRig();
    rig.here = "west";
    const leaf = Leaf({ id: "a" });
    const { store } = testRuntime(rig.root);
    await linkQueued(store, store.paths(leaf), { name: NAME, run: "other", cluster: "east" });
    const submitting = rig.submit([leaf]);
    const looks = () => rig.slurm.calls.filter((call) => call[0] === "squeue" && call[2] === "east").length;
    while (looks() < 4) await new Promise((resolve) => setTimeout(resolve, 5));
    rig.controller.abort(new Error("enough"));
    await assertRejects(() => submitting, Error, "enough");
    assertEquals(rig.ids.size, 0);
    assertEquals((await readQueued(store, store.paths(leaf)))?.name, NAME);
  });
});

describe("a spec", () => {
  it("cannot send its jobs to another cluster, where jobs of this one could not wait for them", () => {
    for (const name of ["clusters", "M", "-M", "cluster"]) {
      const { error } = slurmSpecSchema.safeParse({ extra: { [name]: "east" } });
      assertStringIncludes(error?.message ?? "", "is set by furu itself", name);
    }
  });
});
