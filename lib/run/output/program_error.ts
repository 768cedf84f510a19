import { causes, ComputeError, furuErrorName, type FuruErrorOptions } from "../../core/errors.ts";

/** Exit codes of programs that pass on the signal that stopped them: HUP, INT, USR1, TERM. */
const STOP_CODES = new Set([129, 130, 138, 143]);
const STOP_SIGNALS = new Set<string>(["SIGHUP", "SIGINT", "SIGUSR1", "SIGTERM"]);

/** The exit of a process. */
export interface ExitStatus {
  /** The exit code; 128 + the signal's number where a signal ended it. */
  code: number;
  /** The signal that ended it. */
  signal: Deno.Signal | null;
}

/** A program that `ctx.run` started did not end with exit code 0. */
export class ProgramError extends ComputeError {
  /** Its end. */
  readonly status: ExitStatus;

  /**
   * @param message What was run and how it ended.
   * @param status The same for programs.
   */
  constructor(message: string, status: ExitStatus, options: FuruErrorOptions = {}) {
    super(message, options);
    this.status = status;
  }
}

/** Whether a signal that stops jobs asked for this end, as Slurm and Ctrl-C send it to everybody at once. */
export function isStop(status: ExitStatus): boolean {
  return status.signal === null ? STOP_CODES.has(status.code) : STOP_SIGNALS.has(status.signal);
}

/** Whether a program that was stopped from outside is behind this error, directly or through its causes. */
export function stoppedBySignal(error: unknown): boolean {
  for (const each of causes(error)) {
    // Not by class: a pipeline can bring its own copy of furu.
    if (furuErrorName(each) !== "ComputeError") continue;
    const { status } = each as Partial<ProgramError>;
    if (status !== undefined && isStop(status)) return true;
  }
  return false;
}
