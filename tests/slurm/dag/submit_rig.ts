import { z } from "zod";
import type { Files } from "../../../lib/core/system/files.ts";
import type { Hash } from "../../../lib/core/hash.ts";
import { SlurmClient } from "../../../lib/slurm/client/client.ts";
import type { DagContext } from "../../../lib/slurm/dag/dag_context.ts";
import { newRunId, prepareRun } from "../../../lib/slurm/run/prepare_run.ts";
import type { SlurmSpecs } from "../../../lib/slurm/run/check_specs.ts";
import type { DagJob } from "../../../lib/slurm/jobs/dag_jobs.ts";
import { runLog } from "../../../lib/core/run_log.ts";
import { queuePaths } from "../../../lib/queue/layout.ts";
import { writeRun } from "../../../lib/remote/run_record.ts";
import { ownNodes } from "../../../lib/remote/own_node.ts";
import { writePayloads } from "../../../lib/worker/protocol/payload_files.ts";
import type { RunEvent } from "../../../lib/core/event.ts";
import { DagSubmission } from "../../../lib/slurm/dag/submit_dag.ts";
import { JobWatch } from "../../../lib/slurm/jobs/job_watch.ts";
import type { ProgramResult } from "../../../lib/slurm/client/program.ts";
import type { Artifact } from "../../../lib/task/artifact/artifact.ts";
import { defineTask } from "../../../lib/task/define.ts";
import { Rig, testRuntime } from "../../rig.ts";
import { FakeSlurm, queueRow } from "../fake_slurm.ts";

export const Leaf = defineTask({
  name: "submit/Leaf",
  params: z.object({ id: z.string() }),
  create: () => 1,
});
export const Node = defineTask({
  name: "submit/Node",
  params: z.object({ id: z.string(), of: z.array(Leaf.schema) }),
  spec: "big",
  create: () => 2,
});

/** Submits runs to a fake Slurm, in this process. */
export class SubmitRig extends Rig {
  readonly slurm = new FakeSlurm();
  readonly messages: string[] = [];
  readonly runId = newRunId(testRuntime(this.root).machine);
  /** Ids of submitted jobs by name. */
  readonly ids = new Map<string, string>();
  readonly dependencies = new Map<string, string>();
  /** Rows of the listing, besides those of submitted jobs. */
  rows: string[] = [];
  refuseAfter = Infinity;
  /** Seconds for which a refusal is tried again when nothing else is to do. */
  refusalSec = 0;
  /** What the cluster here is called, as scontrol says. */
  here = "west";
  /** The cluster that sbatch names after the ids, as it does where there are several. */
  goesTo: string | undefined;
  /** The specs of its runs. */
  specs: SlurmSpecs = { default: {}, big: { timeMin: 7 } };
  /** Listings of other clusters, by name; one that is not there does not answer. */
  readonly others: Record<string, string[]> = {};
  /** Stops the run. */
  readonly controller = new AbortController();
  /** Operations on files that do something else than the real ones. */
  files: Partial<Files> = {};
  /** Called with the name of a job that sbatch has taken: what sbatch answers instead. */
  onTaken: ((name: string) => Partial<ProgramResult> | undefined) | undefined;

  constructor() {
    super();
    this.slurm.answers.sbatch = (args) => this.#sbatch(args);
    this.slurm.answers.scontrol = () => `AccountingStorageType = (null)\nClusterName = ${this.here}\n`;
    this.slurm.answers.squeue = (args) => {
      const name = args.find((arg) => arg.startsWith("--name="))?.slice(7);
      const cluster = args[0] === "-M" ? args[1] : undefined;
      if (cluster !== undefined && this.others[cluster] === undefined && cluster !== this.goesTo) {
        return { code: 1, stderr: `squeue: error: '${cluster}' can't be reached now\n` };
      }
      const mine = cluster !== this.goesTo
        ? []
        : [...this.ids].map(([name, jobId]) => queueRow({ jobId, name, state: "PENDING" }));
      const rows = [...(cluster === undefined ? this.rows : this.others[cluster] ?? []), ...mine].filter((
        row,
      ) => name === undefined || name.split(",").some((each) => row.includes(each)));
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
    const suffix = this.goesTo === undefined ? "" : `;${this.goesTo}`;
    return this.onTaken?.(name) ?? { code: 0, stdout: `${id}${suffix}\n` };
  }

  /** Submits to the end. */
  async submit(roots: Artifact[]): Promise<{ jobs: Map<Hash, DagJob>; context: DagContext }> {
    const { submission, context } = await this.prepare(roots);
    await submission.run();
    return { jobs: submission.jobs, context };
  }

  /** Plans, and submits nothing yet. */
  async prepare(roots: Artifact[]): Promise<{ submission: DagSubmission; context: DagContext }> {
    const runtime = testRuntime(this.root, {
      files: this.files,
      config: { slurm: { refusalSec: this.refusalSec } },
    });
    const clock = runtime.machine.clock;
    const client = new SlurmClient({ env: {}, clock, run: this.slurm.run, intervalSec: 0.05 });
    // What the cluster has is another test's business.
    client.partitions = () => Promise.resolve([]);
    const onEvent = (event: RunEvent) => {
      if (event.type === "message") this.messages.push(event.text);
    };
    const { signal } = this.controller;
    const watch = new JobWatch(runtime.machine, client);
    const { run, specs, artifacts } = await prepareRun(runtime, roots, {
      runId: this.runId,
      options: { mode: "dag", specs: this.specs },
      config: runtime.config,
      entry: import.meta.url,
      signal,
      client,
      watch,
    });
    const context: DagContext = {
      runtime,
      client,
      watch,
      run,
      specs,
      paths: queuePaths(this.root, this.runId),
      onEvent,
      log: runLog(onEvent, clock),
      signal,
    };
    await writePayloads(runtime, context.paths.run, artifacts, { besides: ownNodes(run) });
    await writeRun(runtime, context.paths, run);
    const byHash = new Map(artifacts.map((artifact) => [artifact.hash, artifact]));
    return { submission: new DagSubmission(context, byHash, new Set()), context };
  }
}
