import type { Config } from "../../core/config.ts";
import type { Machine } from "../../core/system/machine.ts";
import { FURU_VERSION } from "../../core/version.ts";
import { makePlan, type Plan } from "../../plan/graph.ts";
import type { Runtime } from "../../run/runtime.ts";
import { checkComputable, checkImportable, rootsOf } from "../../schedule/check_run.ts";
import { forcedByUser } from "../../plan/forced.ts";
import { storeStatus } from "../../schedule/status_source.ts";
import { RECORD_SCHEMA } from "../../store/record.ts";
import type { Artifact } from "../../task/artifact/artifact.ts";
import type { DagContext } from "./dag_context.ts";
import { dagNodes, dagSpecs, leftOut, refuseHopeless } from "../run/dag_plan.ts";
import { type DagRun, runDir } from "../run/dag_run.ts";
import { keepCode } from "../run/keep_code.ts";
import { isOver } from "../jobs/slurm_hints.ts";
import type { RunDagOptions } from "../run/run_slurm_options.ts";

/** A run that is about to be submitted. */
export interface PreparedDag extends DagContext {
  /** What there is to do. */
  dagPlan: Plan;
}

/** What {@link prepareDag} works with. */
export interface PrepareDagOptions extends Pick<DagContext, "client" | "jobs" | "signal" | "onEvent"> {
  /** The run's id: see {@link newRunId}. */
  runId: string;
  /** What the caller asked for. */
  options: RunDagOptions;
  /** The resolved configuration. */
  config: Config;
  /** URL of the module that the run was started with. */
  entry: string;
}

/** An id for a run that begins now. */
export function newRunId({ clock, randomId }: Pick<Machine, "clock" | "randomId">): string {
  return `slurm-${new Date(clock.now()).toISOString().replaceAll(/[:.]/g, "")}-${randomId().slice(0, 6)}`;
}

/**
 * Plans, and checks all that can be checked before anything is submitted.
 *
 * @throws What `runSlurm` throws for bad roots, specs and states.
 */
export async function prepareDag(
  runtime: Runtime,
  roots: Artifact | Iterable<Artifact>,
  { runId, options, config, entry, signal, client, jobs, onEvent }: PrepareDagOptions,
): Promise<PreparedDag> {
  const { machine } = runtime;
  const { intervalMs } = client;
  const force = options.force ?? config.alwaysRerun;
  const forced = forcedByUser(runtime.store, force, runId);
  const source = storeStatus(runtime, {
    isOver: (queued) => isOver(jobs, queued, signal),
  });
  const dagPlan = await makePlan(rootsOf(roots), source, {
    signal,
    ...(forced === undefined ? {} : { forced }),
  });
  checkComputable(dagPlan.nodes.values());
  checkImportable(dagPlan.nodes.values(), entry);
  await refuseHopeless(runtime, dagPlan, runId);
  const { failures, hashes } = await leftOut(runtime, dagPlan);
  const nodes = dagNodes(dagPlan, machine, hashes);
  const given = options.specs ?? config.slurm?.specs ?? {};
  const [specs, cluster] = nodes.length === 0
    ? [{}, undefined]
    : await Promise.all([dagSpecs(given, nodes, client, signal), client.cluster()]);
  const invalid = nodes.filter(({ hash }) => {
    const state = dagPlan.nodes.get(hash)?.state;
    return state?.status === "TODO" && state.reason === "invalid";
  });
  const code = nodes.length === 0
    ? {}
    : await keepCode(runtime, dagPlan.nodes.values().map(({ artifact }) => artifact), { options, entry });
  const run: DagRun = {
    schema: RECORD_SCHEMA,
    runId,
    mode: "dag",
    submitter: machine.self,
    ...(cluster === undefined ? {} : { cluster }),
    createdAt: new Date(machine.clock.now()).toISOString(),
    versions: { furu: FURU_VERSION, deno: Deno.version.deno },
    entry,
    ...code,
    roots: [...dagPlan.roots],
    specs,
    // Whoever follows it looks as often.
    config: { ...config, slurm: { ...config.slurm, squeueIntervalSec: intervalMs / 1000 } },
    force: force === "ALL" ? force : [...force],
    git: await runtime.provenance.git() ?? null,
    counts: { nodes: dagPlan.nodes.size, cached: dagPlan.counts.done },
    invalid: invalid.map(({ hash }) => hash),
    ...(failures.length === 0 ? {} : { leftOut: { failures, dependents: hashes.size - failures.length } }),
    nodes,
  };
  const dir = runDir(runtime.store.root, runId);
  return { runtime, client, jobs, run, dir, signal, onEvent, dagPlan };
}
