import { errorText } from "../../core/errors.ts";
import { artifactLabel } from "../../core/hash.ts";
import { askToStop } from "../../queue/requests.ts";
import type { DagNode, DagRun } from "../../remote/run_record.ts";
import type { Runtime } from "../../run/runtime.ts";
import { readClaim } from "../../store/claims/read_claim.ts";
import { readQueued, removeQueued } from "../../store/claims/queued.ts";
import { cancelOurs, leftAlone } from "../jobs/cancel_jobs.ts";
import { JobWatch } from "../jobs/job_watch.ts";
import { type CancelOptions, cancelReason } from "../run/find_run.ts";
import type { DagContext } from "./dag_context.ts";
import { type DagJob, type DagJobs, findJobs, readDagJobs } from "./dag_jobs.ts";

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
  if (await readDagJobs(runtime, paths) === undefined) {
    await askToStop(store, paths, "stop", cancelReason(machine.self));
  }
  const watch = new JobWatch(machine, client);
  const jobs = await findJobs({ runtime, run, paths }, watch);
  const cancelled = await cancelOwn({ client, watch, run, runtime }, jobs);
  // A submitter that died can never submit what it said it would.
  if (machine.isGone(run.submitter)) {
    for (const node of run.nodes) await removeQueued(store, store.paths(node), node.jobName);
  }
  return cancelled;
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
  const states = await Promise.all(open.map(({ job }) => watch.state(job)));
  // A job that is not listed may have been submitted after the listing.
  const alive = open.filter((_, i) => states[i]!.status !== "dead");
  // This look comes before scancel: a job that is told to end takes its claim away at once.
  const atWork = await Promise.all(
    alive.map(async ({ job, paths }) =>
      (await readQueued(store, paths))?.name === job.name ||
      (await readClaim(store, paths))?.slurm?.name === job.name
    ),
  );
  const refs = alive.map(({ job }) => ({ ...job, submitter: run.submitter }));
  const done = await cancelOurs(client, watch, refs);
  const left = leftAlone(done);
  if (left !== undefined) runtime.logger.warn(left);
  const isDone = new Set([...done.cancelled, ...done.ended].map(({ name }) => name));
  for (const { job, paths } of alive) if (isDone.has(job.name)) await removeQueued(store, paths, job.name);
  const cancelled = new Set(done.cancelled.map(({ name }) => name));
  return alive.filter(({ job }, i) => atWork[i] && cancelled.has(job.name)).length;
}

/** Another run's own follower decides about its jobs, and nobody can cancel those of another user. */
function isOurs({ own, foreign }: DagJob): boolean {
  return own && !foreign;
}

/** Cancels the jobs of nodes that never run since a node that they need has failed, and says so. */
export async function cancelBlocked(
  { client, watch, run, runtime, log }: Pick<DagContext, "client" | "watch" | "run" | "runtime" | "log">,
  failed: DagNode,
  dependents: readonly DagNode[],
  jobs: DagJobs,
): Promise<void> {
  const own = dependents.flatMap((node) => jobs.get(node.hash) ?? []).filter(isOurs);
  if (own.length === 0) return;
  try {
    const done = await cancelOurs(client, watch, own.map((job) => ({ ...job, submitter: run.submitter })));
    const left = leftAlone(done);
    if (left !== undefined) log.warn(left);
  } catch (error) {
    log.warn(errorText(error));
  }
  for (const node of dependents) {
    const job = jobs.get(node.hash);
    if (job && isOurs(job)) await removeQueued(runtime.store, runtime.store.paths(node), job.name);
  }
  const names = dependents.slice(0, 5).map((node) => artifactLabel(node.name, node.hash)).join(", ");
  log.warn(
    `cancelled ${own.length === 1 ? "1 job that needs" : `${own.length} jobs that need`} ` +
      `${artifactLabel(failed.name, failed.hash)}: ${names}${dependents.length > 5 ? ", ..." : ""}`,
  );
}
