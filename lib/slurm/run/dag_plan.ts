import { ConfigError, RunFailedError } from "../../core/errors.ts";
import type { Failure } from "../../core/event.ts";
import type { Hash } from "../../core/hash.ts";
import type { Machine } from "../../core/system/machine.ts";
import type { Plan } from "../../plan/graph.ts";
import type { PlanNode } from "../../plan/node.ts";
import type { Runtime } from "../../run/runtime.ts";
import { describeFailure } from "../../schedule/failure.ts";
import { ARTIFACT } from "../../task/artifact/artifact.ts";
import { timeLimitOf } from "../../task/requirements.ts";
import { failureReport } from "../../ui/report.ts";
import { checkPartitions } from "./check_partitions.ts";
import { checkSpecs } from "./check_specs.ts";
import type { SlurmClient } from "../client/client.ts";
import type { DagNode } from "./dag_run.ts";
import { outsideError } from "./outside_error.ts";
import type { ParsedSpec } from "../client/spec.ts";

/** What a run leaves out, since something that is stored cannot be read. */
export interface LeftOut {
  /** Each node that cannot be read. */
  failures: Failure[];
  /** These, and what depends on them. */
  hashes: ReadonlySet<Hash>;
}

/** What cannot be read, and what needs that, gets no job. */
export async function leftOut(runtime: Runtime, { nodes }: Plan): Promise<LeftOut> {
  const failures: Failure[] = [];
  const hashes = new Set<Hash>();
  for (const node of nodes.values()) {
    if (!isUnreadable(node)) continue;
    failures.push(await failureOf(runtime, node));
    hashes.add(node.hash);
  }
  // A set's iteration goes on over what is added meanwhile.
  for (const hash of hashes) {
    for (const dependent of nodes.get(hash)?.dependents ?? []) hashes.add(dependent);
  }
  return { failures, hashes };
}

function isUnreadable({ state }: PlanNode): boolean {
  return state.status === "FAILED" && state.unreadable === true;
}

/** What is missing, as nodes of a run, dependencies first. */
export function dagNodes(
  plan: Plan,
  { randomId }: Pick<Machine, "randomId">,
  without: LeftOut["hashes"] = new Set(),
): DagNode[] {
  const missing = plan.order().filter(({ hash, status }) => status !== "DONE" && !without.has(hash));
  const hashes = new Set<Hash>(missing.map(({ hash }) => hash));
  return missing.map(({ hash, name, spec, artifact }) => {
    const below = artifact[ARTIFACT].dependencies;
    const timeLimitSec = timeLimitOf(artifact);
    return {
      hash,
      name,
      spec,
      dependencies: below.map((each) => each.hash).filter((each) => hashes.has(each)),
      stored: below.filter((each) => !hashes.has(each.hash)).map(({ hash, name }) => ({ hash, name })),
      ...(timeLimitSec === undefined ? {} : { timeLimitSec }),
      jobName: `furu-${hash.slice(0, 8)}-${randomId()}`,
    };
  });
}

/**
 * The specs that a run needs, checked before anything is submitted: against what the plan needs, and against what the cluster
 * has.
 *
 * @throws {ConfigError} with all that is wrong. {@link SlurmError} when Slurm does not answer.
 */
export async function dagSpecs(
  specs: unknown,
  nodes: readonly Pick<DagNode, "spec" | "name">[],
  client: SlurmClient,
  signal: AbortSignal,
): Promise<Record<string, ParsedSpec>> {
  const used = neededSpecs(specs, nodes);
  const faults = checkPartitions(used, await client.partitions(signal));
  if (faults.length === 0) return used;
  throw new ConfigError(
    `Cannot use Slurm specs as this cluster could never run their jobs:${
      faults.map((fault) => `\n  ${fault}`).join("")
    }`,
  );
}

/** The specs that nodes need, checked. @throws {ConfigError} with all that is wrong. */
export function neededSpecs(
  specs: unknown,
  nodes: readonly Pick<DagNode, "spec" | "name">[],
): Record<string, ParsedSpec> {
  const needed = new Map<string, string[]>();
  for (const { spec, name } of nodes) {
    const tasks = needed.get(spec) ?? [];
    if (!tasks.includes(name)) tasks.push(name);
    needed.set(spec, tasks);
  }
  if (typeof specs === "object" && specs !== null && Object.keys(specs).length === 0) {
    throw new ConfigError(
      `Cannot run on Slurm as there are no specs, needed are ${
        [...new Set(["default", ...needed.keys()])].join(", ")
      }: ` +
        `give 'specs', or "slurm": { "specs": { "default": { "timeMin": 60 } } } in furu.json`,
    );
  }
  const parsed = checkSpecs(specs, needed);
  return Object.fromEntries(Object.entries(parsed).filter(([name]) => needed.has(name)));
}

/**
 * Refuses what cannot be run as jobs.
 *
 * @throws {RunFailedError} when something failed before and failures are not retried. {@link SlurmError} when somebody
 * computes a node outside of Slurm.
 */
export async function refuseHopeless(runtime: Runtime, plan: Plan, runId: string): Promise<void> {
  const failures: Failure[] = [];
  for (const node of plan.nodes.values()) {
    if (node.state.status === "FAILED" && !isUnreadable(node)) failures.push(await failureOf(runtime, node));
    if (node.state.status !== "IN_PROGRESS" || !node.state.outside) continue;
    throw outsideError(node.artifact, node.state.owner);
  }
  if (failures.length === 0) return;
  const summary = {
    runId,
    nodes: plan.nodes.size,
    cached: plan.counts.done,
    computed: 0,
    elsewhere: 0,
    retries: 0,
    failures,
    notRun: plan.counts.todo + plan.counts.inProgress,
    durationMs: 0,
  };
  throw new RunFailedError(
    `Nothing was submitted, since what failed in an earlier run is not tried again (retryFailed is off)\n\n${
      failureReport(summary, { keepGoing: true })
    }`,
    summary,
  );
}

async function failureOf(runtime: Runtime, { artifact, state }: PlanNode): Promise<Failure> {
  const { error, log } = state as Extract<PlanNode["state"], { status: "FAILED" }>;
  return await describeFailure(runtime, artifact, { outcome: "failed", blame: "compute", error, log }, 0);
}
