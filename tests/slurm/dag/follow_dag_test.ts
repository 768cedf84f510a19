import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { join } from "@std/path/join";
import { describe, it } from "@std/testing/bdd";
import { configure } from "../../../lib/core/config.ts";
import { SlurmError } from "../../../lib/core/errors.ts";
import { systemFiles } from "../../../lib/core/system/system_files.ts";
import { get } from "../../../lib/api/get.ts";
import type { DagContext } from "../../../lib/slurm/dag/dag_context.ts";
import { followDag } from "../../../lib/slurm/dag/follow_dag.ts";
import { findJobs, OtherSubmitter, type Submitter } from "../../../lib/slurm/dag/find_jobs.ts";
import { type DagJob, type DagJobs, dagJobsPath } from "../../../lib/slurm/jobs/dag_jobs.ts";
import { JobWatch } from "../../../lib/slurm/jobs/job_watch.ts";
import { tryClaim } from "../../../lib/store/claims/claim.ts";
import { removeQueued } from "../../../lib/store/claims/queued.ts";
import { readClaim } from "../../../lib/store/claims/read_claim.ts";
import { releaseClaim } from "../../../lib/store/claims/attempt_end.ts";
import { testRuntime, until } from "../../rig.ts";
import { queueRow } from "../fake_slurm.ts";
import { Leaf, Node, SubmitRig } from "./submit_rig.ts";

const DOWN = { code: 1, stderr: "slurm_load_jobs error: Unable to contact slurm controller" };

/** A submitted run of two nodes, as another process sees it that has asked nothing yet. */
async function submitted(rig: SubmitRig) {
  const leaf = Leaf({ id: "a" });
  const root = Node({ id: "root", of: [leaf] });
  const { jobs, context } = await rig.submit([root]);
  const { runtime, run, paths, client } = context;
  const seen: DagContext = { ...context, watch: new JobWatch(runtime.machine, client) };
  const opened = { runtime, run, paths };
  return { leaf, root, jobs, seen, opened };
}

/** A submitter that submits no more. */
function whole(jobs: DagJobs): Submitter {
  return {
    jobs,
    look: () => Promise.resolve(),
    mayGet: () => false,
    settles: () => {},
    takeGivenUp: () => [],
    waits: () => [],
  };
}

/** What squeue says of jobs: of those of this user when asked for them, and of any by name. */
function answer(rig: SubmitRig, states: Record<string, string>, mine: boolean): void {
  rig.slurm.answers.squeue = (args) => {
    const names = args.find((arg) => arg.startsWith("--name="))?.slice(7).split(",");
    const rows = [...rig.ids].flatMap(([name, jobId]) => {
      const state = states[jobId];
      const isAsked = names ? names.includes(name) : mine;
      return state !== undefined && isAsked ? [`${queueRow({ jobId, name, state })}\n`] : [];
    });
    return rows.join("");
  };
}

describe("followDag()", () => {
  it("calls a node blocked, not failed, that was never submitted since its dependency had failed", async () => {
    await using rig = new SubmitRig();
    const { leaf, root, jobs, seen } = await submitted(rig);
    jobs.delete(root.hash);
    const { store } = seen.runtime;
    Deno.removeSync(store.paths(root).home, { recursive: true });
    // At first Slurm does not answer, so that nothing is known of the other job.
    rig.slurm.answers.squeue = DOWN;
    const following = followDag(seen, whole(jobs));
    await until(() => rig.slurm.count("squeue") > 5, "Slurm was asked");
    answer(rig, { 100: "TIMEOUT" }, true);
    const summary = await following;
    assertEquals(summary.failures.map(({ hash }) => hash), [leaf.hash]);
    assertEquals(summary.notRun, 1);
  });

  it("calls a node blocked, not failed, whose job was cancelled in a later listing than its dependency's", async () => {
    await using rig = new SubmitRig();
    const { leaf, jobs, seen } = await submitted(rig);
    const states = {
      running: { status: "alive", text: "RUNNING" },
      failed: { status: "dead", reason: "failed", text: "FAILED" },
      cancelled: { status: "dead", reason: "cancelled", text: "CANCELLED (DependencyNeverSatisfied)" },
    };
    let looks = 0;
    const known = ({ jobId }: DagJob) =>
      jobId !== jobs.get(leaf.hash)!.jobId ? states.cancelled : looks++ < 2 ? states.running : states.failed;
    const watch = {
      expect: () => {},
      silence: () => undefined,
      self: seen.runtime.machine.self,
      known,
      state: (job: DagJob) => Promise.resolve(known(job)),
      ask: (job: DagJob) => Promise.resolve({ ...known(job), evidence: "job", askedAt: Infinity }),
    };
    const summary = await followDag({ ...seen, watch: watch as unknown as JobWatch }, whole(jobs));
    assertEquals({ failed: summary.failures.map(({ hash }) => hash), notRun: summary.notRun }, {
      failed: [leaf.hash],
      notRun: 1,
    });
  });

  it("finds the result of a job that has ended although this host remembers that it was not there", async () => {
    await using rig = new SubmitRig();
    const leaf = Leaf({ id: "a" });
    const { store } = testRuntime(rig.root);
    const { list, readText } = store.machine.files;
    const { record, taskDir } = store.paths(leaf);
    // As on NFS: until its folder is listed once more, a name that was not there is not there.
    let lists = 0;
    const isHidden = () => lists < 2;
    rig.files = {
      list: async (dir) => {
        if (dir === taskDir) lists++;
        const entries = await list(dir);
        return dir === taskDir && isHidden() ? entries.filter(({ name }) => !record.endsWith(name)) : entries;
      },
      readText: (path) =>
        path === record && isHidden() ? Promise.reject(new Deno.errors.NotFound("ENOENT")) : readText(path),
    };
    const { jobs, context } = await rig.submit([leaf]);
    configure({ root: rig.root, recordGit: "ignore" });
    await get(leaf);
    configure({ root: "/nowhere" });
    answer(rig, { 100: "COMPLETED" }, true);
    lists = 0;
    const summary = await followDag({
      ...context,
      watch: new JobWatch(context.runtime.machine, context.client),
    }, whole(jobs));
    assertEquals({ failures: summary.failures, elsewhere: summary.elsewhere, lists }, {
      failures: [],
      elsewhere: 1,
      lists: 2,
    });
  });

  it("sees the ends of another user's jobs, and concludes nothing from not seeing them", async () => {
    await using rig = new SubmitRig();
    const { leaf, jobs, seen } = await submitted(rig);
    const theirs = new Map(
      [...jobs].map(([hash, job]): [typeof hash, DagJob] => [hash, { ...job, foreign: true }]),
    );
    const { store } = seen.runtime;
    const slurm = { jobId: jobs.get(leaf.hash)!.jobId, name: jobs.get(leaf.hash)!.name, restarts: 0 };
    const claimed = await tryClaim(store, store.paths(leaf), {
      backend: "slurm-dag",
      run: seen.run.runId,
      slurm,
    });
    // A site that shows nobody the jobs of others.
    answer(rig, {}, false);
    const following = followDag(seen, whole(theirs));
    const before = rig.slurm.count("squeue");
    await until(() => rig.slurm.count("squeue") > before + 8, "Slurm was asked again and again");
    assertEquals((await readClaim(store, store.paths(leaf)))?.slurm, slurm);
    if (claimed.kind === "claimed") await releaseClaim(store, claimed.claim);
    // One that shows them.
    answer(rig, { 100: "FAILED", 101: "CANCELLED" }, false);
    const summary = await following;
    assertEquals(summary.failures.map(({ hash }) => hash), [leaf.hash]);
    assertEquals(rig.slurm.count("scancel"), 0);
  });

  it("fails no node whose job its submitter may still submit, as while it waits out a limit", async () => {
    await using rig = new SubmitRig();
    const { leaf, root, jobs, seen, opened } = await submitted(rig);
    const { store, machine } = seen.runtime;
    for (const node of [leaf, root]) {
      await removeQueued(store, store.paths(node), jobs.get(node.hash)!.name);
    }
    answer(rig, {}, true);
    const submitter = new OtherSubmitter(opened, new Map());
    let looks = 0;
    const mayGet = submitter.mayGet.bind(submitter);
    submitter.mayGet = () => {
      looks++;
      return mayGet();
    };
    // It has written down nothing yet.
    Deno.removeSync(dagJobsPath(opened.paths));
    const following = followDag(seen, submitter);
    await until(() => looks > 5, "it looks again and again");
    assertEquals(rig.slurm.count("scancel"), 0);
    machine.isGone = () => true;
    const { failures, notRun } = await following;
    assertEquals(failures.map(({ hash }) => hash), [leaf.hash]);
    assertMatch(failures[0]!.error, /it was never submitted/);
    assertEquals(notRun, 1);
  });

  it("follows a job whose submitter died before it wrote down which it is", async () => {
    await using rig = new SubmitRig();
    const { leaf, jobs, seen } = await submitted(rig);
    jobs.clear();
    answer(rig, { 100: "RUNNING", 101: "PENDING" }, true);
    const following = followDag(seen, whole(jobs));
    await until(() => rig.slurm.count("squeue") > 5, "Slurm was asked");
    answer(rig, { 100: "OUT_OF_MEMORY", 101: "CANCELLED" }, true);
    const { failures, notRun } = await following;
    assertEquals({ failures: failures.length, notRun }, { failures: 1, notRun: 1 });
    assertEquals(failures[0]?.hash, leaf.hash);
    assertMatch(failures[0]!.error, /^Slurm job 100 ended without a result: out-of-memory/);
  });
});

describe("findJobs()", () => {
  const gone = { host: "here", pid: 1 };

  it("finds the jobs of a dead submitter by their names, and says whose they are", async () => {
    await using rig = new SubmitRig();
    const { leaf, root, jobs, opened, seen: { watch } } = await submitted(rig);
    opened.runtime.machine.isGone = () => true;
    answer(rig, { 100: "RUNNING", 101: "PENDING" }, true);
    Deno.removeSync(dagJobsPath(opened.paths));
    const found = await findJobs(opened, watch);
    const { store } = opened.runtime;
    for (const { hash } of [leaf, root]) {
      const { jobId, name, own, cluster } = jobs.get(hash)!;
      const { listedAs, ...job } = found.get(hash)!;
      assertEquals(listedAs, undefined);
      assertEquals(job, { jobId, name, own, cluster, submitter: store.machine.self });
    }
    const theirs = { ...opened, run: { ...opened.run, submitter: { ...gone, user: "somebody-else" } } };
    assertEquals((await findJobs(theirs, watch)).get(leaf.hash)?.submitter?.user, "somebody-else");
  });

  it("does not take squeue's silence for a run without jobs", async () => {
    await using rig = new SubmitRig();
    const { opened, leaf, root, seen: { watch } } = await submitted(rig);
    opened.runtime.machine.isGone = () => true;
    // It died before it wrote down any id.
    Deno.removeSync(dagJobsPath(opened.paths));
    for (const node of [leaf, root]) {
      Deno.removeSync(join(opened.runtime.store.paths(node).home, "queued.id.json"));
    }
    rig.slurm.answers.squeue = DOWN;
    await assertRejects(() => findJobs(opened, watch), SlurmError, "squeue does not answer");
  });

  it("opens nothing of nodes that are pending, however many there are", async () => {
    await using rig = new SubmitRig();
    const opened: string[] = [];
    const lists: string[] = [];
    rig.files = {
      readText: (path) => {
        opened.push(path);
        return systemFiles.readText(path);
      },
      open: (path) => {
        opened.push(path);
        return systemFiles.open(path);
      },
      stat: (path) => {
        opened.push(path);
        return systemFiles.stat(path);
      },
      list: (path) => {
        lists.push(path);
        return systemFiles.list(path);
      },
    };
    const { jobs, context } = await rig.submit(Array.from({ length: 150 }, (_, i) => Leaf({ id: `${i}` })));
    const states = Object.fromEntries([...rig.ids.values()].map((id) => [id, "PENDING"]));
    answer(rig, states, true);
    const following = followDag(context, whole(jobs)).catch((error) => error);
    const asked = rig.slurm.count("squeue");
    await until(() => rig.slurm.count("squeue") > asked + 3, "it knows that they are pending");
    opened.length = lists.length = 0;
    await until(() => lists.length >= 10, "it has looked ten times");
    assertEquals(opened, []);
    assertEquals(new Set(lists).size, 1, "one listing for each task's name");
    rig.controller.abort(new Error("enough was seen"));
    await following;
  });
});
