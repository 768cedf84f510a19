import type { Config } from "../../core/config.ts";
import { FURU_VERSION } from "../../core/version.ts";
import { makePlan, type Plan } from "../../plan/graph.ts";
import { poolNodes, type PoolRun } from "../../remote/pool_run.ts";
import type { Runtime } from "../../run/runtime.ts";
import { checkComputable, checkImportable, rootsOf } from "../../schedule/check_run.ts";
import { forcedByUser } from "../../plan/forced.ts";
import { storeStatus } from "../../schedule/status_source.ts";
import { RECORD_SCHEMA } from "../../store/record.ts";
import type { Artifact } from "../../task/artifact/artifact.ts";
import { checkMaxWorkers } from "../run/check_max_workers.ts";
import { checkSpecs } from "../run/check_specs.ts";
import { checkTimeLimits } from "../run/check_time_limits.ts";
import type { SlurmClient } from "../client/client.ts";
import { keepCode } from "../run/keep_code.ts";
import { dagSpecs, neededSpecs } from "../run/dag_plan.ts";
import { JobWatch } from "../jobs/job_watch.ts";
import { isOver } from "../jobs/slurm_hints.ts";
import type { RunPoolOptions } from "../run/run_slurm_options.ts";
import type { ParsedSpec } from "../client/spec.ts";

/** What {@link preparePool} works with. */
export interface PreparePoolOptions {
  /** The run's id. */
  runId: string;
  /** What the caller asked for. */
  options: RunPoolOptions;
  /** The resolved configuration. */
  config: Config;
  /** URL of the module that the run was started with. */
  entry: string;
  /** Asks Slurm. */
  client: SlurmClient;
  /** Ends it. */
  signal: AbortSignal;
}

/** A run that is about to begin. */
export interface PreparedPool {
  /** What it is. */
  run: PoolRun;
  /** What there is to do. */
  plan: Plan;
  /** What jobs its specs stand for. */
  specs: Record<string, ParsedSpec>;
  /** All artifacts that have to be made again elsewhere. */
  artifacts: Artifact[];
}

/**
 * Plans, and checks all that can be checked before anything begins.
 *
 * @throws What `runSlurm` throws for bad roots, specs and states.
 */
export async function preparePool(
  runtime: Runtime,
  roots: Artifact | Iterable<Artifact>,
  { runId, options, config, entry, client, signal }: PreparePoolOptions,
): Promise<PreparedPool> {
  const { machine } = runtime;
  const given = [...rootsOf(roots)];
  const force = options.force ?? config.alwaysRerun;
  const forced = forcedByUser(runtime.store, force, runId);
  const jobs = new JobWatch(machine, client);
  const source = storeStatus(runtime, {
    isOver: (queued) => isOver(jobs, queued, signal),
  });
  const planned = await makePlan(given, source, { signal, ...(forced === undefined ? {} : { forced }) });
  checkComputable(planned.nodes.values());
  checkImportable(planned.nodes.values(), entry);
  const all = poolNodes(given);
  const ofJobs = options.specs ?? config.slurm?.specs ?? {};
  checkMaxWorkers(options.maxWorkers, [...Object.keys(ofJobs), ...all.map(({ spec }) => spec)]);
  const missing = all.filter(({ hash }) => {
    const node = planned.nodes.get(hash);
    return node !== undefined && node.status !== "DONE";
  });
  const specs = missing.length === 0 ? {} : await poolSpecs(missing, { options, config, client, signal });
  checkTimeLimits(missing, specs);
  const invalid = missing.filter(({ hash }) => {
    const state = planned.nodes.get(hash)?.state;
    return state?.status === "TODO" && state.reason === "invalid";
  });
  const code = missing.length === 0 ? {} : await keepCode(runtime, given, { options, entry });
  const run: PoolRun = {
    schema: RECORD_SCHEMA,
    runId,
    mode: "pool",
    createdAt: new Date(machine.clock.now()).toISOString(),
    submitter: machine.self,
    versions: { furu: FURU_VERSION, deno: Deno.version.deno },
    entry,
    ...code,
    roots: [...planned.roots],
    specs,
    // Whoever controls it looks as often.
    config: { ...config, slurm: { ...config.slurm, squeueIntervalSec: client.intervalMs / 1000 } },
    force: force === "ALL" ? force : [...force],
    git: await runtime.provenance.git() ?? null,
    detached: options.detach ?? false,
    options: {
      maxWorkers: options.maxWorkers ?? 50,
      window: options.window ?? "bfs",
      idleTimeoutSec: options.idleTimeoutSec ?? 60,
      keepGoing: options.keepGoing ?? false,
      tasksPerWorker: options.tasksPerWorker ?? 1,
    },
    counts: { nodes: planned.nodes.size, cached: planned.counts.done },
    invalid: invalid.map(({ hash }) => hash),
    nodes: all,
  };
  return { run, plan: planned, specs, artifacts: given };
}

/** The specs of a run, `default` among them: whoever takes up a detached run is of it. */
async function poolSpecs(
  missing: readonly { spec: string; name: string }[],
  { options, config, client, signal }: Pick<PreparePoolOptions, "options" | "config" | "client" | "signal">,
): Promise<Record<string, ParsedSpec>> {
  const given = options.specs ?? config.slurm?.specs;
  if (options.launcher === "srun") {
    // The job that this process runs in has its resources already.
    const plain = Object.fromEntries(
      ["default", ...missing.map(({ spec }) => spec)].map((spec) => [spec, {}]),
    );
    return neededSpecs(given ?? plain, missing);
  }
  const used = await dagSpecs(given ?? {}, missing, client, signal);
  return { ...checkSpecs({ default: (given as { default?: unknown }).default }), ...used };
}
