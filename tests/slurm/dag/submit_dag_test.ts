import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { z } from "zod";
import { join } from "@std/path/join";
import { afterEach, describe, it } from "@std/testing/bdd";
import { StoreError } from "../../../lib/core/errors.ts";
import { readDagJob } from "../../../lib/remote/own_node.ts";
import { payloadReferences, readPayload } from "../../../lib/worker/protocol/payload_files.ts";
import { queuePaths } from "../../../lib/queue/layout.ts";
import { readRun } from "../../../lib/remote/run_record.ts";
import { readDagJobs } from "../../../lib/slurm/jobs/dag_jobs.ts";
import { releaseClaim } from "../../../lib/store/claims/attempt_end.ts";
import { tryClaim } from "../../../lib/store/claims/claim.ts";
import { linkQueued, readQueued, writeQueuedId } from "../../../lib/store/claims/queued.ts";
import type { Artifact } from "../../../lib/task/artifact/artifact.ts";
import { defineTask } from "../../../lib/task/define.ts";
import { get } from "../../../lib/api/get.ts";
import type { ProgramResult } from "../../../lib/slurm/client/program.ts";
import { configure } from "../../../lib/core/config.ts";
import { exists, testRuntime, until } from "../../rig.ts";
import { queueRow } from "../fake_slurm.ts";
import { Leaf, Node, SubmitRig } from "./submit_rig.ts";

describe("DagSubmission", () => {
  afterEach(() => configure({ root: "/nowhere" }));

  it("submits dependencies first, and names their jobs after afterok", async () => {
    await using rig = new SubmitRig();
    const leaves = ["a", "b"].map((id) => Leaf({ id }));
    const root = Node({ id: "root", of: leaves });
    const { jobs } = await rig.submit([root]);
    const idOf = (artifact: Artifact) => jobs.get(artifact.hash)!.jobId;
    assertEquals(rig.dependencies.size, 1);
    assertEquals(
      rig.dependencies.get(idOf(root))!.split(":").sort(),
      ["afterok", ...leaves.map(idOf)].sort(),
    );
    const options = rig.slurm.calls.findLast(([program]) => program === "sbatch")!;
    assertEquals(options.includes("--time=7"), true);
    assertEquals(options.includes("--kill-on-invalid-dep=yes"), true);
    assertEquals(options.includes("--requeue"), true);
  });

  it("has what is more urgent first, with all that it needs", async () => {
    await using rig = new SubmitRig();
    const Ranked = defineTask({
      name: "submit/Ranked",
      params: z.object({ of: z.array(Leaf.schema), rank: z.int() }),
      priority: ({ rank }) => rank,
      create: () => 0,
    });
    const leaves = ["a", "b", "c"].map((id) => Leaf({ id }));
    const roots = leaves.map((leaf, index) => Ranked({ of: [leaf], rank: [0, 5, -5][index]! }));
    const { context: { run } } = await rig.submit(roots);
    const [a, b, c] = [...leaves, ...roots].map(({ hash }) => hash);
    const order = run.nodes.map(({ hash }) => hash);
    assertEquals(order.filter((hash) => hash === a || hash === b || hash === c), [b, a, c]);
    const tops = roots.map(({ hash }) => order.indexOf(hash));
    assert(tops[1]! < tops[0]! && tops[0]! < tops[2]!, `${tops}`);
  });

  it("says what is queued, with the job's id, and writes down all that a job needs", async () => {
    await using rig = new SubmitRig();
    const leaf = Leaf({ id: "a" });
    const root = Node({ id: "root", of: [leaf] });
    const { jobs, context } = await rig.submit([root]);
    const { store } = context.runtime;
    const queued = await readQueued(store, store.paths(root));
    assertEquals({ jobId: queued?.jobId, name: queued?.name }, {
      jobId: jobs.get(root.hash)!.jobId,
      name: jobs.get(root.hash)!.name,
    });
    const dir = join(rig.root, "runs", context.run.runId);
    assertEquals(context.paths.run, dir);
    assertEquals((await readRun(context.runtime, context.paths, "dag")).nodes, context.run.nodes);
    const payload = async ({ hash }: { hash: string }) => await readPayload(context.runtime, dir, hash);
    assertEquals(payloadReferences(await payload(root)), [leaf.hash]);
    assertEquals(payloadReferences(await payload(leaf)), []);
    const script = rig.slurm.calls.findLast(([program]) => program === "sbatch")!.at(-1)!;
    assertStringIncludes(Deno.readTextFileSync(script), `job --run ${dir} --hash ${root.hash}`);
  });

  it("has no job read what grows with the run", async () => {
    await using rig = new SubmitRig();
    const leaf = Leaf({ id: "a" });
    const root = Node({ id: "root", of: [leaf] });
    const { context: { paths, run, runtime } } = await rig.submit([root]);
    const { nodes, roots: _, ...head } = run;
    Deno.removeSync(join(paths.run, "nodes.json"));
    const [ofLeaf, ofRoot] = [leaf, root].map(({ hash }) => nodes.find((node) => node.hash === hash)!);
    const job = await readDagJob(runtime.machine, paths.run, root.hash);
    const below = [{ hash: leaf.hash, name: leaf.name }];
    assertEquals({ run: job.run, node: job.node }, { run: head, node: { ...ofRoot!, below } });
    assertEquals((await readDagJob(runtime.machine, paths.run, leaf.hash)).node, { ...ofLeaf!, below: [] });
    assertEquals((await readDagJob(runtime.machine, paths.run, "0".repeat(32))).node, undefined);
    await assertRejects(() => readRun(runtime, paths, "dag"), StoreError, "nodes.json");
  });

  it("drops what is stored", async () => {
    await using rig = new SubmitRig();
    configure({ root: rig.root, recordGit: "ignore" });
    const leaf = Leaf({ id: "a" });
    await get(leaf);
    await rig.submit([Node({ id: "root", of: [leaf] })]);
    assertEquals({ ids: rig.ids.size, dependencies: rig.dependencies.size }, { ids: 1, dependencies: 0 });
  });

  it("waits for the job of another run instead of submitting it again", async () => {
    await using rig = new SubmitRig();
    const leaf = Leaf({ id: "a" });
    const { store } = testRuntime(rig.root);
    const name = "furu-01234567-other";
    await linkQueued(store, store.paths(leaf), { name, run: "other", cluster: rig.here });
    await writeQueuedId(store, store.paths(leaf), { name, jobId: "7", cluster: rig.here });
    rig.rows = [queueRow({ jobId: 7, name, state: "PENDING" })];
    const root = Node({ id: "root", of: [leaf] });
    const { jobs } = await rig.submit([root]);
    const { jobId, name: found, own, cluster, submitter } = jobs.get(leaf.hash)!;
    assertEquals({ jobId, found, own, cluster }, { jobId: "7", found: name, own: false, cluster: rig.here });
    assertEquals(submitter, store.machine.self);
    assertEquals(rig.dependencies.get(jobs.get(root.hash)!.jobId), "afterok:7");
  });

  it("submits nothing for what a job began to compute between a look at its claim and one at what is queued", async () => {
    await using rig = new SubmitRig();
    const leaf = Leaf({ id: "a" });
    const { store } = testRuntime(rig.root);
    const { link } = store.machine.files;
    const paths = store.paths(leaf);
    const slurm = { jobId: "7", name: "furu-01234567-other", restarts: 0, cluster: rig.here };
    rig.rows = [queueRow({ ...slurm, state: "RUNNING" })];
    let begun: Awaited<ReturnType<typeof tryClaim>> | undefined;
    rig.files.link = async (from, to) => {
      if (to.endsWith("queued.json")) {
        begun ??= await tryClaim(store, paths, { backend: "slurm-dag", run: "other", slurm });
      }
      await link(from, to);
    };
    const { jobs } = await rig.submit([leaf]);
    assertEquals(begun?.kind, "claimed");
    const { jobId, name, own } = jobs.get(leaf.hash)!;
    assertEquals({ jobId, name, own }, { jobId: "7", name: slurm.name, own: false });
    assertEquals({ sbatch: rig.slurm.count("sbatch"), queued: await readQueued(store, paths) }, {
      sbatch: 0,
      queued: undefined,
    });
    if (begun?.kind === "claimed") await releaseClaim(store, begun.claim);
  });

  it("takes over what a job of another run left that has ended", async () => {
    await using rig = new SubmitRig();
    const leaf = Leaf({ id: "a" });
    const { store } = testRuntime(rig.root);
    const name = "furu-01234567-other";
    await linkQueued(store, store.paths(leaf), { name, run: "other", cluster: rig.here });
    rig.rows = [queueRow({ jobId: 7, name, state: "CANCELLED" })];
    const { jobs } = await rig.submit([leaf]);
    assertEquals(jobs.get(leaf.hash)?.own, true);
    assertEquals((await readQueued(store, store.paths(leaf)))?.name, jobs.get(leaf.hash)?.name);
  });

  it("gives up what sbatch refuses when nothing else is left to do, with sbatch's own words, and blocks what needs it", async () => {
    await using rig = new SubmitRig();
    rig.refuseAfter = 1;
    const leaves = ["a", "b"].map((id) => Leaf({ id }));
    const root = Node({ id: "root", of: leaves });
    const { submission, context } = await rig.prepare([root]);
    const submitting = submission.run();
    await until(() => submission.jobs.size === 1 && rig.slurm.count("sbatch") > 1, "one is refused");
    const [taken] = submission.jobs.keys();
    const refused = leaves.find(({ hash }) => hash !== taken)!;
    // Its job may still make room.
    assertEquals(submission.takeGivenUp(), []);
    assertEquals(submission.mayGet(refused.hash), true);
    submission.settles(taken!, "done");
    await submitting;
    const [given, ...others] = submission.takeGivenUp();
    assertEquals({ hash: given?.node.hash, others }, { hash: refused.hash, others: [] });
    assertStringIncludes(given!.error, "Invalid account");
    assertEquals(submission.mayGet(root.hash), false);
    assertEquals(rig.slurm.count("scancel"), 0);
    assertStringIncludes(rig.messages[0]!, "jobs of spec 'default' are tried again for as long as");
    const { store } = context.runtime;
    assertEquals(await readQueued(store, store.paths(refused)), undefined);
  });

  it("goes on with other specs while one is refused, and with that one when sbatch takes it again", async () => {
    await using rig = new SubmitRig();
    const refusing = rig.slurm.answers.sbatch as (args: string[]) => Partial<ProgramResult>;
    let isFull = true;
    rig.slurm.answers.sbatch = (args) =>
      isFull && args.includes("--time=7")
        ? { code: 1, stderr: "sbatch: error: QOSMaxSubmitJobPerUserLimit" }
        : refusing(args);
    const big = Node({ id: "big", of: [] });
    const leaves = Array.from({ length: 12 }, (_, i) => Leaf({ id: `${i}` }));
    const { submission } = await rig.prepare([big, ...leaves]);
    const submitting = submission.run();
    await until(() => submission.jobs.size === 12, "all of the other spec are submitted");
    assertEquals(submission.waits().map(({ of }) => of), ["1 job of spec 'big'"]);
    isFull = false;
    await submitting;
    assertEquals(submission.jobs.size, 13);
    assertEquals(rig.messages.at(-1), "sbatch takes jobs of spec 'big' again");
  });

  it("asks squeue nothing where the store says that nobody has a node", async () => {
    await using rig = new SubmitRig();
    rig.slurm.answers.squeue = {
      code: 1,
      stderr: "slurm_load_jobs error: Unable to contact slurm controller",
    };
    const roots = Array.from({ length: 10 }, (_, i) => Node({ id: `${i}`, of: [Leaf({ id: `${i}` })] }));
    const { jobs } = await rig.submit(roots);
    assertEquals(jobs.size, 20);
  });

  it("finds and cancels a job that sbatch had taken when it was killed by the same Ctrl-C", async () => {
    await using rig = new SubmitRig();
    rig.onTaken = () => {
      rig.controller.abort(new Error("Ctrl-C"));
      return { stdout: "" };
    };
    const leaf = Leaf({ id: "a" });
    await assertRejects(() => rig.submit([leaf]), Error, "Ctrl-C");
    assertEquals(rig.slurm.calls.filter(([program]) => program === "scancel"), [["scancel", "100"]]);
    assertStringIncludes(rig.messages[0]!, "was stopped while it was being submitted: cancelled the 1 job");
    assertEquals(exists(join(rig.root, "artifacts/submit/Leaf", leaf.hash)), false);
    const runtime = testRuntime(rig.root);
    const written = await readDagJobs(runtime, queuePaths(rig.root, rig.runId), {
      submitter: runtime.machine.self,
    });
    assertEquals({ complete: written?.complete, id: written?.jobs.get(leaf.hash)?.jobId }, {
      complete: true,
      id: "100",
    });
  });

  it("leaves a job queued that may be in Slurm, and says so, when squeue does not tell", async () => {
    await using rig = new SubmitRig();
    rig.onTaken = () => {
      rig.slurm.answers.squeue = {
        code: 1,
        stderr: "slurm_load_jobs error: Unable to contact slurm controller",
      };
      rig.controller.abort(new Error("Ctrl-C"));
      return { stdout: "" };
    };
    const leaf = Leaf({ id: "a" });
    await assertRejects(() => rig.submit([leaf]), Error, "Ctrl-C");
    assertMatch(
      rig.messages.at(-1)!,
      /furu-Leaf-\w{8}-\w+ may be in Slurm, which does not tell: furu cancel slurm-/,
    );
    const { store } = testRuntime(rig.root);
    assertEquals((await readQueued(store, store.paths(leaf)))?.run, rig.runId);
  });

  it("keeps what says that jobs are queued when they cannot be cancelled", async () => {
    await using rig = new SubmitRig();
    rig.onTaken = () => {
      rig.controller.abort(new Error("Ctrl-C"));
      return undefined;
    };
    rig.slurm.answers.scancel = { code: 1, stderr: "scancel: error: Unable to contact slurm controller" };
    const leaf = Leaf({ id: "a" });
    await assertRejects(() => rig.submit([leaf]), Error, "Ctrl-C");
    assertStringIncludes(rig.messages.at(-1)!, "Cannot cancel job 100");
    assertStringIncludes(rig.messages.at(-1)!, `furu cancel ${rig.runId}`);
    const { store } = testRuntime(rig.root);
    assertEquals((await readQueued(store, store.paths(leaf)))?.jobId, "100");
  });
});
