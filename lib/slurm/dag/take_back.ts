import { errorText, SlurmError } from "../../core/errors.ts";
import { readStop } from "../../queue/requests.ts";
import type { DagNode } from "../../remote/run_record.ts";
import { removeQueued } from "../../store/claims/queued.ts";
import type { SubmittedJob } from "../client/parse_jobs.ts";
import { cancelOurs, leftAlone } from "../jobs/cancel_jobs.ts";
import type { DagJobs } from "../jobs/dag_jobs.ts";
import type { JobRef } from "../jobs/job_identity.ts";
import type { DagContext } from "./dag_context.ts";

/** Milliseconds between two looks for somebody who cancels the run. */
const CANCEL_PAUSE_MS = 1000;

/** What a submission has done when it is stopped. */
export interface Submitted {
  /** The jobs of nodes. */
  readonly jobs: DagJobs;
  /** Nodes whose jobs sbatch was given, without an answer. */
  readonly unanswered: readonly DagNode[];
  /** Takes the job of such a node, where Slurm has it. */
  readonly taken: (node: DagNode, job: SubmittedJob) => Promise<void>;
}

/**
 * The job of which sbatch did not say whether it has taken it. Without its submitter, who lives: nobody would
 * be believed then that it is not there.
 */
export function unansweredRef(
  { run: { cluster }, runtime: { machine: { self: { uid } } } }: DagContext,
  { jobName: name }: DagNode,
): JobRef {
  return { name, cluster, uid };
}

/**
 * Takes up the jobs of which sbatch did not say whether it has taken them: one may arrive a moment later.
 *
 * @returns Names of those that Slurm does not answer for. They stay queued, since they may run.
 */
export async function settleUnanswered(
  context: DagContext,
  { unanswered, taken }: Submitted,
): Promise<string[]> {
  const { watch, runtime: { store } } = context;
  const unclear: string[] = [];
  await Promise.all(unanswered.map(async (node) => {
    const { jobName: name } = node;
    const { status, jobId } = await watch.state(unansweredRef(context, node), { until: "sure" });
    if (status === "dead") await removeQueued(store, store.paths(node), name);
    else if (jobId === undefined) unclear.push(name);
    else await taken(node, { jobId });
  }));
  return unclear;
}

/**
 * Cancels what was submitted of a run that is stopped before it is whole, also what sbatch may have taken
 * just when it was told to stop, and says so.
 */
export async function takeBack(context: DagContext, submitted: Submitted): Promise<void> {
  const { client, watch, run, runtime: { store }, log, signal } = context;
  try {
    const unclear = await settleUnanswered(context, submitted);
    const own = [...submitted.jobs.values()].filter(({ own }) => own);
    // Jobs are cancelled first: as long as one may still run, queued.json has to name it.
    const { cancelled, ended, ...left } = await cancelOurs(client, watch, own);
    const over = new Set([...cancelled, ...ended].map(({ name }) => name));
    for (const node of run.nodes) {
      if (over.has(node.jobName)) await removeQueued(store, store.paths(node), node.jobName);
    }
    const count = over.size;
    const said = count === 0
      ? "nothing had been submitted yet"
      : `cancelled ${count === 1 ? "the 1 job that was" : `the ${count} jobs that were`} submitted already`;
    const alone = leftAlone(left);
    const why = signal.aborted ? "was stopped while it was being submitted" : "could not be submitted whole";
    const words = [`run ${run.runId} ${why}: ${said}`, ...(alone === undefined ? [] : [alone])];
    if (unclear.length > 0) {
      words.push(`${unclear.join(", ")} may be in Slurm, which does not tell: furu cancel ${run.runId}`);
    }
    log.warn(words.join("; "));
  } catch (error) {
    const advice = `what was submitted already may go on, cancel it later: furu cancel ${run.runId}`;
    log.error(`${errorText(error)}; ${advice}`);
  }
}

/**
 * Looks whether another process cancels a run, until that is of no interest any more.
 *
 * @returns The error of a submission that is cancelled so.
 */
export async function whyCancelled(
  { runtime: { store, machine: { clock } }, run: { runId }, paths }: DagContext,
  done: AbortSignal,
): Promise<SlurmError | undefined> {
  for (; !done.aborted; await clock.sleep(CANCEL_PAUSE_MS, done).catch(() => {/* it is done */})) {
    // A file server that does not answer says nothing of a stop.
    const stop = await readStop(store, paths).catch(() => undefined);
    if (!stop || done.aborted) continue;
    return new SlurmError(`Cannot submit the rest of run ${runId} as it was cancelled: ${stop.why}`);
  }
  return undefined;
}
