import { errorText } from "../../core/errors.ts";
import { processAgeMs } from "../../core/system/process_age.ts";
import { systemMachine } from "../../core/system/system_machine.ts";
import { FURU_VERSION } from "../../core/version.ts";
import type { OwnNode } from "../../remote/own_node.ts";
import type { DagHead } from "../../remote/run_record.ts";
import { snapshotUrl } from "../../snapshot/places.ts";
import { type OwnerFile, ownersOf } from "../../store/claims/owner_files.ts";
import { attemptPaths, RECORD_SCHEMA } from "../../store/layout.ts";
import { Store } from "../../store/store.ts";
import { createLogger } from "../../ui/logger.ts";
import { writeAll } from "../../core/system/write_all.ts";
import type { ComputeConfig } from "../../worker/child/compute_task.ts";
import type { RunEnd } from "../../worker/in_flight.ts";
import type { WorkerProcess } from "../../worker/subprocess.ts";
import { Workers } from "../../worker/workers.ts";
import { heapMbOf, startOfRun } from "../client/job_command.ts";
import { spanOfJob } from "../client/own_job.ts";
import type { BegunJob, DagJobOptions } from "../dag/dag_job.ts";
import { askJobTime, JobSignals } from "../jobs/job_signals.ts";
import { JobShow } from "./job_show.ts";

/** A job that is most probably as plain as most are. */
interface PlainJob extends DagJobOptions {
  run: DagHead;
  node: OwnNode;
}

/** The time that a claim needs no heartbeat: nothing in this process can block. */
const BEAT_AFTER_MS = 2000;

/**
 * The process of a job in DAG mode (ARCHITECTURE, "DAG mode"). Most jobs are plain: begun for the first time,
 * all that they depend on is stored, and there is nothing of their artifact but their own place in the queue.
 * The first attempt of such a job is supervised here, with as little loaded as that takes, which is most of
 * the time that a job of a tiny task takes; its computing process claims. Whatever turns out not to be plain,
 * or not to succeed, is for {@link runDagJob}, which goes on from here.
 *
 * @returns Its exit code, as that function's.
 */
export async function runJob(options: DagJobOptions): Promise<number> {
  const job = await readPlain(options);
  const begun = job && await begin(job);
  if (typeof begun === "number") return begun;
  // Every schema is used once or twice here: compiling it takes longer. Before any is made, or it has no
  // effect.
  (await import("zod")).z.config({ jitless: true });
  const { runDagJob } = await import("../dag/dag_job.ts");
  return await runDagJob(options, begun);
}

/**
 * Reads as much as a plain job needs. What this very version of furu wrote has its form; whatever is wrong
 * with it is found by those who check.
 *
 * @returns `undefined` where it is no plain job.
 */
async function readPlain(options: DagJobOptions): Promise<PlainJob | undefined> {
  const { dir, hash, slurm } = options;
  if (slurm.restarts !== 0) return undefined;
  const read = async (path: string) => JSON.parse(await Deno.readTextFile(path));
  try {
    const [run, { node }] = await Promise.all([
      read(`${dir}/run.json`) as Promise<DagHead>,
      read(`${dir}/artifacts/${hash}.json`) as Promise<{ node: OwnNode }>,
    ]);
    const isPlain = run.schema === RECORD_SCHEMA && run.mode === "dag" &&
      run.versions.furu === FURU_VERSION && await isSameCode(run) &&
      run.force.length === 0 && (run.invalid ?? []).length === 0 &&
      node.hash === hash && node.jobName === slurm.name && run.specs[node.spec] !== undefined;
    return isPlain ? { ...options, run, node } : undefined;
  } catch {
    return undefined;
  }
}

/** As the job of any other one looks at it, once it is known that furu is the same. */
async function isSameCode(run: DagHead): Promise<boolean> {
  const isSimple = run.code !== undefined || run.lock === undefined;
  if (isSimple && run.versions.deno === Deno.version.deno) return true;
  return (await import("../../remote/code_fault.ts")).codeFault(run) === undefined;
}

/** Makes the first attempt of a plain job; what it returns besides an exit code is for others to go on. */
async function begin(job: PlainJob): Promise<number | BegunJob> {
  const { run, node, slurm, client, env } = job;
  const machine = systemMachine();
  const { clock } = machine;
  const store = new Store(machine, run.config);
  const { timeMin, memGb } = run.specs[node.spec] as { timeMin?: number; memGb?: number };
  const signals = new JobSignals({
    clock,
    timeMin,
    ask: async () => await askJobTime(await client(), slurm),
  });
  const logger = createLogger({
    level: run.config.logLevel,
    write: (line) => writeAll(Deno.stderr, `${line}\n`),
    now: () => clock.now(),
  });
  if (run.versions.deno !== Deno.version.deno) {
    logger.warn((await import("../../remote/code_fault.ts")).otherDeno(run)!);
  }
  const { config, git, code } = run;
  const given: ComputeConfig = { config, git, slurm, ...(code === undefined ? {} : { code }) };
  const workers = new Workers({ machine, store, logger, config }, {
    entry: snapshotUrl(store.root, code, run.entry),
    maxHeapMb: heapMbOf({ memGb }, 1),
    start: startOfRun(run, store.root),
    config: () => Promise.resolve(given),
    stopping: signals.signal,
    time: signals,
  });
  // It starts while this process looks at the store.
  workers.warm(1);
  const showJob = async (id: string) => await (await client()).showJob(id);
  const span = await spanOfJob(clock, { env, slurm, ageMs: processAgeMs(), client: { showJob }, timeMin });
  if (span) signals.plan(span);
  const begun: BegunJob = { store, signals, span, workers };
  const paths = store.paths(node);
  let owner: OwnerFile | undefined;
  let worker: WorkerProcess;
  try {
    owner = await ownersOf(store).take(paths, {
      backend: "slurm-dag",
      run: run.runId,
      slurm,
      beatAfterMs: Math.min(BEAT_AFTER_MS, store.heartbeatSec * 1000),
    });
    worker = await workers.take(signals.signal);
  } catch {
    // Whatever it is, it comes again, to those who can say it.
    if (owner) await ownersOf(store).give(owner, paths);
    return begun;
  }
  await using show = new JobShow({
    dir: job.dir,
    runId: run.runId,
    artifact: paths,
    log: attemptPaths(paths, { n: 1, id: owner.record.id }).log,
    machine,
    store,
    logger,
  });
  const end = await attempt(job, { owner, worker, show, signal: signals.signal });
  workers.give(worker);
  if (end === "declined") {
    await ownersOf(store).give(owner, paths);
    return begun;
  }
  if (end.outcome !== "success" && end.outcome !== "superseded") return { ...begun, ended: { owner, end } };
  show.done(end.outcome === "success" ? "computed" : "elsewhere");
  await Promise.all([ownersOf(store).give(owner, paths), workers[Symbol.asyncDispose]()]);
  signals[Symbol.dispose]();
  return 0;
}

/** What the attempt of a job is made with. */
interface AttemptTools {
  readonly owner: OwnerFile;
  readonly worker: WorkerProcess;
  readonly show: JobShow;
  /** Aborts when the job was told to end. */
  readonly signal: AbortSignal;
}

async function attempt(
  { dir, run, node, slurm }: PlainJob,
  { owner, worker, show, signal }: AttemptTools,
): Promise<Exclude<RunEnd, { later: unknown }>> {
  const task = {
    entry: snapshotUrl(run.config.root, run.code, run.entry),
    root: node.hash,
    name: node.name,
    attempt: { n: 1, id: owner.record.id },
    ownerDir: owner.dir,
    ino: owner.ino,
    job: { dir, queued: slurm.name },
    run: run.runId,
    spec: node.spec,
    backend: "slurm-dag",
  };
  const options = {
    logPath: show.log,
    signal: AbortSignal.any([signal, owner.lost]),
    timeLimitSec: node.timeLimitSec,
    onProgress: show.progress,
  };
  try {
    const end = await worker.run(task, options);
    // Nobody withdraws it.
    return typeof end === "object" && "later" in end ? await end.later : end;
  } catch (error) {
    return { outcome: "failed", blame: "protocol", error: errorText(error), logTail: [] };
  }
}
