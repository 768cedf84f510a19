import { type Config, resolveConfig } from "../core/config.ts";
import { ExecutionError, RunFailedError, ValidationError } from "../core/errors.ts";
import type { EventSink, RunSummary } from "../core/event.ts";
import type { Hash } from "../core/hash.ts";
import { FURU_VERSION } from "../core/version.ts";
import { type Plan, plan } from "../plan/graph.ts";
import { currentContext } from "../run/context.ts";
import { systemRuntime } from "../run/default_runtime.ts";
import { refuseWhileLoading } from "../run/loading.ts";
import type { Runtime } from "../run/runtime.ts";
import { checkChoices, rootsOf } from "../schedule/check_options.ts";
import { forcedNodes } from "../schedule/forced.ts";
import { checkImportable } from "../schedule/importable.ts";
import { runReporter } from "../schedule/run_reporter.ts";
import { withSignals } from "../schedule/signals.ts";
import { storeStatus } from "../schedule/status_source.ts";
import { RECORD_SCHEMA } from "../store/record.ts";
import type { Artifact } from "../task/artifact.ts";
import { failureReport } from "../ui/report.ts";
import { cancelOwn } from "./dag_cancel.ts";
import { type DagContext, tell } from "./dag_context.ts";
import { followDag } from "./dag_follow.ts";
import { dagNodes, dagSpecs, refuseHopeless } from "./dag_plan.ts";
import { type DagJob, type DagRun, runDir, writeDagJobs, writeDagRun } from "./dag_run.ts";
import { submitDag } from "./dag_submit.ts";
import type { SlurmSpecs } from "./check_specs.ts";
import { JobLookup } from "./job_lookup.ts";
import { JobTracker } from "./job_tracker.ts";
import { systemClient } from "./system_client.ts";

/** Options of {@link runSlurm}. */
export interface RunSlurmOptions {
  /** One job for each artifact, each waiting for those that it needs. The only mode so far. */
  mode: "dag";
  /** What jobs the tasks' specs stand for. @default `slurm.specs` in furu.json */
  specs?: SlurmSpecs;
  /** Is the run followed until it has ended? Else the jobs are submitted, and go on by themselves. @default true */
  wait?: boolean;
  /** Names of tasks to compute again although they are stored, or `"ALL"`. @default FURU_ALWAYS_RERUN */
  force?: "ALL" | string[];
  /** How often a failed computation is tried again, after the first attempt. @default FURU_MAX_COMPUTE_RETRIES, 3 */
  maxComputeRetries?: number;
  /** Is an artifact tried again whose latest attempt failed in an earlier run? @default FURU_RETRY_FAILED, true */
  retryFailed?: boolean;
  /** How often a job is begun again that was preempted or reached its time limit. @default FURU_PREEMPT_MAX, 5 */
  preemptMax?: number;
  /** Seconds between two looks at the jobs. @default `slurm.intervalSec` in furu.json, 10 */
  intervalSec?: number;
  /** Told what happens. */
  onEvent?: EventSink;
  /** How the run shows itself, on stderr (`"json"`: on stdout). @default "auto" */
  progress?: "auto" | "plain" | "quiet" | "json" | "none";
  /** Ends the run: what it submitted is cancelled, and the signal's reason is thrown. */
  signal?: AbortSignal;
  /** URL of the module that defines the tasks, where it is not the main module. @default Deno.mainModule */
  entry?: string;
}

/** A run whose jobs go on by themselves. */
export interface SubmittedRun {
  /** Its id, for `furu follow` and `furu cancel`. */
  runId: string;
  /** Its folder. */
  runDir: string;
  /** The job of each artifact, by its hash; also those found in Slurm that somebody else had submitted. */
  jobIds: Record<Hash, string>;
  /** The jobs of the roots, in the order given; `undefined` for one that is stored already. */
  rootJobIds: (string | undefined)[];
  /** What was planned. */
  plan: Plan;
}

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
  checkOptions(options);
  const { wait = true, entry = Deno.mainModule } = options;
  const config = resolveConfig(overrides(options));
  const reporter = runReporter("runSlurm", options);
  const runtime = systemRuntime(config, { log: reporter.print });
  return await withSignals(options.signal, async (signal) => {
    using _ = reporter;
    const { clock } = runtime.machine;
    const context = await prepare(runtime, roots, { options, config, entry, signal });
    const { run, dir, dagPlan } = context;
    const inRun: DagContext = { ...context, onEvent: reporter.sink };
    const { nodes, cached } = run.counts;
    reporter.sink({ type: "run_started", runId: run.runId, nodes, cached, at: clock.now() });
    const jobs = run.nodes.length === 0 ? new Map<Hash, DagJob>() : await submit(inRun, dagPlan);
    if (!wait) return submitted(inRun, dagPlan, jobs);
    try {
      const summary = await followDag(inRun, jobs);
      if (summary.failures.length > 0 || summary.notRun > 0) {
        throw new RunFailedError(failureReport(summary, { keepGoing: true }), summary);
      }
      return summary;
    } catch (error) {
      if (signal.aborted) {
        const cancelled = await cancelOwn(inRun, jobs);
        tell(inRun, "warn", `run ${run.runId} was stopped: cancelled ${cancelled} of its jobs; ${dir} is kept`);
      }
      throw error;
    }
  });
}

interface Prepared extends Omit<DagContext, "onEvent"> {
  dagPlan: Plan;
}

/** Plans, checks all that can be checked before anything is submitted, and says what there is to do. */
async function prepare(
  runtime: Runtime,
  roots: Artifact | Iterable<Artifact>,
  { options, config, entry, signal }: {
    options: RunSlurmOptions;
    config: Config;
    entry: string;
    signal: AbortSignal;
  },
): Promise<Prepared> {
  const { machine } = runtime;
  const client = systemClient(options.intervalSec ?? config.slurm?.intervalSec);
  const runId = `slurm-${new Date(machine.clock.now()).toISOString().replaceAll(/[:.]/g, "")}-${
    machine.randomId().slice(0, 6)
  }`;
  const force = options.force ?? config.alwaysRerun;
  const forced = forcedNodes(runtime, force, runId);
  const lookup = new JobLookup(runtime, client);
  const source = storeStatus(runtime, {
    isOver: async (queued) => (await lookup.find(queued)).state === "over",
  });
  const dagPlan = await plan(rootsOf(roots), source, { signal, ...(forced === undefined ? {} : { forced }) });
  checkImportable(dagPlan.nodes.values(), entry);
  await refuseHopeless(runtime, dagPlan, runId);
  const nodes = dagNodes(dagPlan, machine);
  const given = options.specs ?? config.slurm?.specs ?? {};
  const specs = nodes.length === 0 ? {} : await dagSpecs(given, nodes, client, signal);
  const invalid = nodes.filter(({ hash }) => {
    const state = dagPlan.nodes.get(hash)?.state;
    return state?.status === "TODO" && state.why?.startsWith("what is stored is invalid");
  });
  const run: DagRun = {
    schema: RECORD_SCHEMA,
    runId,
    mode: "dag",
    createdAt: new Date(machine.clock.now()).toISOString(),
    versions: { furu: FURU_VERSION, deno: Deno.version.deno },
    entry,
    roots: [...dagPlan.roots],
    specs,
    config,
    force: force === "ALL" ? force : [...force],
    git: await runtime.provenance.git() ?? null,
    counts: { nodes: dagPlan.nodes.size, cached: dagPlan.counts.done },
    invalid: invalid.map(({ hash }) => hash),
    nodes,
  };
  const dir = runDir(runtime.store.root, runId);
  return { runtime, client, tracker: new JobTracker(client), run, dir, signal, dagPlan };
}

async function submit(context: DagContext, { nodes }: Plan): Promise<Map<Hash, DagJob>> {
  const { runtime, dir, run } = context;
  const artifacts = new Map(run.nodes.map(({ hash }) => [hash, nodes.get(hash)!.artifact]));
  await writeDagRun(runtime, dir, run, [...artifacts.values()]);
  const jobs = await submitDag(context, artifacts);
  await writeDagJobs(runtime, dir, jobs);
  const own = [...jobs.values()].filter((job) => job.own).length;
  const others = jobs.size - own;
  tell(
    context,
    "info",
    `submitted ${own === 1 ? "1 job" : `${own} jobs`}${others > 0 ? `; ${others} were in Slurm already` : ""}`,
  );
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

function checkOptions(options: RunSlurmOptions): void {
  checkChoices(options);
  const mode: unknown = (options as Partial<RunSlurmOptions> | undefined)?.mode;
  if (mode === "dag") return;
  throw new ValidationError(
    mode === "pool" || mode === undefined
      ? `Cannot use mode ${Deno.inspect(mode)}: the pool is not there yet, use mode: "dag"`
      : `Cannot use mode ${Deno.inspect(mode)}: allowed is "dag"`,
  );
}

function overrides({ maxComputeRetries, retryFailed, preemptMax }: RunSlurmOptions): Partial<Config> {
  return {
    ...(maxComputeRetries === undefined ? {} : { maxComputeRetries }),
    ...(retryFailed === undefined ? {} : { retryFailed }),
    ...(preemptMax === undefined ? {} : { preemptMax }),
  };
}
