/** What was thrown, as text that survives a process boundary. */
export interface ErrorInfo {
  /** The name of its class. */
  name: string;
  /** What it says. */
  message: string;
  /** Its stack, with those of its causes. */
  stack?: string | undefined;
  /** The operating system's code (`"ENOSPC"`), where it has one. */
  code?: string | undefined;
}

/** How an attempt ended, as the process that computed it sees it. */
export type Outcome =
  /** Its record is committed. */
  | { kind: "success" }
  /** Somebody else's result was first; that one counts. */
  | { kind: "superseded" }
  /** The task failed, or furu did. */
  | {
    kind: "failed";
    failure: "compute" | "protocol";
    error: ErrorInfo;
    /** Trying again cannot help. */
    lasting?: boolean | undefined;
    /** The process had been told to stop by a signal. */
    signalled?: boolean | undefined;
    /** The task's code could not be loaded here: it may be the machine's fault. */
    unstartable?: boolean | undefined;
  }
  /** It was told to stop. */
  | { kind: "preempted" };
