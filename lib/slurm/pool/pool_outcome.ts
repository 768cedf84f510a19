import { ExecutionError, RunFailedError } from "../../core/errors.ts";
import type { RunSummary } from "../../core/event.ts";
import type { RunEnded } from "../../pool/ended.ts";
import { failureReport } from "../../ui/report.ts";

/** How a run of a pool ended, for whoever wanted its roots. */
export type PoolOutcome = Pick<RunEnded, "summary" | "interrupted" | "stalled" | "error">;

/**
 * What a run's end means for whoever wanted its roots.
 *
 * @returns The summary, when all of them are there.
 * @throws {RunFailedError} that lists each failure. {@link ExecutionError} for a run that somebody else stopped, or that broke.
 */
export function poolOutcome(
  runId: string,
  { summary, interrupted, stalled, error }: PoolOutcome,
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
