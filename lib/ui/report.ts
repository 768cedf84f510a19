import type { Failure, FailureKind, RunSummary } from "../core/event.ts";
import { artifactLabel } from "../core/hash.ts";
import { formatDuration } from "./duration.ts";
import { oneLine, plainLines, plural, truncate } from "./text.ts";
import { userFrames } from "./user_frames.ts";

/** Options of {@link failureReport}. */
export interface ReportOptions {
  /**
   * Whether the run went on after a failure. Else the report says how to.
   *
   * @default {false}
   */
  keepGoing?: boolean;
  /**
   * Failures told in full; the others are named only.
   *
   * @default {10}
   */
  most?: number;
}

const PARAMS_COLUMNS = 500;
const FRAMES = 3;
const NAMED = 20;

const WHY: Record<FailureKind, string> = {
  compute: "",
  protocol: " (a fault of code or set-up, never retried)",
  lost: " (its process was lost, the task is not to blame)",
};

/**
 * The report that a failed run ends with: each failure with all that helps to find its cause, then what to
 * do.
 */
export function failureReport(summary: RunSummary, options: ReportOptions = {}): string {
  const { most = 10, keepGoing = false } = options;
  const { failures } = summary;
  const parts = [`${failures.length} of ${plural(summary.nodes, "artifact")} failed`];
  failures.slice(0, most).forEach((failure, index) => parts.push(failureText(failure, index + 1)));
  if (failures.length > most) parts.push(othersText(failures.slice(most)));
  const hints = [
    `${summaryLine(summary)}.`,
    "What succeeded is stored: run again to try only what is missing.",
  ];
  if (summary.partial !== undefined) {
    hints.push(
      `${plural(summary.partial, "result")} ${
        summary.partial === 1 ? "is" : "are"
      } partial: made without what ` +
        `failed, and made again as soon as that has a result or is tried again.`,
    );
  }
  if (!keepGoing && summary.notRun > 0 && summary.partial === undefined) {
    hints.push("With keepGoing (--keep-going) a run first does all that does not depend on a failure.");
  }
  parts.push(hints.join("\n"));
  return parts.join("\n\n");
}

/** A run in one line: `12 computed, 30 cached in 4.2 s`. */
export function summaryLine(summary: RunSummary): string {
  const parts = [`${summary.computed} computed`, `${summary.cached} cached`];
  if (summary.elsewhere > 0) parts.push(`${summary.elsewhere} computed elsewhere`);
  if (summary.retries > 0) parts.push(summary.retries === 1 ? "1 retry" : `${summary.retries} retries`);
  if (summary.failures.length > 0) parts.push(`${summary.failures.length} failed`);
  if (summary.partial !== undefined) parts.push(`${summary.partial} partial`);
  if (summary.notRun > 0) parts.push(`${summary.notRun} not run`);
  return `${parts.join(", ")} in ${formatDuration(summary.durationMs)}`;
}

function failureText(failure: Failure, number: number): string {
  const tries = failure.attempts === 0 ? "" : ` after ${plural(failure.attempts, "attempt")}`;
  const title = `${number}. ${artifactLabel(failure.name, failure.hash)} failed${tries}${whyText(failure)}`;
  const lines: string[] = [];
  // Of a task without parameters, or where none are known, they say nothing.
  if (failure.params !== "{}") {
    lines.push(...field("params", [truncate(oneLine(failure.params), PARAMS_COLUMNS)]));
  }
  lines.push(...field("error", plainLines(failure.error.trimEnd())));
  // Of what a task did furu's own frames say nothing, nor where furu itself says what is wrong.
  const onlyOwn = failure.kind === "compute" || /^[A-Z][A-Za-z]+Error: Cannot /.test(failure.error);
  lines.push(...field("at", userFrames(failure.stack ?? "", FRAMES, { onlyOwn })));
  if (failure.log !== undefined) lines.push(...field("log", [failure.log]));
  lines.push(...failure.logTail.map((line) => `           | ${oneLine(line)}`));
  return [title, ...lines].join("\n");
}

function whyText({ kind, lasting }: Failure): string {
  return kind === "compute" && lasting ? " (trying again cannot help, never retried)" : WHY[kind];
}

function field(name: string, lines: readonly string[]): string[] {
  return lines.map((line, index) => `   ${(index === 0 ? name : "").padEnd(8)}${line}`.trimEnd());
}

function othersText(failures: readonly Failure[]): string {
  const names = failures.slice(0, NAMED).map((failure) => artifactLabel(failure.name, failure.hash));
  const rest = failures.length - names.length;
  return `and ${failures.length} more: ${names.join(", ")}${rest > 0 ? `, … (${rest} not named)` : ""}`;
}
