import { errorText } from "../../core/errors.ts";
import { artifactLabel, type Hash } from "../../core/hash.ts";
import { readClaim } from "../../store/claims/read_claim.ts";
import { readQueued, removeQueued } from "../../store/claims/queued.ts";
import { cancelJobs } from "../client/client.ts";
import { type DagContext, tell } from "./dag_context.ts";
import type { DagJob, DagNode } from "../run/dag_run.ts";

/**
 * Cancels the jobs that a run submitted itself, as far as they have not ended, and says that they are queued no more.
 *
 * @returns How many were cancelled, as far as Slurm tells.
 * @throws {SlurmError} with scancel's own words.
 */
export async function cancelOwn(
  { client, jobs: watch, run, runtime }: Pick<DagContext, "client" | "jobs" | "run" | "runtime">,
  jobs: ReadonlyMap<Hash, DagJob>,
): Promise<number> {
  const { store } = runtime;
  const open = [];
  for (const node of run.nodes) {
    const job = jobs.get(node.hash);
    if (job?.own) open.push({ job, paths: store.paths(node) });
  }
  const states = await Promise.all(open.map(({ job }) => watch.state(job)));
  // What is not listed may have been submitted after the listing.
  const alive = open.filter((_, i) => states[i]!.status !== "dead");
  // Looked at before: a job that is told to end takes its claim away at once.
  const atWork = await Promise.all(
    alive.map(async ({ job, paths }) =>
      (await readQueued(store, paths))?.name === job.name ||
      (await readClaim(store, paths))?.slurm?.name === job.name
    ),
  );
  await cancelJobs(client, alive.map(({ job }) => job));
  for (const { job, paths } of alive) await removeQueued(store, paths, job.name);
  return atWork.filter(Boolean).length;
}

/** Another run's own follower decides about its jobs, and nobody can cancel those of another user. */
function isOurs({ own, foreign }: DagJob): boolean {
  return own && !foreign;
}

/** Cancels the jobs of nodes that never run since something that they need has failed, and says so. */
export async function cancelStranded(
  context: Pick<DagContext, "client" | "runtime" | "onEvent">,
  failed: DagNode,
  doomed: readonly DagNode[],
  jobs: ReadonlyMap<Hash, DagJob>,
): Promise<void> {
  const { client, runtime } = context;
  const own = doomed.flatMap((node) => jobs.get(node.hash) ?? []).filter(isOurs);
  if (own.length === 0) return;
  try {
    await cancelJobs(client, own);
  } catch (error) {
    tell(context, "warn", errorText(error));
  }
  for (const node of doomed) {
    const job = jobs.get(node.hash);
    if (job && isOurs(job)) await removeQueued(runtime.store, runtime.store.paths(node), job.name);
  }
  const names = doomed.slice(0, 5).map((node) => artifactLabel(node.name, node.hash)).join(", ");
  tell(
    context,
    "warn",
    `cancelled ${own.length === 1 ? "1 job that needs" : `${own.length} jobs that need`} ` +
      `${artifactLabel(failed.name, failed.hash)}: ${names}${doomed.length > 5 ? ", ..." : ""}`,
  );
}
