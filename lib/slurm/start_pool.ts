import { environmentVariables } from "../core/environment.ts";
import { errorText } from "../core/errors.ts";
import { emptySummary, type RunSummary } from "../core/event.ts";
import { controlPool } from "../pool/controller/control_pool.ts";
import { acquireLeadership, LeadershipLostError } from "../pool/leadership.ts";
import { queuePaths } from "../queue/layout.ts";
import { makeQueue } from "../queue/queue.ts";
import { remoteArtifacts } from "../remote/remote_artifact.ts";
import { type PoolRun, writeRun } from "../remote/run_record.ts";
import type { Runtime } from "../run/runtime.ts";
import { keptText } from "../plan/kept.ts";
import type { RunReporter } from "../schedule/run_reporter.ts";
import { snapshotUrl } from "../snapshot/manifest.ts";
import type { Artifact } from "../task/artifact/artifact.ts";
import { plural } from "../ui/text.ts";
import { writePayloads } from "../worker/protocol/payload_files.ts";
import { ownSlurmJob } from "./client/own_job.ts";
import { adoptRun } from "./pool/adopt_run.ts";
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
 * controls it until it has ended or, with `detach: true`, leaves it to its workers.
 */
export async function startPool(
  runtime: Runtime,
  roots: Artifact | Iterable<Artifact>,
  start: StartPoolOptions,
): Promise<RunSummary | SubmittedRun> {
  const { options, reporter, log } = start;
  if (options.launcher === "srun") checkInJob(environmentVariables());
  const prepared = await prepareRun(runtime, roots, start);
  const kept = await prepared.plan.kept();
  if (kept) log.warn(keptText(kept));
  const pool = await openPool(runtime, prepared, start);
  const isIdle = Object.keys(prepared.specs).length === 0;
  if (pool && options.detach && !isIdle) return await detachPool(runtime, pool, start);
  const summary = pool ? await control(runtime, pool, start) : nothingToDo(runtime, prepared, reporter);
  if (!pool || !options.detach) return summary;
  // Nothing was missing: there is nobody to leave it to, and it has ended.
  const { paths, plan, run } = pool;
  const rootJobIds = plan.roots.map(() => undefined);
  return { runId: run.runId, runDir: paths.run, jobIds: {}, rootJobIds, plan };
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

/** Takes up a run, or begins one; `undefined` where there is nothing to do. */
async function openPool(
  runtime: Runtime,
  prepared: PreparedRun<PoolRun>,
  { options, reporter, signal }: StartPoolOptions,
): Promise<OpenPool | undefined> {
  const { run, plan, artifacts } = prepared;
  const slurm = ownSlurmJob(environmentVariables());
  const job = slurm === undefined ? {} : { slurm };
  const isIdle = plan.counts.done === plan.nodes.size;
  const adopted = await adoptRun(runtime, {
    ...run,
    ...job,
    ...(isIdle ? { code: "any" } : {}),
    signal,
    onWait: reporter.print,
  });
  if (adopted) {
    const { paths, claim, run: { runId, createdAt, submitter, detached, counts, invalid, start } } = adopted;
    // The controller of a run says so itself.
    if (options.detach) reporter.print(`takes up run ${runId}, whose controller is gone`);
    // The options of this call count from now on.
    const taken: PoolRun = {
      ...run,
      runId,
      createdAt,
      submitter,
      counts,
      // All that are invalid now are among them, or it would not be taken up.
      invalid,
      // All its workers read it in the record.
      ...(start === undefined ? {} : { start }),
      detached: detached || run.detached,
    };
    return { ...prepared, run: taken, paths, claim, takenUp: true };
  }
  if (isIdle && !options.detach) return undefined;
  const { store } = runtime;
  const paths = queuePaths(store.root, run.runId);
  await makeQueue(store, paths, [...new Set(run.nodes.map(({ spec }) => spec))]);
  await writePayloads(runtime, paths.run, artifacts, (url) => snapshotUrl(store.root, run.code, url));
  // The role is taken before the run can be seen: nobody else is to take it up.
  const claim = await acquireLeadership(runtime, paths, { runId: run.runId, ...job });
  if (typeof claim === "string") throw new Error(`Run ${run.runId} was begun twice`);
  try {
    await writeRun(runtime, paths, run);
  } catch (error) {
    await claim.heartbeat.stop();
    throw error;
  }
  return { ...prepared, paths, claim };
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
