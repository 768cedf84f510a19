import { usableMs } from "../../core/system/stop_time.ts";
import { plural } from "../../ui/text.ts";

/** The time of a worker's job, in milliseconds of the monotonic clock. */
export interface WorkerSpan {
  /** When it began. */
  readonly beganAt: number;
  /** When everything in it is killed. */
  readonly endsAt: number;
  /**
   * When the worker was ready: what comes before, as the setup lines, comes before in any job.
   *
   * @default {when the job began}
   */
  readonly readyAt?: number | undefined;
  /**
   * How long before its end it is warned.
   *
   * @default {0: it is not}
   */
  readonly leadMs?: number | undefined;
  /**
   * Whether the job is the worker's own, and as long as any that its tasks could get.
   *
   * @default {false}
   */
  readonly ownJob?: boolean | undefined;
}

/** What is known of how long a task takes. */
export interface TaskTime {
  /** What it may take at most, if that is bounded. */
  readonly limitMs?: number | undefined;
  /** What tasks of its kind take, if any was seen. */
  readonly seenMs?: number | undefined;
  /** For how long an attempt of it has run before it was cut off, if one was. */
  readonly cutMs?: number | undefined;
}

/** Whether a worker begins a task; `"never"` when no job of this kind could finish it. */
export type Fit = "fits" | "later" | "never";

/** A worker that has used up less of its time is as good as a new one. */
const FRESH_PART = 0.1;
/** How long a worker that is ready takes to begin its first task. */
const START_PART = 0.02;
const START_MS = 30_000;
/** A part of the time in which the warning comes seldom, so that what ends in it is seldom cut off. */
const SELDOM_PART = 0.05;
const SELDOM_MS = 60_000;
/** What was cut off is begun again only where it has so much more time. */
const MORE_PART = 1.1;

/** Whether no other worker has noticeably more time. */
export function isFresh({ beganAt, endsAt, readyAt = beganAt }: WorkerSpan, now: number): boolean {
  return now - readyAt <= (endsAt - beganAt) * FRESH_PART;
}

/**
 * Decides whether a worker begins a task. By its time limit it is judged strictly: a task with one is not cut
 * off. By what its kind takes only as a rule: what is cut off is given back and costs the task nothing. A
 * fresh worker begins whatever may fit at all, since no other one has more time.
 *
 * @param span The worker's job; `undefined` where it has no end.
 * @param now By the monotonic clock.
 */
export function judgeFit(
  span: WorkerSpan | undefined,
  now: number,
  { limitMs, seenMs = 0, cutMs = 0 }: TaskTime,
): Fit {
  if (!span) return "fits";
  const { beganAt, endsAt, readyAt = beganAt, leadMs = 0, ownJob = false } = span;
  const length = endsAt - beganAt;
  if (limitMs !== undefined) {
    const warnedAt = leadMs === 0 ? endsAt : beganAt + usableMs(length, leadMs);
    if (now + limitMs <= warnedAt) return "fits";
    if (!ownJob) return "later";
    if (readyAt + limitMs > endsAt) return "never";
    // What the start took of the time that was checked before the run began: no other job has more.
    const start = readyAt - beganAt + Math.min(START_MS, length * START_PART);
    return now + limitMs <= Math.min(warnedAt + start, endsAt) ? "fits" : "later";
  }
  if (ownJob && isFresh(span, now)) return "fits";
  const rest = endsAt - leadMs - Math.min(SELDOM_MS, length * SELDOM_PART) - now;
  return Math.max(seenMs, cutMs * MORE_PART) <= rest ? "fits" : "later";
}

/** How many of the latest durations of a kind of tasks are kept, and which of them counts. */
const KEPT = 50;
const QUANTILE = 0.9;

/** How long tasks of each kind took that this worker has computed. */
export class Durations {
  readonly #latest = new Map<string, number[]>();

  /** Takes note of a task that has succeeded. */
  note(name: string, ms: number): void {
    const latest = this.#latest.get(name) ?? [];
    latest.push(ms);
    if (latest.length > KEPT) latest.shift();
    this.#latest.set(name, latest);
  }

  /** What most tasks of a kind take; `undefined` where none was seen. */
  typical(name: string): number | undefined {
    const sorted = this.#latest.get(name)?.toSorted((a, b) => a - b);
    return sorted?.[Math.ceil(sorted.length * QUANTILE) - 1];
  }
}

/** An attempt that runs for this part of a job has had all of it. */
const WHOLE_PART = 0.9;

/**
 * Whether an attempt had (nearly) all of a job for itself until the job's time was up: another one will give
 * it no more.
 *
 * @param now When it was told to end, by the monotonic clock.
 */
export function hadWholeJob(span: WorkerSpan | undefined, begunAt: number, now: number): boolean {
  if (!span?.ownJob) return false;
  return now - begunAt >= (now - (span.readyAt ?? span.beganAt)) * WHOLE_PART;
}

/** Words on a task that did not end in a whole job. */
export function wholeJobText(spec: string, ranMs: number, lengthMs: number): string {
  return `It ran for ${minutes(ranMs)} in a job of ${
    minutes(lengthMs)
  } and had saved no checkpoint when the time ` +
    `of the job was up, so that it could never end: raise timeMin of spec '${spec}', or save what is done to ` +
    `ctx.checkpointDir when ctx.signal aborts`;
}

/** Words on a task whose limit is longer than what a job has left after its start. */
export function neverFitsText(spec: string, limitMs: number, leftMs: number): string {
  return `It may take ${limitMs / 1000} s (timeLimit), and a job of spec '${spec}' that has just begun has ${
    Math.floor(leftMs / 1000)
  } s left: raise timeMin of spec '${spec}', or make its setup faster`;
}

function minutes(ms: number): string {
  return ms < 120_000 ? plural(Math.round(ms / 1000), "second") : plural(Math.round(ms / 60_000), "minute");
}
