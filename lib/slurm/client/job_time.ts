import type { JobDetail } from "./parse_jobs.ts";

/** What Slurm says of a job's time. */
export interface JobTime {
  /** Whether it runs; not when it is being ended, as after scancel. */
  readonly running: boolean;
  /** Milliseconds until Slurm begins to end it, where that can be told. */
  readonly leftMs?: number | undefined;
  /** Whether that is earlier than its time limit says: it is preempted, with a grace. */
  readonly cutShort: boolean;
  /** Whether its time limit is over. */
  readonly timedOut: boolean;
}

/** So much may Slurm's whole seconds differ, and a limit that counts from a bit later. */
const CUT_SHORT_MS = 30_000;

/**
 * Reads how much time a job has left, by differences of what Slurm itself says: the clock of this node may be
 * minutes off.
 */
export function jobTime(detail: JobDetail): JobTime {
  const { state, runTime, timeLimit, startTime, endTime, suspendTime, runBeforeSuspend } = detail;
  const text = state.text.toUpperCase();
  const running = state.status === "alive" && /^(RUNNING|CONFIGURING)/.test(text);
  const timedOut = /TIMEOUT/.test(text);
  const ran = seconds(runTime);
  const limit = seconds(timeLimit);
  // A job that was suspended has not run since its start.
  const before = Number(runBeforeSuspend ?? 0) || 0;
  const since = before > 0 ? Date.parse(suspendTime ?? "") : Date.parse(startTime ?? "");
  const now = ran === undefined ? NaN : since + (ran - before) * 1000;
  const byEnd = Date.parse(endTime ?? "") - now;
  const byLimit = limit === undefined || ran === undefined ? NaN : (limit - ran) * 1000;
  const known = [byEnd, byLimit].filter((ms) => !Number.isNaN(ms));
  return {
    running,
    timedOut,
    ...(running && known.length > 0 ? { leftMs: Math.min(...known) } : {}),
    cutShort: running && byEnd < byLimit - CUT_SHORT_MS,
  };
}

/** A signal that reached a job, and what is known of its time. */
export interface SignalFacts {
  /** The signal. */
  readonly signal: "SIGUSR1" | "SIGTERM" | "SIGINT";
  /** What Slurm says; nothing where it did not answer, or was not asked. */
  readonly said?: JobTime | undefined;
  /** Milliseconds left, by what the job was given when it began. */
  readonly plannedLeftMs?: number | undefined;
  /** Minutes that the job was asked for. */
  readonly timeMin?: number | undefined;
  /** Seconds that Slurm leaves a job that is to end. */
  readonly killWaitSec?: number | undefined;
}

/** What a signal means to a job. */
export interface SignalVerdict {
  /** Whether the job is to end. */
  readonly due: boolean;
  /** Whether that is the end of its time, as it was planned. */
  readonly planned: boolean;
  /** Milliseconds until all of it is killed, where known. */
  readonly leftMs?: number | undefined;
}

/** A job that is being ended so soon before its end, or later, is ended because of that. */
const AT_ITS_END_MS = 30_000;

/**
 * Judges a signal. USR1 warns of the time limit, unless it comes long before: some sites send such signals.
 * Slurm's own comes up to a minute early. TERM always ends the job, and tells by what Slurm says of it how
 * soon: with the grace time of a preemption, at its time limit, or after KillWait.
 */
export function judgeSignal(facts: SignalFacts): SignalVerdict {
  const { signal, said, plannedLeftMs, timeMin, killWaitSec } = facts;
  const killWaitMs = killWaitSec === undefined ? undefined : killWaitSec * 1000;
  if (said && !said.running) {
    const atItsEnd = plannedLeftMs !== undefined && plannedLeftMs < AT_ITS_END_MS;
    return { due: true, planned: said.timedOut || atItsEnd, leftMs: killWaitMs };
  }
  const leftMs = said?.leftMs ?? plannedLeftMs;
  const isNear = leftMs !== undefined && (timeMin === undefined || leftMs <= nearMs(timeMin));
  const cutShort = said?.cutShort === true;
  if (signal === "SIGUSR1") {
    const due = isNear || cutShort || leftMs === undefined || timeMin === undefined ||
      // Slurm does not answer: that warning may be one of a preemption.
      said?.leftMs === undefined;
    const planned = due && !cutShort && (isNear || leftMs === undefined);
    return { due, planned, leftMs: isNear || cutShort ? leftMs : undefined };
  }
  // Somebody sent it by hand, or Slurm does not know yet that the job is to end.
  const isStray = said?.leftMs === undefined || !(isNear || cutShort);
  return { due: true, planned: false, leftMs: isStray ? (said ? killWaitMs : undefined) : leftMs };
}

/**
 * The time between the warning of a job and its time limit, for `--signal=B:USR1@<lead>`: two minutes, but at
 * most a quarter of the time. Slurm sends it up to a minute earlier.
 *
 * @param timeMin The job's time limit in minutes.
 * @returns Seconds, at least 1.
 */
export function signalLeadSec(timeMin: number): number {
  return Math.max(1, Math.floor(Math.min(120, timeMin * 60 / 4)));
}

/** The most that a job of so many minutes has left when Slurm warns it of its time limit. */
function nearMs(timeMin: number): number {
  const lead = signalLeadSec(timeMin);
  return Math.max(2 * lead, lead + 75) * 1000;
}

/** Reads `1-02:03:04`, `02:03:04` or `03:04`; nothing for `UNLIMITED` and the like. */
function seconds(text: string | undefined): number | undefined {
  const match = /^(?:(\d+)-)?(?:(\d+):)?(\d+):(\d+)(?:\.\d+)?$/.exec(text ?? "");
  if (!match) return undefined;
  const [days, hours, minutes, rest] = match.slice(1).map((digits) => Number(digits ?? 0));
  return ((days! * 24 + hours!) * 60 + minutes!) * 60 + rest!;
}
