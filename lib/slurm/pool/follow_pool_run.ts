import { ExecutionError } from "../../core/errors.ts";
import type { EventSink, RunSummary } from "../../core/event.ts";
import { runLog } from "../../core/run_log.ts";
import type { Clock } from "../../core/system/clock.ts";
import type { RunEnded } from "../../pool/ended.ts";
import { followPool } from "../../pool/follow_pool.ts";
import type { PoolRun } from "../../remote/run_record.ts";
import type { Runtime } from "../../run/runtime.ts";
import { JobWatch } from "../jobs/job_watch.ts";
import { checkOurs, type Whose } from "../run/check_ours.ts";
import type { FollowOptions } from "../run/find_run.ts";
import { RunLife } from "../run/run_life.ts";
import { runOutcome } from "../run/run_outcome.ts";

/**
 * Follows a run of a pool until it has ended.
 *
 * @throws {RunFailedError} That lists each failure.
 * @throws {ExecutionError} If it was stopped, or nobody is left to end it.
 */
export async function followPoolRun(
  runtime: Runtime,
  follow: FollowOptions<PoolRun>,
): Promise<RunSummary> {
  const ended = await untilPoolEnds(runtime, follow);
  return runOutcome(follow.run.runId, ended, follow.run.options);
}

/** Milliseconds without news after which a follower says why, where no controller can say it. */
const NOTICE_AFTER_MS = 60_000;
/** The pause between two looks at a run that tells nothing, at most. */
const LOOK_MS = 5000;

/**
 * Tells what a run's controllers tell until it has ended. While there is no controller, says what the run
 * waits for.
 *
 * @throws {ExecutionError} If nobody is left to end it: nothing gives a sign of life, and Slurm says of each
 * of its jobs that it has ended. What is not known is no proof of that.
 * @throws The signal's reason when it aborts.
 */
export async function untilPoolEnds(
  runtime: Runtime,
  { paths, run, client, onEvent, signal }: FollowOptions<PoolRun>,
): Promise<RunEnded> {
  const { clock, self } = runtime.machine;
  const life = new RunLife(runtime, { paths, run, jobs: new JobWatch(runtime.machine, client) });
  let newsAt = clock.monotonic();
  const isAbandoned = async (): Promise<boolean> => {
    if ((await life.settled({ signal })).state !== "silent") return false;
    const refusal = notOursToTakeUp(run.runId, checkOurs(run, self, await client.cluster()));
    if (refusal !== undefined) throw new ExecutionError(refusal);
    return true;
  };
  const done = new AbortController();
  const saying = sayWhyQuiet(clock, {
    life,
    runId: run.runId,
    onEvent,
    newsAt: () => newsAt,
    pauseMs: Math.min(LOOK_MS, run.config.leaseSec * 250),
    signal: AbortSignal.any([signal, done.signal]),
  });
  try {
    const news: EventSink = (event) => {
      newsAt = clock.monotonic();
      onEvent(event);
    };
    return await followPool(runtime, paths, { onEvent: news, signal, isAbandoned });
  } finally {
    done.abort();
    await saying;
  }
}

interface Quiet {
  life: Pick<RunLife, "look">;
  runId: string;
  onEvent: EventSink;
  newsAt: () => number;
  pauseMs: number;
  signal: AbortSignal;
}

/** Says once, and again when it changes, what a run waits for that has no controller to say it. */
async function sayWhyQuiet(
  clock: Clock,
  { life, runId, onEvent, newsAt, pauseMs, signal }: Quiet,
): Promise<void> {
  const log = runLog(onEvent, clock);
  let told: string | undefined;
  try {
    for (;;) {
      await clock.sleep(pauseMs, signal);
      if (clock.monotonic() - newsAt() < NOTICE_AFTER_MS) continue;
      const look = await life.look(signal);
      // A controller says it itself.
      if (look.state !== "at work" && look.state !== "unknown") continue;
      const text = `run ${runId} has no controller at the moment: ${look.text}`;
      if (text !== told) log.info(text);
      told = text;
    }
  } catch (error) {
    // Of what is followed that is told by the following.
    if (!signal.aborted) log.warn(`it cannot be looked what run ${runId} waits for: ${error}`);
  }
}

/** What to do about a run that nobody is left to end and that is not ours; nothing for one that is. */
function notOursToTakeUp(runId: string, whose: Whose): string | undefined {
  const cannot = "gives a sign of life any more: ";
  switch (whose.kind) {
    case "ours":
      return undefined;
    case "other user":
      return `Cannot follow run ${runId} of ${whose.user} any longer as nothing of it ${cannot}${whose.user} ` +
        "can run the same roots again to take it up, and anybody else with --take-over";
    case "other cluster":
      return `Cannot follow run ${runId} on cluster ${whose.there} any longer as nothing of it ${cannot}run ` +
        "the same roots there to take it up, or here with --take-over";
    case "unknown":
      return `Cannot follow run ${runId} any longer as nothing of it ${cannot}whose it is is not known ` +
        `(${whose.why}); run the same roots with --take-over to take it up`;
  }
}
