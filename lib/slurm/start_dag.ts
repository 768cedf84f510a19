import { errorText } from "../core/errors.ts";
import { emptySummary, type RunSummary } from "../core/event.ts";
import { artifactLabel, type Hash } from "../core/hash.ts";
import { queuePaths } from "../queue/layout.ts";
import { type DagRun, writeRun } from "../remote/run_record.ts";
import type { Runtime } from "../run/runtime.ts";
import { keptText } from "../plan/kept.ts";
import { snapshotUrl } from "../snapshot/manifest.ts";
import type { Artifact } from "../task/artifact/artifact.ts";
import { plural } from "../ui/text.ts";
import { writePayloads } from "../worker/protocol/payload_files.ts";
import { cancelOwn } from "./dag/cancel_dag.ts";
import type { DagContext } from "./dag/dag_context.ts";
import { type DagJob, type DagJobs, writeDagJobs } from "./dag/dag_jobs.ts";
import { followDag } from "./dag/follow_dag.ts";
import { submitDag } from "./dag/submit_dag.ts";
import { type PreparedRun, prepareRun, type StartRunOptions } from "./run/prepare_run.ts";
import { runOutcome } from "./run/run_outcome.ts";
import type { RunDagOptions, SubmittedRun } from "./run/run_slurm_options.ts";

/**
 * Runs in DAG mode: submits one job for each node, and follows them until they have ended, unless it is to be
 * detached.
 */
export async function startDag(
  runtime: Runtime,
  roots: Artifact | Iterable<Artifact>,
  start: StartRunOptions<RunDagOptions>,
): Promise<RunSummary | SubmittedRun> {
  const { context, prepared, jobs } = await begin(runtime, roots, start);
  if (start.options.detach) return submitted(context, prepared, jobs);
  return await follow(context, jobs);
}

/** A run whose jobs are submitted. */
interface BegunRun {
  context: DagContext;
  prepared: PreparedRun<DagRun>;
  jobs: DagJobs;
}

/** Plans and submits. A run that is stopped meanwhile, or cannot be submitted whole, ends as any other. */
async function begin(
  runtime: Runtime,
  roots: Artifact | Iterable<Artifact>,
  start: StartRunOptions<RunDagOptions>,
): Promise<BegunRun> {
  const { runId, client, watch, log, signal, reporter: { sink }, options: { detach = false } } = start;
  const { clock } = runtime.machine;
  const began = clock.monotonic();
  let run: DagRun | undefined;
  try {
    const prepared = await prepareRun(runtime, roots, start);
    run = prepared.run;
    sink({ type: "run_started", runId, ...run.counts, at: clock.now() });
    const kept = await prepared.plan.kept();
    if (kept) log.warn(keptText(kept));
    for (const { name, hash, error } of run.leftOut?.failures ?? []) {
      log.warn(`${artifactLabel(name, hash)} and what depends on it are left out: ${error}`);
    }
    const context: DagContext = {
      runtime,
      client,
      watch,
      run,
      specs: prepared.specs,
      paths: queuePaths(runtime.store.root, runId),
      onEvent: sink,
      log,
      signal,
    };
    const isIdle = !detach && run.nodes.length === 0;
    return { context, prepared, jobs: isIdle ? new Map() : await submit(context, prepared) };
  } catch (error) {
    // Faults of roots and specs are found before there is a run.
    if (!run && !signal.aborted) throw error;
    if (!run) log.warn(`run ${runId} was stopped before anything was submitted`);
    const summary: RunSummary = {
      ...emptySummary({ runId, ...run?.counts ?? { nodes: 0, cached: 0 } }),
      notRun: run?.nodes.length ?? 0,
      durationMs: clock.monotonic() - began,
    };
    sink({ type: "run_ended", summary, interrupted: signal.aborted, at: clock.now() });
    throw error;
  }
}

/** Writes the run's folder, and submits its jobs. */
async function submit(
  context: DagContext,
  { plan: { nodes }, artifacts }: PreparedRun<DagRun>,
): Promise<Map<Hash, DagJob>> {
  const { runtime, paths, run, log } = context;
  await writePayloads(runtime, paths.run, artifacts, (url) => snapshotUrl(runtime.store.root, run.code, url));
  await writeRun(runtime, paths, run);
  const inProgress = run.nodes.filter(({ hash }) => nodes.get(hash)?.status === "IN_PROGRESS");
  const jobs = await submitDag(
    context,
    new Map(artifacts.map((artifact) => [artifact.hash, artifact])),
    new Set(inProgress.map(({ hash }) => hash)),
  );
  await writeDagJobs(runtime, paths, jobs);
  const own = [...jobs.values()].filter((job) => job.own).length;
  const others = jobs.size - own;
  const found = others === 0
    ? ""
    : `; ${plural(others, "job")} of other runs ${others === 1 ? "is" : "are"} waited for`;
  log.info(`submitted ${plural(own, "job")}${found}`);
  return jobs;
}

async function follow(context: DagContext, jobs: DagJobs): Promise<RunSummary> {
  const { run: { runId }, log, signal } = context;
  let summary: RunSummary;
  try {
    summary = await followDag(context, jobs, async () => {
      try {
        const cancelled = await cancelOwn(context, jobs);
        log.warn(`run ${runId} was stopped: cancelled ${cancelled} of its jobs`);
      } catch (error) {
        // After a signal the process exits, whatever is thrown: nobody would hear of jobs that go on.
        const advice = `its jobs may go on, cancel them later: furu cancel ${runId}`;
        log.error(`run ${runId} was stopped, but: ${errorText(error)}; ${advice}`);
      }
    });
  } catch (error) {
    if (!signal.aborted) log.warn(`the jobs go on: furu follow ${runId}, or furu cancel ${runId}`);
    throw error;
  }
  return runOutcome(runId, { summary }, { keepGoing: true });
}

function submitted(context: DagContext, { plan }: PreparedRun<DagRun>, jobs: DagJobs): SubmittedRun {
  const { run: { runId }, paths, log } = context;
  log.info(`follow it with: furu follow ${runId}; cancel it with: furu cancel ${runId}`);
  return {
    runId,
    runDir: paths.run,
    jobIds: Object.fromEntries([...jobs].map(([hash, { jobId }]) => [hash, jobId])),
    rootJobIds: plan.roots.map((hash) => jobs.get(hash)?.jobId),
    plan,
  };
}
