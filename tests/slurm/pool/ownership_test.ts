import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { join } from "@std/path/join";
import type { Node } from "../../e2e/run_rig.ts";
import { until } from "../../rig.ts";
import { type Cluster, startCluster } from "../cluster.ts";
import { describeOnSlurm } from "../suite.ts";
import { ClusterPoolRig, DEADLINE_MS } from "./cluster_pool_rig.ts";

const LEASE = { FURU_LEASE_SECS: "3", FURU_POLL_INTERVAL_SECS: "0.5" };
const ROOTS: Node[] = [{ id: "top", needs: [{ id: "gate", does: ["touch runs", "await go"] }, { id: "b" }] }];

/** Three jobs of nobody's run: whatever is done to runs, they go on. */
async function innocents(cluster: Cluster): Promise<() => Promise<void>> {
  const ids: string[] = [];
  for (let i = 0; i < 3; i++) {
    const id = await cluster.run("sbatch", "--parsable", "--output=/dev/null", "--wrap", "sleep 600");
    ids.push(id.trim());
  }
  return async () => {
    const states = await cluster.run("squeue", "-h", "-t", "all", "-o", "%T", "-j", ids.join(","));
    assertMatch(states, /^((PENDING|CONFIGURING|RUNNING)\n){2}(PENDING|CONFIGURING|RUNNING)\n?$/, states);
  };
}

/** Waits until a worker of the latest run has beaten for so long. */
async function beating(rig: ClusterPoolRig, ms: number): Promise<void> {
  const path = join(rig.run, "workers", `${rig.workers()[0]!.id}.json`);
  const beat = (): number => Deno.statSync(path).mtime!.getTime();
  const first = beat();
  await until(() => beat() - first >= ms, `the worker beats for ${ms} ms`, DEADLINE_MS);
}

/** The words of `furu run --slurm` for the roots of a rig. */
const RUN = ["run", ClusterPoolRig.pipeline, "--slurm", "--workers", "2"];

describeOnSlurm("a store that two clusters share", (suite) => {
  suite.it("has runs that only their own cluster's furu touches, and the other one waits for", async () => {
    await using other = await startCluster({ settings: { ClusterName: "east" } });
    await using rig = new ClusterPoolRig(suite.cluster);
    const unharmed = await innocents(other);
    rig.writeRoots(ROOTS);
    const submitted = await rig.furu([...RUN, "--detach"], LEASE).ended();
    assertEquals(submitted.code, 0, submitted.output);
    const runId = submitted.stdout.trim();
    await rig.begun("gate");
    const there = { ...LEASE, ...other.env };

    const cancelled = await rig.furu(["cancel", runId], there).ended();
    assertEquals(cancelled.code, 1, cancelled.output);
    assertStringIncludes(cancelled.stderr, "this is cluster east");

    const again = await rig.furu([...RUN, "--detach"], there).ended();
    assertEquals([again.code, again.stdout.trim()], [0, runId], again.output);
    assertStringIncludes(again.stderr, "computes this already: nothing is submitted");

    const taken = await rig.furu([...RUN, "--take-over"], there).ended();
    assertEquals(taken.code, 1, taken.output);
    assertStringIncludes(taken.stderr, "as its controller lives");

    await using waiting = rig.furu(RUN, there);
    await until(
      () => waiting.stderr.includes("on cluster furu"),
      "it says whose run it follows",
      DEADLINE_MS,
    );
    rig.write("go");
    const { code, output } = await waiting.ended();
    assertEquals(code, 0, output);
    assertMatch(output, /3 computed/);
    assertEquals(rig.runs(), [runId]);
    assertEquals(rig.starts().length, 3);
    await rig.left();
    rig.assertWhole(ROOTS);

    // The ids of its jobs may be those of others by now.
    const late = await rig.furu(["cancel", runId], LEASE).ended();
    assertEquals([late.code, late.stdout], [0, `run ${runId} has ended: nothing to cancel\n`]);
    await unharmed();
    assertEquals((await other.run("squeue", "-h", "-t", "all", "-o", "%i")).trim().split("\n").length, 3);
  });
});

/** Makes a run, and all that was submitted for it, another user's. */
function giveToAlice(rig: ClusterPoolRig): void {
  const jobs = join(rig.run, "jobs");
  const paths = [...Deno.readDirSync(jobs)].map(({ name }) => join(jobs, name));
  for (const path of [join(rig.run, "run.json"), ...paths.filter((path) => !path.endsWith(".id.json"))]) {
    const record = JSON.parse(Deno.readTextFileSync(path));
    Object.assign(record.submitter, { user: "alice", uid: 54321 });
    Deno.writeTextFileSync(path, JSON.stringify(record));
  }
}

describeOnSlurm("a store that two users share", (suite) => {
  suite.it("has runs that only their own user's furu touches, and others wait for", async () => {
    await using rig = new ClusterPoolRig(suite.cluster);
    rig.writeRoots(ROOTS);
    const submitted = await rig.furu([...RUN, "--detach"], LEASE).ended();
    assertEquals(submitted.code, 0, submitted.output);
    const runId = submitted.stdout.trim();
    await rig.begun("gate");
    giveToAlice(rig);
    const jobs = await rig.jobs();

    const cancelled = await rig.furu(["cancel", runId], LEASE).ended();
    assertEquals(cancelled.code, 1, cancelled.output);
    assertStringIncludes(cancelled.stderr, "a run of alice");
    const again = await rig.furu([...RUN, "--detach"], LEASE).ended();
    assertEquals([again.code, again.stdout.trim()], [0, runId], again.output);
    await using waiting = rig.furu(RUN, LEASE);
    await using following = rig.furu(["follow", runId], LEASE);
    await until(() => waiting.stderr.includes("of alice"), "it says whose run it follows", DEADLINE_MS);
    // Longer than the leases after which one who goes by Slurm's lists alone would give up.
    await beating(rig, 7000);
    assert(waiting.alive && following.alive, `${waiting.stderr}${following.stderr}`);
    assertEquals(await rig.jobs(), jobs);
    rig.write("go");
    for (const { code, output } of [await waiting.ended(), await following.ended()]) {
      assertEquals(code, 0, output);
      assertMatch(output, /3 computed/);
    }
    assertEquals(rig.runs(), [runId]);
    assertEquals(rig.starts().length, 3);
    await rig.left();
    rig.assertWhole(ROOTS);
  });
});

describeOnSlurm("a run of another user whose controller was killed", (suite) => {
  suite.it("is taken over when that is asked for, and its worker goes on", async () => {
    await using rig = new ClusterPoolRig(suite.cluster);
    rig.writeRoots(ROOTS);
    const hers = rig.furu(RUN, LEASE);
    await rig.begun("gate");
    hers.kill("SIGKILL");
    await hers.ended();
    giveToAlice(rig);
    const before = await rig.jobs();
    await using taking = rig.furu([...RUN, "--take-over"], LEASE);
    await until(() => taking.stderr.includes("takes over run"), "it says what it does", DEADLINE_MS);
    // Longer than a lease and all that a job that nobody sees might be given.
    await beating(rig, 6000);
    assert(taking.alive, taking.stderr);
    for (const job of before) assert((await rig.jobs()).includes(job), `${job} goes on`);
    rig.write("go");
    const { code, output } = await taking.ended();
    assertEquals(code, 0, output);
    assertEquals(rig.starts("gate").length, 1, output);
    assertEquals(rig.runs().length, 1);
    await rig.left();
    rig.assertWhole(ROOTS);
  });
});

describeOnSlurm("a detached run that pends", (suite) => {
  suite.it("is found by the second call, and goes on with changed specs where those are wanted", async () => {
    await using rig = new ClusterPoolRig(suite.cluster);
    const roots: Node[] = [{ id: "only", file: "words" }];
    rig.write("words", "a file of the run");
    rig.writeRoots(roots);
    const telling = (name: string) => ({ ...LEASE, FURU_NOTIFY: `cat >> '${rig.folder}/${name}'` });
    for (const node of ["cpu1", "cpu2"]) await suite.cluster.setNodeState(node, "drain");
    const first = await rig.furu([...RUN, "--detach"], telling("former")).ended();
    assertEquals(first.code, 0, first.output);
    const jobs = await rig.jobs();
    const second = await rig.furu([...RUN, "--detach"], LEASE).ended();
    assertEquals([second.code, second.stdout], [0, first.stdout], second.output);
    assertStringIncludes(second.stderr, "computes this already: nothing is submitted");
    assertEquals(await rig.jobs(), jobs);

    rig.write("slurm.json", JSON.stringify({ specs: { default: { partition: "gpu", timeMin: 5 } } }));
    const third = await rig.furu([...RUN, "--detach"], telling("told")).ended();
    assertEquals([third.code, third.stdout], [0, first.stdout], third.output);
    assertMatch(third.stderr, /goes on with specs that have changed \(default\): cancelled [12] pending job/);
    await until(() => rig.ended, "the run has ended", DEADLINE_MS);
    for (const node of ["cpu1", "cpu2"]) await suite.cluster.setNodeState(node, "resume");
    await rig.left();
    rig.assertWhole(roots);
    assertEquals(rig.starts().map(({ partition }) => partition), ["gpu"]);
    assertEquals(rig.read("read-only"), "a file of the run");
    // The controller told it, on a node; who is told is what the run was taken up with.
    const [notice, ...more] = rig.read("told").trim().split("\n").map((line) => JSON.parse(line));
    assertEquals([notice?.status, notice?.mode, notice?.counts.computed, more], ["succeeded", "pool", 1, []]);
    assertEquals(rig.read("former"), "");
    assertEquals(Deno.statSync(join(rig.run, "notify.json")).mode! & 0o777, 0o600);
  });

  suite.it("is left alone by a call that takes it up and then fails", async () => {
    await using rig = new ClusterPoolRig(suite.cluster);
    const roots: Node[] = [{ id: "a" }];
    rig.writeRoots(roots);
    for (const node of ["cpu1", "cpu2"]) await suite.cluster.setNodeState(node, "drain");
    const first = await rig.furu([...RUN, "--detach"], LEASE).ended();
    assertEquals(first.code, 0, first.output);
    rig.write("slurm.json", JSON.stringify({ specs: { default: { partition: "gpu", timeMin: 5 } } }));
    rig.write("sbatch", "#!/bin/sh\necho 'sbatch: error: Invalid account' >&2\nexit 1\n");
    Deno.chmodSync(join(rig.folder, "sbatch"), 0o755);
    const refusing = { ...LEASE, PATH: `${rig.folder}:${Deno.env.get("PATH")}` };
    const second = await rig.furu([...RUN, "--detach"], refusing).ended();
    assertEquals(second.code, 1, second.output);
    assertStringIncludes(second.stderr, "Invalid account");
    assertMatch(
      second.stderr,
      /goes on with specs that have changed \(default\): cancelled [12] pending job/,
    );
    const left = [rig.ended, Deno.readDirSync(rig.run).some(({ name }) => name === "stop.json")];
    assertEquals(left, [false, false], "it was neither ended nor stopped");
    const third = await rig.furu([...RUN, "--detach"], LEASE).ended();
    assertEquals([third.code, third.stdout], [0, first.stdout], third.output);
    await until(() => rig.ended, "the run has ended", DEADLINE_MS);
    for (const node of ["cpu1", "cpu2"]) await suite.cluster.setNodeState(node, "resume");
    await rig.left();
    rig.assertWhole(roots);
  });
});
