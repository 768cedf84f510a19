import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path/join";
import { afterEach, describe, it } from "@std/testing/bdd";
import { z } from "zod";
import { SlurmError } from "../../lib/core/errors.ts";
import type { Hash } from "../../lib/core/hash.ts";
import { SlurmClient } from "../../lib/slurm/client.ts";
import type { DagContext } from "../../lib/slurm/dag_context.ts";
import { type DagJob, readDagRun, readPayloads, runDir, writeDagRun } from "../../lib/slurm/dag_run.ts";
import { prepareDag } from "../../lib/slurm/dag_prepare.ts";
import { submitDag } from "../../lib/slurm/dag_submit.ts";
import { JobLookup } from "../../lib/slurm/job_lookup.ts";
import type { ProgramResult } from "../../lib/slurm/program.ts";
import { linkQueued, readQueued, writeQueuedId } from "../../lib/store/queued.ts";
import type { Artifact } from "../../lib/task/artifact.ts";
import { defineTask } from "../../lib/task/define.ts";
import { get } from "../../lib/run/get.ts";
import { configure } from "../../lib/core/config.ts";
import { exists, Rig, testRuntime } from "../rig.ts";
import { FakeSlurm, queueRow } from "./fake_slurm.ts";

const Leaf = defineTask({ name: "submit/Leaf", params: z.object({ id: z.string() }), create: () => 1 });
const Node = defineTask({
  name: "submit/Node",
  params: z.object({ id: z.string(), of: z.array(Leaf.schema) }),
  spec: "big",
  create: () => 2,
});

class SubmitRig extends Rig {
  readonly slurm = new FakeSlurm();
  readonly messages: string[] = [];
  /** Ids of submitted jobs by name. */
  readonly ids = new Map<string, string>();
  readonly dependencies = new Map<string, string>();
  /** Rows of the listing, besides those of submitted jobs. */
  rows: string[] = [];
  refuseAfter = Infinity;

  constructor() {
    super();
    this.slurm.answers.sbatch = (args) => this.#sbatch(args);
    this.slurm.answers.squeue = (args) => {
      const name = args.find((arg) => arg.startsWith("--name="))?.slice(7);
      const mine = [...this.ids].map(([name, jobId]) => queueRow({ jobId, name, state: "PENDING" }));
      const rows = [...this.rows, ...mine].filter((row) => name === undefined || row.includes(name));
      return rows.map((row) => `${row}\n`).join("");
    };
  }

  #sbatch(args: string[]): Partial<ProgramResult> {
    if (this.ids.size >= this.refuseAfter) {
      return { code: 1, stdout: "", stderr: "sbatch: error: Batch job submission failed: Invalid account" };
    }
    const name = args.find((arg) => arg.startsWith("--job-name="))!.slice(11);
    const id = `${100 + this.ids.size}`;
    this.ids.set(name, id);
    const dependency = args.find((arg) => arg.startsWith("--dependency="))?.slice(13);
    if (dependency !== undefined) this.dependencies.set(id, dependency);
    return { code: 0, stdout: `${id}\n` };
  }

  async submit(roots: Artifact[]): Promise<{ jobs: Map<Hash, DagJob>; context: DagContext }> {
    const runtime = testRuntime(this.root);
    const clock = runtime.machine.clock;
    const client = new SlurmClient({ env: {}, clock, run: this.slurm.run, intervalSec: 0.05 });
    // What the cluster has is another test's business.
    client.partitions = () => Promise.resolve([]);
    const prepared = await prepareDag(runtime, roots, {
      options: { mode: "dag", specs: { default: {}, big: { timeMin: 7 } } },
      config: runtime.config,
      entry: import.meta.url,
      signal: new AbortController().signal,
      client,
      lookup: new JobLookup(runtime.machine, client),
    });
    const context: DagContext = {
      ...prepared,
      onEvent: (event) => {
        if (event.type === "message") this.messages.push(event.text);
      },
    };
    const { nodes } = prepared.dagPlan;
    const artifacts = new Map(prepared.run.nodes.map(({ hash }) => [hash, nodes.get(hash)!.artifact]));
    await writeDagRun(runtime, context.dir, context.run, [...artifacts.values()]);
    return { jobs: await submitDag(context, artifacts, new Set()), context };
  }
}

describe("submitDag()", () => {
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

  it("says what is queued, with the job's id, and writes down all that a job needs", async () => {
    await using rig = new SubmitRig();
    const leaf = Leaf({ id: "a" });
    const root = Node({ id: "root", of: [leaf] });
    const { jobs, context } = await rig.submit([root]);
    const { store } = context.runtime;
    const queued = await readQueued(store, store.paths(root));
    assertEquals([queued?.jobId, queued?.name], [jobs.get(root.hash)!.jobId, jobs.get(root.hash)!.name]);
    assertEquals(context.dir, runDir(rig.root, context.run.runId));
    assertEquals((await readDagRun(context.runtime, context.dir)).nodes, context.run.nodes);
    const payloads = await readPayloads(context.runtime, context.dir, root.hash);
    assertEquals([...payloads.keys()].sort(), [leaf.hash, root.hash].sort() as string[]);
    const script = rig.slurm.calls.findLast(([program]) => program === "sbatch")!.at(-1)!;
    assertStringIncludes(Deno.readTextFileSync(script), `job --run ${context.dir} --hash ${root.hash}`);
  });

  it("drops what is stored", async () => {
    await using rig = new SubmitRig();
    configure({ root: rig.root, recordGit: "ignore" });
    const leaf = Leaf({ id: "a" });
    await get(leaf);
    await rig.submit([Node({ id: "root", of: [leaf] })]);
    assertEquals([rig.ids.size, rig.dependencies.size], [1, 0]);
  });

  it("waits for the job of another run instead of submitting it again", async () => {
    await using rig = new SubmitRig();
    const leaf = Leaf({ id: "a" });
    const { store } = testRuntime(rig.root);
    const name = "furu-01234567-other";
    await linkQueued(store, store.paths(leaf), { name, run: "other" });
    await writeQueuedId(store, store.paths(leaf), { name, jobId: "7" });
    rig.rows = [queueRow({ jobId: 7, name, state: "PENDING" })];
    const root = Node({ id: "root", of: [leaf] });
    const { jobs } = await rig.submit([root]);
    assertEquals(jobs.get(leaf.hash), { jobId: "7", name, own: false, foreign: false });
    assertEquals(rig.dependencies.get(jobs.get(root.hash)!.jobId), "afterok:7");
  });

  it("takes over what a job of another run left that has ended", async () => {
    await using rig = new SubmitRig();
    const leaf = Leaf({ id: "a" });
    const { store } = testRuntime(rig.root);
    const name = "furu-01234567-other";
    await linkQueued(store, store.paths(leaf), { name, run: "other" });
    rig.rows = [queueRow({ jobId: 7, name, state: "CANCELLED" })];
    const { jobs } = await rig.submit([leaf]);
    assertEquals(jobs.get(leaf.hash)?.own, true);
    assertEquals((await readQueued(store, store.paths(leaf)))?.name, jobs.get(leaf.hash)?.name);
  });

  it("cancels what it has submitted when one is refused, with sbatch's own words", async () => {
    await using rig = new SubmitRig();
    rig.refuseAfter = 1;
    const root = Node({ id: "root", of: [Leaf({ id: "a" })] });
    const error = await assertRejects(() => rig.submit([root]), SlurmError);
    assertStringIncludes(error.message, "Invalid account");
    assertEquals(rig.slurm.calls.filter(([program]) => program === "scancel"), [["scancel", "100"]]);
    assertEquals(rig.messages, ["cancelled the 1 job that was submitted already"]);
    assertEquals(exists(join(rig.root, "artifacts/submit/Leaf", Leaf({ id: "a" }).hash)), false);
    assertEquals(exists(join(rig.root, "artifacts/submit/Node", root.hash)), false);
  });
});
