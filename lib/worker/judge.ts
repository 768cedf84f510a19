import type { AttemptEnd, Blame, FailedAttempt } from "../core/attempt_end.ts";
import type { Clock } from "../core/system/clock.ts";
import { ProtocolError } from "../core/errors.ts";
import { isStop } from "../run/output/program_error.ts";
import { type Exit, oomKillsText } from "./computing_process.ts";
import { withTimeout } from "./timeout.ts";

/** The reason of a supervisor that stopped an attempt. */
export type StopCause =
  /** It took too long. */
  | { kind: "limit"; seconds: number }
  /** Somebody wanted it. */
  | { kind: "stopped"; reason: string };

/** All that is known of how an attempt ended. */
export interface Evidence {
  /**
   * The end that its process reported, or that one's exit without a report, or why its message is not
   * understood.
   */
  end: AttemptEnd | Exit | ProtocolError;
  /** Whether a stop signal reached the process meanwhile, or ended a program that the task ran. */
  signalled: boolean;
  /** The reason why it was stopped, if it was. */
  interruption: StopCause | undefined;
  /** Milliseconds for which it was made. */
  durationMs?: number | undefined;
  /**
   * How many processes of its memory cgroup the kernel killed meanwhile.
   *
   * @default {none}
   */
  oomKills?: number | undefined;
  /** The last lines that it printed. */
  logTail: string[];
  /** Aborts when this process itself was told to stop. */
  stopping?: AbortSignal;
  /** Time. */
  clock: Clock;
}

/**
 * How long a stop signal to this process is waited for, in milliseconds. A cluster signals everybody of a job
 * at once, and a program that dies of it can be heard of before the signal itself. Only what a signal may
 * have ended is waited for: a plain failure is reported at once.
 */
const STOP_WAIT_MS = 500;

/** Weighs what is known of the end of an attempt. */
export async function judge(evidence: Evidence): Promise<AttemptEnd> {
  const { end, interruption, logTail, durationMs } = evidence;
  // What the process itself measured counts more than the time that its supervisor saw go by.
  const known = isEnd(end) && "used" in end
    ? end.used
    : durationMs === undefined
    ? undefined
    : { durationMs };
  const used = known === undefined ? {} : { used: known };
  const failed = (blame: Blame, error: string): FailedAttempt => ({
    outcome: "failed",
    blame,
    error,
    logTail,
    ...used,
  });
  if (isEnd(end) && (end.outcome === "success" || end.outcome === "superseded")) return end;
  if (interruption?.kind === "stopped") return { outcome: "preempted", reason: interruption.reason, ...used };
  if (interruption) return failed("compute", `exceeded its time limit of ${interruption.seconds} s`);
  if (end instanceof ProtocolError) return failed("protocol", end.message);
  if (isEnd(end) && end.outcome === "preempted") return end;
  if (await wasStopped(evidence)) return { outcome: "preempted", reason: "stopped by a signal", ...used };
  if (isEnd(end)) return { ...ofMemory(end, evidence), logTail, ...used };
  const died = failed("compute", `the computing process ended without an outcome: ${end.evidence}`);
  return end.lack === undefined ? died : { ...died, lack: end.lack };
}

/** What a task throws whose program the kernel killed says nothing of memory. */
function ofMemory(end: FailedAttempt, { oomKills = 0 }: Evidence): FailedAttempt {
  if (oomKills <= 0 || end.blame !== "compute" || end.lasting || end.lack !== undefined) return end;
  return { ...end, error: `${end.error}; ${oomKillsText(oomKills)}`, lack: "memory" };
}

/** Whether a failure is the work of a signal that told everybody to stop. */
async function wasStopped({ end, signalled, stopping, clock }: Evidence): Promise<boolean> {
  if (stopping === undefined || end instanceof ProtocolError) return false;
  const died = !isEnd(end);
  if (died && stopping.aborted) return true; // told to stop, it may have been killed for being slow
  if (!(died ? isStop(end.status) : signalled)) return false;
  if (!stopping.aborted) {
    const told = Promise.withResolvers<void>();
    const listener = () => told.resolve();
    stopping.addEventListener("abort", listener);
    await withTimeout(told.promise, STOP_WAIT_MS, clock);
    stopping.removeEventListener("abort", listener);
  }
  return stopping.aborted;
}

function isEnd(end: Evidence["end"]): end is AttemptEnd {
  return "outcome" in end;
}
