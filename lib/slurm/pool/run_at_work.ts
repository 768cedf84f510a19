import { ExecutionError } from "../../core/errors.ts";
import type { EventSink, RunSummary } from "../../core/event.ts";
import type { RunEnded } from "../../pool/ended.ts";
import type { PoolRun } from "../../remote/run_record.ts";
import type { Runtime } from "../../run/runtime.ts";
import { WorkerJournal } from "../jobs/submissions.ts";
import type { PreparedRun, StartRunOptions } from "../run/prepare_run.ts";
import { runOutcome } from "../run/run_outcome.ts";
import type { RunPoolOptions, SubmittedRun } from "../run/run_slurm_options.ts";
import { type Earlier, ofWhom } from "./adopt_run.ts";
import { untilPoolEnds } from "./follow_pool_run.ts";

/** A run of the same roots that goes on by itself. */
export type RunAtWork = Extract<Earlier, { kind: "at work" }>;

type Start = StartRunOptions<RunPoolOptions>;

/**
 * Says that a run of the same roots goes on by itself, and changes nothing.
 *
 * @returns That run, as if it had been submitted now.
 */
export async function reportAtWork(
  { store }: Runtime,
  atWork: RunAtWork,
  { plan }: Pick<PreparedRun<PoolRun>, "plan">,
  { log }: Pick<Start, "log">,
): Promise<SubmittedRun> {
  const { run: { runId }, paths, whose } = atWork;
  const next = whose.kind === "ours"
    ? `cancel it with: furu cancel ${runId}`
    : "--take-over takes it up once its controller is gone";
  log.info(
    `run ${describeRun(atWork)} computes this already: nothing is submitted; ` +
      `follow it with: furu follow ${runId}; ${next}`,
  );
  const entries = await new WorkerJournal(store, paths.jobs).read();
  const jobs = entries.flatMap(({ submission: { name }, job }) => job ? [[name, job.jobId]] : []);
  return {
    runId,
    runDir: paths.run,
    jobIds: Object.fromEntries(jobs),
    rootJobIds: plan.roots.map(() => undefined),
    plan,
  };
}

/**
 * Follows a run of the same roots that goes on by itself. Its result is that of this call, if it is a good
 * one or the run is the caller's own.
 *
 * @returns `undefined` when a run of somebody else has not brought all that is wanted.
 * @throws {RunFailedError} That lists each failure of a run of the caller's own.
 * @throws {ExecutionError} If the caller's own run was stopped, or broke.
 * @throws The signal's reason when it aborts: the run goes on.
 */
export async function waitForRun(
  runtime: Runtime,
  atWork: RunAtWork,
  { client, reporter, log, signal }: Pick<Start, "client" | "reporter" | "log" | "signal">,
): Promise<RunSummary | undefined> {
  const { run, paths, whose } = atWork;
  const isOurs = whose.kind === "ours";
  const then = isOurs
    ? "it is followed, with the options that it was begun with"
    : "it is followed, and what is missing when it has ended is computed then";
  log.info(`run ${describeRun(atWork)} computes this already: ${then}; Ctrl-C leaves it alone`);
  let end: Parameters<EventSink>[0] | undefined;
  const onEvent: EventSink = (event) => {
    if (event.type === "run_ended") end = event;
    else reporter.sink(event);
  };
  let ended: RunEnded | undefined;
  try {
    ended = await untilPoolEnds(runtime, { paths, run, client, onEvent, signal });
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof ExecutionError)) throw error;
    log.warn(`run ${run.runId}${ofWhom(whose)} gives no sign of life any more: this run goes on`);
  }
  if (ended && (isOurs || isWhole(ended))) {
    if (end) reporter.sink(end);
    return runOutcome(run.runId, ended, run.options);
  }
  if (ended) {
    log.info(`run ${run.runId}${ofWhom(whose)} ended without all that is wanted: this run goes on`);
  }
  return undefined;
}

function isWhole({ summary, interrupted, error }: RunEnded): boolean {
  return error === undefined && !interrupted && summary?.failures.length === 0 && summary.notRun === 0;
}

/** Which run it is, whose, since when, and how it is known that it is at work. */
function describeRun({ run: { runId, createdAt, submitter }, whose, text }: RunAtWork): string {
  const since = `submitted ${createdAt} on ${submitter.host}`;
  return `${runId}${ofWhom(whose)} (${since}${text === "" ? "" : `; ${text}`})`;
}
