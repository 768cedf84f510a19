import { errorText } from "../core/errors.ts";
import { artifactLabel, type Hash } from "../core/hash.ts";
import { readClaim } from "../store/read_claim.ts";
import { removeQueued } from "../store/queued.ts";
import { type DagContext, tell } from "./dag_context.ts";
import type { DagJob, DagNode } from "./dag_run.ts";

/**
 * Cancels the jobs that a run submitted itself, as far as they have not ended, and says that they are queued no more.
 *
 * @returns How many were cancelled, as far as Slurm tells.
 * @throws {SlurmError} with scancel's own words.
 */
export async function cancelOwn(
  { client, run, runtime }: Pick<DagContext, "client" | "run" | "runtime">,
  jobs: ReadonlyMap<Hash, DagJob>,
): Promise<number> {
  const { store } = runtime;
  const open = [];
  for (const node of run.nodes) {
    const job = jobs.get(node.hash);
    if (job?.own) open.push({ job, paths: store.paths(node) });
  }
  const listing = await client.list();
  const alive = open.filter(({ job: { name, jobId } }) => {
    const entry = listing?.jobs.find((each) => each.jobId === jobId);
    // What is not listed may have been submitted after the listing; what is listed under another name is another job.
    return entry === undefined || entry.name === name && entry.state.status !== "dead";
  });
  await client.cancel(alive.map(({ job }) => job.jobId));
  let cancelled = 0;
  for (const { job, paths } of alive) {
    const wasQueued = await removeQueued(store, paths, job.name);
    if (wasQueued || (await readClaim(store, paths))?.slurm?.name === job.name) cancelled++;
  }
  return cancelled;
}

/** Cancels the jobs of nodes that never run since something that they need has failed, and says so. */
export async function cancelStranded(
  context: Pick<DagContext, "client" | "runtime" | "onEvent">,
  failed: DagNode,
  doomed: readonly DagNode[],
  jobs: ReadonlyMap<Hash, DagJob>,
): Promise<void> {
  const { client, runtime } = context;
  const own = doomed.flatMap((node) => jobs.get(node.hash) ?? []).filter((job) => job.own);
  if (own.length === 0) return;
  try {
    await client.cancel(own.map(({ jobId }) => jobId));
  } catch (error) {
    tell(context, "warn", errorText(error));
  }
  for (const node of doomed) {
    const job = jobs.get(node.hash);
    // Another run's own follower decides about its jobs.
    if (job?.own) await removeQueued(runtime.store, runtime.store.paths(node), job.name);
  }
  const names = doomed.slice(0, 5).map((node) => artifactLabel(node.name, node.hash)).join(", ");
  tell(
    context,
    "warn",
    `cancelled ${own.length === 1 ? "1 job that needs" : `${own.length} jobs that need`} ` +
      `${artifactLabel(failed.name, failed.hash)}: ${names}${doomed.length > 5 ? ", ..." : ""}`,
  );
}
