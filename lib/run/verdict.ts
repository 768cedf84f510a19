import type { FailureKind } from "../core/event.ts";

/** How an attempt ended, as its supervisor sees it. */
export type Verdict =
  /** Its result is stored. */
  | { outcome: "success" }
  /** It did not succeed, and nobody had asked it to stop. */
  | {
    outcome: "failed";
    /** Why; *lost* only when the process had died before it was given the task. */
    kind: FailureKind;
    /** What was thrown, or what is known of how the process died. */
    error: string;
    /** The stack of what was thrown. */
    stack?: string;
    /** The operating system's code of what was thrown. */
    code?: string;
    /** Trying again cannot help. */
    lasting?: true;
    /** How the process died, where it did. */
    evidence?: string;
    /** The last lines that it printed. */
    logTail: string[];
    /** The task's code could not be loaded, or no process be started for it: it may be this machine's fault. */
    unstartable?: true;
  }
  /** It was stopped: by the signal given, or by a signal to everybody. */
  | { outcome: "preempted"; reason: string }
  /** Another attempt was first, or this one was declared dead. */
  | { outcome: "superseded" };
