import type { Failure, RunSummary } from "../core/event.ts";
import { artifactLabel } from "../core/hash.ts";
import type { NotifyMoment } from "../core/settings/notify_setting.ts";
import { formatDuration } from "../ui/duration.ts";
import { oneLine, truncate } from "../ui/text.ts";

/** What is the same in all notices of a run. Names of fields stay: programs read them. */
export interface NoticeHead {
  /** The run's id. */
  readonly runId: string;
  /** Where it computes. */
  readonly mode: "local" | "pool" | "dag";
  /** The store's folder. */
  readonly store: string;
  /** The host of the process that tells. */
  readonly host: string;
  /** The user. */
  readonly user?: string | undefined;
  /** URL of the module that the run was started with. */
  readonly entry: string;
  /** The command line that began it. */
  readonly command: readonly string[];
  /** Its roots; of many only the first. */
  readonly roots: readonly { readonly name: string; readonly hash: string }[];
}

/** An artifact that failed for good, in a notice. */
export interface NoticeFailure {
  /** The artifact as people know it: `toy/Train(4f0c12ab)`. */
  readonly artifact: string;
  /** Its task's name. */
  readonly name: string;
  /** Its hash. */
  readonly hash: string;
  /** The parameters, as text for people. */
  readonly params: string;
  /** How many attempts this run made. */
  readonly attempts: number;
  /** The message of what was thrown. */
  readonly error: string;
  /** Path of the log of the last attempt. */
  readonly log?: string | undefined;
}

/** What is told of a run: when it has ended, or when its first artifact has failed. */
export interface Notice extends NoticeHead {
  /** The version of this form. */
  readonly schema: 1;
  /** What has happened. */
  readonly event: NotifyMoment;
  /** How the run ended; `running` for a failure while others go on. */
  readonly status: "succeeded" | "failed" | "cancelled" | "running";
  /** All of it on one line, for people. */
  readonly text: string;
  /** When it happened. ISO 8601. */
  readonly at: string;
  /** Milliseconds since the run began. */
  readonly durationMs: number;
  /** How many artifacts there are, and what became of them. */
  readonly counts: {
    readonly nodes: number;
    readonly cached: number;
    readonly computed: number;
    readonly elsewhere: number;
    readonly failed: number;
    readonly notRun: number;
    readonly retries: number;
  };
  /** What failed for good; of many only the first. */
  readonly failures: readonly NoticeFailure[];
  /** What broke the run, where no artifact is to blame. */
  readonly error?: string | undefined;
}

/** What has happened. */
export type NoticeEvent =
  | { readonly type: "failure"; readonly failure: Failure; readonly summary: RunSummary }
  | { readonly type: "end"; readonly summary: RunSummary; readonly interrupted: boolean }
  | { readonly type: "broken"; readonly summary: RunSummary; readonly error: string };

const MOST_ROOTS = 20;
const MOST_FAILURES = 10;
const MOST_CHARS = 2000;
/** Columns of an error in the line for people. */
const ERROR_COLUMNS = 200;

/**
 * What is told of an event.
 *
 * @param at Milliseconds since 1970.
 */
export function noticeOf(head: NoticeHead, event: NoticeEvent, at: number): Notice {
  const { summary } = event;
  const failures = event.type === "failure" ? [event.failure] : summary.failures;
  const status = statusOf(event);
  return {
    schema: 1,
    event: event.type === "failure" ? "failure" : "end",
    status,
    text: textOf(head, event, status, failures),
    ...head,
    roots: head.roots.slice(0, MOST_ROOTS),
    at: new Date(at).toISOString(),
    durationMs: Math.round(summary.durationMs),
    counts: {
      nodes: summary.nodes,
      cached: summary.cached,
      computed: summary.computed,
      elsewhere: summary.elsewhere,
      failed: Math.max(failures.length, summary.failures.length),
      notRun: summary.notRun,
      retries: summary.retries,
    },
    failures: failures.slice(0, MOST_FAILURES).map(({ name, hash, params, attempts, error, log }) => ({
      artifact: artifactLabel(name, hash),
      name,
      hash,
      params: params.slice(0, MOST_CHARS),
      attempts,
      error: error.slice(0, MOST_CHARS),
      ...(log === undefined ? {} : { log }),
    })),
    ...(event.type === "broken" ? { error: event.error.slice(0, MOST_CHARS) } : {}),
  };
}

function statusOf(event: NoticeEvent): Notice["status"] {
  if (event.type === "failure") return "running";
  if (event.type === "broken") return "failed";
  if (event.interrupted) return "cancelled";
  return event.summary.failures.length > 0 || event.summary.notRun > 0 ? "failed" : "succeeded";
}

function textOf(
  { runId }: NoticeHead,
  event: NoticeEvent,
  status: Notice["status"],
  failures: readonly Failure[],
): string {
  const { computed, cached, elsewhere, notRun, durationMs } = event.summary;
  const short = (text: string): string => truncate(oneLine(text), ERROR_COLUMNS);
  const [first] = failures;
  const what = first && `${artifactLabel(first.name, first.hash)}: ${short(first.error)}`;
  if (event.type === "failure") return `furu run ${runId}: ${what}`;
  const counts = [
    `${computed} computed`,
    ...(elsewhere === 0 ? [] : [`${elsewhere} by others`]),
    ...(cached === 0 ? [] : [`${cached} stored before`]),
    ...(failures.length === 0 ? [] : [`${failures.length} failed`]),
    ...(notRun === 0 ? [] : [`${notRun} not run`]),
  ];
  const why = event.type === "broken" ? short(event.error) : what;
  const head = `furu run ${runId} ${status} in ${formatDuration(durationMs)}: ${counts.join(", ")}`;
  return why === undefined ? head : `${head}; ${why}`;
}
