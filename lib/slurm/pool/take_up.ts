import { letGo } from "../../store/claims/claim.ts";
import { errorText } from "../../core/errors.ts";
import type { RunLog } from "../../core/run_log.ts";
import { Leadership } from "../../pool/leadership.ts";
import { type PoolRun, type RunRecord, writeTaken } from "../../remote/run_record.ts";
import { notifiedBy, writeNotified } from "../../notify/notified.ts";
import type { Runtime } from "../../run/runtime.ts";
import { plural } from "../../ui/text.ts";
import type { SlurmClient } from "../client/client.ts";
import { cancelOurs } from "../jobs/cancel_jobs.ts";
import type { JobWatch } from "../jobs/job_watch.ts";
import { refOf, WorkerJournal } from "../jobs/submissions.ts";
import { changedSpecs } from "../run/earlier_runs.ts";
import type { PreparedRun, StartRunOptions } from "../run/prepare_run.ts";
import type { RunPoolOptions } from "../run/run_slurm_options.ts";
import { type Earlier, ofWhom } from "./adopt_run.ts";
import type { OpenPool } from "./detach_pool.ts";

type TakenUp = Extract<Earlier, { kind: "taken up" }>;

/**
 * Makes a run that was taken up one with the options of this call: that is written down before anything is
 * submitted, so that whoever controls it later goes on with them. Jobs that wait for what nobody wants any
 * more are cancelled.
 *
 * @throws What the store throws: the run is left then for somebody else to take it up.
 */
export async function takeUp(
  runtime: Runtime,
  { run: before, paths, whose, claim }: TakenUp,
  prepared: PreparedRun<PoolRun>,
  start: Pick<StartRunOptions<RunPoolOptions>, "client" | "watch" | "log" | "options" | "config">,
): Promise<OpenPool> {
  const { machine: { self } } = runtime;
  const { log } = start;
  const now = prepared.run;
  const run = mergeRun(before, now, whose.kind === "ours" ? before.submitter : self);
  try {
    if (whose.kind !== "ours") {
      log.warn(
        `takes over run ${run.runId}${
          ofWhom(whose)
        }, whose controller is gone: workers of it that live go on; ` +
          "its jobs in Slurm are left alone, and cannot be cancelled from here; from now on the run is yours",
      );
    } else if (start.options.detach) {
      // The controller of a run says so itself.
      log.info(`takes up run ${run.runId}, whose controller is gone`);
    }
    // In this order: a call that is killed in between finds the specs changed again.
    const changed = changedSpecs(before.specs, run.specs);
    if (changed.length > 0) {
      const cancelled = await cancelPendingOf(runtime, changed, { paths, ...start });
      log.info(
        `run ${run.runId} goes on with specs that have changed (${changed.join(", ")}): cancelled ` +
          `${plural(cancelled, "pending job")} of before; what runs goes on`,
      );
    }
    if (before.notifies || run.notifies) {
      await writeNotified(runtime.store, paths.run, notifiedBy(start.config.notify));
    }
    await writeTaken(runtime, paths, { ...run, term: claim.attempt.n });
  } catch (error) {
    await new Leadership(runtime, claim).giveUp(`it could not be taken up: ${errorText(error)}`)
      .catch((second) => log.warn(errorText(second)));
    await letGo(runtime.store, claim);
    throw error;
  }
  return { ...prepared, run, paths, claim, takenUp: true };
}

/** The run with what counts from now on. */
function mergeRun(before: PoolRun, now: PoolRun, submitter: RunRecord["submitter"]): PoolRun {
  const { runId, createdAt, counts, invalid, start, detached } = before;
  return {
    ...now,
    runId,
    createdAt,
    submitter,
    counts,
    // All that are invalid now are among them, or it would not be taken up.
    invalid,
    // All its workers read it in the record.
    ...(start === undefined ? {} : { start }),
    detached: detached || now.detached,
    // Where less is missing now, later controllers may need more.
    specs: { ...before.specs, ...now.specs },
    ...(now.cluster === undefined && before.cluster !== undefined ? { cluster: before.cluster } : {}),
    ...(now.submitEnv === undefined && before.submitEnv !== undefined ? { submitEnv: before.submitEnv } : {}),
  };
}

interface CancelPending extends Pick<TakenUp, "paths"> {
  client: SlurmClient;
  watch: JobWatch;
  log: Pick<RunLog, "warn">;
}

/** Milliseconds in which Slurm is to say that jobs that were cancelled have ended. */
const CANCELLED_WITHIN_MS = 10_000;
/** The pause between two questions about them. */
const PAUSE_MS = 250;

/**
 * Cancels the jobs that wait for what these specs meant before, and takes them out of the journal: whoever
 * counts workers is not to wait for them.
 *
 * @returns How many.
 */
async function cancelPendingOf(
  { store, machine: { clock } }: Runtime,
  specs: readonly string[],
  { paths, client, watch, log }: CancelPending,
): Promise<number> {
  const journal = new WorkerJournal(store, paths.jobs);
  const entries = await journal.read();
  const refs = entries.filter(({ submission }) => specs.includes(submission.spec)).map((entry) =>
    refOf(entry)
  );
  const { cancelled, unknown } = await cancelOurs(client, watch, refs, { pendingOnly: true });
  for (const { ref, why } of unknown) log.warn(`job ${ref.name} may be pending still: ${why}`);
  const limit = clock.monotonic() + CANCELLED_WITHIN_MS;
  let count = 0;
  for (const { name, jobId, cluster } of cancelled) {
    if (jobId === undefined) continue;
    for (;;) {
      const tasks = await (await client.at(cluster)).showJob(jobId);
      const states = tasks?.map(({ state }) => state);
      // It had begun: it goes on.
      if (states?.some((state) => state.status === "alive" && !state.pending)) break;
      if (states?.every(({ status }) => status === "dead")) {
        await journal.retract(name);
        count++;
        break;
      }
      if (clock.monotonic() > limit) break;
      await clock.sleep(PAUSE_MS);
    }
  }
  return count;
}
