import type { Config } from "../core/config.ts";
import { errorText } from "../core/errors.ts";
import { emptySummary, type RunSummary } from "../core/event.ts";
import { artifactLabel } from "../core/hash.ts";
import { parseTarget } from "../core/settings/notify_setting.ts";
import { notifiedBy, writeNotified } from "../notify/notified.ts";
import { queuePaths } from "../queue/layout.ts";
import { ownNodes } from "../remote/own_node.ts";
import { type DagRun, writeRun } from "../remote/run_record.ts";
import type { Runtime } from "../run/runtime.ts";
import { keptText } from "../plan/kept.ts";
import { snapshotUrl } from "../snapshot/places.ts";
import type { Artifact } from "../task/artifact/artifact.ts";
import { plural } from "../ui/text.ts";
import { writePayloads } from "../worker/protocol/payload_files.ts";
import { cancelOwn } from "./dag/cancel_dag.ts";
import type { DagContext } from "./dag/dag_context.ts";
import type { Submitter } from "./dag/find_jobs.ts";
import { followDag, followWhile } from "./dag/follow_dag.ts";
import { DagSubmission } from "./dag/submit_dag.ts";
import type { DagJobs } from "./jobs/dag_jobs.ts";
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
  const { context, prepared } = await begin(runtime, roots, start);
  const { detach = false } = start.options;
  if (prepared.run.nodes.length === 0 && !detach) return await follow(context, NOTHING);
  if (detach && parseTarget(start.config.notify)) {
    start.log.warn(
      `notify: no job of a detached run in DAG mode tells anybody; who follows it to its end does: ` +
        `furu follow ${start.runId}`,
    );
  }
  return await submit(context, prepared, { detach, config: start.config });
}

/** A run whose record can be written. */
interface BegunRun {
  context: DagContext;
  prepared: PreparedRun<DagRun>;
}

/** The submitter of a run without any job. */
const NOTHING: Submitter = {
  jobs: new Map(),
  look: () => Promise.resolve(),
  mayGet: () => false,
  settles: () => {},
  takeGivenUp: () => [],
  waits: () => [],
};

/** Plans, and says so. A run that is stopped meanwhile ends as any other. */
async function begin(
  runtime: Runtime,
  roots: Artifact | Iterable<Artifact>,
  start: StartRunOptions<RunDagOptions>,
): Promise<BegunRun> {
  const { runId, client, watch, log, signal, reporter: { sink } } = start;
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
    return { context, prepared };
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

/**
 * Writes the run's folder, submits its jobs, and follows them meanwhile and after; a detached run is followed
 * only as long as its submission takes its time.
 */
async function submit(
  context: DagContext,
  prepared: PreparedRun<DagRun>,
  { detach, config }: { detach: boolean; config: Config },
): Promise<RunSummary | SubmittedRun> {
  const { runtime, paths, run, log } = context;
  const { plan: { nodes }, artifacts } = prepared;
  const submission = new DagSubmission(
    context,
    new Map(artifacts.map((artifact) => [artifact.hash, artifact])),
    new Set(
      run.nodes.filter(({ hash }) => nodes.get(hash)?.status === "IN_PROGRESS").map(({ hash }) => hash),
    ),
  );
  const writing = (async () => {
    const { root } = runtime.store;
    await writePayloads(runtime, paths.run, artifacts, {
      place: (url) => snapshotUrl(root, run.code, url),
      besides: ownNodes(run),
    });
    const notified = notifiedBy(config.notify);
    if (notified) await writeNotified(runtime.store, paths.run, notified);
    await writeRun(runtime, paths, run);
  })();
  const over = new AbortController();
  const submitting = writing.then(() => submission.run()).then(() => {
    const own = [...submission.jobs.values()].filter((job) => job.own).length;
    const others = submission.jobs.size - own;
    const found = others === 0
      ? ""
      : `; ${plural(others, "job")} of other runs ${others === 1 ? "is" : "are"} waited for`;
    log.info(`submitted ${plural(own, "job")}${found}`);
  });
  submitting.catch((error) => over.abort(error));
  const stopped = { ...context, signal: AbortSignal.any([context.signal, over.signal]) };
  if (!detach) {
    await writing.catch(() => {/* the submission fails with it */});
    return await follow(stopped, submission, { context, submitting });
  }
  await Promise.race([submitting, submission.slow]).catch(() => {/* looked at below */});
  try {
    if (!submission.isOver && !over.signal.aborted) {
      const done = new AbortController();
      const following = followWhile(stopped, submission, AbortSignal.any([stopped.signal, done.signal]));
      await submitting.finally(() => done.abort());
      await following;
    }
    await submitting;
  } catch (error) {
    endUnfollowed(context);
    throw error;
  }
  return submitted(context, prepared, submission.jobs);
}

/** A run that was to be detached, and could not be submitted whole, ends as any other. */
function endUnfollowed({ run, signal, onEvent, runtime }: DagContext): void {
  const { clock } = runtime.machine;
  const summary = { ...emptySummary({ runId: run.runId, ...run.counts }), notRun: run.nodes.length };
  onEvent({ type: "run_ended", summary, interrupted: signal.aborted, at: clock.now() });
}

async function follow(
  context: DagContext,
  submitter: Submitter,
  submission?: { context: DagContext; submitting: Promise<void> },
): Promise<RunSummary> {
  const { run: { runId }, log } = context;
  const { signal } = submission?.context ?? context;
  let summary: RunSummary;
  try {
    summary = await followDag(context, submitter, async () => {
      // One that is not whole takes back by itself what it has submitted.
      const isWhole = submission === undefined ||
        await submission.submitting.then(() => true, () => false);
      if (!isWhole) return;
      try {
        const cancelled = await cancelOwn(context, submitter.jobs);
        log.warn(`run ${runId} was stopped: cancelled ${cancelled} of its jobs`);
      } catch (error) {
        // After a signal the process exits, whatever is thrown: nobody would hear of jobs that go on.
        const advice = `its jobs may go on, cancel them later: furu cancel ${runId}`;
        log.error(`run ${runId} was stopped, but: ${errorText(error)}; ${advice}`);
      }
    }, { isInterrupted: () => signal.aborted });
    await submission?.submitting;
  } catch (error) {
    if (!context.signal.aborted) log.warn(`the jobs go on: furu follow ${runId}, or furu cancel ${runId}`);
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
