import type { Hash } from "./hash.ts";

/**
 * Why something failed, which decides what happens next: *compute* is retried within `maxComputeRetries`,
 * *lost* within `maxPreemptRetries`, *protocol* never.
 */
export type FailureKind = "compute" | "protocol" | "lost";

/** A node of a run that failed for good. */
export interface Failure {
  /** The task's name. */
  name: string;
  /** The artifact's hash. */
  hash: Hash;
  /** The parameters, as text for people. */
  params: string;
  /** Why it failed, which decides whether it is tried again. */
  kind: FailureKind;
  /** Whether trying again cannot help, as with a value that cannot be stored. Else it is left out. */
  lasting?: true;
  /** The number of attempts that this run made. */
  attempts: number;
  /** The message of what was thrown, or what is known of how the process died. */
  error: string;
  /** The stack of what was thrown. */
  stack?: string;
  /** Path of the log of the last attempt. */
  log?: string;
  /** The last lines of that log. */
  logTail: string[];
}

/** How a run ended: `runLocal` and `runSlurm` return it. */
export interface RunSummary {
  /** The run's id. */
  runId: string;
  /** The number of nodes below the roots that were looked at. */
  nodes: number;
  /** The number of nodes that were stored already when the run began. */
  cached: number;
  /** The number of nodes that this run computed. */
  computed: number;
  /** The number of nodes that others computed while this run watched. */
  elsewhere: number;
  /** The number of attempts that this run made beyond the first of each node. */
  retries: number;
  /**
   * The number of nodes that this run computed without something that failed, as their tasks tolerate. Where
   * there are none it is left out.
   */
  partial?: number;
  /** Nodes that failed for good. */
  failures: Failure[];
  /** The number of nodes that were never started, because of a failure or an interruption. */
  notRun: number;
  /** Milliseconds from begin to end. */
  durationMs: number;
}

/** The summary of a run that has done nothing yet. */
export function emptySummary(
  { runId, nodes, cached }: Pick<RunSummary, "runId" | "nodes" | "cached">,
): RunSummary {
  return {
    runId,
    nodes,
    cached,
    computed: 0,
    elsewhere: 0,
    retries: 0,
    failures: [],
    notRun: 0,
    durationMs: 0,
  };
}

/** How much of a limit is taken at the moment. */
export interface LimitUse {
  /** The limit's name. */
  name: string;
  /** The units that there are. */
  units: number;
  /** The units that are taken by what runs. */
  used: number;
  /** How many artifacts could begin but for this limit. */
  waiting: number;
}

/** What happens in a run, for progress displays, `--json` and tests. Loggers only read it. */
export type RunEvent =
  | { type: "run_started"; runId: string; nodes: number; cached: number; at: number }
  | {
    type: "attempt_started";
    hash: Hash;
    name: string;
    attempt: number;
    worker: string;
    log?: string;
    /** Its parameters on one line, for people, where they are known: `lr=0.1 seed=2`. */
    params?: string;
    at: number;
  }
  | { type: "attempt_progress"; hash: Hash; name: string; fraction: number; message?: string; at: number }
  | {
    type: "attempt_ended";
    hash: Hash;
    name: string;
    attempt: number;
    outcome: "success" | "failed" | "preempted" | "superseded";
    kind?: FailureKind;
    error?: string;
    durationMs: number;
    log?: string;
    at: number;
  }
  | { type: "node_watched"; hash: Hash; name: string; owner: string; at: number }
  | {
    type: "node_retry";
    hash: Hash;
    name: string;
    kind: FailureKind;
    error: string;
    /** How many retries of this kind remain, this one included. */
    left: number;
    /** The spec that it goes on with, where the one before was too little. */
    spec?: string;
    /** Seconds until it is tried again, where that is not at once. */
    delaySec?: number;
    at: number;
  }
  | {
    type: "node_done";
    hash: Hash;
    name: string;
    how: "computed" | "elsewhere";
    /** Whether this run computed it without something that failed. */
    partial?: true;
    at: number;
  }
  | { type: "node_failed"; hash: Hash; name: string; failure: Failure; at: number }
  | { type: "limits"; limits: LimitUse[]; at: number }
  | { type: "message"; level: "info" | "warn" | "error"; text: string; at: number }
  | { type: "run_ended"; summary: RunSummary; interrupted: boolean; at: number };

/** Receives events; must not throw. */
export type EventSink = (event: RunEvent) => void;
