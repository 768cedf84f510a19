import { ExecutionError } from "../core/errors.ts";
import { readEnded } from "../pool/ended.ts";
import { systemClient } from "./jobs/system_client.ts";
import { cancelDag } from "./dag/cancel_dag.ts";
import { cancelPool } from "./pool/cancel_pool.ts";
import { checkOurs, type Whose } from "./run/check_ours.ts";
import { type CancelledRun, findRun, type FoundRun } from "./run/find_run.ts";
import { ownCluster } from "./run/own_cluster.ts";

/** Milliseconds for which Slurm is asked which cluster this is. */
const CLUSTER_LIMIT_MS = 60_000;

/**
 * Cancels the jobs that a run submitted, as far as they are surely its own; one that is being submitted is
 * told to submit no more. Those of other runs that it waits for go on. A run of a pool has ended then, also
 * for workers that were started otherwise. A run that has ended touches nothing.
 *
 * @returns What became of its jobs.
 * @throws {UsageError} If there is no such run.
 * @throws {ExecutionError} If it is another user's, or on a cluster that cannot be asked from here, or nobody
 * can tell: nothing was touched.
 * @throws {SlurmError} With scancel's own words, and if Slurm does not say which cluster this is.
 */
export async function cancelRun(runId: string): Promise<CancelledRun> {
  const { runtime, paths, run } = await findRun(runId);
  const { store, machine: { self, clock }, logger } = runtime;
  if (run.mode === "pool" && await readEnded(store, paths)) return { cancelled: 0, hadEnded: true, left: [] };
  let client = systemClient();
  let whose = checkOurs(run, self);
  if (whose.kind === "unknown" && run.cluster !== undefined) {
    const here = await ownCluster({
      client,
      clock,
      action: `cancel run ${runId}`,
      log: logger,
      limitMs: CLUSTER_LIMIT_MS,
    });
    whose = checkOurs(run, self, here);
  }
  // Each of its jobs is asked for where it is. What counts is that its cluster can be asked from here.
  if (whose.kind === "other cluster") {
    const there = await client.at(whose.there);
    if ((await there.config().catch(() => undefined))?.clusterName === whose.there) {
      client = there;
      whose = { kind: "ours" };
    }
  }
  if (whose.kind !== "ours") throw new ExecutionError(refusal({ run, paths }, whose));
  return run.mode === "pool"
    ? await cancelPool(runtime, { paths, run, client })
    : { cancelled: await cancelDag(runtime, { paths, run, client }), hadEnded: false, left: [] };
}

function refusal({ run: { runId }, paths }: FoundRun, whose: Exclude<Whose, { kind: "ours" }>): string {
  const cannot = `Cannot cancel run ${runId} as`;
  switch (whose.kind) {
    case "other user":
      return `${cannot} it is a run of ${whose.user}, who alone can cancel its jobs: nothing was touched`;
    case "other cluster":
      return `${cannot} it was submitted on cluster ${whose.there} and this is cluster ${whose.here}, where ` +
        `its jobs' ids are those of other jobs, and ${whose.there} does not answer here (scontrol -M ` +
        `${whose.there} show config): cancel it there; nothing was touched`;
    case "unknown":
      return `${cannot} ${whose.why}: nothing was touched. By hand, on its cluster: ` +
        `"squeue --me --name=NAME" gives the ids of its jobs, whose names are those of the files in ` +
        `${paths.jobs}, and "scancel ID" cancels one`;
  }
}
