import { errorText, SlurmError } from "../../core/errors.ts";
import { artifactLabel } from "../../core/hash.ts";
import { countsForRun } from "../../plan/forced.ts";
import { askToStop, readStop } from "../../queue/requests.ts";
import type { DagNode, DagRun } from "../../remote/run_record.ts";
import type { Runtime } from "../../run/runtime.ts";
import { readClaim } from "../../store/claims/read_claim.ts";
import { readQueued, removeQueued } from "../../store/claims/queued.ts";
import { readRecord } from "../../store/read_record.ts";
import type { TaskListing } from "../../store/store.ts";
import type { SubmittedJob } from "../client/parse_jobs.ts";
import type { JobRef } from "../jobs/job_identity.ts";
import { cancelOurs, leftAlone } from "../jobs/cancel_jobs.ts";
import { type DagJob, type DagJobs, readDagJobs } from "../jobs/dag_jobs.ts";
import { JobWatch } from "../jobs/job_watch.ts";
import { type CancelOptions, cancelReason } from "../run/find_run.ts";
import { clusterOfSpec } from "../run/spec_clusters.ts";
import type { DagContext } from "./dag_context.ts";
import { findJobs } from "./find_jobs.ts";

/** Milliseconds between two looks for somebody who cancels the run. */
const CANCEL_PAUSE_MS = 1000;

/**
 * Cancels the jobs that a run in DAG mode submitted; one that is being submitted is told to submit no more.
 * The jobs of other runs that it waits for go on.
 *
 * @returns How many jobs were cancelled.
 * @throws {SlurmError} With scancel's own words.
 */
export async function cancelDag(
  runtime: Runtime,
  { run, paths, client }: CancelOptions<DagRun>,
): Promise<number> {
  const { store, machine } = runtime;
  const open = await openNodes(runtime, run);
  // What has ended is over: nothing of it is looked for in Slurm, where others may have its ids by now.
  if (open.length === 0) return 0;
  if (!(await readDagJobs(runtime, paths, run))?.complete) {
    await askToStop(store, paths, "stop", cancelReason(machine.self));
  }
  const watch = new JobWatch(machine, client);
  const found = await findJobs({ runtime, run, paths }, watch);
  const jobs = new Map(open.flatMap(({ hash }) => {
    const job = found.get(hash);
    return job ? [[hash, job]] : [];
  }));
  const cancelled = await cancelOwn({ client, watch, run, runtime }, jobs);
  // A submitter that died can never submit what it said it would.
  if (machine.isGone(run.submitter)) {
    const alive = new Set(jobs.values().map(({ name }) => name));
    for (const node of open) {
      if (!alive.has(node.jobName)) await removeQueued(store, store.paths(node), node.jobName);
    }
  }
  return cancelled;
}

/** The nodes of a run that have no result which counts for it. */
async function openNodes({ store }: Runtime, run: DagRun): Promise<DagNode[]> {
  const listings = new Map<string, TaskListing>();
  const open: DagNode[] = [];
  // A stored result may be one that was to be replaced.
  const isAnyGood = run.force.length === 0 && run.invalid.length === 0;
  for (const node of run.nodes) {
    const listing = listings.get(node.name) ?? await store.listTask(node.name);
    listings.set(node.name, listing);
    if (listing.done.has(node.hash)) {
      if (isAnyGood) continue;
      const record = await readRecord(store, store.paths(node)).catch(() => undefined);
      if (record && countsForRun(run, node, record)) continue;
    }
    open.push(node);
  }
  return open;
}

/**
 * Cancels the jobs that a run submitted itself, as far as they have not ended, and says that they are queued
 * no more.
 *
 * @returns How many were cancelled, as far as Slurm tells.
 * @throws {SlurmError} With scancel's own words.
 */
export async function cancelOwn(
  { client, watch, run, runtime }: Pick<DagContext, "client" | "watch" | "run" | "runtime">,
  jobs: DagJobs,
): Promise<number> {
  const { store } = runtime;
  const open = [];
  for (const node of run.nodes) {
    const job = jobs.get(node.hash);
    if (job?.own) open.push({ job, paths: store.paths(node) });
  }
  // Nobody waits for Slurm here: what is told to end has to be told at once, and whose it is is asked then.
  const alive = open.filter(({ job }) => watch.known(job).status !== "dead");
  // This look comes before scancel: a job that is told to end takes its claim away at once.
  const atWork = await Promise.all(
    alive.map(async ({ job, paths }) =>
      (await readQueued(store, paths))?.name === job.name ||
      (await readClaim(store, paths))?.slurm?.name === job.name
    ),
  );
  const done = await cancelOurs(client, watch, alive.map(({ job }) => job));
  const left = leftAlone(done);
  if (left !== undefined) runtime.logger.warn(left);
  const isDone = new Set([...done.cancelled, ...done.ended].map(({ name }) => name));
  for (const { job, paths } of alive) if (isDone.has(job.name)) await removeQueued(store, paths, job.name);
  const cancelled = new Set(done.cancelled.map(({ name }) => name));
  return alive.filter(({ job }, i) => atWork[i] && cancelled.has(job.name)).length;
}

/** Cancels the jobs of nodes that never run since a node that they need has failed, and says so. */
export async function cancelBlocked(
  { client, watch, runtime: { store }, log }: Pick<DagContext, "client" | "watch" | "runtime" | "log">,
  failed: DagNode,
  dependents: readonly { node: DagNode; job: DagJob | undefined }[],
): Promise<void> {
  // Another run's own follower decides about its jobs.
  const own = dependents.flatMap(({ node, job }) => job?.own ? [{ node, job }] : []);
  if (own.length === 0) return;
  const over = new Set<string>();
  try {
    const { cancelled, ended, ...left } = await cancelOurs(client, watch, own.map(({ job }) => job));
    for (const { name } of [...cancelled, ...ended]) over.add(name);
    const alone = leftAlone(left);
    if (alone !== undefined) log.warn(alone);
  } catch (error) {
    log.warn(errorText(error));
  }
  const gone = own.filter(({ job }) => over.has(job.name));
  for (const { node, job } of gone) await removeQueued(store, store.paths(node), job.name);
  if (gone.length === 0) return;
  const names = gone.slice(0, 5).map(({ node }) => artifactLabel(node.name, node.hash)).join(", ");
  log.warn(
    `cancelled ${gone.length === 1 ? "1 job that needs" : `${gone.length} jobs that need`} ` +
      `${artifactLabel(failed.name, failed.hash)}: ${names}${gone.length > 5 ? ", ..." : ""}`,
  );
}

/** What a submission has done when it is stopped. */
export interface SubmittedSoFar {
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
  { run, runtime: { machine: { self: { uid } } } }: DagContext,
  { jobName: name, spec }: DagNode,
): JobRef {
  return { name, cluster: clusterOfSpec(run, spec), uid };
}

/**
 * Takes up the jobs of which sbatch did not say whether it has taken them: one may arrive a moment later.
 *
 * @returns Names of those that Slurm does not answer for. They stay queued, since they may run.
 */
export async function settleUnanswered(
  context: DagContext,
  { unanswered, taken }: SubmittedSoFar,
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
export async function takeBack(context: DagContext, submitted: SubmittedSoFar): Promise<void> {
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
