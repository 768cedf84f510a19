import {
  assert,
  assertEquals,
  assertMatch,
  assertObjectMatch,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { ConfigError, SlurmError } from "../../lib/core/errors.ts";
import { SlurmClient } from "../../lib/slurm/client/client.ts";
import { cancelOwn } from "../../lib/slurm/dag/cancel_dag.ts";
import { readDagJobs } from "../../lib/slurm/jobs/dag_jobs.ts";
import { cancelOurs } from "../../lib/slurm/jobs/cancel_jobs.ts";
import { JobWatch } from "../../lib/slurm/jobs/job_watch.ts";
import { askPartitions, checkOneCluster, clustersOfRun } from "../../lib/slurm/run/spec_clusters.ts";
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

describe("DagSubmission of specs on several clusters", () => {
  const sinfo = "cpu*|infinite|2|4|4000|(null)\n";

  it("sends each job to the cluster of its spec, under which it is queued and found", async () => {
    await using rig = new SubmitRig();
    rig.specs = { default: {}, big: { cluster: "east" } };
    rig.slurm.answers.sinfo = sinfo;
    const leaf = Leaf({ id: "a" });
    const alone = Node({ id: "alone", of: [] });
    const { jobs, context } = await rig.submit([leaf, alone]);
    assertEquals([leaf, alone].map(({ hash }) => jobs.get(hash)?.cluster), ["west", "east"]);
    const { store } = context.runtime;
    const queued = await Promise.all([leaf, alone].map((each) => readQueued(store, store.paths(each))));
    assertEquals(queued.map((each) => each?.cluster), ["west", "east"]);
    const sent = rig.slurm.calls.filter(([program]) => program === "sbatch");
    assertEquals(sent.map((call) => call.slice(1, 3).includes("east")).sort(), [false, true]);
    await cancelOwn(context, jobs);
    const cancelled = rig.slurm.calls.filter(([program]) => program === "scancel");
    const [here, there] = [leaf, alone].map(({ hash }) => jobs.get(hash)!.jobId);
    assertEquals(cancelled.map((call) => call.slice(1).join(" ")).sort(), [`-M east ${there}`, here]);
  });

  it("looks for a job whose answer was lost on the cluster that it was sent to", async () => {
    await using rig = new SubmitRig();
    rig.specs = { default: {}, big: { cluster: "east" } };
    rig.slurm.answers.sinfo = sinfo;
    rig.others.east = [];
    const alone = Node({ id: "alone", of: [] });
    rig.onTaken = (name) => {
      rig.others.east = [queueRow({ jobId: 7, name, state: "PENDING" })];
      // The own cluster has another job of that id.
      rig.rows = [queueRow({ jobId: 7, name: "furu-other", state: "RUNNING" })];
      return { code: 1, stdout: "", stderr: "sbatch: error: Socket timed out on send/recv operation\n" };
    };
    const { jobs } = await rig.submit([alone]);
    assertObjectMatch(jobs.get(alone.hash)!, { jobId: "7", cluster: "east" });
    assertEquals(rig.ids.size, 1);
  });

  it("refuses jobs that would wait for one of another cluster, before anything is submitted", async () => {
    await using rig = new SubmitRig();
    rig.specs = { default: {}, big: { cluster: "east" } };
    rig.slurm.answers.sinfo = sinfo;
    const error = await assertRejects(() => rig.submit([Node({ id: "root", of: [Leaf({ id: "a" })] })]));
    assert(error instanceof ConfigError);
    assertStringIncludes(error.message, "(spec 'big', cluster east) needs submit/Leaf(");
    assertStringIncludes(error.message, "(spec 'default', cluster west)");
    assertEquals(rig.ids.size, 0);
    // What names the own cluster is no other one.
    rig.specs = { default: {}, big: { cluster: "west" } };
    await rig.submit([Node({ id: "root", of: [Leaf({ id: "a" })] })]);
    assertEquals(rig.ids.size, 2);
  });
});

describe("checkOneCluster()", () => {
  const run = { cluster: "west", specs: { default: {}, gpu: { cluster: "east" } } };
  const node = (name: string, spec: string, ...dependencies: string[]) => ({
    hash: name,
    name,
    spec,
    dependencies,
  });

  it("names a pair for each two tasks, and lets those be that wait on one cluster", () => {
    const fine = [node("a", "gpu"), node("b", "gpu", "a"), node("c", "default"), node("d", "default", "c")];
    checkOneCluster([...fine, node("e", "gpu", "not-of-the-run")], run);
    const bad = ["f", "g", "h", "i", "j", "k"].map((name) => node(name, "default", "a"));
    const { message } = assertThrows(() => checkOneCluster([...fine, ...bad], run), ConfigError);
    assertMatch(
      message,
      /^ {2}f\S* \(spec 'default', cluster west\) needs a\S* \(spec 'gpu', cluster east\)$/m,
    );
    assertStringIncludes(message, "and 1 more");
    assertEquals(clustersOfRun(run), new Set(["west", "east"]));
  });
});

describe("askPartitions()", () => {
  it("tells a cluster that there is none of from one that does not answer", async () => {
    const { slurm, client } = twoClusters(() => "");
    slurm.answers.sinfo = (args) =>
      args[0] === "-M"
        ? { code: 1, stderr: "sinfo: error: 'eest' can't be reached now\n" }
        : "cpu*|1:00:00|2|4|4000|(null)\n";
    const ask = askPartitions(client);
    assertEquals((await ask(undefined)).map(({ name }) => name), ["cpu"]);
    slurm.answers.sacctmgr = "east\nwest\n";
    await assertRejects(() => ask("eest"), ConfigError, "there are east, west; did you mean 'east'?");
    await assertRejects(() => ask("east"), SlurmError, "it does not answer: Cannot read Slurm's partitions");
    slurm.answers.sacctmgr = { code: 1, stderr: "sacctmgr: error: Connection refused\n" };
    await assertRejects(() => ask("eest"), SlurmError, "which sacctmgr does not reach from here");
  });
});

describe("a spec", () => {
  it("names the cluster in a field of its own, and one of them", () => {
    for (const name of ["clusters", "M", "-M", "cluster"]) {
      const { error } = slurmSpecSchema.safeParse({ extra: { [name]: "east" } });
      assertStringIncludes(error?.message ?? "", "use 'cluster'", name);
    }
    assertEquals(slurmSpecSchema.parse({ cluster: "east-2" }).cluster, "east-2");
    for (const cluster of ["east,west", "all", "", "-v", "a b"]) {
      const { error } = slurmSpecSchema.safeParse({ cluster });
      assertStringIncludes(error?.message ?? "", "must be the name of one cluster", cluster);
    }
  });
});
