import type { RunSummary } from "../core/event.ts";
import { runLog } from "../core/run_log.ts";
import { errorText } from "../core/errors.ts";
import { environmentVariables } from "../core/environment.ts";
import { controlPool } from "../pool/controller/control_pool.ts";
import { type PoolRun, writePoolRun } from "../remote/pool_run.ts";
import { remoteArtifacts } from "../remote/remote_artifact.ts";
import { acquireLeadership, LeadershipLostError } from "../pool/leadership.ts";
import { makeQueue } from "../queue/queue.ts";
import { queuePaths } from "../queue/layout.ts";
import type { Runtime } from "../run/runtime.ts";
import type { RunReporter } from "../schedule/run_reporter.ts";
import { keptText } from "../plan/kept.ts";
import { snapshotUrl } from "../snapshot/manifest.ts";
import type { Artifact } from "../task/artifact/artifact.ts";
import { plural } from "../ui/text.ts";
import { writePayloads } from "../worker/protocol/payload_files.ts";
import { adoptRun } from "./pool/adopt_run.ts";
import { newRunId } from "./dag/dag_prepare.ts";
import { detachPool } from "./pool/detach_pool.ts";
import { followPoolRun } from "./pool/follow_pool_run.ts";
import { ownSlurmJob } from "./client/own_job.ts";
import { poolOutcome } from "./pool/pool_outcome.ts";
import type { OpenPool, RunPoolContext } from "./pool/open_pool.ts";
import { type PreparedPool, preparePool } from "./pool/prepare_pool.ts";
import type { SubmittedRun } from "./run/run_slurm_options.ts";
import { SbatchLauncher } from "./pool/sbatch_launcher.ts";
import { checkInJob, SrunLauncher } from "./pool/srun_launcher.ts";

/**
 * Runs with a pool of workers: takes up a run of the same roots whose controller died, or begins one; then controls it until
 * it has ended or, with `detach: true`, leaves it to its workers.
 */
export async function runPool(
  runtime: Runtime,
  roots: Artifact | Iterable<Artifact>,
  context: RunPoolContext,
): Promise<RunSummary | SubmittedRun> {
  const { options, config, entry, client, signal, reporter } = context;
  if (options.launcher === "srun") checkInJob(environmentVariables());
  const runId = newRunId(runtime.machine);
  const prepared = await preparePool(runtime, roots, { runId, options, config, entry, client, signal });
  const kept = await prepared.plan.kept();
  if (kept) {
    reporter.sink({ type: "message", level: "warn", text: keptText(kept), at: runtime.machine.clock.now() });
  }
  const pool = await openPool(runtime, prepared, context);
  const isIdle = Object.keys(prepared.specs).length === 0;
  if (pool && options.detach && !isIdle) return await detachPool(runtime, pool, context);
  const summary = pool ? await control(runtime, pool, context) : nothingToDo(runtime, prepared, reporter);
  if (!pool || !options.detach) return summary;
  // Nothing was missing: there is nobody to leave it to, and it has ended.
  const { paths, plan, run } = pool;
  const rootJobIds = plan.roots.map(() => undefined);
  return { runId: run.runId, runDir: paths.run, jobIds: {}, rootJobIds, plan };
}

function nothingToDo(
  { machine: { clock } }: Runtime,
  { run: { runId, counts } }: PreparedPool,
  reporter: RunReporter,
): RunSummary {
  const summary: RunSummary = {
    runId,
    ...counts,
    computed: 0,
    elsewhere: 0,
    retries: 0,
    failures: [],
    notRun: 0,
    durationMs: 0,
  };
  reporter.sink({ type: "run_started", runId, ...counts, at: clock.now() });
  reporter.sink({ type: "run_ended", summary, interrupted: false, at: clock.now() });
  return summary;
}

/** Takes up a run, or begins one; `undefined` where there is nothing to do. */
async function openPool(
  runtime: Runtime,
  prepared: PreparedPool,
  { options, reporter, signal }: RunPoolContext,
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
    // Whoever controls it says so.
    if (options.detach) reporter.print(`takes up run ${runId}, whose controller is gone`);
    // What was asked for now counts from now on.
    const taken: PoolRun = {
      ...run,
      runId,
      createdAt,
      submitter,
      counts,
      // All that are invalid now among them, else it were not taken up.
      invalid,
      // Its record says it to all its workers.
      ...(start === undefined ? {} : { start }),
      detached: detached || run.detached,
    };
    return { ...prepared, run: taken, paths, claim };
  }
  if (isIdle && !options.detach) return undefined;
  const { store } = runtime;
  const paths = queuePaths(store.root, run.runId);
  await makeQueue(store, paths, [...new Set(run.nodes.map(({ spec }) => spec))]);
  await writePayloads(runtime, paths.run, artifacts, (url) => snapshotUrl(store.root, run.code, url));
  // Before the run can be seen: nobody else is to take it up.
  const claim = await acquireLeadership(runtime, paths, { runId: run.runId, ...job });
  if (typeof claim === "string") throw new Error(`Run ${run.runId} was begun twice`);
  try {
    await writePoolRun(runtime, paths, run);
  } catch (error) {
    await claim.heartbeat.stop();
    throw error;
  }
  return { ...prepared, paths, claim };
}

async function control(runtime: Runtime, pool: OpenPool, context: RunPoolContext): Promise<RunSummary> {
  const { run, paths, claim } = pool;
  const { reporter, signal, onKill } = context;
  const { keepGoing } = run.options;
  const launcher = makeLauncher(runtime, pool, context);
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
          const text = `run ${run.runId} was stopped: cancelled ${plural(launcher.cancelled, "worker")}`;
          reporter.sink({ type: "message", level: "warn", text, at: event.at });
        }
        reporter.sink(event);
      },
      signal,
    });
    if (signal.aborted) throw signal.reason;
    if (result) return poolOutcome(run.runId, result, { keepGoing });
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof LeadershipLostError)) throw error;
    reporter.print(`${errorText(error)}; it is followed from here on`);
  } finally {
    await launcher.close().catch((error) => reporter.print(`warning: ${errorText(error)}`));
  }
  return await followPoolRun(runtime, { paths, run, client: context.client, onEvent: reporter.sink, signal });
}

function makeLauncher(
  runtime: Runtime,
  { run, paths, specs, claim }: OpenPool,
  { options, client, reporter }: RunPoolContext,
): SbatchLauncher | SrunLauncher {
  const log = runLog(reporter.sink, runtime.machine.clock);
  const common = { paths, run, specs };
  if (options.launcher === "srun") {
    return new SrunLauncher(runtime, { ...common, env: environmentVariables() });
  }
  return new SbatchLauncher(runtime, { ...common, client, term: claim.attempt.n, log });
}
