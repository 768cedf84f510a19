import { RunFailedError, SlurmError } from "../../core/errors.ts";
import { emptySummary, type Failure } from "../../core/event.ts";
import type { Hash } from "../../core/hash.ts";
import type { Plan } from "../../plan/graph.ts";
import { lostWith } from "../../plan/lost.ts";
import type { PlanNode } from "../../plan/node.ts";
import type { Runtime } from "../../run/runtime.ts";
import { describeFailure } from "../../schedule/failure.ts";
import type { Artifact } from "../../task/artifact/artifact.ts";
import { failureReport } from "../../ui/report.ts";

/**
 * The part of a plan that a run leaves out, since what is stored cannot be read, or has failed, is not tried
 * again and can be done without.
 */
export interface LeftOut {
  /** The failure of each node that has failed. */
  failures: Failure[];
  /** These nodes, and all that depend on them and do not tolerate that. */
  hashes: ReadonlySet<Hash>;
}

/** Finds the nodes that get no job in DAG mode: those that have failed, and those that need them. */
export async function leftOut(runtime: Runtime, { nodes }: Plan): Promise<LeftOut> {
  const failed = [...nodes.values()].filter(({ status }) => status === "FAILED");
  const failures: Failure[] = [];
  for (const node of failed) failures.push(await planFailure(runtime, node));
  return { failures, hashes: lostWith(nodes, failed.map(({ hash }) => hash)) };
}

/**
 * Refuses what cannot be run as one job for each node.
 *
 * @throws {RunFailedError} If something failed before that the roots cannot do without, and failures are not
 * retried.
 * @throws {SlurmError} If somebody computes a node outside of Slurm.
 */
export async function refuseHopeless(runtime: Runtime, plan: Plan, runId: string): Promise<void> {
  const failed: PlanNode[] = [];
  for (const node of plan.nodes.values()) {
    if (node.state.status === "FAILED" && !isUnreadable(node)) failed.push(node);
    if (node.state.status !== "IN_PROGRESS" || !node.state.outside) continue;
    throw outsideError(node.artifact, node.state.owner);
  }
  const lost = lostWith(plan.nodes, failed.map(({ hash }) => hash));
  if (!plan.roots.some((hash) => lost.has(hash))) return;
  const failures: Failure[] = [];
  for (const node of failed) failures.push(await planFailure(runtime, node));
  const summary = {
    ...emptySummary({ runId, nodes: plan.nodes.size, cached: plan.counts.done }),
    failures,
    notRun: plan.counts.todo + plan.counts.inProgress,
  };
  throw new RunFailedError(
    `Nothing was submitted, since what failed in an earlier run is not tried again (retryFailed is off)\n\n${
      failureReport(summary, { keepGoing: true })
    }`,
    summary,
  );
}

/** The error for a node that somebody computes where no job can wait for it. */
export function outsideError(artifact: Artifact, owner: string): SlurmError {
  return new SlurmError(
    `Cannot submit ${artifact} as it is computed outside of Slurm by ${owner}, which no job can wait for: ` +
      `wait until that has ended, or stop it, and run again`,
    { artifact: `${artifact}` },
  );
}

function isUnreadable({ state }: PlanNode): boolean {
  return state.status === "FAILED" && state.unreadable === true;
}

async function planFailure(runtime: Runtime, { artifact, state }: PlanNode): Promise<Failure> {
  const { error, log } = state as Extract<PlanNode["state"], { status: "FAILED" }>;
  return await describeFailure(runtime, artifact, { outcome: "failed", blame: "compute", error, log }, 0);
}
