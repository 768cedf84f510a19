import { SlurmError } from "../../core/errors.ts";
import { controlPool } from "../../pool/controller/control_pool.ts";
import { readEnded } from "../../pool/ended.ts";
import type { PoolRun } from "../../remote/run_record.ts";
import { remoteArtifacts } from "../../remote/remote_artifact.ts";
import { acquireLeadership, LeadershipLostError, watchLeadership } from "../../pool/leadership.ts";
import { askToStop } from "../../queue/requests.ts";
import type { Runtime } from "../../run/runtime.ts";
import type { Claim } from "../../store/claims/claim.ts";
import { runSpecs } from "../run/check_specs.ts";
import { type CancelOptions, cancelReason } from "../run/find_run.ts";
import { SbatchLauncher } from "./sbatch_launcher.ts";
import { WorkerJobs } from "./worker_jobs.ts";

/** The pause between two looks at the run's end. */
const PAUSE_MS = 200;
/**
 * The time beyond two leases in which the run has to end: the dead have to be found out, and the others to
 * leave.
 */
const GRACE_MS = 60_000;

/**
 * Ends a run of a pool, wherever its controller is: asks all workers to leave, cancels their jobs, and waits
 * until they are gone.
 *
 * @returns How many jobs were there to be cancelled; 0 for a run that has ended.
 * @throws {SlurmError} With scancel's own words, and if the run does not end in time.
 */
export async function cancelPool(
  runtime: Runtime,
  { paths, run, client }: CancelOptions<PoolRun>,
): Promise<number> {
  const { store, machine: { clock, self } } = runtime;
  const { runId } = run;
  const log = runtime.logger;
  const workers = new WorkerJobs(runtime, { paths, run, client, log });
  const why = cancelReason(self);
  if (!await readEnded(store, paths)) await askToStop(store, paths, "stop", why);
  const { keys, left } = await workers.cancelAll();
  if (left !== undefined) log.warn(left);
  const watch = watchLeadership(runtime, paths);
  const limit = clock.monotonic() + 2000 * store.leaseSec + GRACE_MS;
  while (!await readEnded(store, paths)) {
    const claim = await acquireLeadership(runtime, paths, { runId, watch });
    // Nobody was left to end it.
    if (typeof claim !== "string") await end(claim);
    else if (clock.monotonic() > limit) {
      throw new SlurmError(
        `Cannot see the end of run ${runId}: it was asked to stop and its jobs are cancelled, but its ` +
          "controller still lives",
      );
    } else await clock.sleep(PAUSE_MS);
  }
  return keys.length;

  async function end(claim: Claim): Promise<void> {
    try {
      await controlPool(runtime, {
        paths,
        run,
        claim,
        launcher: new SbatchLauncher(runtime, {
          paths,
          run,
          specs: runSpecs(run),
          client,
          term: claim.attempt.n,
          log,
        }),
        artifactOf: remoteArtifacts(run),
        onEvent: () => {/* followers of the run read it */},
        signal: AbortSignal.abort(new Error(why)),
      });
    } catch (error) {
      if (!(error instanceof LeadershipLostError)) throw error;
    }
  }
}
