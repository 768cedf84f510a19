import type { Config } from "../core/config.ts";
import { FURU_VERSION } from "../core/version.ts";
import { type Plan, plan } from "../plan/graph.ts";
import type { Runtime } from "../run/runtime.ts";
import { rootsOf } from "../schedule/check_options.ts";
import { forcedNodes } from "../schedule/forced.ts";
import { checkImportable } from "../schedule/importable.ts";
import { storeStatus } from "../schedule/status_source.ts";
import { RECORD_SCHEMA } from "../store/record.ts";
import type { Artifact } from "../task/artifact.ts";
import type { DagContext } from "./dag_context.ts";
import { dagNodes, dagSpecs, refuseHopeless } from "./dag_plan.ts";
import { type DagRun, runDir } from "./dag_run.ts";
import type { JobLookup } from "./job_lookup.ts";
import type { SlurmClient } from "./client.ts";
import { JobTracker } from "./job_tracker.ts";
import type { RunSlurmOptions } from "./run_slurm_options.ts";

/** A run that is about to be submitted. */
export interface PreparedDag extends Omit<DagContext, "onEvent"> {
  /** What there is to do. */
  dagPlan: Plan;
}

/**
 * Plans, and checks all that can be checked before anything is submitted.
 *
 * @throws What `runSlurm` throws for bad roots, specs and states.
 */
export async function prepareDag(
  runtime: Runtime,
  roots: Artifact | Iterable<Artifact>,
  { options, config, entry, signal, client, lookup }: {
    options: RunSlurmOptions;
    config: Config;
    entry: string;
    client: SlurmClient;
    lookup: JobLookup;
    signal: AbortSignal;
  },
): Promise<PreparedDag> {
  const { machine } = runtime;
  const { intervalMs } = client;
  const runId = `slurm-${new Date(machine.clock.now()).toISOString().replaceAll(/[:.]/g, "")}-${
    machine.randomId().slice(0, 6)
  }`;
  const force = options.force ?? config.alwaysRerun;
  const forced = forcedNodes(runtime, force, runId);
  const source = storeStatus(runtime, {
    isOver: async (queued) => (await lookup.findForSure(queued, signal)).state === "over",
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
    submitter: machine.self,
    createdAt: new Date(machine.clock.now()).toISOString(),
    versions: { furu: FURU_VERSION, deno: Deno.version.deno },
    entry,
    roots: [...dagPlan.roots],
    specs,
    // Whoever follows it looks as often.
    config: { ...config, slurm: { ...config.slurm, intervalSec: intervalMs / 1000 } },
    force: force === "ALL" ? force : [...force],
    git: await runtime.provenance.git() ?? null,
    counts: { nodes: dagPlan.nodes.size, cached: dagPlan.counts.done },
    invalid: invalid.map(({ hash }) => hash),
    nodes,
  };
  const dir = runDir(runtime.store.root, runId);
  return { runtime, client, lookup, tracker: new JobTracker(client), run, dir, signal, dagPlan };
}
