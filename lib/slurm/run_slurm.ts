import { resolveConfig } from "../core/config.ts";
import { ExecutionError, RunFailedError } from "../core/errors.ts";
import type { RunSummary } from "../core/event.ts";
import type { Hash } from "../core/hash.ts";
import type { Plan } from "../plan/graph.ts";
import { currentContext } from "../run/context.ts";
import { systemRuntime } from "../run/default_runtime.ts";
import { refuseWhileLoading } from "../run/loading.ts";
import { runReporter } from "../schedule/run_reporter.ts";
import { withSignals } from "../schedule/signals.ts";
import type { Artifact } from "../task/artifact.ts";
import { failureReport } from "../ui/report.ts";
import { plural } from "../ui/text.ts";
import { cancelOwn } from "./dag_cancel.ts";
import { type DagContext, tell } from "./dag_context.ts";
import { followDag } from "./dag_follow.ts";
import { prepareDag } from "./dag_prepare.ts";
import { type DagJob, writeDagJobs, writeDagRun } from "./dag_run.ts";
import { JobLookup } from "./job_lookup.ts";
import { submitDag } from "./dag_submit.ts";
import { systemClient } from "./system_client.ts";
import {
  checkSlurmOptions,
  type RunSlurmOptions,
  slurmOverrides,
  type SubmittedRun,
} from "./run_slurm_options.ts";

/**
 * Computes all of the roots that is missing as Slurm jobs, one for each artifact, that wait for each other. Two runs that
 * need the same artifact submit it once. What depends on a failure is cancelled, all else goes on.
 *
 * @param roots What is wanted.
 * @returns How it went, when all roots are there; with `wait: false` what was submitted.
 * @throws {RunFailedError} that lists each failure. {@link ConfigError} for specs that are missing or impossible,
 * {@link SlurmError} in sbatch's own words, and for an artifact that somebody computes outside of Slurm;
 * {@link ValidationError} for bad options or roots, {@link ExecutionError} inside of a task, the signal's reason when it
 * aborts. On Ctrl-C the jobs that it submitted are cancelled and the process exits with 130 (143 for SIGTERM).
 *
 * @example
 * ```ts
 * import { defineTask, runSlurm, z } from "@furu/furu";
 *
 * const Train = defineTask({
 *   name: "docs/Train",
 *   params: z.object({ lr: z.number() }),
 *   spec: "gpu",
 *   create: ({ params }) => ({ loss: 1 / params.lr }),
 * });
 * const run = async () =>
 *   await runSlurm([Train({ lr: 1e-3 })], {
 *     mode: "dag",
 *     specs: { default: { timeMin: 10 }, gpu: { partition: "gpu", gpus: 1, timeMin: 60 } },
 *   });
 * ```
 */
export function runSlurm(
  roots: Artifact | Iterable<Artifact>,
  options: RunSlurmOptions & { wait: false },
): Promise<SubmittedRun>;
/** As above, followed until it has ended. */
export function runSlurm(
  roots: Artifact | Iterable<Artifact>,
  options: RunSlurmOptions & { wait?: true },
): Promise<RunSummary>;
/** As above, either of them. */
export function runSlurm(
  roots: Artifact | Iterable<Artifact>,
  options: RunSlurmOptions,
): Promise<RunSummary | SubmittedRun>;
export async function runSlurm(
  roots: Artifact | Iterable<Artifact>,
  options: RunSlurmOptions,
): Promise<RunSummary | SubmittedRun> {
  refuseWhileLoading("runSlurm");
  refuseInside();
  checkSlurmOptions(options);
  const { wait = true, entry = Deno.mainModule } = options;
  const config = resolveConfig(slurmOverrides(options));
  const reporter = runReporter("runSlurm", options);
  const client = systemClient(options.intervalSec ?? config.slurm?.intervalSec);
  const runtime = systemRuntime(config, {
    log: reporter.print,
    claimHint: (holder) => lookup.whyGone(holder),
  });
  const lookup = new JobLookup(runtime.machine, client);
  return await withSignals(options.signal, async (signal) => {
    using _ = reporter;
    const { clock } = runtime.machine;
    const context = await prepareDag(runtime, roots, { options, config, entry, signal, client, lookup });
    const { run, dagPlan } = context;
    const inRun: DagContext = { ...context, onEvent: reporter.sink };
    const { nodes, cached } = run.counts;
    reporter.sink({ type: "run_started", runId: run.runId, nodes, cached, at: clock.now() });
    const isIdle = wait && run.nodes.length === 0;
    const jobs = isIdle ? new Map<Hash, DagJob>() : await submit(inRun, dagPlan);
    if (!wait) return submitted(inRun, dagPlan, jobs);
    return await follow(inRun, jobs);
  });
}

async function follow(context: DagContext, jobs: ReadonlyMap<Hash, DagJob>): Promise<RunSummary> {
  const { run: { runId }, signal } = context;
  let summary: RunSummary;
  try {
    summary = await followDag(context, jobs, async () => {
      const cancelled = await cancelOwn(context, jobs);
      tell(context, "warn", `run ${runId} was stopped: cancelled ${cancelled} of its jobs`);
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

async function submit(context: DagContext, { nodes }: Plan): Promise<Map<Hash, DagJob>> {
  const { runtime, dir, run } = context;
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

function submitted(context: DagContext, dagPlan: Plan, jobs: ReadonlyMap<Hash, DagJob>): SubmittedRun {
  const { run: { runId }, dir } = context;
  tell(context, "info", `follow it with: furu follow ${runId}; cancel it with: furu cancel ${runId}`);
  return {
    runId,
    runDir: dir,
    jobIds: Object.fromEntries([...jobs].map(([hash, { jobId }]) => [hash, jobId])) as Record<Hash, string>,
    rootJobIds: dagPlan.roots.map((hash) => jobs.get(hash)?.jobId),
    plan: dagPlan,
  };
}

function refuseInside(): void {
  const context = currentContext();
  if (!context) return;
  const where = context.node ? ` inside ${context.node}` : "";
  throw new ExecutionError(
    `Cannot call runSlurm()${where}: a run cannot be started inside of a run or a task`,
  );
}
