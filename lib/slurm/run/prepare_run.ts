import type { Config } from "../../core/config.ts";
import { environmentVariables } from "../../core/environment.ts";
import type { Hash } from "../../core/hash.ts";
import type { RunLog } from "../../core/run_log.ts";
import { parseTarget } from "../../core/settings/notify_setting.ts";
import type { Machine } from "../../core/system/machine.ts";
import { FURU_VERSION } from "../../core/version.ts";
import { makePlan, type Plan, type RootPriority } from "../../plan/graph.ts";
import { checkLimits } from "../../plan/limits.ts";
import { askedOfTask, poolNodes } from "../../remote/run_nodes.ts";
import type { DagNode, DagRun, PoolRun, RunRecord } from "../../remote/run_record.ts";
import { type NodeSpecs, specOfNode, specsOfNodes } from "../../remote/node_specs.ts";
import type { SpecLadder, SpecNeeds } from "../../task/ladder.ts";
import type { Runtime } from "../../run/runtime.ts";
import { checkComputable, checkImportable, rootPriority, rootsOf } from "../../schedule/check_run.ts";
import { dependentsOfForced, forcedByUser } from "../../plan/forced.ts";
import type { RunReporter } from "../../schedule/run_reporter.ts";
import { storeStatus } from "../../schedule/status_source.ts";
import { RECORD_SCHEMA } from "../../store/layout.ts";
import { ARTIFACT, type Artifact } from "../../task/artifact/artifact.ts";
import type { SlurmClient } from "../client/client.ts";
import { submitEnvironment } from "../client/environment.ts";
import type { ParsedSpec } from "../client/spec.ts";
import type { JobWatch } from "../jobs/job_watch.ts";
import { isOver } from "../jobs/slurm_hints.ts";
import { leftOut, refuseHopeless } from "./check_plan.ts";
import { checkMaxWorkers, checkSpecs, checkTimeLimits, neededSpecs } from "./check_specs.ts";
import { checkDagLimits } from "./check_limits.ts";
import { growthOf, noRaiseText, withLadders, withSizes } from "./node_ladders.ts";
import { ownCluster } from "./own_cluster.ts";
import { askPartitions, checkOneCluster, clusterSpecs } from "./spec_clusters.ts";
import type { RunDagOptions, RunPoolOptions, RunSlurmOptions } from "./run_slurm_options.ts";
import { snapshotForRun } from "./snapshot_for_run.ts";

/** Options of {@link prepareRun}. */
export interface PrepareRunOptions<O extends RunSlurmOptions = RunSlurmOptions> {
  /** The run's id: see {@link newRunId}. */
  runId: string;
  /** The options of the caller, checked. */
  options: O;
  /** The resolved configuration. */
  config: Config;
  /** URL of the module that the run was started with. */
  entry: string;
  /** Asks Slurm. */
  client: SlurmClient;
  /** Tells what Slurm knows of jobs. */
  watch: JobWatch;
  /**
   * Told that Slurm does not answer.
   *
   * @default {nobody}
   */
  log?: Pick<RunLog, "warn"> | undefined;
  /** Ends it. */
  signal: AbortSignal;
}

/** A run that the caller of `runSlurm` wants, with the ways to tell of it. */
export interface StartRunOptions<O extends RunSlurmOptions> extends PrepareRunOptions<O> {
  /** Shows the run. */
  reporter: RunReporter;
  /** Says something to the run's people. */
  log: RunLog;
  /** Takes what is done when the user does not want to wait any longer. */
  onKill: (kill: () => Promise<void>) => void;
}

/** A run that is about to begin. */
export interface PreparedRun<R extends RunRecord> {
  /** Its record, which is not written yet. */
  run: R;
  /** The plan of its nodes. */
  plan: Plan;
  /** The specs of its jobs; none where nothing is missing. */
  specs: Record<string, ParsedSpec>;
  /** All artifacts that have to be made again elsewhere. */
  artifacts: Artifact[];
}

/** An id for a run that begins now. Ids sort by that time. */
export function newRunId({ clock, randomId }: Pick<Machine, "clock" | "randomId">): string {
  return `slurm-${new Date(clock.now()).toISOString().replaceAll(/[:.]/g, "")}-${randomId().slice(0, 6)}`;
}

/**
 * Plans a run, and checks all that can be checked before anything is written or submitted.
 *
 * @throws What `runSlurm` throws for bad roots, specs and states.
 */
export function prepareRun(
  runtime: Runtime,
  roots: Artifact | Iterable<Artifact>,
  prepare: PrepareRunOptions<RunDagOptions>,
): Promise<PreparedRun<DagRun>>;
/** As above, for a pool of workers. */
export function prepareRun(
  runtime: Runtime,
  roots: Artifact | Iterable<Artifact>,
  prepare: PrepareRunOptions<RunPoolOptions>,
): Promise<PreparedRun<PoolRun>>;
export async function prepareRun(
  runtime: Runtime,
  roots: Artifact | Iterable<Artifact>,
  prepare: PrepareRunOptions,
): Promise<PreparedRun<RunRecord>> {
  const { runId, options, config, entry, client, watch, signal } = prepare;
  const { machine } = runtime;
  const given = [...rootsOf(roots)];
  const force = options.force ?? config.alwaysRerun;
  const forced = forcedByUser(runtime.store, force, runId, options.forceDependents ? given : undefined);
  const forcedDependents = options.forceDependents ? dependentsOfForced(given, force) : [];
  const source = storeStatus(runtime, { isOver: (queued) => isOver(watch, queued, signal) });
  const priority = rootPriority(options.priority, given);
  const planned = await makePlan(given, source, { signal, forced, priority });
  checkComputable(planned.nodes.values());
  checkImportable(planned.nodes.values(), entry);
  const isAll = planned.counts.done === planned.nodes.size;
  const isInside = options.mode !== "dag" && options.launcher === "srun";
  const growth = isAll || isInside
    ? {}
    : await growthOf(options.specs ?? config.slurm?.specs, askPartitions(client, signal));
  const { own, missing, artifacts } = options.mode === "dag"
    ? await dagPart(runtime, planned, { ...prepare, growth })
    : poolPart(given, planned, { options, config, growth, log: prepare.log }, priority);
  const isIdle = missing.length === 0;
  const [specs, cluster] = isIdle ? [{}, undefined] : await Promise.all([
    specsOf(missing, prepare),
    clusterOf(runtime, prepare),
  ]);
  if (own.mode === "pool") {
    checkTimeLimits(missing, specs);
    checkLimits(missing, config.limits);
  } else {
    checkOneCluster(own.nodes, { cluster, specs });
    checkDagLimits(missing.flatMap(({ hash }) => planned.nodes.get(hash) ?? []), specs);
  }
  const run: RunRecord = {
    schema: RECORD_SCHEMA,
    runId,
    createdAt: new Date(machine.clock.now()).toISOString(),
    submitter: machine.self,
    ...(cluster === undefined ? {} : { cluster }),
    ...(isIdle ? {} : { submitEnv: submitEnvironment(environmentVariables()) }),
    versions: { furu: FURU_VERSION, deno: Deno.version.deno },
    entry,
    ...isIdle ? {} : await snapshotForRun(runtime, given, { options, entry }),
    roots: [...planned.roots],
    specs,
    // Whoever follows or controls it looks as often.
    config: {
      ...withoutNotify(config),
      slurm: { ...config.slurm, squeueIntervalSec: client.intervalMs / 1000 },
    },
    ...(parseTarget(config.notify) ? { notifies: true } : {}),
    force: force === "ALL" ? force : [...force],
    ...(forcedDependents.length === 0 ? {} : { forcedDependents }),
    git: await runtime.provenance.git() ?? null,
    counts: { nodes: planned.nodes.size, cached: planned.counts.done },
    invalid: missing.map(({ hash }) => hash).filter((hash) => isInvalid(planned, hash)),
    ...own,
  };
  return { run, plan: planned, specs, artifacts };
}

/** Everybody can read a run's record, and URLs of notices are secrets. */
function withoutNotify({ notify: _, ...config }: Config): Config {
  return config;
}

/** The cluster of its jobs. A run inside of a job submits none: it need not know. */
async function clusterOf(
  { machine: { clock } }: Runtime,
  { options, client, log, signal }: PrepareRunOptions,
): Promise<string | undefined> {
  if (options.mode !== "dag" && options.launcher === "srun") return await client.cluster();
  return await ownCluster({ client, clock, action: "submit jobs", log, signal });
}

/** The part of a run that differs by its mode. */
interface ModePart {
  /** Its fields of the record. */
  own:
    | Pick<PoolRun, "mode" | "detached" | "options" | "nodes">
    | Pick<DagRun, "mode" | "leftOut" | "nodes">;
  /** The nodes that jobs have to compute. */
  missing: (PoolRun | DagRun)["nodes"];
  /** All artifacts that have to be made again elsewhere. */
  artifacts: Artifact[];
}

function poolPart(
  given: readonly Artifact[],
  planned: Plan,
  { options, config, growth, log }:
    & Pick<PrepareRunOptions<RunPoolOptions>, "options" | "config" | "log">
    & Growing,
  priority: RootPriority | undefined,
): ModePart {
  let nodes = withLadders(poolNodes(given), planned, growth);
  if (options.detach && config.slurm?.nodesSubmit === false) {
    const why = "jobs cannot submit jobs here (slurm.nodesSubmit is false)";
    const said = noRaiseText(nodes.map((node) => ({ name: node.name, needs: node })), why);
    if (said !== undefined) log?.warn(said);
    nodes = nodes.map(oneSpec);
  }
  const priorities = Object.fromEntries(
    given.flatMap((root): [string, number][] => {
      const own = priority?.(root);
      return own === undefined ? [] : [[root.hash, own]];
    }),
  );
  const hasOwn = Object.keys(priorities).length > 0;
  const hasTurns = hasOwn ||
    nodes.some(({ limits, priority }) => limits !== undefined || priority !== undefined);
  const specs = options.specs ?? config.slurm?.specs ?? {};
  checkMaxWorkers(options.maxWorkers, [...Object.keys(specs), ...specsOfNodes(nodes)]);
  const missing = nodes.filter(({ hash }) => {
    const node = planned.nodes.get(hash);
    return node !== undefined && node.status !== "DONE";
  });
  const own = {
    mode: "pool",
    detached: options.detach ?? false,
    options: {
      maxWorkers: withSizes(options.maxWorkers ?? 50, growth),
      window: options.window ?? "bfs",
      idleTimeoutSec: options.idleTimeoutSec ?? 60,
      keepGoing: options.keepGoing ?? false,
      tasksPerWorker: options.tasksPerWorker ?? 1,
      ...(hasOwn ? { priorities } : {}),
      ...(hasTurns ? { turns: true as const } : {}),
    },
    nodes,
  } as const;
  return { own, missing, artifacts: [...given] };
}

async function dagPart(
  runtime: Runtime,
  planned: Plan,
  { runId, growth, log }: Pick<PrepareRunOptions, "runId" | "log"> & Growing,
): Promise<ModePart> {
  await refuseHopeless(runtime, planned, runId);
  const { failures, hashes } = await leftOut(runtime, planned);
  const all = dagNodes(planned, runtime.machine, hashes);
  const needs = withLadders(all.map((node) => ({ ...node, ...specNeedsOf(planned, node) })), planned, growth);
  const said = noRaiseText(
    needs.map((node) => ({ name: node.name, needs: node })),
    "in DAG mode a job keeps its spec",
  );
  if (said !== undefined) log?.warn(said);
  const nodes = needs.map(oneSpec);
  const left = { leftOut: { failures, dependents: hashes.size - failures.length } };
  return {
    own: { mode: "dag", ...(failures.length === 0 ? {} : left), nodes },
    missing: nodes,
    artifacts: nodes.map(({ hash }) => planned.nodes.get(hash)!.artifact),
  };
}

/** How specs grow in a run. */
interface Growing {
  growth: SpecLadder;
}

/** The specs that a node's task names. */
function specNeedsOf({ nodes }: Plan, { hash, spec }: DagNode): SpecNeeds {
  return nodes.get(hash)?.specs ?? { spec };
}

/** A node that stays with the spec that it begins with. */
function oneSpec<N extends NodeSpecs>(node: N): N {
  const { ladder = {}, lacked: _, ...rest } = node;
  const spec = specOfNode(node);
  return { ...rest, spec, ...(Object.hasOwn(ladder, spec) ? { later: ladder[spec] } : {}) } as N;
}

/** The nodes that are missing and not left out, dependencies first. */
function dagNodes(
  planned: Plan,
  { randomId }: Pick<Machine, "randomId">,
  without: ReadonlySet<Hash>,
): DagNode[] {
  const missing = planned.order().filter(({ hash, status }) => status !== "DONE" && !without.has(hash));
  const hashes = new Set<Hash>(missing.map(({ hash }) => hash));
  return missing.map(({ hash, name, spec, artifact }) => {
    const below = artifact[ARTIFACT].dependencies;
    return {
      hash,
      name,
      spec,
      dependencies: below.map((each) => each.hash).filter((each) => hashes.has(each)),
      stored: below.filter((each) => !hashes.has(each.hash)).map(({ hash, name }) => ({ hash, name })),
      ...askedOfTask(artifact),
      jobName: `furu-${nameInJob(name)}-${hash.slice(0, 8)}-${randomId()}`,
    };
  });
}

/** The part of a task's name by which people know its jobs: the last one, as far as Slurm takes it. */
function nameInJob(name: string): string {
  const last = name.split("/").at(-1)!;
  return last.replaceAll(/[^A-Za-z0-9_.-]/g, "_").slice(0, 40);
}

/** Whether something is stored that does not count: only the run itself can make what does. */
function isInvalid(planned: Plan, hash: Hash): boolean {
  const state = planned.nodes.get(hash)?.state;
  return state?.status === "TODO" && ["invalid", "partial"].includes(state.reason);
}

async function specsOf(
  missing: ModePart["missing"],
  { options, config, client, signal }: PrepareRunOptions,
): Promise<Record<string, ParsedSpec>> {
  const given = options.specs ?? config.slurm?.specs;
  const partitionsOf = askPartitions(client, signal);
  if (options.mode === "dag") return await clusterSpecs(given ?? {}, missing, partitionsOf);
  if (options.launcher === "srun") {
    // The job that this process runs in has its resources already.
    const plain = Object.fromEntries(
      ["default", ...specsOfNodes(missing)].map((spec) => [spec, {}]),
    );
    return neededSpecs(given ?? plain, missing);
  }
  const used = await clusterSpecs(given ?? {}, missing, partitionsOf);
  // The job of a controller that takes over is of spec default, whatever the tasks need.
  const own = checkSpecs({ default: (given as { default?: unknown }).default });
  return { default: own.default!, ...used };
}
