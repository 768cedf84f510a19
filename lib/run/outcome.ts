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
  | { kind: "failed"; failure: "compute" | "protocol"; error: ErrorInfo; signalled?: boolean | undefined }
  /** It was told to stop. */
  | { kind: "preempted" };

/** An error as text; the stacks of its causes follow its own. */
export function toErrorInfo(error: unknown): ErrorInfo {
  if (!(error instanceof Error)) {
    return { name: "Error", message: `Thrown value: ${Deno.inspect(error, { depth: 2 })}` };
  }
  const code = (error as { code?: unknown }).code;
  return {
    name: error.name,
    message: error.message,
    stack: stackOf(error),
    ...(typeof code === "string" ? { code } : {}),
  };
}

function stackOf(error: Error, depth = 0): string {
  const own = error.stack ?? `${error.name}: ${error.message}`;
  if (depth > 5 || !(error.cause instanceof Error)) return own;
  return `${own}\nCaused by: ${stackOf(error.cause, depth + 1)}`;
}
