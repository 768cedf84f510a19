import { letGo } from "../store/claims/claim.ts";
import { environmentVariables } from "../core/environment.ts";
import { errorText } from "../core/errors.ts";
import { emptySummary, type RunSummary } from "../core/event.ts";
import { controlPool } from "../pool/controller/control_pool.ts";
import { acquireLeadership, LeadershipLostError } from "../pool/leadership.ts";
import { type QueuePaths, queuePaths } from "../queue/layout.ts";
import { makeQueue } from "../queue/queue.ts";
import { remoteArtifacts } from "../remote/remote_artifact.ts";
import { type PoolRun, writeRun } from "../remote/run_record.ts";
import type { Runtime } from "../run/runtime.ts";
import { keptText } from "../plan/kept.ts";
import type { RunReporter } from "../schedule/run_reporter.ts";
import { snapshotUrl } from "../snapshot/places.ts";
import type { Artifact } from "../task/artifact/artifact.ts";
import { notifiedBy, writeNotified } from "../notify/notified.ts";
import { plural } from "../ui/text.ts";
import { writePayloads } from "../worker/protocol/payload_files.ts";
import { ownSlurmJob } from "./client/own_job.ts";
import { findEarlier } from "./pool/adopt_run.ts";
import { reportAtWork, type RunAtWork, waitForRun } from "./pool/run_at_work.ts";
import { takeUp } from "./pool/take_up.ts";
import { detachPool, type OpenPool } from "./pool/detach_pool.ts";
import { followPoolRun } from "./pool/follow_pool_run.ts";
import { SbatchLauncher } from "./pool/sbatch_launcher.ts";
import { checkInJob, SrunLauncher } from "./pool/srun_launcher.ts";
import { type PreparedRun, prepareRun, type StartRunOptions } from "./run/prepare_run.ts";
import { runOutcome } from "./run/run_outcome.ts";
import type { RunPoolOptions, SubmittedRun } from "./run/run_slurm_options.ts";

/** A run of a pool that the caller of `runSlurm` wants. */
type StartPoolOptions = StartRunOptions<RunPoolOptions>;

/**
 * Runs with a pool of workers: takes up a run of the same roots whose controller died, or begins one; then
 * controls it until it has ended or, with `detach: true`, leaves it to its workers. A run of the same roots
 * that goes on by itself, or is somebody else's, is waited for.
 */
export async function startPool(
  runtime: Runtime,
  roots: Artifact | Iterable<Artifact>,
  start: StartPoolOptions,
): Promise<RunSummary | SubmittedRun> {
  const { options, reporter, log } = start;
  if (options.launcher === "srun") checkInJob(environmentVariables());
  /** Runs that were waited for, and have ended without all that is wanted. */
  const past = new Set<string>();
  for (;;) {
    const prepared = await prepareRun(runtime, roots, start);
    const kept = await prepared.plan.kept();
    if (kept && past.size === 0) log.warn(keptText(kept));
    const opened = await openPool(runtime, prepared, start, past);
    if (opened?.kind === "at work") {
      if (options.detach) return await reportAtWork(runtime, opened, prepared, start);
      const summary = await waitForRun(runtime, opened, start);
      if (summary) return summary;
      // One of ours that nobody is left to end is taken up now.
      if (opened.whose.kind !== "ours") past.add(opened.run.runId);
      continue;
    }
    const pool = opened?.pool;
    const isIdle = Object.keys(prepared.specs).length === 0;
    if (pool && options.detach && !isIdle) return await detachPool(runtime, pool, start);
    const summary = pool ? await control(runtime, pool, start) : nothingToDo(runtime, prepared, reporter);
    if (!pool || !options.detach) return summary;
    // Nothing was missing: there is nobody to leave it to, and it has ended.
    return submittedRun(pool.paths, {}, prepared);
  }
}

function nothingToDo(
  { machine: { clock } }: Runtime,
  { run: { runId, counts } }: PreparedRun<PoolRun>,
  reporter: RunReporter,
): RunSummary {
  const summary = emptySummary({ runId, ...counts });
  reporter.sink({ type: "run_started", runId, ...counts, at: clock.now() });
  reporter.sink({ type: "run_ended", summary, interrupted: false, at: clock.now() });
  return summary;
}

function submittedRun(
  { runId, run }: Pick<QueuePaths, "runId" | "run">,
  jobIds: Record<string, string>,
  { plan }: Pick<PreparedRun<PoolRun>, "plan">,
): SubmittedRun {
  return { runId, runDir: run, jobIds, rootJobIds: plan.roots.map(() => undefined), plan };
}

type Opened = { readonly kind: "ours"; readonly pool: OpenPool } | RunAtWork;

/**
 * Takes up a run, finds one that goes on by itself, or begins one; `undefined` where there is nothing to do.
 */
async function openPool(
  runtime: Runtime,
  prepared: PreparedRun<PoolRun>,
  start: StartPoolOptions,
  without: ReadonlySet<string>,
): Promise<Opened | undefined> {
  const { options, client, reporter, log, watch, signal } = start;
  const { run, plan, artifacts } = prepared;
  const slurm = ownSlurmJob(environmentVariables());
  const job = slurm === undefined ? {} : { slurm };
  const isIdle = plan.counts.done === plan.nodes.size;
  const earlier = await findEarlier(runtime, {
    ...run,
    ...job,
    ...(isIdle ? { code: "any" } : {}),
    here: async () => run.cluster ?? await client.cluster(),
    jobs: watch,
    takeOver: options.takeOver,
    isIdle,
    without,
    signal,
    onWait: reporter.print,
    onPass: log.info,
  });
  if (earlier?.kind === "at work") return earlier;
  if (earlier) return { kind: "ours", pool: await takeUp(runtime, earlier, prepared, start) };
  if (isIdle && !options.detach) return undefined;
  const { store } = runtime;
  const paths = queuePaths(store.root, run.runId);
  await makeQueue(store, paths, [...new Set(run.nodes.map(({ spec }) => spec))]);
  await writePayloads(runtime, paths.run, artifacts, {
    place: (url) => snapshotUrl(store.root, run.code, url),
  });
  const notified = notifiedBy(start.config.notify);
  if (notified) await writeNotified(store, paths.run, notified);
  // The role is taken before the run can be seen: nobody else is to take it up.
  const claim = await acquireLeadership(runtime, paths, { runId: run.runId, ...job });
  if (typeof claim === "string") throw new Error(`Run ${run.runId} was begun twice`);
  try {
    await writeRun(runtime, paths, run);
  } catch (error) {
    await letGo(runtime.store, claim);
    throw error;
  }
  return { kind: "ours", pool: { ...prepared, paths, claim } };
}

async function control(runtime: Runtime, pool: OpenPool, start: StartPoolOptions): Promise<RunSummary> {
  const { run, paths, claim } = pool;
  const { client, reporter, log, signal, onKill } = start;
  const { keepGoing } = run.options;
  const launcher = makeLauncher(runtime, pool, start);
  onKill(() => launcher.cancelAll());
  try {
    const result = await controlPool(runtime, {
      paths,
      run,
      claim,
      launcher,
      artifactOf: remoteArtifacts(run),
      onEvent: (event) => {
        if (event.type === "run_ended" && event.interrupted) {
          log.warn(`run ${run.runId} was stopped: cancelled ${plural(launcher.cancelled, "worker")}`);
        }
        reporter.sink(event);
      },
      signal,
    });
    if (signal.aborted) throw signal.reason;
    if (result) return runOutcome(run.runId, result, { keepGoing });
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof LeadershipLostError)) throw error;
    reporter.print(`${errorText(error)}; it is followed from here on`);
  } finally {
    await launcher.close().catch((error) => reporter.print(`warning: ${errorText(error)}`));
  }
  return await followPoolRun(runtime, { paths, run, client, onEvent: reporter.sink, signal });
}

function makeLauncher(
  runtime: Runtime,
  { run, paths, specs, claim }: OpenPool,
  { options, client, log }: StartPoolOptions,
): SbatchLauncher | SrunLauncher {
  const common = { paths, run, specs };
  if (options.launcher === "srun") {
    return new SrunLauncher(runtime, { ...common, env: environmentVariables() });
  }
  return new SbatchLauncher(runtime, { ...common, client, term: claim.attempt.n, log });
}
