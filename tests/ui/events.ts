import type { Failure, RunEvent, RunSummary } from "../../lib/core/event.ts";
import type { Hash } from "../../lib/core/hash.ts";
import { initialProgress, type ProgressState, reduceProgress } from "../../lib/ui/progress.ts";

/** A hash that begins with the given digits. */
export function hashOf(start: string): Hash {
  return start.padEnd(32, "0") as Hash;
}

/** When runs of these tests begin, in milliseconds since 1970. */
export const START = 1_000_000;

export function started(nodes: number, cached = 0): RunEvent {
  return { type: "run_started", runId: "r1", nodes, cached, at: START };
}

export function attemptStarted(start: string, at: number, attempt = 1, name = "toy/Train"): RunEvent {
  return { type: "attempt_started", hash: hashOf(start), name, attempt, worker: "w1", at };
}

export function progressed(start: string, fraction: number, message?: string): RunEvent {
  const words = message === undefined ? {} : { message };
  return { type: "attempt_progress", hash: hashOf(start), name: "toy/Train", fraction, ...words, at: START };
}

export function attemptFailed(start: string, error = "boom"): RunEvent {
  return {
    type: "attempt_ended",
    hash: hashOf(start),
    name: "toy/Train",
    attempt: 1,
    outcome: "failed",
    kind: "compute",
    error,
    durationMs: 5,
    at: START,
  };
}

export function retried(
  start: string,
  error: string,
  kind: "compute" | "lost" = "compute",
  left = 3,
): RunEvent {
  return { type: "node_retry", hash: hashOf(start), name: "toy/Train", kind, left, error, at: START };
}

export function done(start: string, at: number, how: "computed" | "elsewhere" = "computed"): RunEvent {
  return { type: "node_done", hash: hashOf(start), name: "toy/Train", how, at };
}

export function failureOf(start: string, changes: Partial<Failure> = {}): Failure {
  return {
    name: "toy/Train",
    hash: hashOf(start),
    params: '{"lr":0.1}',
    kind: "compute",
    attempts: 4,
    error: "Error: boom",
    logTail: [],
    ...changes,
  };
}

export function nodeFailed(start: string, changes: Partial<Failure> = {}): RunEvent {
  const failure = failureOf(start, changes);
  return { type: "node_failed", hash: failure.hash, name: failure.name, failure, at: START };
}

export function summaryOf(changes: Partial<RunSummary> = {}): RunSummary {
  return {
    runId: "r1",
    nodes: 42,
    cached: 30,
    computed: 12,
    elsewhere: 0,
    retries: 0,
    failures: [],
    notRun: 0,
    durationMs: 4200,
    ...changes,
  };
}

export function ended(changes: Partial<RunSummary> = {}, interrupted = false): RunEvent {
  return { type: "run_ended", summary: summaryOf(changes), interrupted, at: START };
}

/** The state after some events. */
export function stateAfter(...events: RunEvent[]): ProgressState {
  return events.reduce(reduceProgress, initialProgress);
}
