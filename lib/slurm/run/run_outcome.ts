import { ExecutionError, RunFailedError } from "../../core/errors.ts";
import type { RunSummary } from "../../core/event.ts";
import { failureReport } from "../../ui/report.ts";

/** The end of a run, as far as it concerns those who wanted its roots. */
export interface EndOfRun {
  /** How it went; not known of a run that broke. */
  summary?: RunSummary | undefined;
  /** Whether it was stopped. */
  interrupted?: boolean | undefined;
  /** Why it could not go on. */
  stalled?: string | undefined;
  /** The error that it ended with. */
  error?: string | undefined;
}

/**
 * Turns the end of a run into what those get who wanted its roots.
 *
 * @returns The summary, if all of them are there.
 * @throws {RunFailedError} That lists each failure.
 * @throws {ExecutionError} If somebody else stopped the run, or it broke.
 */
export function runOutcome(
  runId: string,
  { summary, interrupted, stalled, error }: EndOfRun,
  { keepGoing }: { keepGoing: boolean },
): RunSummary {
  if (error !== undefined) throw new ExecutionError(`Run ${runId} has ended with an error: ${error}`);
  if (interrupted || summary === undefined) {
    throw new ExecutionError(`Run ${runId} was stopped before its end`);
  }
  if (summary.failures.length === 0 && summary.notRun === 0) return summary;
  const report = failureReport(summary, { keepGoing });
  throw new RunFailedError(stalled === undefined ? report : `${stalled}\n\n${report}`, summary);
}
