import { SlurmError } from "../../core/errors.ts";
import { controlPool } from "../../pool/controller/control_pool.ts";
import { readEnded } from "../../pool/ended.ts";
import type { PoolRun } from "../../remote/run_record.ts";
import { remoteArtifacts } from "../../remote/remote_artifact.ts";
import { acquireLeadership, LeadershipLostError, watchLeadership } from "../../pool/leadership.ts";
import { askToStop } from "../../queue/requests.ts";
import type { Runtime } from "../../run/runtime.ts";
import type { Claim } from "../../store/claims/claim.ts";
import { cancelOurs } from "../jobs/cancel_jobs.ts";
import type { JobRef } from "../jobs/job_identity.ts";
import { JobWatch } from "../jobs/job_watch.ts";
import { refOf, WorkerJournal } from "../jobs/submissions.ts";
import { isSameUser } from "../run/check_ours.ts";
import { runSpecs } from "../run/check_specs.ts";
import { type CancelledRun, type CancelOptions, cancelReason } from "../run/find_run.ts";
import { SbatchLauncher } from "./sbatch_launcher.ts";

/** The pause between two looks at the run's end. */
const PAUSE_MS = 200;
/**
 * The time beyond two leases in which the run has to end: the dead have to be found out, and the others to
 * leave.
 */
const GRACE_MS = 60_000;

/**
 * Ends a run of a pool that is ours, wherever its controller is: asks all workers to leave, cancels their
 * jobs, and waits until they are gone. A run that has ended touches nothing: its jobs' ids may be those of
 * others by now.
 *
 * @returns What became of its jobs.
 * @throws {SlurmError} With scancel's own words, and if the run does not end in time.
 */
export async function cancelPool(
  runtime: Runtime,
  { paths, run, client }: CancelOptions<PoolRun>,
): Promise<CancelledRun> {
  const { store, machine: { clock, self } } = runtime;
  const { runId } = run;
  const log = runtime.logger;
  const why = cancelReason(self);
  if (await readEnded(store, paths)) return { cancelled: 0, hadEnded: true, left: [] };
  await askToStop(store, paths, "stop", why);
  const jobs = new OwnJobs(runtime, { paths, run, client });
  await jobs.cancel();
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
  // What its controller was just submitting.
  await jobs.cancel();
  return { cancelled: jobs.cancelled, hadEnded: false, left: jobs.left };

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

/** The jobs of a run, as they are written down: each is cancelled once. */
class OwnJobs {
  /** How many were cancelled. */
  cancelled = 0;
  /** Which may go on, and why. */
  readonly left: string[] = [];
  readonly #runtime: Runtime;
  readonly #options: CancelOptions<PoolRun>;
  readonly #watch: JobWatch;
  readonly #journal: WorkerJournal;
  readonly #seen = new Set<string>();

  constructor(runtime: Runtime, options: CancelOptions<PoolRun>) {
    this.#runtime = runtime;
    this.#options = options;
    this.#watch = new JobWatch(runtime.machine, options.client);
    this.#journal = new WorkerJournal(runtime.store, options.paths.jobs);
  }

  /** Cancels all that are new. */
  async cancel(): Promise<void> {
    const { client, run } = this.#options;
    const { self } = this.#runtime.machine;
    const refs: JobRef[] = [];
    for (const entry of await this.#journal.read()) {
      const { array, count } = entry.submission;
      // One whose id nobody wrote down was to go where the run's jobs go.
      const cluster = entry.job ? entry.job.cluster : entry.submission.cluster ?? run.cluster;
      for (let i = 0; i < (array && entry.job ? count : 1); i++) {
        const ref = { ...refOf(entry, array && entry.job ? i : undefined), cluster };
        const key = `${ref.name} ${ref.jobId}`;
        if (!this.#seen.has(key)) refs.push(ref);
        this.#seen.add(key);
      }
    }
    if (refs.length === 0) return;
    const { cancelled, notOurs, unknown } = await cancelOurs(client, this.#watch, refs);
    this.cancelled += cancelled.length;
    // An id that is another job's by now is no job of the run's any more; one of another user is.
    const others = notOurs.filter(({ ref }) => ref.submitter && isSameUser(ref.submitter, self) === false);
    for (const { ref, why } of [...others, ...unknown]) {
      this.left.push(`job ${ref.jobId ?? ""} (${ref.name}) may go on: ${why}`.replace("job  (", "job ("));
    }
  }
}
