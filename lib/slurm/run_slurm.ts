import { resolveConfig } from "../core/config.ts";
import { errorText, RunFailedError } from "../core/errors.ts";
import type { RunSummary } from "../core/event.ts";
import { artifactLabel, type Hash } from "../core/hash.ts";
import { checkPermissions } from "../core/permissions.ts";
import { systemRuntime } from "../run/default_runtime.ts";
import { refuseInside, refuseWhileLoading } from "../run/context.ts";
import type { Runtime } from "../run/runtime.ts";
import { keptText } from "../plan/kept.ts";
import { runReporter } from "../schedule/run_reporter.ts";
import { interruptibleRun } from "../core/system/interrupts.ts";
import type { Artifact } from "../task/artifact/artifact.ts";
import { failureReport } from "../ui/report.ts";
import { plural } from "../ui/text.ts";
import { checkSelfStart } from "../worker/child/check_self_start.ts";
import { cancelOwn } from "./dag/dag_cancel.ts";
import { type DagContext, tell } from "./dag/dag_context.ts";
import { followDag } from "./dag/dag_follow.ts";
import { newRunId, prepareDag, type PrepareDagOptions, type PreparedDag } from "./dag/dag_prepare.ts";
import { type DagJob, type DagRun, writeDagJobs, writeDagRun } from "./run/dag_run.ts";
import { JobWatch } from "./jobs/job_watch.ts";
import { jobHints } from "./jobs/slurm_hints.ts";
import { runPool } from "./run_pool.ts";
import { submitDag } from "./dag/dag_submit.ts";
import { systemClient } from "./client/client.ts";
import {
  checkSlurmOptions,
  type RunSlurmOptions,
  slurmOverrides,
  type SubmittedRun,
} from "./run/run_slurm_options.ts";

/**
 * `runSlurm` of the public API: see `lib/api/run_slurm.ts`, which loads this when it is used.
 *
 * @param roots What is wanted.
 * @returns How it went; with `detach: true` what was submitted.
 * @throws What the users' `runSlurm` throws.
 */
export async function runSlurm(
  roots: Artifact | Iterable<Artifact>,
  options: RunSlurmOptions = {},
): Promise<RunSummary | SubmittedRun> {
  refuseWhileLoading("runSlurm");
  refuseInside("runSlurm");
  checkSelfStart();
  checkSlurmOptions(options);
  checkPermissions("run on Slurm", NEEDED);
  const { detach = false, entry = Deno.mainModule } = options;
  const config = resolveConfig(slurmOverrides(options));
  const reporter = runReporter("runSlurm", options);
  const client = systemClient(options.squeueIntervalSec ?? config.slurm?.squeueIntervalSec);
  const runtime = systemRuntime(config, {
    log: reporter.print,
    entry: options.entry,
    claimHint: jobHints(() => watch).claimHint,
  });
  const watch = new JobWatch(runtime.machine, client);
  const onInterrupt = (): void => {
    const text =
      "interrupted: this run is being stopped; Ctrl-C again leaves at once, perhaps with jobs left in Slurm";
    tell({ runtime, onEvent: reporter.sink }, "warn", text);
  };
  return await interruptibleRun(options.signal, onInterrupt, async (signal, onKill) => {
    using _ = reporter;
    if (options.mode !== "dag") {
      return await runPool(runtime, roots, { options, config, entry, client, reporter, signal, onKill });
    }
    const runId = newRunId(runtime.machine);
    const preparing = { runId, options, config, entry, signal, client, jobs: watch, onEvent: reporter.sink };
    const { context, jobs } = await begin(runtime, roots, preparing);
    if (detach) return submitted(context, jobs);
    return await follow(context, jobs);
  });
}

/** Plans and submits. A run that is stopped meanwhile, or cannot be submitted whole, ends as any other. */
async function begin(
  runtime: Runtime,
  roots: Artifact | Iterable<Artifact>,
  preparing: PrepareDagOptions,
): Promise<{ context: PreparedDag; jobs: ReadonlyMap<Hash, DagJob> }> {
  const { runId, signal, options: { detach = false }, onEvent } = preparing;
  const { clock } = runtime.machine;
  const began = clock.monotonic();
  let run: DagRun | undefined;
  try {
    const context = await prepareDag(runtime, roots, preparing);
    run = context.run;
    onEvent({ type: "run_started", runId, ...run.counts, at: clock.now() });
    const kept = await context.dagPlan.kept();
    if (kept) tell({ runtime, onEvent }, "warn", keptText(kept));
    for (const { name, hash, error } of run.leftOut?.failures ?? []) {
      tell(context, "warn", `${artifactLabel(name, hash)} and what depends on it are left out: ${error}`);
    }
    const isIdle = !detach && run.nodes.length === 0;
    return { context, jobs: isIdle ? new Map() : await submit(context) };
  } catch (error) {
    // What is wrong with roots or specs is found before there is a run.
    if (!run && !signal.aborted) throw error;
    if (!run) tell({ runtime, onEvent }, "warn", `run ${runId} was stopped before anything was submitted`);
    const summary: RunSummary = {
      runId,
      ...run?.counts ?? { nodes: 0, cached: 0 },
      computed: 0,
      elsewhere: 0,
      retries: 0,
      failures: [],
      notRun: run?.nodes.length ?? 0,
      durationMs: clock.monotonic() - began,
    };
    onEvent({ type: "run_ended", summary, interrupted: signal.aborted, at: clock.now() });
    throw error;
  }
}

async function follow(context: DagContext, jobs: ReadonlyMap<Hash, DagJob>): Promise<RunSummary> {
  const { run: { runId }, signal } = context;
  let summary: RunSummary;
  try {
    summary = await followDag(context, jobs, async () => {
      try {
        const cancelled = await cancelOwn(context, jobs);
        tell(context, "warn", `run ${runId} was stopped: cancelled ${cancelled} of its jobs`);
      } catch (error) {
        // After a signal the process exits, whatever is thrown: nobody would hear of jobs that go on.
        const advice = `its jobs may go on, cancel them later: furu cancel ${runId}`;
        tell(context, "error", `run ${runId} was stopped, but: ${errorText(error)}; ${advice}`);
      }
    });
  } catch (error) {
    if (!signal.aborted) {
      tell(context, "warn", `the jobs go on: furu follow ${runId}, or furu cancel ${runId}`);
    }
    throw error;
  }
  if (summary.failures.length === 0 && summary.notRun === 0) return summary;
  throw new RunFailedError(failureReport(summary, { keepGoing: true }), summary);
}

async function submit(context: PreparedDag): Promise<Map<Hash, DagJob>> {
  const { runtime, dir, run, dagPlan: { nodes } } = context;
  const artifacts = new Map(run.nodes.map(({ hash }) => [hash, nodes.get(hash)!.artifact]));
  await writeDagRun(runtime, dir, run, [...artifacts.values()]);
  const inProgress = run.nodes.filter(({ hash }) => nodes.get(hash)?.status === "IN_PROGRESS");
  const jobs = await submitDag(context, artifacts, new Set(inProgress.map(({ hash }) => hash)));
  await writeDagJobs(runtime, dir, jobs);
  const own = [...jobs.values()].filter((job) => job.own).length;
  const others = jobs.size - own;
  const found = others === 0
    ? ""
    : `; ${plural(others, "job")} of other runs ${others === 1 ? "is" : "are"} waited for`;
  tell(context, "info", `submitted ${plural(own, "job")}${found}`);
  return jobs;
}

function submitted(context: PreparedDag, jobs: ReadonlyMap<Hash, DagJob>): SubmittedRun {
  const { run: { runId }, dir, dagPlan } = context;
  tell(context, "info", `follow it with: furu follow ${runId}; cancel it with: furu cancel ${runId}`);
  return {
    runId,
    runDir: dir,
    jobIds: Object.fromEntries([...jobs].map(([hash, { jobId }]) => [hash, jobId])),
    rootJobIds: dagPlan.roots.map((hash) => jobs.get(hash)?.jobId),
    plan: dagPlan,
  };
}

/** Whoever may start any program may do anything: it makes no sense to ask for less. */
const NEEDED = [
  { name: "read" },
  { name: "write" },
  { name: "run" },
  { name: "env" },
  { name: "sys", kind: "uid" },
] as const;
