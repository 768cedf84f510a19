import type { RunEvent } from "../core/event.ts";
import { artifactLabel } from "../core/hash.ts";
import { formatDuration } from "./duration.ts";
import { summaryLine } from "./report.ts";
import { style } from "./style.ts";
import { oneLine, plural, truncate } from "./text.ts";

const ERROR_COLUMNS = 300;

/** Options of {@link eventText}. */
export interface EventTextOptions {
  /** Only failures and messages of level `error`. */
  quiet: boolean;
  /** Use colours. */
  color: boolean;
}

/** The line that people read about an event, where it deserves one; the rest is only counted. */
export function eventText(event: RunEvent, options: EventTextOptions): string | undefined {
  const paint = style(options.color);
  switch (event.type) {
    case "node_retry": {
      if (options.quiet) return undefined;
      const how = event.kind === "lost" ? "was lost" : "failed";
      const label = artifactLabel(event.name, event.hash);
      const when = event.delaySec === undefined ? "" : ` in ${formatDuration(event.delaySec * 1000)}`;
      const spec = event.spec === undefined ? "" : ` with spec ${event.spec}`;
      const left = `will try again${spec}${when}, at most ${plural(event.left, "time")}`;
      return `${paint.warn("retry")}  ${label} ${how}, ${left}: ${firstLine(event.error)}`;
    }
    case "node_failed": {
      const { failure } = event;
      const tries = failure.attempts > 1 ? ` after ${failure.attempts} attempts` : "";
      const log = failure.log === undefined ? "" : ` (log: ${failure.log})`;
      const label = artifactLabel(event.name, event.hash);
      return `${paint.bad("failed")} ${label}${tries}: ${firstLine(failure.error)}${log}`;
    }
    case "message": {
      if (options.quiet && event.level !== "error") return undefined;
      const text = event.text.split("\n").map(oneLine).join("\n");
      if (event.level === "info") return text;
      return event.level === "warn" ? `${paint.warn("warning")}: ${text}` : `${paint.bad("error")}: ${text}`;
    }
    case "run_ended": {
      const { summary, interrupted } = event;
      // What failed is told by the error that ends the run.
      if (interrupted) return `${paint.warn("interrupted")}: ${summaryLine(summary)}; run again to go on`;
      return options.quiet || summary.failures.length > 0 ? undefined : paint.good(summaryLine(summary));
    }
    default:
      return undefined;
  }
}

/** The first line of a run without a terminal. */
export function startText(event: Extract<RunEvent, { type: "run_started" }>): string {
  const cached = event.cached > 0 ? `, ${event.cached} stored already` : "";
  return `run ${event.runId}: ${plural(event.nodes, "artifact")}${cached}`;
}

/** The time that a run has taken and is thought to take, for a plain line. */
export function timesText(elapsedMs: number, leftMs: number | undefined): string {
  const left = leftMs === undefined ? "" : `, about ${formatDuration(leftMs)} left`;
  return `${formatDuration(elapsedMs)}${left}`;
}

function firstLine(text: string): string {
  const line = text.split("\n").map(oneLine).find((part) => part !== "");
  return truncate(line ?? "no message", ERROR_COLUMNS);
}
