import type { Clock } from "../core/system/clock.ts";
import { ProtocolError } from "../core/errors.ts";
import type { ErrorInfo, Outcome } from "../run/outcome.ts";
import { isStop } from "../run/output/program_error.ts";
import type { Exit } from "./computing_process.ts";
import { withTimeout } from "./timeout.ts";
import type { Verdict } from "../run/verdict.ts";

/** Why a supervisor stopped an attempt. */
export type Interruption =
  /** It took too long. */
  | { kind: "limit"; seconds: number }
  /** Somebody wanted it. */
  | { kind: "stopped"; reason: string };

/** All that is known of how an attempt ended. */
export interface Evidence {
  /** Its outcome; or how its process ended without one; or why its message cannot be understood. */
  end: Outcome | Exit | ProtocolError;
  /** Why it was stopped, if it was. */
  interruption: Interruption | undefined;
  /** The last lines that it printed. */
  logTail: string[];
  /** Aborts when this process itself was told to stop. */
  stopping?: AbortSignal;
  /** Time. */
  clock: Clock;
}

/**
 * How long a stop signal to this process is waited for, in milliseconds. A cluster signals everybody of a job at
 * once, and a program that dies of it can be heard of before the signal itself. Only what a signal may have ended is
 * waited for: a plain failure is reported at once.
 */
const STOP_WAIT_MS = 500;

/** Weighs what is known of the end of an attempt. */
export async function judge(evidence: Evidence): Promise<Verdict> {
  const { end, interruption, logTail } = evidence;
  if ("kind" in end && (end.kind === "success" || end.kind === "superseded")) return { outcome: end.kind };
  if (interruption?.kind === "stopped") return { outcome: "preempted", reason: interruption.reason };
  if (interruption?.kind === "limit") {
    const error = `exceeded its time limit of ${interruption.seconds} s`;
    return { outcome: "failed", kind: "compute", error, logTail };
  }
  if (end instanceof ProtocolError) {
    return { outcome: "failed", kind: "protocol", error: end.message, logTail };
  }
  if ("kind" in end && end.kind === "preempted") {
    return { outcome: "preempted", reason: "the attempt was told to stop" };
  }
  if (await wasStopped(evidence)) return { outcome: "preempted", reason: "stopped by a signal" };
  if (!("kind" in end)) {
    return {
      outcome: "failed",
      kind: "compute",
      error: `the computing process ended without an outcome: ${end.evidence}`,
      evidence: end.evidence,
      logTail,
    };
  }
  const { error } = end;
  return {
    outcome: "failed",
    kind: end.failure,
    error: errorLine(error),
    ...(error.stack === undefined ? {} : { stack: error.stack }),
    ...(error.code === undefined ? {} : { code: error.code }),
    logTail,
    ...(end.lasting ? { lasting: true } : {}),
    ...(end.unstartable ? { unstartable: true } : {}),
  };
}

/** Was a failure the work of a signal that told everybody to stop? */
async function wasStopped({ end, stopping, clock }: Evidence): Promise<boolean> {
  if (stopping === undefined || end instanceof ProtocolError) return false;
  const died = !("kind" in end);
  if (died && stopping.aborted) return true; // told to stop, it may have been killed for being slow
  const bySignal = died ? isStop(end.status) : end.kind === "failed" && end.signalled === true;
  if (!bySignal) return false;
  if (!stopping.aborted) {
    const told = Promise.withResolvers<void>();
    const listener = () => told.resolve();
    stopping.addEventListener("abort", listener);
    await withTimeout(told.promise, STOP_WAIT_MS, clock);
    stopping.removeEventListener("abort", listener);
  }
  return stopping.aborted;
}

/** What an error says, with its class where that tells something. */
function errorLine({ name, message }: ErrorInfo): string {
  return name === "Error" || name === "" ? message : `${name}: ${message}`;
}
