import type { AttemptEnd } from "../../core/attempt_end.ts";
import { errorText } from "../../core/errors.ts";
import { artifactLabel } from "../../core/hash.ts";
import { denoFault } from "../../core/system/deno_range.ts";
import { processAgeMs } from "../../core/system/process_age.ts";
import { systemMachine } from "../../core/system/system_machine.ts";
import { makePlan } from "../../plan/graph.ts";
import type { NodeState, StatusSource } from "../../plan/node.ts";
import type { QueuePaths } from "../../queue/layout.ts";
import { forcedNodes } from "../../plan/forced.ts";
import { dagArtifact, learnParams } from "../../remote/remote_artifact.ts";
import { type OwnNode, readDagJob } from "../../remote/own_node.ts";
import type { DagHead, DagNode } from "../../remote/run_record.ts";
import { systemRuntime } from "../../run/default_runtime.ts";
import { failedEnd, recordEnd } from "../../run/attempt_end.ts";
import type { Runtime } from "../../run/runtime.ts";
import { AttemptBackend, type MadeAttempt, settleFirst } from "../../schedule/attempt_backend.ts";
import { drive } from "../../schedule/drive.ts";
import { runReporter } from "../../schedule/run_reporter.ts";
import { snapshotUrl } from "../../snapshot/places.ts";
import { acquireClaim } from "../../store/claims/acquire_claim.ts";
import {
  linkQueued,
  type QueuedJob,
  readQueued,
  removeQueued,
  writeQueuedId,
} from "../../store/claims/queued.ts";
import type { OwnerFile } from "../../store/claims/owner_files.ts";
import { readEnds } from "../../store/results/ends.ts";
import { attemptPaths } from "../../store/layout.ts";
import type { Store } from "../../store/store.ts";
import { TimeIsUp } from "../../core/system/stop_time.ts";
import type { Workers } from "../../worker/workers.ts";
import type { SlurmJob } from "../../store/record.ts";
import type { JobWord } from "../../store/store.ts";
import { ARTIFACT, type Artifact } from "../../task/artifact/artifact.ts";
import { failureReport } from "../../ui/report.ts";
import { plural } from "../../ui/text.ts";
import type { ComputeConfig } from "../../worker/child/compute_task.ts";
import { ProcessComputer } from "../../worker/process_computer.ts";
import { payloadPath } from "../../worker/protocol/payload_files.ts";
import { PayloadSource } from "../../worker/protocol/payload_source.ts";
import type { SlurmClient } from "../client/client.ts";
import { startOfRun } from "../client/job_command.ts";
import { heapMbOf } from "../client/job_command.ts";
import { type JobSpan, spanOfJob } from "../client/own_job.ts";
import { compareJob } from "../jobs/job_identity.ts";
import { askJobTime, JobSignals } from "../jobs/job_signals.ts";
import { runSpecs } from "../run/check_specs.ts";
import { checkDependencies } from "./check_dependencies.ts";
import { JobProgress } from "./job_progress.ts";
import { countPlanned, hopelessText } from "./whole_job.ts";

/** Options of {@link runDagJob}. */
export interface DagJobOptions {
  /** The run's folder. */
  dir: string;
  /** The hash of the artifact that it computes. */
  hash: string;
  /** The job that this process is. */
  slurm: SlurmJob;
  /** Loads the client of Slurm: most jobs never need it. */
  client: () => Promise<SlurmClient>;
  /** The environment of this process. */
  env: Readonly<Record<string, string>>;
}

/** The exit code of a job that was told to end, and did. */
const PREEMPTED_EXIT_CODE = 75;

/** What this process has of a job of which more has to be done than was thought at first. */
export interface BegunJob {
  /** The store. */
  readonly store: Store;
  /** Listens to its signals. */
  readonly signals: JobSignals;
  /** Its time, where known. */
  readonly span: JobSpan | undefined;
  /** Its computing process. */
  readonly workers: Workers;
  /** The attempt that was made already and did not succeed; none where none was begun. */
  readonly ended?: { readonly owner: OwnerFile; readonly end: MadeAttempt["end"] } | undefined;
}

interface JobContext extends DagJobOptions {
  paths: QueuePaths;
  run: DagHead;
  node: OwnNode;
  runtime: Runtime;
  signals: JobSignals;
  /** The job's time, where known. */
  span: JobSpan | undefined;
  computer: ProcessComputer;
  /** The attempt that was made already. */
  made?: MadeAttempt | undefined;
}

/**
 * The process of a job in DAG mode: the supervisor of one artifact's attempts (ARCHITECTURE, "DAG mode").
 *
 * @param begun What was done of it already; without it everything is to be done.
 * @returns Its exit code: 0 when the result is there, or another job is to make it; 75 when it was told to
 * end; else 1.
 * @throws {StoreError} If the run's folder cannot be read.
 */
export async function runDagJob(options: DagJobOptions, begun?: BegunJob): Promise<number> {
  const { dir, hash, slurm, client, env } = options;
  const { paths, run, node } = await readDagJob(systemMachine(), dir, hash);
  if (!node) {
    console.error(
      `Cannot compute ${hash} as run ${run.runId} has no such node: there is no ${payloadPath(dir, hash)}`,
    );
    return 1;
  }
  const runtime = systemRuntime(run.config, {
    git: run.git,
    slurm,
    store: begun?.store,
    // A job that Slurm began again knows that what it did before is over, wherever that was.
    claimHint: ({ slurm: other }) => Promise.resolve(begunAgain(slurm, other)),
  });
  const spec = runSpecs(run)[node.spec];
  const { clock } = runtime.machine;
  const timeMin = spec?.timeMin;
  using signals = begun?.signals ?? new JobSignals({
    clock,
    timeMin,
    ask: async () => await askJobTime(await client(), slurm),
  });
  const showJob = async (id: string) => await (await client()).showJob(id);
  const span = begun
    ? begun.span
    : await spanOfJob(clock, { env, slurm, ageMs: processAgeMs(), client: { showJob }, timeMin });
  if (span) signals.plan(span);
  const { signal } = signals;
  const { code } = run;
  const config: ComputeConfig = {
    config: run.config,
    git: run.git,
    slurm,
    ...(code === undefined ? {} : { code }),
  };
  const computer = new ProcessComputer(runtime, run.runId, {
    entry: snapshotUrl(runtime.store.root, code, run.entry),
    maxHeapMb: heapMbOf(spec ?? {}, 1),
    start: startOfRun(run, runtime.store.root),
    config: () => Promise.resolve(config),
    sourcesOf: new PayloadSource(runtime, dir).sourcesOf,
    stopping: signal,
    time: signals,
    workers: begun?.workers,
  });
  // It starts while this process looks at the store; a Deno that is too old may start none that ends.
  if (denoFault() === undefined) computer.warm();
  try {
    const context = { ...options, paths, run, node, runtime, signals, span, computer };
    return await work({ ...context, made: begun?.ended && await settleMade(context, begun.ended) });
  } catch (error) {
    if (!signals.signal.aborted) throw error;
    console.error(`${label(node)}: ${errorText(signals.signal.reason)}`);
    await requeueJob(runtime, { client: await client(), slurm, run, node });
    return PREEMPTED_EXIT_CODE;
  } finally {
    await computer.close();
  }
}

/** Sees to the attempt that was made before anything else was loaded. */
async function settleMade(
  { runtime, run, node, slurm, signals, computer }: JobContext,
  { owner, end: found }: NonNullable<BegunJob["ended"]>,
): Promise<MadeAttempt | undefined> {
  const { store } = runtime;
  const paths = store.paths(node);
  const isPlanned = found.outcome === "preempted" && signals.signal.reason instanceof TimeIsUp;
  const end = isPlanned ? { ...found, planned: true as const } : found;
  await computer.noteFailure(attemptPaths(paths, { n: 1, id: owner.record.id }).log, end);
  const of = { artifact: dagArtifact(run, node), spec: node.spec };
  const claim = await settleFirst(runtime, of, owner, end);
  if (claim === undefined || claim === "stored") return undefined;
  // The claim had taken its place.
  await removeQueued(store, paths, slurm.name);
  return { claim, end };
}

/** This very job is the evidence: it cannot run twice. */
function begunAgain(slurm: SlurmJob, other: SlurmJob | undefined): JobWord | undefined {
  if (other?.name !== slurm.name || other.restarts >= slurm.restarts) return undefined;
  const why = `Slurm has begun its job ${slurm.jobId} again`;
  return { state: "gone", why, askedAt: Infinity, vanished: false };
}

async function work(context: JobContext): Promise<number> {
  const { run, node, runtime, slurm, signals } = context;
  if (context.made && signals.signal.aborted) return await endInterrupted(context);
  const paths = runtime.store.paths(node);
  // Slurm begins a job again by itself when its node fails, however often that was.
  const { maxPreemptRetries } = run.config;
  const most = maxPreemptRetries +
    (slurm.restarts > maxPreemptRetries ? await countPlanned(runtime, run, node) : 0);
  if (slurm.restarts > most) {
    const error = `its job was begun again ${
      plural(slurm.restarts, "time")
    }; at most ${maxPreemptRetries} (maxPreemptRetries) count`;
    console.error(`${label(node)}: ${error}`);
    await endUnbegun(context, { outcome: "failed", blame: "lost", error });
    return 1;
  }
  const queued = await readQueued(runtime.store, paths);
  if (queued && queued.name !== slurm.name && await isAlive(context, queued)) {
    console.error(
      `${label(node)} is to be computed by Slurm job ${queued.name}: nothing is left for this one`,
    );
    return 0;
  }
  const artifact = dagArtifact(run, node);
  await learnParams(runtime, context.paths, artifact);
  const lacking = await checkDependencies(runtime, { run, node, artifact }, signals.signal);
  if (lacking) {
    if (lacking.kind === "protocol") {
      await endUnbegun(context, failedEnd(new Error(lacking.error), "protocol"));
    } else await removeQueued(runtime.store, paths, slurm.name);
    console.error(`${label(node)} is not computed: ${lacking.error}`);
    return 1;
  }
  return await compute(context, artifact);
}

/** Computes the artifact with the retries that the run allows, as a run of this one node. */
async function compute(context: JobContext, artifact: Artifact): Promise<number> {
  const { dir, run, runtime, slurm, signals, node, computer, made } = context;
  const { signal } = signals;
  const forced = forcedNodes(runtime.store, run);
  await using progress = new JobProgress(runtime, dir, node.hash);
  using reporter = runReporter("runSlurm", { progress: "plain", onEvent: progress.sink });
  const source = onlyThis(artifact);
  const { summary, interrupted } = await drive(runtime, {
    runId: run.runId,
    plan: await makePlan([artifact], source),
    window: "bfs",
    keepGoing: false,
    retry: run.config,
    forced,
    replan: (one) => makePlan([one], source),
    onEvent: reporter.sink,
    signal,
    backend: (report) =>
      new AttemptBackend(runtime, {
        name: "slurm-dag",
        runId: run.runId,
        computer,
        forced,
        slurm,
        made,
        ...(node.later === undefined ? {} : { later: node.later }),
        signal,
        onEvent: reporter.sink,
        report,
      }),
  });
  if (interrupted) return await endInterrupted(context);
  if (summary.failures.length === 0 && summary.notRun === 0) {
    // Somebody else may have computed it, and this job have claimed nothing.
    await removeQueued(runtime.store, runtime.store.paths(node), slurm.name);
    return 0;
  }
  console.error(failureReport(summary));
  return 1;
}

/**
 * The job was told to end, and its attempt has ended.
 *
 * @returns The job's exit code.
 */
async function endInterrupted(context: JobContext): Promise<number> {
  const { run, runtime, slurm, signals: { signal }, span, client, node } = context;
  console.error(`${label(node)}: ${errorText(signal.reason)}`);
  const hopeless = await hopelessText(runtime, { run, node, span, reason: signal.reason });
  if (hopeless !== undefined) {
    console.error(`${label(node)}: ${hopeless}`);
    const end = { outcome: "failed", blame: "compute", lasting: true, lack: "time" } as const;
    await endUnbegun(context, { ...end, error: hopeless });
    return 1;
  }
  await requeueJob(runtime, { client: await client(), slurm, run, node });
  return PREEMPTED_EXIT_CODE;
}

/** The source of a plan of one artifact: all below it is stored, as was seen just now. */
function onlyThis(artifact: Artifact): StatusSource {
  const below = new Set(artifact[ARTIFACT].dependencies.map(({ hash }) => hash));
  return {
    listTask: () => Promise.resolve({ done: below, open: new Set() }),
    needsValidation: () => false,
    inspect: (): Promise<NodeState> => Promise.resolve({ status: "DONE" }),
  };
}

/** Whether the job that is queued for this artifact may still compute it. */
async function isAlive({ client, runtime, signals }: JobContext, queued: QueuedJob): Promise<boolean> {
  // It is loaded when it is used, as the client is.
  const { JobWatch } = await import("../jobs/job_watch.ts");
  const watch = new JobWatch(runtime.machine, await client());
  return (await watch.state(queued, { until: "sure", signal: signals.signal })).status !== "dead";
}

/**
 * Writes down the end of an attempt that never began. A claim that an earlier beginning of this job left is
 * settled first.
 */
async function endUnbegun({ runtime, node, run, slurm }: JobContext, end: AttemptEnd): Promise<void> {
  const { store } = runtime;
  const paths = store.paths(node);
  await removeQueued(store, paths, slurm.name);
  const acquired = await acquireClaim(store, paths, { backend: "slurm-dag", run: run.runId, slurm });
  // Another attempt than ours has an end of its own.
  if (acquired.kind !== "claimed") return;
  await recordEnd(runtime, acquired.claim, end, { artifact: dagArtifact(run, node), spec: node.spec });
}

function label({ name, hash }: DagNode): string {
  return artifactLabel(name, hash);
}

/** Options of {@link requeueJob}. */
interface RequeueOptions {
  /** Asks Slurm. */
  client: SlurmClient;
  /** The job that was told to end, whose attempt has ended. */
  slurm: SlurmJob;
  /** Its run. */
  run: DagHead;
  /** The node that it computes. */
  node: DagNode;
}

/**
 * Puts this job back into the queue within `maxPreemptRetries`, unless somebody cancelled it. It is written
 * down as queued again, so that nobody takes the artifact for forgotten meanwhile.
 *
 * @returns Whether it will begin again.
 */
async function requeueJob(
  runtime: Runtime,
  { client, slurm, run, node }: RequeueOptions,
): Promise<boolean> {
  const { store, config, machine } = runtime;
  const paths = store.paths(node);
  const ends = await readEnds(store, paths);
  // One whose time was up, as was planned, is none that counts.
  const lost = ends.filter(({ run: of, kind, failure, planned }) =>
    of === run.runId && !planned && (kind !== "failed" || failure === "lost")
  );
  if (lost.length > config.maxPreemptRetries) {
    console.error(
      `It was lost ${
        plural(lost.length, "time")
      }, and is begun again at most ${config.maxPreemptRetries} times (maxPreemptRetries)`,
    );
    return false;
  }
  const ref = { ...slurm, submitter: machine.self };
  const details = await (await client.at(slurm.cluster)).showJob(slurm.jobId);
  const state = details?.find((detail) => compareJob(ref, detail) === "same")?.state;
  // Slurm would also begin a job again that was cancelled, or is over: only one that runs is put back. One
  // that is being ended (COMPLETING) was cancelled, or is preempted and then begun again by Slurm itself:
  // nobody can tell which.
  if (state?.status !== "alive" || state.text.startsWith("COMPLETING")) {
    console.error(`It is not put back into the queue: Slurm says ${state?.text ?? "nothing of it"}`);
    return false;
  }
  const { name, cluster } = slurm;
  await linkQueued(store, paths, { name, run: run.runId, cluster });
  await writeQueuedId(store, paths, slurm);
  // A job that Slurm itself preempted is in the queue again already.
  if (state.pending) return true;
  try {
    await (await client.at(slurm.cluster)).requeue(slurm.jobId);
    return true;
  } catch (error) {
    console.error(errorText(error));
    await removeQueued(store, paths, slurm.name);
    return false;
  }
}
