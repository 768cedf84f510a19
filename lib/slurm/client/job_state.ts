/**
 * The reason for a job's end. *launch-failed* is also what a job killed for its memory may look like: see
 * {@link memoryKill}. *refused*: Slurm's record of a job that sbatch did not get in. *vanished*: Slurm knows
 * it no more.
 */
export type EndReason =
  | "completed"
  | "failed"
  | "launch-failed"
  | "refused"
  | "out-of-memory"
  | "timeout"
  | "deadline"
  | "node-failure"
  | "preempted"
  | "boot-failure"
  | "cancelled"
  | "vanished";

/** The state of a job. Only *dead* is a fact that may be acted upon. *unknown* is never a failure. */
export type JobState =
  | {
    status: "alive";
    /** Whether it has not begun yet, or not begun again. */
    pending: boolean;
    /** Slurm's own words, as `PENDING (Dependency)`. */
    text: string;
    /** The reason for which it waits, as `DependencyNeverSatisfied`. */
    why?: string;
    /** Whether its processes stand still, so that none of them beats: it is suspended or stopped. */
    halted?: true;
  }
  | { status: "dead"; reason: EndReason; text: string }
  | { status: "unknown"; text: string };

const ENDED: Readonly<Record<string, EndReason>> = {
  COMPLETED: "completed",
  FAILED: "failed",
  LAUNCH_FAILED: "launch-failed",
  RECONFIG_FAIL: "launch-failed",
  OUT_OF_MEMORY: "out-of-memory",
  TIMEOUT: "timeout",
  DEADLINE: "deadline",
  NODE_FAIL: "node-failure",
  PREEMPTED: "preempted",
  BOOT_FAIL: "boot-failure",
  CANCELLED: "cancelled",
};

/** It will begin, or begin again, perhaps only when somebody releases it. */
const PENDING = new Set([
  "PENDING",
  "REQUEUED",
  "REQUEUE_FED",
  "REQUEUE_HOLD",
  "RESV_DEL_HOLD",
  "SPECIAL_EXIT",
]);

/** It has nodes: its processes run, or are being ended. */
const RUNNING = new Set([
  "RUNNING",
  "COMPLETING",
  "CONFIGURING",
  "EXPEDITING",
  "POWER_UP_NODE",
  "RESIZING",
  "SIGNALING",
  "STAGE_OUT",
]);

/** It has nodes, and its processes stand still. */
const HALTED = new Set(["STOPPED", "SUSPENDED"]);

/** Reasons that say more of a FAILED job than its state does. */
const FAILED_REASONS: Readonly<Record<string, EndReason>> = {
  JobLaunchFailure: "launch-failed",
  // The record that Slurm keeps of a job that sbatch was told cannot be.
  BadConstraints: "refused",
  OutOfMemory: "out-of-memory",
  TimeLimit: "timeout",
  NodeDown: "node-failure",
};

/**
 * Reads a state and a reason as squeue, sacct and scontrol print them: `CANCELLED by 1000`,
 * `NODE_FAIL`.
 *
 * COMPLETING is alive: a job that is requeued passes through it. A state that is not known here is *unknown*;
 * so is REVOKED, since the job then runs on another cluster of a federation.
 */
export function jobState(state: string, reason = ""): JobState {
  const [word = ""] = state.trim().split(/[\s+]/);
  const why = reason === "None" || reason === "(null)" ? "" : reason.trim();
  const text = why === "" ? state.trim() : `${state.trim()} (${why})`;
  if (PENDING.has(word)) return { status: "alive", pending: true, text, ...(why === "" ? {} : { why }) };
  if (HALTED.has(word)) return { status: "alive", pending: false, text, halted: true };
  if (RUNNING.has(word)) return { status: "alive", pending: false, text };
  const ended = ENDED[word];
  if (ended === undefined) return { status: "unknown", text: text === "" ? "no state" : text };
  const better = word === "FAILED" ? FAILED_REASONS[why] : undefined;
  return { status: "dead", reason: better ?? ended, text };
}

/** Says how a job ended, for people. */
export function jobWords({ reason, text }: Extract<JobState, { status: "dead" }>): string {
  return text.toLowerCase().startsWith(reason) ? text : `${reason} (${text})`;
}
